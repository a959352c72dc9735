"""Fetch byte for byte: long polls, limits, offsets out of range, epochs."""

import time
import uuid

import pytest

from harness import raw as keys
from harness.records import batch
from harness.requests import Connection, Wanted, fetch_body

OUT_OF_RANGE, UNKNOWN_TOPIC, FENCED_EPOCH, UNKNOWN_EPOCH, UNKNOWN_ID = 1, 3, 74, 75, 100


@pytest.mark.parametrize("version", range(4, 13))
def test_every_version_by_name(raw, topic, version):
    name = topic()
    raw.store(name, b"a", b"b")
    got = raw.fetch(Wanted(name), version=version).one()
    assert (got.topic, got.error, got.high_watermark, got.last_stable) == (name, 0, 2, 2)
    assert got.log_start == (0 if version >= 5 else -1)
    assert got.values == [b"a", b"b"]


@pytest.mark.parametrize("version", range(13, 18))
def test_every_version_by_id(raw, topic, version):
    name = topic()
    ident = raw.topic_id(name)
    raw.store(name, b"a")
    got = raw.fetch(Wanted(ident), version=version).one()
    assert (got.topic, got.error, got.values) == (ident, 0, [b"a"])


def test_unknown_topics_and_partitions(raw, topic, name):
    existing = topic()
    for want, error in ((Wanted(name()), UNKNOWN_TOPIC), (Wanted(existing, partition=3), UNKNOWN_TOPIC)):
        got = raw.fetch(want, max_wait=20_000).one()
        assert (got.error, got.high_watermark) == (error, -1)
    begun = time.monotonic()
    got = raw.fetch(Wanted(uuid.uuid4()), version=13, max_wait=20_000).one()
    assert got.error == UNKNOWN_ID
    assert time.monotonic() - begun < 10


def test_a_deleted_and_made_again_topic_has_another_id(raw, topic, name):
    again = topic()
    before = raw.topic_id(again)
    assert raw.delete_topic(again) == 0
    while (error := raw.create_topic(again)) == 36:
        pass  # the deletion goes on for a moment
    assert error == 0
    raw.await_leaders(again, 1)
    assert raw.topic_id(again) != before
    assert raw.fetch(Wanted(before), version=13).one().error == UNKNOWN_ID


def test_at_the_end_there_is_nothing_yet(raw, topic):
    name = topic()
    raw.store(name, b"a")
    got = raw.fetch(Wanted(name, 1)).one()
    assert (got.error, got.high_watermark, got.data) == (0, 1, b"")


@pytest.mark.parametrize("offset", [2, 100, 2**62, -1])
def test_beyond_the_end_is_out_of_range(raw, topic, offset):
    name = topic()
    raw.store(name, b"a")
    begun = time.monotonic()
    assert raw.fetch(Wanted(name, offset), max_wait=20_000).one().error == OUT_OF_RANGE
    assert time.monotonic() - begun < 10


def test_a_batch_is_whole_even_where_it_began_before_the_offset(raw, topic):
    name = topic()
    raw.store(name, b"a", b"b", b"c")
    raw.store(name, b"d")
    got = raw.fetch(Wanted(name, 1)).one()
    assert [(one.base_offset, one.last_offset) for one in got.batches] == [(0, 2), (3, 3)]


def test_the_first_batch_is_given_even_above_the_limits(raw, topic):
    """KIP-74: otherwise a consumer would never get past it."""
    name = topic()
    raw.store(name, b"x" * 10_000)
    raw.store(name, b"y" * 10_000)
    for limits in ({"max_bytes": 1}, {}):
        got = raw.fetch(Wanted(name, max_bytes=1), **limits).one()
        assert got.values == [b"x" * 10_000]


def test_the_limits_hold_beyond_the_first_batch(raw, topic):
    one, two = topic(), topic()
    for name in (one, two):
        raw.store(name, b"x" * 1000)
        raw.store(name, b"y" * 1000)
    answer = raw.fetch(Wanted(one, max_bytes=1500), Wanted(two, max_bytes=1), max_bytes=1 << 20)
    assert [len(got.batches) for got in answer.partitions] == [1, 0]
    answer = raw.fetch(Wanted(one), Wanted(two), max_bytes=2500)
    assert [len(got.batches) for got in answer.partitions] == [2, 0]
    answer = raw.fetch(Wanted(two), Wanted(one), max_bytes=3500)
    assert [len(got.batches) for got in answer.partitions] == [2, 1]


