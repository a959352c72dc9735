"""librdkafka consumes: places, commits, ends of partitions, limits."""

import time

import pytest
from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, KafkaError, KafkaException, TopicPartition

from harness.confluent import at, consumer_of, producer_of, send, take
from harness.records import HOUR_AGO as BASE
from support.waiting import wait_until



@pytest.fixture
def consumer(broker):
    """Makes consumers; they are closed at the end."""
    opened = []

    def make(group: str = "unused", **settings):
        opened.append(consumer_of(broker.bootstrap, group, **settings))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


@pytest.fixture
def log(broker, topic):
    """A topic with the values 0 to 9 in partition 0, a second of record time apart."""
    name, sender = topic(2), producer_of(broker.bootstrap)
    for number in range(10):
        sender.produce(name, b"%d" % number, partition=0, timestamp=BASE + number * 1000)
    assert sender.flush(10) == 0
    return name


def numbers(messages) -> list:
    """The values as numbers."""
    return [int(message.value()) for message in messages]


@pytest.mark.parametrize("offset, first", [(0, 0), (7, 7), (OFFSET_BEGINNING, 0), (-2, 0), (-1003, None)])
def test_where_to_begin(consumer, log, offset, first):
    """By offset, from the start, and (-1001 - n) the last n messages."""
    reader = consumer()
    if first is None:
        offset, first = -2000 - 3, 7  # librdkafka's OFFSET_TAIL(3)
    reader.assign([at(log, 0, offset)])
    assert numbers(take(reader, 1)) == [first]


def test_from_the_end(consumer, log, broker):
    reader = consumer()
    reader.assign([at(log, 0, OFFSET_END)])
    wait_until(lambda: reader.get_watermark_offsets(at(log), cached=True)[1] == 10, serve=lambda: reader.poll(0.05))
    send(producer_of(broker.bootstrap), log, [b"10"], partition=0)
    assert numbers(take(reader, 1)) == [10]


def test_seek(consumer, log):
    reader = consumer()
    reader.assign([at(log, 0, 0)])
    take(reader, 3)
    reader.seek(at(log, 0, 8))
    assert numbers(take(reader, 2)) == [8, 9]
    assert reader.position([at(log)])[0].offset == 10


def test_offsets_by_time(consumer, log):
    reader = consumer()
    found = reader.offsets_for_times([at(log, 0, BASE + 2500), at(log, 1, BASE)], timeout=10)
    assert [one.offset for one in found] == [3, OFFSET_END]


def test_watermarks(consumer, log):
    assert consumer().get_watermark_offsets(at(log), timeout=10) == (0, 10)
    assert consumer().get_watermark_offsets(at(log, 1), timeout=10) == (0, 0)


def test_the_end_of_a_partition_is_told(consumer, log):
    reader = consumer(enable_partition_eof=True)
    reader.assign([at(log, 0, 9)])
    assert numbers(take(reader, 1)) == [9]
    with pytest.raises(KafkaException) as end:
        take(reader, 1)
    assert end.value.args[0].code() == KafkaError._PARTITION_EOF


def test_pause_and_resume(consumer, log, broker):
    reader = consumer()
    reader.assign([at(log, 0, 0), at(log, 1, 0)])
    reader.pause([at(log, 0)])
    send(producer_of(broker.bootstrap), log, [b"100"], partition=1)
    assert numbers(take(reader, 1)) == [100]
    assert reader.poll(0.2) is None
    reader.resume([at(log, 0)])
    assert numbers(take(reader, 1)) == [0]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_what_is_committed_is_remembered(consumer, log, name, asynchronous):
    group, told = name("group"), []
    first = consumer(group, on_commit=lambda error, offsets: told.append((error, offsets)))
    first.subscribe([log])
    messages = take(first, 4)
    assert numbers(messages) == [0, 1, 2, 3]
    first.commit(messages[-1], asynchronous=asynchronous)
    if asynchronous:
        wait_until(lambda: told, serve=lambda: first.poll(0.01))
        assert told[0][0] is None
    first.close()
    second = consumer(group)
    assert [one.offset for one in second.committed([at(log), at(log, 1)], timeout=10)] == [4, -1001]
    second.subscribe([log])
    assert numbers(take(second, 1)) == [4]


def test_stored_offsets_are_committed_on_close(consumer, log, name):
    group = name("group")
    first = consumer(group, enable_auto_commit=True, enable_auto_offset_store=False)
    first.subscribe([log])
    for message in take(first, 6)[:3]:
        first.store_offsets(message)
    first.close()
    assert consumer(group).committed([at(log)], timeout=10)[0].offset == 3


def test_metadata_of_a_commit(consumer, log, name):
    reader = consumer(name("group"))
    reader.commit(offsets=[TopicPartition(log, 0, 5, "why")], asynchronous=False)
    told = reader.committed([at(log)], timeout=10)[0]
    assert (told.offset, told.metadata) == (5, "why")


@pytest.mark.parametrize("reset, first", [("earliest", 0), ("latest", 10)])
def test_out_of_range_is_reset(consumer, log, broker, reset, first):
    reader = consumer(auto_offset_reset=reset)
    reader.assign([at(log, 0, 99)])
    sender = producer_of(broker.bootstrap)
    if reset == "latest":
        deadline = time.monotonic() + 20
        while (message := reader.poll(0.2)) is None and time.monotonic() < deadline:
            send(sender, log, [b"10"], partition=0)
        assert message.offset() >= first
    else:
        assert numbers(take(reader, 1)) == [first]


def test_out_of_range_is_told(consumer, log):
    reader = consumer(auto_offset_reset="error")
    reader.assign([at(log, 0, 99)])
    with pytest.raises(KafkaException) as refused:
        take(reader, 1)
    assert refused.value.args[0].code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE)


def test_small_fetches_reach_the_end(consumer, log):
    reader = consumer(fetch_message_max_bytes=1, fetch_max_bytes=1000, message_max_bytes=1000)
    reader.assign([at(log, 0, 0)])
    assert numbers(take(reader, 10)) == list(range(10))


def test_a_pattern_finds_its_topics(consumer, log, name):
    reader = consumer(name("group"))
    reader.subscribe([f"^{log[:-1]}.$"])
    assert numbers(take(reader, 10)) == list(range(10))


def test_metadata_is_told(consumer, log, broker):
    told = consumer().list_topics(log, timeout=10)
    assert sorted(told.topics[log].partitions) == [0, 1]
    assert [(one.host, one.port) for one in told.brokers.values()] == [broker.kafka_address]
    assert told.controller_id in told.brokers and told.cluster_id
