"""kafka-python with compacted topics: only the last value of each key is left, at its offset."""

import pytest
from kafka import KafkaConsumer, TopicPartition

from harness.kafka_python import Admin, producer_of
from support.waiting import wait_until

KEYS = 40
#: Seconds until all that can be compacted is, on a busy machine.
COMPACTED_WITHIN = 60.0


def records_of(bootstrap: str, topic: str) -> list:
    """All records of partition 0."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    where = TopicPartition(topic, 0)
    consumer.assign([where])
    end = consumer.end_offsets([where])[where]
    found = []
    while consumer.position(where) < end:
        for records in consumer.poll(timeout_ms=400).values():
            found.extend(records)
    consumer.close()
    return found


def made(bootstrap: str, topic: str, **configs) -> None:
    """Makes a compacted topic of small segments."""
    small = {"cleanup.policy": "compact", "segment.ms": "200", "min.cleanable.dirty.ratio": "0.001"}
    admin = Admin(bootstrap)
    admin.create({topic: (1, {**small, **configs})})
    admin.client.close()


def settled(producer, bootstrap: str, topic: str, is_so, what: str) -> list:
    """The records once `is_so` of them; now and then one more is sent, with which a segment ends."""
    found = []

    def look():
        producer.send(topic, key=b"end", value=b"of a segment").get(20)
        found[:] = records_of(bootstrap, topic)
        return is_so([record for record in found if record.key != b"end"])

    wait_until(look, within=COMPACTED_WITHIN, what=what)
    return [record for record in found if record.key != b"end"]


@pytest.mark.parametrize("codec", [None, "gzip", "snappy", "lz4", "zstd"])
def test_the_last_value_of_each_key_is_left(compacting_broker, codec):
    made(compacting_broker.bootstrap, "table")
    producer = producer_of(compacting_broker.bootstrap, compression_type=codec, linger_ms=20)
    last = {}
    for number in range(1_000):
        key = b"key %d" % (number % KEYS)
        last[key] = producer.send("table", key=key, value=b"%d" % number * 20)
    producer.flush(20)
    offsets = {future.get(10).offset: key for key, future in last.items()}

    def only_last(records):
        return [record.offset for record in records] == sorted(offsets)

    left = settled(producer, compacting_broker.bootstrap, "table", only_last, "a compacted topic")
    assert {record.offset: record.key for record in left} == offsets
    assert {record.key: record.value for record in left} == {
        b"key %d" % (number % KEYS): b"%d" % number * 20 for number in range(1_000 - KEYS, 1_000)}

    consumer = KafkaConsumer(bootstrap_servers=compacting_broker.bootstrap)
    where = TopicPartition("table", 0)
    consumer.assign([where])
    assert consumer.beginning_offsets([where])[where] == 0
    for offset in (0, 17, min(offsets) - 1, min(offsets)):
        consumer.seek(where, offset)
        got = []
        wait_until(lambda: got, what="the next record", serve=lambda: got.extend(
            record for records in consumer.poll(timeout_ms=200, max_records=1).values() for record in records))
        assert got[0].offset == min(offsets), "the next record that is there"
    consumer.close()

    compacting_broker.crash_and_restart()
    again = [record for record in records_of(compacting_broker.bootstrap, "table") if record.key != b"end"]
    assert [(r.offset, r.key, r.value, r.timestamp) for r in again] == [
        (r.offset, r.key, r.value, r.timestamp) for r in left]
    producer.close(timeout=5)


def test_what_is_deleted_goes_and_the_tombstone_after_it(compacting_broker):
    made(compacting_broker.bootstrap, "table", **{"delete.retention.ms": "1500"})
    producer = producer_of(compacting_broker.bootstrap)
    producer.send("table", key=b"a", value=b"1").get(20)
    kept = producer.send("table", key=b"b", value=b"1").get(20).offset
    deleted = producer.send("table", key=b"a", value=None).get(20).offset
    left = settled(producer, compacting_broker.bootstrap, "table",
                   lambda records: [record.offset for record in records] in ([kept, deleted], [kept]), "the value goes")
    assert all(record.value is None for record in left if record.key == b"a")
    settled(producer, compacting_broker.bootstrap, "table",
            lambda records: [record.offset for record in records] == [kept], "the tombstone goes")
    producer.close(timeout=5)
