"""kafka-python while the broker is killed: what it was told is stored, its group goes on."""

import pytest
from kafka import KafkaConsumer, TopicPartition

from harness.kafka_python import MODERN, Member, producer_of, take
from harness.members import share
from harness.requests import make_topic
from support.waiting import wait_until


def values(broker, log: str, count: int) -> list:
    """The numbers in partition 0, at least so many."""
    consumer = KafkaConsumer(bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest")
    where = TopicPartition(log, 0)
    consumer.assign([where])
    total = consumer.end_offsets([where])[where]
    assert total >= count
    found = [int(record.value) for record in take(consumer, total)]
    consumer.close()
    return found


def test_acknowledged_records_survive_a_kill(own_broker):
    """retries: what was in flight is sent again. The old release may double it; the new one is idempotent."""
    log = make_topic(own_broker.kafka_address, "log", 1)
    producer = producer_of(own_broker.bootstrap, retries=1000, linger_ms=1, batch_size=512, retry_backoff_ms=50,
                           max_in_flight_requests_per_connection=1 if not MODERN else 5, reconnect_backoff_max_ms=200)
    futures = []
    for number in range(3000):
        futures.append(producer.send(log, b"%d" % number))
        if number == 1500:
            futures[500].get(20)
            own_broker.crash_and_restart()
    producer.flush(40)
    told = [future.get(10).offset for future in futures]
    producer.close(timeout=5)
    found = values(own_broker, log, 3000)
    assert all(found[offset] == number for number, offset in enumerate(told))
    assert sorted(set(found)) == list(range(3000))
    if MODERN:
        assert found == list(range(3000))


@pytest.mark.skipif(not MODERN, reason="kafka-python 2.0.2 joins again when a connection is lost")
def test_a_group_does_not_notice_a_kill(own_broker):
    log = make_topic(own_broker.kafka_address, "log", 4)
    members = [Member(own_broker.bootstrap, [log], "group", session_timeout_ms=30_000, reconnect_backoff_max_ms=200)
               for _ in range(2)]
    try:
        before = share(members, log, 4)
        told = [len(one.revoked) for one in members]
        own_broker.crash_and_restart()
        producer = producer_of(own_broker.bootstrap)
        for partition in range(4):
            producer.send(log, b"after", partition=partition).get(20)
        producer.close(timeout=5)
        wait_until(lambda: sum(len(one.records) for one in members) == 4, within=40, what="the records after")
        for one in members:
            one.does(lambda consumer: consumer.commit())
        assert [len(one.revoked) for one in members] == told and [one.has for one in members] == before
    finally:
        for one in members:
            one.leave()


def test_a_consumer_goes_on_after_a_kill(own_broker):
    """Its position is its own; what it committed is kept."""
    log = make_topic(own_broker.kafka_address, "log", 1)
    consumer = KafkaConsumer(log, bootstrap_servers=own_broker.bootstrap, group_id="group", enable_auto_commit=False,
                             auto_offset_reset="earliest", reconnect_backoff_max_ms=200)
    producer = producer_of(own_broker.bootstrap)
    for number in range(5):
        producer.send(log, b"%d" % number).get(10)
    assert len(take(consumer, 3)) == 3
    consumer.commit()
    own_broker.crash_and_restart()
    producer.send(log, b"5").get(30)
    producer.close(timeout=5)
    assert [int(record.value) for record in take(consumer, 3, within=40)][-1] == 5
    consumer.close()
    again = KafkaConsumer(bootstrap_servers=own_broker.bootstrap, group_id="group")
    assert again.committed(TopicPartition(log, 0)) == 3
    again.close()
