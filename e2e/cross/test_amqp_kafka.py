"""What a client of one protocol puts in, and what a client of the other finds."""

import datetime
import time

import pika
import pytest
from confluent_kafka import KafkaException

UTC = datetime.timezone.utc
STREAM = {"x-queue-type": "stream"}
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


def full():
    """Properties in which everything is set."""
    headers = {"text": "x", "나루": "배", "number": 5, "long": 2**40, "flag": True, "none": None, "bytes": b"\x00\xff",
               "list": [1, "two", [3]], "table": {"a": {"b": -1}}, "time": datetime.datetime(2020, 5, 5, tzinfo=UTC)}
    return pika.BasicProperties(
        content_type="text/plain", content_encoding="gzip", headers=headers, delivery_mode=2, priority=7,
        correlation_id="c", reply_to="r", expiration="60000", message_id="m", timestamp=1_600_000_000, type="t",
        app_id="a", cluster_id="cl")


def shown(properties, *added):
    """The properties without what tells of the record's place."""
    headers = dict(properties.headers or {})
    for name in ("x-stream-offset", "x-partition", *added):
        headers.pop(name, None)
    return {**vars(properties), "headers": headers}


def test_an_amqp_message_as_kafka_sees_it(sides):
    topic = sides.topic()
    sides.publish("", topic, (b"body", full()))
    record, = sides.records(topic, 1)
    assert (record.value(), record.key(), record.timestamp()) == (b"body", None, (1, 1_600_000_000_000))
    headers = dict(record.headers())
    types = headers.pop("x-types")
    assert headers == {
        "amqp.exchange": b"", "amqp.routing_key": topic.encode(), "amqp.content_type": b"text/plain",
        "amqp.content_encoding": b"gzip", "amqp.delivery_mode": b"2", "amqp.priority": b"7",
        "amqp.correlation_id": b"c", "amqp.reply_to": b"r", "amqp.expiration": b"60000", "amqp.message_id": b"m",
        "amqp.timestamp": b"1600000000000", "amqp.type": b"t", "amqp.app_id": b"a", "amqp.cluster_id": b"cl",
        "text": b"x", "나루": "배".encode(), "number": b"5", "long": str(2**40).encode(), "flag": b"true", "none": None,
        "bytes": b"\x00\xff", "list": b'[1,"two",[3]]', "table": b'{"a":{"b":-1}}', "time": b"1588636800000",
    }
    assert types.startswith(b"{") and b'"number":"i32"' in types


def test_a_kafka_record_as_amqp_sees_it(sides):
    topic = sides.topic()
    headers = [("plain", b"text"), ("raw", b"\xff\xfe"), ("null", None), ("twice", b"1"), ("other", b"o"), ("twice", b"2")]
    sides.produce(topic, {"key": b"k", "value": b"v", "timestamp": 1_600_000_000_123, "headers": headers},
                  {"key": b"\xff", "value": None, "timestamp": 1_600_000_001_000}, {"value": b""})
    first, gone, empty = sides.deliveries(topic, 3)
    method, properties, body = first
    assert (method.exchange, method.routing_key, method.redelivered, body) == ("", topic, False, b"v")
    assert properties.timestamp == 1_600_000_000
    told = properties.headers
    assert (told["x-stream-offset"], told["timestamp_in_ms"], told["x-kafka-key"]) == (0, 1_600_000_000_123, "k")
    assert (told["plain"], told["raw"], told["null"], told["twice"]) == ("text", b"\xff\xfe", None, "2")
    assert (told["x-dup:twice"], told["other"]) == (["1", "2"], "o")
    _, properties, body = gone
    assert (body, properties.headers["x-tombstone"], properties.headers["x-kafka-key"]) == (b"", True, b"\xff")
    _, properties, body = empty
    assert body == b"" and "x-tombstone" not in properties.headers and "x-kafka-key" not in properties.headers


def test_amqp_to_kafka_and_back_by_way_of_their_clients(sides):
    """A bridge of the user's own, which copies what it sees, loses nothing."""
    there, back = sides.topic(), sides.topic()
    sides.publish("", there, (b"body", full()), (b"", None), (b"\x00" * 1000, pika.BasicProperties(headers={"a": 1})))
    copies = [{"key": r.key(), "value": r.value(), "timestamp": r.timestamp()[1], "headers": r.headers()}
              for r in sides.records(there, 3)]
    sides.produce(back, *copies)
    want = [(shown(properties), body, method.routing_key) for method, properties, body in sides.deliveries(there, 3)]
    got = [(shown(properties), body, method.routing_key) for method, properties, body in sides.deliveries(back, 3)]
    assert got == want and want[0][0] == {**vars(full()), "headers": full().headers}


