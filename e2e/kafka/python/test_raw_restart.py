"""The broker is stopped or killed and started again: what it had answered is there, and groups go on where they were."""

import threading

import pytest

from harness import raw as keys
from harness.foreign import KAFKA41
from harness.groups import Member
from harness.records import HOUR_AGO, batch
from harness.requests import Connection, Wanted, produce_body, read_produced
from support.waiting import wait_until

NO_SUCH_SESSION, ILLEGAL_GENERATION, OUT_OF_ORDER = 70, 22, 45
END = pytest.mark.parametrize("end", ["restart", "crash_and_restart"])


@pytest.fixture
def connect(own_broker):
    """Opens connections to the broker of this test."""
    opened = []

    def open_connection() -> Connection:
        opened.append(Connection(own_broker.kafka_address))
        return opened[-1]

    yield open_connection
    for one in opened:
        one.socket.close()


@pytest.fixture
def member(own_broker):
    """Makes raw members of groups of the broker of this test."""
    opened = []

    def make(group: str, ident: str = "", generation: int = -1) -> Member:
        opened.append(Member(own_broker.kafka_address, group))
        assert opened[-1].find() == 0
        opened[-1].id, opened[-1].generation = ident, generation
        return opened[-1]

    yield make
    for one in opened:
        one.socket.close()


def made(connection, name: str, partitions: int = 1, **configs) -> str:
    """Makes a topic and waits for its leaders."""
    settings = {key.replace("_", "."): str(value) for key, value in configs.items()}
    assert connection.create_topic(name, partitions, configs=settings) == 0
    connection.await_leaders(name, partitions)
    return name


@END
def test_topics_and_records_are_kept(own_broker, connect, end):
    """Ids, partitions, configs, starts, and each batch byte for byte but for its leader epoch.

    Apache Kafka writes a start that DeleteRecords has moved within a minute, and forgets it when it is killed before.
    """
    before = connect()
    plain, cut = made(before, "plain", 3), made(before, "cut", max_message_bytes=5000)
    for number in range(5):
        before.store(plain, b"%d" % number, b"again", partition=1, timestamp=HOUR_AGO + number)
    before.store(cut, b"0", b"1", b"2")
    assert before.delete_records(cut, 2) == (2, 0)
    assert made(before, "gone") and before.delete_topic("gone") == 0
    kept = before.fetch(Wanted(plain, partition=1)).one()
    idents = {name: before.topic_id(name) for name in (plain, cut)}
    getattr(own_broker, end)()
    after = connect()
    for name, partitions in ((plain, 3), (cut, 1)):
        after.await_leaders(name, partitions)
        assert (after.topic_id(name), len(after.metadata([name])[name][2])) == (idents[name], partitions)
    assert "gone" not in after.metadata(None)
    got = after.fetch(Wanted(plain, partition=1)).one()
    assert (got.high_watermark, got.log_start) == (10, 0)
    assert [one.data[:12] + one.data[16:] for one in got.batches] == [one.data[:12] + one.data[16:] for one in kept.batches]
    assert after.list_offset(plain, HOUR_AGO + 3, partition=1) == (0, HOUR_AGO + 3, 6)
    starts = (0, 2) if own_broker.kind == KAFKA41 and end == "crash_and_restart" else (2,)
    assert after.list_offset(cut, -2)[2] in starts
    assert after.produce(cut, batch(b"x" * 6000)).error == 10
    assert after.store(plain, b"next", partition=1) == 10


