"""kafka-python produces: what is sent comes back the same, and what is refused is told."""

import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import (InvalidTopicError, KafkaTimeoutError, MessageSizeTooLargeError, RecordListTooLargeError,
                          UnknownTopicOrPartitionError)

from harness.kafka_python import MODERN, producer_of, take
from harness.records import HOUR_AGO


@pytest.fixture
def producer(broker):
    """Makes producers; they are closed at the end."""
    opened = []

    def make(**settings):
        opened.append(producer_of(broker.bootstrap, **settings))
        return opened[-1]

    yield make
    for one in opened:
        one.close(timeout=5)


@pytest.fixture
def read(broker):
    """Reads so many records of one partition from its start."""
    def everything(topic: str, count: int, partition: int = 0):
        consumer = KafkaConsumer(bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest")
        consumer.assign([TopicPartition(topic, partition)])
        try:
            return take(consumer, count)
        finally:
            consumer.close()

    return everything


@pytest.mark.parametrize("codec", [None, "gzip", "snappy", "lz4", "zstd"])
def test_every_codec(producer, read, topic, codec):
    name = topic()
    values = [b"value %d " % number * 50 for number in range(100)]
    sender = producer(compression_type=codec, linger_ms=20)
    futures = [sender.send(name, value) for value in values]
    sender.flush()
    assert [future.get(10).offset for future in futures] == list(range(100))
    assert [record.value for record in read(name, 100)] == values


def test_everything_of_a_record_comes_back(producer, read, topic):
    name = topic()
    headers = [("plain", b"text"), ("twice", b"1"), ("twice", b"2"), ("binary", bytes(range(256))), ("", b"")]
    told = producer().send(name, b"value", key=b"\0key\xff", headers=headers, timestamp_ms=HOUR_AGO + 123).get(10)
    assert (told.topic, told.partition, told.offset, told.timestamp) == (name, 0, 0, HOUR_AGO + 123)
    record, = read(name, 1)
    assert (record.key, record.value, list(map(tuple, record.headers))) == (b"\0key\xff", b"value", headers)
    assert (record.timestamp, record.timestamp_type) == (HOUR_AGO + 123, 0)


def test_nothing_is_not_the_same_as_empty(producer, read, topic):
    """A tombstone has no value, an empty value is one; a missing key is not an empty one."""
    name = topic()
    sender = producer()
    for key, value in ((b"k", None), (b"k", b""), (None, b"v"), (b"", b"v")):
        sender.send(name, value, key=key).get(10)
    assert [(record.key, record.value) for record in read(name, 4)] == [(b"k", None), (b"k", b""), (None, b"v"), (b"", b"v")]


@pytest.mark.parametrize("acks", [0, 1, "all"])
def test_every_kind_of_acks(producer, read, topic, acks):
    """Release 3 is idempotent unless told otherwise, and that needs all acks. Without acks offsets are not told."""
    name = topic()
    sender = producer(acks=acks, **({"enable_idempotence": False} if MODERN and acks != "all" else {}))
    told = [sender.send(name, b"%d" % number).get(10) for number in range(5)]
    if acks:
        assert [one.offset for one in told] == list(range(5))
    assert [record.value for record in read(name, 5)] == [b"0", b"1", b"2", b"3", b"4"]


def test_one_key_one_partition(producer, topic):
    name = topic(4)
    sender = producer()
    where = {}
    for number in range(40):
        key = b"key-%d" % (number % 8)
        where.setdefault(key, set()).add(sender.send(name, b"v", key=key).get(10).partition)
    assert all(len(partitions) == 1 for partitions in where.values())
    assert len(set.union(*where.values())) > 1


def test_a_partition_of_the_programs_choice(producer, topic):
    name = topic(3)
    assert [producer().send(name, b"v", partition=one).get(10).partition for one in (2, 0, 1)] == [2, 0, 1]


def test_the_order_of_one_producer_is_kept(producer, read, topic):
    name = topic()
    sender = producer(linger_ms=1, batch_size=512)
    for number in range(2000):
        sender.send(name, b"%d" % number)
    sender.flush(30)
    assert [int(record.value) for record in read(name, 2000)] == list(range(2000))


def test_a_topic_is_made_when_first_written(producer, read, name):
    """`auto.create.topics.enable`: the first program of every tutorial relies on it."""
    fresh = name()
    assert producer().send(fresh, b"first").get(20).offset == 0
    assert [record.value for record in read(fresh, 1)] == [b"first"]


@pytest.mark.skipif(not MODERN, reason="kafka-python 2.0.2 is not idempotent")
def test_an_idempotent_producer(producer, read, topic):
    name = topic()
    sender = producer(enable_idempotence=True, linger_ms=1, batch_size=256)
    futures = [sender.send(name, b"%d" % number) for number in range(500)]
    sender.flush()
    assert [future.get(10).offset for future in futures] == list(range(500))
    assert [int(record.value) for record in read(name, 500)] == list(range(500))


def test_a_record_above_the_clients_limit(producer, topic):
    with pytest.raises(MessageSizeTooLargeError):
        producer().send(topic(), b"x" * 1_100_000).get(10)


def test_a_record_above_the_topics_limit(producer, read, topic):
    """The broker's own no; the topic lives on."""
    name = topic(max_message_bytes=10_000)
    with pytest.raises((MessageSizeTooLargeError, RecordListTooLargeError)):
        producer().send(name, b"x" * 20_000).get(10)
    assert producer().send(name, b"small").get(10).offset == 0


@pytest.mark.parametrize("bad", ["a b", "a/b", "ä", "x" * 250, ".."])
def test_a_bad_name_is_refused(producer, bad):
    """By the client itself, or by the broker where the client does not look."""
    with pytest.raises((InvalidTopicError, ValueError, TypeError, AssertionError, KafkaTimeoutError,
                        UnknownTopicOrPartitionError)):
        producer(max_block_ms=500).send(bad, b"v").get(5)


def test_a_partition_that_is_not_there(producer, topic):
    with pytest.raises((AssertionError, ValueError, KafkaTimeoutError)):
        producer(max_block_ms=500).send(topic(2), b"v", partition=2).get(5)


def test_partitions_are_told(producer, topic):
    assert producer().partitions_for(topic(5)) == {0, 1, 2, 3, 4}
