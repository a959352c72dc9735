"""Fetch sessions (KIP-227) byte for byte: full and incremental answers, forgotten partitions, lost sessions.

    session 0, epoch -1   no session is wanted        session s, epoch n   the n-th incremental fetch of s
    session 0, epoch 0    a new session is wanted      session s, epoch -1  s is to be closed, answer fully
"""

import time

import pytest

from harness import raw as keys
from harness.requests import Connection, Wanted, fetch_body

UNKNOWN_TOPIC, OUT_OF_RANGE, NO_SUCH_SESSION, BAD_EPOCH = 3, 1, 70, 71


@pytest.fixture
def session(raw, topic):
    """Two topics with one record each, and a session that has read them."""
    names = topic(), topic()
    for name in names:
        raw.store(name, b"0")
    first = raw.fetch(*[Wanted(name) for name in names], epoch=0)
    assert first.error == 0 and first.session != 0
    assert [got.values for got in first.partitions] == [[b"0"], [b"0"]]
    return first.session, *names


def test_without_a_session_every_answer_is_full(raw, topic):
    name = topic()
    for _ in range(2):
        answer = raw.fetch(Wanted(name))
        assert (answer.session, answer.error, len(answer.partitions)) == (0, 0, 1)


def test_an_incremental_answer_omits_what_has_not_changed(raw, session):
    ident, one, two = session
    answer = raw.fetch(Wanted(one, 1), Wanted(two, 1), session=ident, epoch=1)
    assert (answer.session, answer.error, answer.partitions) == (ident, 0, [])
    raw.store(two, b"1")
    answer = raw.fetch(session=ident, epoch=2)
    assert [(got.topic, got.values) for got in answer.partitions] == [(two, [b"1"])]


def test_data_comes_again_until_the_offset_is_moved(raw, session):
    """The session remembers positions; only a new position makes it go on."""
    ident, one, two = session
    for epoch in (1, 2):
        assert len(raw.fetch(session=ident, epoch=epoch).partitions) == 2
    answer = raw.fetch(Wanted(one, 1), session=ident, epoch=3)
    assert [got.topic for got in answer.partitions] == [two]


def test_a_partition_may_join_and_be_forgotten(raw, session, topic):
    ident, one, two = session
    third = topic()
    raw.store(third, b"0")
    answer = raw.fetch(Wanted(third), Wanted(two, 1), session=ident, epoch=1, forgotten=[(one, [0])])
    assert [(got.topic, got.values) for got in answer.partitions] == [(third, [b"0"])]
    answer = raw.fetch(Wanted(third, 1), session=ident, epoch=2)
    assert answer.partitions == []
    raw.store(one, b"nobody asks")
    assert raw.fetch(session=ident, epoch=3).partitions == []


def test_forgetting_what_was_never_asked_is_nothing(raw, session):
    ident, one, two = session
    answer = raw.fetch(Wanted(one, 1), Wanted(two, 1), session=ident, epoch=1, forgotten=[(one, [9]), ("nothing", [0])])
    assert (answer.error, answer.partitions) == (0, [])


def test_an_incremental_fetch_waits_and_is_woken(raw, address, session):
    ident, one, two = session
    wanted = [Wanted(one, 1), Wanted(two, 1)]
    raw.request(keys.FETCH, 12, fetch_body(12, wanted, session=ident, epoch=1, max_wait=20_000))
    begun = time.monotonic()
    with Connection(address) as other:
        other.store(one, b"1")
    answer = raw.fetched()
    assert [(got.topic, got.values) for got in answer.partitions] == [(one, [b"1"])]
    assert time.monotonic() - begun < 5


def test_a_wrong_epoch_is_told(raw, session):
    """The client then begins a new session; the old one still stands where it was."""
    ident, one, two = session
    for epoch in (2, 7):
        answer = raw.fetch(session=ident, epoch=epoch)
        assert (answer.error, answer.partitions) == (BAD_EPOCH, [])
    assert raw.fetch(session=ident, epoch=1).error == 0
    assert raw.fetch(session=ident, epoch=1).error == BAD_EPOCH


@pytest.mark.parametrize("ident", [1, -1, 4711])
def test_an_unknown_session_is_told(raw, ident):
    answer = raw.fetch(session=ident, epoch=1, max_wait=20_000)
    assert (answer.error, answer.session, answer.partitions) == (NO_SUCH_SESSION, 0, [])


def test_the_largest_session_is_unknown_too(raw, differs):
    """Apache Kafka 4.1 fails at it."""
    largest = 2**31 - 1
    answer = raw.fetch(session=largest, epoch=1)
    assert (answer.error, answer.session) == differs((NO_SUCH_SESSION, 0), (-1, largest))


def test_a_session_that_is_closed_is_gone(raw, session):
    ident, one, _ = session
    answer = raw.fetch(Wanted(one), session=ident, epoch=-1)
    assert (answer.error, answer.session) == (0, 0)
    assert [got.values for got in answer.partitions] == [[b"0"]]
    assert raw.fetch(session=ident, epoch=1).error == NO_SUCH_SESSION


def test_a_session_that_begins_again_gets_another_number(raw, session):
    """Session s, epoch 0: s is closed and a new one opened."""
    ident, one, _ = session
    answer = raw.fetch(Wanted(one), session=ident, epoch=0)
    assert answer.error == 0 and answer.session not in (0, ident)
    assert raw.fetch(session=ident, epoch=1).error == NO_SUCH_SESSION
    assert raw.fetch(session=answer.session, epoch=1).error == 0


def test_whose_a_session_is(raw, address, session, differs):
    """Apache Kafka lets any connection go on with it; here it is known to its own alone."""
    ident, one, two = session
    with Connection(address) as other:
        other_error = other.fetch(Wanted(one, 1), Wanted(two, 1), session=ident, epoch=1).error
    assert other_error == differs(NO_SUCH_SESSION, 0)
    assert raw.fetch(Wanted(one, 1), Wanted(two, 1), session=ident, epoch=differs(1, 2)).error == 0


def test_errors_are_told_in_every_answer(raw, session, name):
    """What has an error is never left out."""
    ident, one, two = session
    answer = raw.fetch(Wanted(one, 50), Wanted(two, 1), session=ident, epoch=1)
    assert [(got.topic, got.error) for got in answer.partitions] == [(one, OUT_OF_RANGE)]
    answer = raw.fetch(session=ident, epoch=2)
    assert [(got.topic, got.error) for got in answer.partitions] == [(one, OUT_OF_RANGE)]
    answer = raw.fetch(Wanted(one, 1), session=ident, epoch=3)
    assert [got.error for got in answer.partitions] in ([], [0])


def test_sessions_by_topic_id(raw, topic):
    name = topic()
    ident = raw.topic_id(name)
    raw.store(name, b"0")
    first = raw.fetch(Wanted(ident), version=13, epoch=0)
    assert first.session != 0 and first.one().values == [b"0"]
    assert raw.fetch(Wanted(ident, 1), version=13, session=first.session, epoch=1).partitions == []
    raw.store(name, b"1")
    assert raw.fetch(version=13, session=first.session, epoch=2).one().values == [b"1"]


def test_a_moved_start_is_news(raw, session):
    """The log start offset is part of what has changed or not."""
    ident, one, two = session
    assert raw.fetch(Wanted(one, 1), Wanted(two, 1), session=ident, epoch=1).partitions == []
    raw.delete_records(one, 1)
    answer = raw.fetch(session=ident, epoch=2)
    assert [(got.topic, got.log_start) for got in answer.partitions] == [(one, 1)]