def test_kafka_to_amqp_and_back_by_way_of_their_clients(sides):
    there, back = sides.topic(), sides.topic()
    headers = [("plain", b"text"), ("raw", b"\xff\xfe"), ("null", None), ("twice", b"1"), ("other", b"o"), ("twice", b"2")]
    sides.produce(there, {"key": b"k", "value": b"v", "timestamp": 1_600_000_000_123, "headers": headers},
                  {"key": b"\xff", "value": None, "timestamp": 1_600_000_001_000, "headers": [("a", b"")]},
                  {"value": b"", "timestamp": 1_600_000_002_999})
    copies = [(body, properties) for _, properties, body in sides.deliveries(there, 3)]
    sides.publish("", back, *copies)

    def plain(records):
        return [(r.key(), r.value(), r.timestamp(), sorted(r.headers() or [], key=str)) for r in records]

    assert plain(sides.records(back, 3)) == plain(sides.records(there, 3))


@pytest.mark.parametrize("codec", CODECS)
def test_every_compression_can_be_read(sides, codec):
    topic = sides.topic()
    sides.produce(topic, *[{"value": f"value {n}".encode() * 20} for n in range(50)],
                  **{"compression.type": codec, "linger.ms": 50})
    assert [body for *_, body in sides.deliveries(topic, 50)] == [f"value {n}".encode() * 20 for n in range(50)]


@pytest.mark.parametrize("codec", CODECS[1:])
def test_a_topic_compresses_what_comes_from_exchanges(sides, codec):
    topic = sides.topic(compression_type=codec)
    sides.publish("", topic, *[(b"body" * 500, None)] * 3)
    assert [record.value() for record in sides.records(topic, 3)] == [b"body" * 500] * 3


def test_many_partitions_are_read_as_one_or_alone(sides):
    topic = sides.topic(3)
    for partition in range(3):
        sides.produce(topic, *[{"value": f"{partition}-{n}".encode(), "partition": partition} for n in range(20)])
    got = sides.deliveries(topic, 60)
    places = [(p.headers["x-partition"], p.headers["x-stream-offset"], body) for _, p, body in got]
    assert sorted(places) == [(p, n, f"{p}-{n}".encode()) for p in range(3) for n in range(20)]
    for partition in range(3):
        mine = [n for p, n, _ in places if p == partition]
        assert mine == sorted(mine), "each partition in its order"
    alone = sides.deliveries(topic, 15, offset=5, **{"x-partition": 1})
    assert [body for *_, body in alone] == [f"1-{n}".encode() for n in range(5, 20)]
    for arguments, text in [({"x-stream-offset": 5}, "an offset needs a partition: there is more than one"),
                            ({"x-partition": 3}, "there is no partition 3")]:
        channel = sides.amqp()
        channel.basic_qos(prefetch_count=1)
        with pytest.raises(pika.exceptions.ChannelClosedByBroker) as caught:
            channel.basic_consume(topic, lambda *_: None, arguments=arguments)
        assert caught.value.args == (
            406, f"PRECONDITION_FAILED - invalid arg 'x-partition' for queue '{topic}' in vhost '/': {text}")


def test_keys_lie_in_the_same_partition_whoever_sends_them(sides):
    """The broker chooses for AMQP as Kafka's Java and Python clients choose."""
    topic = sides.topic(7, key_from="routing-key")
    keys = [f"key-{n}" for n in range(40)]
    channel = sides.amqp()
    exchange = f"x-{topic}"
    channel.exchange_declare(exchange, "fanout")
    channel.queue_bind(topic, exchange)
    channel.confirm_delivery()
    for key in keys:
        channel.basic_publish(exchange, key, b"amqp")
    sides.produce(topic, *[{"key": key.encode(), "value": b"kafka"} for key in keys],
                  **{"partitioner": "murmur2_random"})
    seen = {}
    for _, properties, body in sides.deliveries(topic, 80):
        seen.setdefault(properties.headers["x-kafka-key"], {})[body] = properties.headers["x-partition"]
    assert set(seen) == set(keys)
    assert all(where[b"amqp"] == where[b"kafka"] for where in seen.values())
    channel.exchange_delete(exchange)


