"""librdkafka while the broker is killed: nothing acknowledged is lost, nothing doubled, groups do not notice."""

import pytest

from harness.confluent import Member, at, consumer_of, producer_of, send, take
from harness.members import share
from harness.requests import make_topic
from support.waiting import wait_until


@pytest.mark.parametrize("codec", ["none", "lz4"])
def test_an_idempotent_producer_over_a_kill(own_broker, codec):
    """It sends again what was in flight. All is there, in order, once."""
    log, reports = make_topic(own_broker.kafka_address, "log", 1), []
    producer = producer_of(own_broker.bootstrap, enable_idempotence=True, linger_ms=1, batch_num_messages=20,
                           reconnect_backoff_max_ms=200, compression_codec=codec)
    killed, number = False, 0
    while number < 6000:
        try:
            producer.produce(log, b"%d" % number, on_delivery=lambda error, message: reports.append(error))
            number += 1
        except BufferError:
            producer.poll(0.1)
        while number - len(reports) > 500:
            producer.poll(0.01)
        if not killed and len(reports) >= 1000:
            own_broker.crash_and_restart()
            killed = True
    assert producer.flush(40) == 0
    assert killed and reports == [None] * 6000
    consumer = consumer_of(own_broker.bootstrap)
    consumer.assign([at(log, 0, 0)])
    assert [int(message.value()) for message in take(consumer, 6000)] == list(range(6000))
    assert consumer.get_watermark_offsets(at(log), timeout=10) == (0, 6000)
    consumer.close()


def test_a_group_does_not_notice_a_kill(own_broker):
    """Two members: no revoke, the same ids, and the commits of the old generation go on."""
    log = make_topic(own_broker.kafka_address, "log", 4)
    members = [Member(own_broker.bootstrap, [log], "group", session_timeout_ms=30_000, reconnect_backoff_max_ms=200)
               for _ in range(2)]
    try:
        before = share(members, log, 4)
        producer = producer_of(own_broker.bootstrap, reconnect_backoff_max_ms=200)
        for partition in range(4):
            send(producer, log, [b"before"], partition=partition)
        wait_until(lambda: sum(len(one.messages) for one in members) == 4, what="the messages before")
        for one in members:
            one.does(lambda consumer: consumer.commit(asynchronous=False))
        ids, told = [one.id for one in members], [len(one.revoked) for one in members]
        own_broker.crash_and_restart()
        for partition in range(4):
            send(producer, log, [b"after"], partition=partition)
        wait_until(lambda: sum(len(one.messages) for one in members) == 8, within=40, what="the messages after")
        for one in members:
            one.does(lambda consumer: consumer.commit(asynchronous=False))
        assert [one.id for one in members] == ids
        assert [len(one.revoked) for one in members] == told and [one.has for one in members] == before
    finally:
        for one in members:
            one.leave()
    consumer = consumer_of(own_broker.bootstrap, "group")
    assert [place.offset for place in consumer.committed([at(log, partition) for partition in range(4)])] == [2] * 4
    consumer.close()
