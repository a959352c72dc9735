"""librdkafka reads a compacted topic: over what has gone, over batches that are empty, and never twice."""

from harness.confluent import at, consumer_of, producer_of
from harness.requests import make_topic
from support.waiting import wait_until


def offsets_of(bootstrap: str, topic: str, offset: int) -> list:
    """The offsets of all records from `offset` on, up to the end of the partition."""
    consumer = consumer_of(bootstrap, enable_partition_eof=True)
    consumer.assign([at(topic, 0, offset)])
    found, ends = [], []

    def poll():
        message = consumer.poll(0.2)
        if message is not None:
            (ends if message.error() else found).append(message.offset())

    wait_until(lambda: ends, what="the end of the partition", serve=poll)
    consumer.close()
    return found


def test_an_idempotent_producers_batches_are_compacted_and_read(compacting_broker):
    make_topic(compacting_broker.kafka_address, "table", configs={
        "cleanup.policy": "compact", "segment.ms": "200", "min.cleanable.dirty.ratio": "0.001"})
    producer = producer_of(compacting_broker.bootstrap, enable_idempotence=True, linger_ms=5, batch_num_messages=10)
    for number in range(1_000):
        producer.produce("table", key=f"key {number % 7}", value=f"{number}")
    assert producer.flush(20) == 0

    def look():
        producer.produce("table", key="end", value="of a segment")
        assert producer.flush(20) == 0
        found = offsets_of(compacting_broker.bootstrap, "table", 0)
        return found if [offset for offset in found if offset < 1_000] == list(range(993, 1_000)) else None

    left = wait_until(look, within=60, what="a compacted topic")
    assert left == sorted(set(left))
    for offset in (1, 500, 992, 993, 996):
        assert offsets_of(compacting_broker.bootstrap, "table", offset)[0] == max(offset, 993)
