"""kafka-python consumes: where it begins, where it goes, what it remembers."""

import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import OffsetOutOfRangeError

from harness.kafka_python import MODERN, committed_at, producer_of, take
from harness.records import HOUR_AGO as BASE
from support.waiting import wait_until



@pytest.fixture
def consumer(broker):
    """Makes consumers; they are closed at the end."""
    opened = []

    def make(*topics, **settings):
        opened.append(KafkaConsumer(*topics, bootstrap_servers=broker.bootstrap,
                                    **{"auto_offset_reset": "earliest", "enable_auto_commit": False} | settings))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


@pytest.fixture
def send(broker):
    """Sends values to a partition, one second of record time apart, and waits for the acks."""
    sender = producer_of(broker.bootstrap)

    def values(topic: str, *numbers, partition: int = 0):
        for future in [sender.send(topic, b"%d" % number, partition=partition, timestamp_ms=BASE + number * 1000)
                       for number in numbers]:
            future.get(10)

    yield values
    sender.close(timeout=5)


def numbers(records) -> list:
    """The values as numbers."""
    return [int(record.value) for record in records]


def test_from_the_earliest(consumer, send, topic):
    name = topic()
    send(name, 0, 1, 2)
    assert numbers(take(consumer(name), 3)) == [0, 1, 2]


def test_from_the_latest(consumer, send, topic):
    name = topic()
    send(name, 0, 1)
    late = consumer(name, auto_offset_reset="latest")
    wait_until(lambda: late.assignment() and late.position(TopicPartition(name, 0)) == 2,
               serve=lambda: late.poll(timeout_ms=50))
    send(name, 2)
    assert numbers(take(late, 1)) == [2]


def test_a_program_loops_over_its_consumer(consumer, send, topic):
    """As the articles do; consumer_timeout_ms ends the loop."""
    name = topic()
    send(name, 0, 1, 2)
    assert numbers(consumer(name, consumer_timeout_ms=1500)) == [0, 1, 2]


def test_seek_to_an_offset(consumer, send, topic):
    name = topic()
    send(name, *range(5))
    where, reader = TopicPartition(name, 0), consumer()
    reader.assign([where])
    for offset in (3, 0, 4):
        reader.seek(where, offset)
        assert numbers(take(reader, 1)) == [offset]
        assert reader.position(where) == offset + 1
    reader.seek_to_beginning(where)
    assert numbers(take(reader, 5)) == list(range(5))
    reader.seek_to_end(where)
    assert reader.position(where) == 5


def test_offsets_by_time(consumer, send, topic):
    name = topic(2)
    send(name, *range(5))
    one, two, reader = TopicPartition(name, 0), TopicPartition(name, 1), consumer()
    found = reader.offsets_for_times({one: BASE + 1500, two: BASE})
    assert (found[one].offset, found[one].timestamp) == (2, BASE + 2000)
    assert found[two] is None
    assert reader.offsets_for_times({one: BASE + 99_000}) == {one: None}


def test_both_ends(consumer, send, topic):
    name = topic()
    send(name, 0, 1, 2)
    where, reader = TopicPartition(name, 0), consumer()
    assert reader.beginning_offsets([where]) == {where: 0}
    assert reader.end_offsets([where]) == {where: 3}


@pytest.mark.parametrize("way", ["sync", "async", "closing"])
def test_what_is_committed_is_remembered(consumer, send, topic, name, way):
    group, log = name("group"), topic()
    send(log, *range(5))
    where, first = TopicPartition(log, 0), consumer(log, group_id=group, enable_auto_commit=way == "closing")
    assert numbers(take(first, 3)) == [0, 1, 2]
    if way == "sync":
        first.commit()
    elif way == "async":
        done = []
        first.commit_async(callback=lambda offsets, answer: done.append(answer))
        wait_until(lambda: done, serve=lambda: first.poll(timeout_ms=10, max_records=1))
        assert not isinstance(done[0], Exception), done[0]
    first.close()
    second = consumer(log, group_id=group)
    assert second.committed(where) == 3
    assert numbers(take(second, 2)) == [3, 4]