@END
def test_a_group_goes_on(own_broker, connect, member, end):
    """Two members: no rebalance, the same ids, and a commit with the old generation is taken."""
    log = made(connect(), "log", 2)
    first, second = member("group"), member("group")
    first.join(session=30_000)
    first.sync({first.id: b"all"})
    second.send_join(session=30_000)
    second.joined()
    second.send_join(session=30_000)
    wait_until(lambda: first.heartbeat() == 27, what="the rebalance")
    first.join(session=30_000)
    second.joined()
    first.send_sync({first.id: b"one", second.id: b"two"})
    assert second.sync() == (0, b"two")
    assert first.synced() == (0, b"one")
    assert first.commit(log, 5, metadata="before") == 0
    ids = sorted([first.id, second.id])
    getattr(own_broker, end)()
    connect().await_leaders(log, 2)
    first, second = (member("group", one.id, one.generation) for one in (first, second))
    assert first.committed(log) == (0, 5, "before")
    assert (first.heartbeat(), second.heartbeat()) == (0, 0)
    assert second.commit(log, 7, partition=1) == 0
    assert second.commit(log, 8, partition=1, generation=first.generation + 1) == ILLEGAL_GENERATION
    assert second.sync() == (0, b"two")
    error, state, kind, protocol, members = first.state()
    assert (error, state, kind, protocol, sorted(members)) == (0, "Stable", "consumer", "range", ids)


@END
def test_commits_without_members_are_kept(own_broker, connect, member, end):
    log = made(connect(), "log", 2)
    simple = member("simple")
    assert simple.commit(log, 41) == 0 and simple.commit(log, 42) == 0
    assert simple.commit(log, 9, partition=1, metadata="m") == 0
    getattr(own_broker, end)()
    connect().await_leaders(log, 2)
    assert member("simple").committed(None) == {(log, 0): (0, 42, ""), (log, 1): (0, 9, "m")}


@END
def test_a_producer_goes_on(own_broker, connect, end):
    """What it sends again is known, a gap is refused, the next sequence is taken; its id is nobody else's."""
    before = connect()
    log = made(before, "log")
    _, producer, epoch = before.init_producer()
    said = {"producer_id": producer, "producer_epoch": epoch}
    for sequence in range(5):
        assert before.store(log, b"v", sequence=sequence, **said) == sequence
    getattr(own_broker, end)()
    after = connect()
    after.await_leaders(log, 1)
    again = after.produce(log, batch(b"v", sequence=4, **said))
    assert (again.error, again.offset) == (0, 4)
    assert after.produce(log, batch(b"v", sequence=7, **said)).error == OUT_OF_ORDER
    assert after.store(log, b"v", sequence=5, **said) == 5
    assert after.init_producer()[1] != producer


def test_fetch_sessions_end_with_the_broker(own_broker, connect):
    before = connect()
    log = made(before, "log")
    before.store(log, b"v")
    session = before.fetch(Wanted(log), epoch=0).session
    own_broker.crash_and_restart()
    after = connect()
    after.await_leaders(log, 1)
    assert after.fetch(session=session, epoch=1).error == NO_SUCH_SESSION


def flood(connection, log: str, window: int, answered: list, enough: threading.Event) -> None:
    """Produces numbered batches of ten, `window` in flight, until the connection is cut."""
    sent = 0
    try:
        while True:
            while sent - len(answered) < window:
                data = batch(*[b"%d" % (sent * 10 + number) for number in range(10)])
                connection.request(keys.PRODUCE, 8, produce_body(8, [(log, 0, data)]))
                sent += 1
            answer, = read_produced(connection.response(), 8)
            assert answer.error == 0, answer
            answered.append(answer.offset)
            if len(answered) >= 300:
                enough.set()
    except (OSError, EOFError):
        enough.set()


def test_what_was_answered_survives_a_kill_under_load(own_broker, connect):
    """Eight requests in flight; acks=all. Each answered batch is there, whole, at its offset and in order."""
    log = made(connect(), "log")
    answered, enough = [], threading.Event()
    worker = threading.Thread(target=flood, args=(connect(), log, 8, answered, enough))
    worker.start()
    assert enough.wait(30)
    own_broker.kill()
    worker.join()
    own_broker.start()
    after = connect()
    after.await_leaders(log, 1)
    assert len(answered) >= 300 and answered == [number * 10 for number in range(len(answered))]
    found, offset = [], 0
    while values := after.fetch(Wanted(log, offset, max_bytes=1 << 20)).one().batches:
        for one in values:
            assert one.base_offset == offset
            found += [int(value) for value in one.values]
            offset = one.last_offset + 1
    assert found == list(range(len(found))) and len(found) >= len(answered) * 10
    assert after.list_offset(log, -1)[2] == len(found)
