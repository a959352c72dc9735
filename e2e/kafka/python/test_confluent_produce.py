"""librdkafka produces: codecs, acks, idempotence, reports, and the errors of its users."""

import pytest
from confluent_kafka import KafkaError, KafkaException

from harness.confluent import at, consumer_of, producer_of, send, take
from harness.records import HOUR_AGO
from harness.requests import Wanted


@pytest.fixture
def read(broker):
    """Reads so many messages of one partition from its start."""
    def everything(topic: str, count: int, partition: int = 0):
        consumer = consumer_of(broker.bootstrap)
        consumer.assign([at(topic, partition, 0)])
        try:
            return take(consumer, count)
        finally:
            consumer.close()

    return everything


@pytest.fixture
def producer(broker):
    """Makes producers."""
    return lambda **settings: producer_of(broker.bootstrap, **settings)


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_every_codec(producer, read, topic, raw, codec):
    """And what the broker keeps is what was compressed, not what was sent."""
    name = topic()
    values = [b"value %d " % number * 50 for number in range(100)]
    reports = send(producer(compression_codec=codec, linger_ms=50), name, values)
    assert [report.offset() for report in reports] == list(range(100))
    assert [message.value() for message in read(name, 100)] == values
    kept = {batch.attributes & 7 for batch in raw.fetch(Wanted(name)).one().batches}
    assert kept == {["none", "gzip", "snappy", "lz4", "zstd"].index(codec)}


def test_everything_of_a_message_comes_back(producer, read, topic):
    name = topic()
    headers = [("plain", b"text"), ("twice", b"1"), ("twice", b"2"), ("null", None), ("binary", bytes(range(256)))]
    report, = send(producer(), name, [b"value"], key=b"\0key\xff", headers=headers, timestamp=HOUR_AGO + 123)
    assert (report.topic(), report.partition(), report.offset()) == (name, 0, 0)
    message, = read(name, 1)
    assert (message.key(), message.value(), message.headers()) == (b"\0key\xff", b"value", headers)
    assert message.timestamp() == (1, HOUR_AGO + 123)
    assert message.leader_epoch() >= 0


def test_nothing_is_not_the_same_as_empty(producer, read, topic):
    name = topic()
    sender = producer()
    for key, value in ((b"k", None), (b"k", b""), (None, b"v"), (b"", b"v")):
        send(sender, name, [value], key=key)
    assert [(one.key(), one.value()) for one in read(name, 4)] == [(b"k", None), (b"k", b""), (None, b"v"), (b"", b"v")]


@pytest.mark.parametrize("acks", ["0", "1", "all"])
def test_every_kind_of_acks(producer, read, topic, acks):
    name = topic()
    reports = send(producer(acks=acks), name, [b"%d" % number for number in range(10)])
    assert len(reports) == 10
    assert [int(one.value()) for one in read(name, 10)] == list(range(10))


def test_an_idempotent_producer(producer, read, topic):
    """Many small batches in flight: in order, each once."""
    name = topic(2)
    sender = producer(enable_idempotence=True, batch_num_messages=10, linger_ms=0)
    for partition in (0, 1):
        send(sender, name, [b"%d" % number for number in range(1000)], partition=partition)
    for partition in (0, 1):
        assert [int(one.value()) for one in read(name, 1000, partition)] == list(range(1000))


def test_large_messages(producer, read, topic):
    name = topic(max_message_bytes=4_000_000)
    send(producer(message_max_bytes=4_000_000), name, [b"x" * 3_000_000])
    assert len(read(name, 1)[0].value()) == 3_000_000


def test_log_append_time_is_told(producer, read, topic):
    name = topic(message_timestamp_type="LogAppendTime")
    send(producer(), name, [b"v"], timestamp=1000)
    kind, when = read(name, 1)[0].timestamp()
    assert kind == 2 and when > 1_600_000_000_000


def test_a_topic_is_made_when_first_written(producer, read, name):
    fresh = name()
    assert send(producer(), fresh, [b"first"])[0].offset() == 0
    assert read(fresh, 1)[0].value() == b"first"


@pytest.mark.parametrize("settings, limit", [({}, KafkaError.MSG_SIZE_TOO_LARGE),
                                             ({"enable_idempotence": True}, KafkaError.MSG_SIZE_TOO_LARGE)])
def test_a_message_above_the_topics_limit(producer, topic, settings, limit):
    name = topic(max_message_bytes=10_000)
    with pytest.raises(KafkaException) as refused:
        send(producer(**settings), name, [b"x" * 20_000])
    assert refused.value.args[0].code() == limit
    assert send(producer(**settings), name, [b"small"])[0].offset() == 0


def test_a_message_above_the_clients_limit(producer, topic):
    with pytest.raises(KafkaException) as refused:
        producer().produce(topic(), b"x" * 1_100_000)
    assert refused.value.args[0].code() == KafkaError.MSG_SIZE_TOO_LARGE


@pytest.mark.parametrize("bad", ["a b", "a/b", ".."])
def test_a_bad_name_is_refused(producer, bad):
    with pytest.raises(KafkaException) as refused:
        send(producer(message_timeout_ms=5000), bad, [b"v"])
    assert refused.value.args[0].code() in (KafkaError.TOPIC_EXCEPTION, KafkaError._UNKNOWN_TOPIC)


def test_an_unknown_topic_when_none_may_be_made(producer, read, broker, name):
    """A consumer never makes one: allow.auto.create.topics is off."""
    consumer = consumer_of(broker.bootstrap)
    consumer.subscribe([name()])
    with pytest.raises(KafkaException) as refused:
        take(consumer, 1)
    consumer.close()
    assert refused.value.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART


def test_a_partition_that_is_not_there(producer, topic):
    with pytest.raises(KafkaException) as refused:
        send(producer(message_timeout_ms=3000), topic(2), [b"v"], partition=7)
    assert refused.value.args[0].code() in (KafkaError._UNKNOWN_PARTITION, KafkaError.UNKNOWN_TOPIC_OR_PART)


def test_keyless_records_of_a_compacted_topic(producer, topic):
    """The broker says which record it does not want, and why."""
    with pytest.raises(KafkaException) as refused:
        send(producer(), topic(cleanup_policy="compact"), [b"v"])
    assert refused.value.args[0].code() == KafkaError.INVALID_RECORD