def test_a_commit_of_the_programs_choice(consumer, send, topic, name):
    group, log = name("group"), topic(2)
    one, two = TopicPartition(log, 0), TopicPartition(log, 1)
    reader = consumer(group_id=group)
    reader.assign([one, two])
    assert reader.committed(one) is None
    reader.commit({one: committed_at(4, "why")})
    assert reader.committed(one) == 4
    assert reader.committed(one, metadata=True).metadata == "why"
    assert reader.committed(two) is None


def test_a_reset_begins_again(consumer, send, topic, name):
    """Committed to the end, then set back by the program."""
    group, log = name("group"), topic()
    send(log, 0, 1, 2)
    where, reader = TopicPartition(log, 0), consumer(log, group_id=group)
    take(reader, 3)
    reader.commit()
    reader.seek_to_beginning(where)
    assert numbers(take(reader, 3)) == [0, 1, 2]
    reader.commit({where: committed_at(1)})
    reader.close()
    assert numbers(take(consumer(log, group_id=group), 2)) == [1, 2]


def test_pause_and_resume(consumer, send, topic):
    name = topic(2)
    one, two, reader = TopicPartition(name, 0), TopicPartition(name, 1), consumer()
    reader.assign([one, two])
    reader.pause(one)
    send(name, 1)
    send(name, 2, partition=1)
    assert numbers(take(reader, 1)) == [2]
    assert reader.paused() == {one}
    assert not reader.poll(timeout_ms=200)
    reader.resume(one)
    assert numbers(take(reader, 1)) == [1]


@pytest.mark.parametrize("reset, begins", [("earliest", 0), ("latest", 3)])
def test_out_of_range_is_reset(consumer, send, topic, reset, begins):
    name = topic()
    send(name, 0, 1, 2)
    where, reader = TopicPartition(name, 0), consumer(auto_offset_reset=reset)
    reader.assign([where])
    reader.seek(where, 99)
    wait_until(lambda: reader.position(where) != 99, serve=lambda: reader.poll(timeout_ms=50, max_records=1))
    assert reader.position(where) - begins in (0, 1)


def test_out_of_range_is_told(consumer, send, topic):
    name = topic()
    send(name, 0)
    where, reader = TopicPartition(name, 0), consumer(auto_offset_reset="none")
    reader.assign([where])
    reader.seek(where, 99)
    with pytest.raises(OffsetOutOfRangeError):
        wait_until(lambda: False, serve=lambda: reader.poll(timeout_ms=50))


def test_one_poll_has_a_limit(consumer, send, topic):
    name = topic()
    send(name, *range(10))
    reader = consumer(name)
    wait_until(lambda: reader.assignment(), serve=lambda: reader.poll(timeout_ms=20, max_records=1))
    sizes = [sum(map(len, reader.poll(timeout_ms=1000, max_records=3).values())) for _ in range(2)]
    assert sizes == [3, 3]


def test_small_fetches_reach_the_end(consumer, send, topic):
    """max_partition_fetch_bytes below the size of one record: it comes all the same."""
    name = topic()
    send(name, *range(20))
    reader = consumer(name, max_partition_fetch_bytes=10, fetch_max_bytes=10)
    assert numbers(take(reader, 20)) == list(range(20))


def test_a_pattern_finds_its_topics(consumer, send, topic):
    one, two = topic(what="bird-a"), topic(what="bird-b")
    send(one, 1)
    send(two, 2)
    reader = consumer()
    reader.subscribe(pattern=f"^({one}|{two})$")
    assert sorted(numbers(take(reader, 2))) == [1, 2]


def test_topics_and_partitions_are_told(consumer, topic):
    name = topic(3)
    reader = consumer()
    assert name in reader.topics()
    assert reader.partitions_for_topic(name) == {0, 1, 2}


def test_the_log_goes_on_behind_deleted_records(consumer, send, topic, raw):
    name = topic()
    send(name, *range(5))
    assert raw.delete_records(name, 3) == (3, 0)
    where, reader = TopicPartition(name, 0), consumer(name)
    assert numbers(take(reader, 2)) == [3, 4]
    assert reader.beginning_offsets([where]) == {where: 3}


@pytest.mark.skipif(not MODERN, reason="kafka-python 2.0.2 knows no transactions")
def test_only_what_is_committed(consumer, send, topic):
    """isolation_level: without transactions nothing differs."""
    name = topic()
    send(name, 0, 1)
    assert numbers(take(consumer(name, isolation_level="read_committed"), 2)) == [0, 1]