def test_a_long_poll_ends_when_there_is_enough(raw, address, topic):
    """min_bytes: one small batch is not enough, the second is."""
    name = topic()
    with Connection(address) as waiting:
        waiting.request(keys.FETCH, 12, fetch_body(12, [Wanted(name)], max_wait=20_000, min_bytes=300))
        raw.store(name, b"x" * 100)
        raw.store(name, b"y" * 200)
        begun = time.monotonic()
        assert waiting.fetched().one().values == [b"x" * 100, b"y" * 200]
        assert time.monotonic() - begun < 5


def test_a_long_poll_is_woken_at_once(raw, address, topic):
    name = topic(3)
    with Connection(address) as waiting:
        wanted = [Wanted(name, partition=partition) for partition in range(3)]
        waiting.request(keys.FETCH, 12, fetch_body(12, wanted, max_wait=20_000))
        begun = time.monotonic()
        raw.store(name, b"news", partition=2)
        answer = waiting.fetched()
    assert [got.values for got in answer.partitions] == [[], [], [b"news"]]
    assert time.monotonic() - begun < 5


def test_a_long_poll_ends_with_what_there_is(raw, topic):
    """max_wait: too little, but in time."""
    name = topic()
    raw.store(name, b"little")
    begun = time.monotonic()
    got = raw.fetch(Wanted(name), max_wait=300, min_bytes=1 << 20).one()
    assert got.values == [b"little"]
    assert 0.25 < time.monotonic() - begun < 10


def test_min_bytes_zero_never_waits(raw, topic):
    begun = time.monotonic()
    assert raw.fetch(Wanted(topic()), max_wait=20_000, min_bytes=0).one().data == b""
    assert time.monotonic() - begun < 10


def test_an_error_ends_the_long_poll(raw, topic):
    begun = time.monotonic()
    answer = raw.fetch(Wanted(topic()), Wanted(topic(), 50), max_wait=20_000)
    assert [got.error for got in answer.partitions] == [0, OUT_OF_RANGE]
    assert time.monotonic() - begun < 10


def test_the_leader_epoch_is_compared(raw, topic):
    name = topic()
    raw.store(name, b"a")
    epoch = raw.metadata([name])[name][2][0]
    assert raw.fetch(Wanted(name, leader_epoch=epoch)).one().error == 0
    assert raw.fetch(Wanted(name, leader_epoch=epoch + 1)).one().error == UNKNOWN_EPOCH
    if epoch > 0:
        assert raw.fetch(Wanted(name, leader_epoch=epoch - 1)).one().error == FENCED_EPOCH


def test_the_batches_carry_the_leader_epoch(raw, topic):
    name = topic()
    raw.store(name, b"a", leader_epoch=77)
    epoch = raw.metadata([name])[name][2][0]
    assert raw.fetch(Wanted(name)).one().batches[0].leader_epoch == epoch


def test_read_committed_is_the_same_without_transactions(raw, topic):
    name = topic()
    raw.store(name, b"a")
    got = raw.fetch(Wanted(name), isolation=1).one()
    assert (got.values, got.last_stable, got.aborted or []) == ([b"a"], 1, [])


def test_one_topic_may_be_asked_for_twice(raw, topic):
    """Several entries of the same partition in one request: the last one counts, or all; none is lost by a crash."""
    name = topic()
    raw.store(name, b"a")
    raw.store(name, b"b")
    answer = raw.fetch(Wanted(name, 0), Wanted(name, 1))
    assert {value for got in answer.partitions for value in got.values} >= {b"b"}


def test_a_fetch_of_nothing_is_answered(raw):
    assert raw.fetch(max_wait=300).partitions == []


def test_produced_in_one_version_fetched_in_another(raw, topic):
    name = topic()
    assert raw.produce(name, batch(b"old"), version=3).error == 0
    assert raw.fetch(Wanted(raw.topic_id(name)), version=17).one().values == [b"old"]