def test_a_key_out_of_a_header_or_given(sides):
    topic = sides.topic(key_from="header:customer")
    sides.publish("", topic, (b"1", pika.BasicProperties(headers={"customer": "kim"})), (b"2", None),
                  (b"3", pika.BasicProperties(headers={"customer": "kim", "x-kafka-key": "lee"})))
    assert [record.key() for record in sides.records(topic, 3)] == [b"kim", None, b"lee"]


def test_a_stream_is_a_topic_without_a_limit_of_age(sides):
    from confluent_kafka.admin import ConfigResource, ResourceType

    def settings(name):
        resource = ConfigResource(ResourceType.TOPIC, name)
        found = sides.admin().describe_configs([resource])[resource].result(15)
        return {key: found[key].value for key in ("retention.ms", "retention.bytes", "retention.from")}

    plain, aged = sides.stream(), sides.stream(**{"x-max-age": "2h", "x-max-length-bytes": 10_000_000})
    assert settings(plain) == {"retention.ms": "-1", "retention.bytes": "-1", "retention.from": "arrival"}
    assert settings(aged) == {"retention.ms": "7200000", "retention.bytes": "10000000", "retention.from": "arrival"}
    assert settings(sides.topic())["retention.ms"] == "604800000"


def test_a_name_is_held_once(sides):
    channel = sides.amqp()
    queue = f"q-{time.monotonic_ns()}"
    channel.queue_declare(queue)
    from confluent_kafka.admin import NewTopic
    with pytest.raises(KafkaException) as caught:
        sides.admin().create_topics([NewTopic(queue, 1)])[queue].result(15)
    assert caught.value.args[0].name() == "TOPIC_EXCEPTION"
    with pytest.raises(pika.exceptions.ChannelClosedByBroker) as refused:
        sides.amqp().queue_declare(queue, durable=True, arguments=STREAM)
    assert refused.value.reply_code == 406
    channel.queue_delete(queue)
    with pytest.raises(pika.exceptions.ChannelClosedByBroker) as refused:
        sides.amqp().queue_declare(sides.topic(), durable=True)
    assert refused.value.reply_code == 406 and "x-queue-type" in refused.value.reply_text


def test_a_group_of_kafka_and_consumers_of_amqp_read_the_same(sides):
    from confluent_kafka import Consumer
    topic = sides.topic(2)
    sides.publish("", topic, *[(str(n).encode(), None) for n in range(50)])
    sides.produce(topic, *[{"value": str(n).encode()} for n in range(50, 100)])
    consumer = Consumer({"bootstrap.servers": sides.broker.bootstrap, "group.id": "g-" + topic,
                         "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    seen, deadline = set(), time.monotonic() + 15
    while len(seen) < 100 and time.monotonic() < deadline:
        seen.update(int(record.value()) for record in consumer.consume(100, timeout=0.2))
    consumer.commit(asynchronous=False)
    consumer.close()
    assert seen == set(range(100))
    assert {int(body) for *_, body in sides.deliveries(topic, 100)} == set(range(100))


def test_dead_letters_go_to_a_topic_with_their_history(sides):
    topic, channel = sides.topic(), sides.amqp()
    queue = f"q-{topic}"
    channel.queue_declare(queue, durable=True,
                          arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": topic})
    channel.confirm_delivery()
    channel.basic_publish("", queue, b"dead", pika.BasicProperties(message_id="m", delivery_mode=2))
    method, _, _ = channel.basic_get(queue)
    channel.basic_reject(method.delivery_tag, requeue=False)
    (method, properties, body), = sides.deliveries(topic, 1)
    assert (body, properties.message_id, method.routing_key) == (b"dead", "m", topic)
    death, = properties.headers["x-death"]
    assert (death["queue"], death["reason"], death["count"]) == (queue, "rejected", 1)
    channel.queue_delete(queue)


def test_all_that_was_confirmed_is_there_after_a_kill_for_both(own_sides):
    topic = own_sides.topic()
    own_sides.publish("", topic, *[(str(n).encode(), None) for n in range(200)])
    own_sides.produce(topic, *[{"value": str(n).encode()} for n in range(200, 400)])
    own_sides.broker.crash_and_restart()
    assert [int(record.value()) for record in own_sides.records(topic, 400)] == list(range(400))
    assert [int(body) for *_, body in own_sides.deliveries(topic, 400)] == list(range(400))
