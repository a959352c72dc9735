"""Queues of type quorum as a client sees them: counted deliveries, their limit, where returns go."""

import pika
import pytest

from harness.clients import bodies, drain, get, store, wait_ready, wait_until


@pytest.fixture
def quorum(channel, name):
    """Declares quorum queues."""
    def declare(**arguments):
        queue = name("quorum")
        named = {key.replace("_", "-"): value for key, value in arguments.items()}
        channel.queue_declare(queue, durable=True, arguments={"x-queue-type": "quorum"} | named)
        return queue
    return declare


def test_publish_and_get(channel, quorum):
    """It stores and hands out like any queue."""
    queue = quorum()
    store(channel, queue, *range(10), delivery_mode=2)
    assert bodies(drain(channel, queue)) == [str(n) for n in range(10)]


def test_rejects_are_counted(channel, quorum):
    """x-delivery-count tells how many deliveries came to nothing before."""
    queue = quorum()
    store(channel, queue, "m", delivery_mode=2)
    for count in range(3):
        delivery = wait_until(lambda: get(channel, queue), channel.connection)
        assert (delivery.headers.get("x-delivery-count", 0), delivery.redelivered) == (count, count > 0)
        channel.basic_reject(delivery.tag, requeue=True)


def test_delivery_limit(channel, quorum, name):
    """A message rejected once more than the limit is dead-lettered for delivery_limit."""
    grave = name("grave")
    channel.queue_declare(grave)
    queue = quorum(x_delivery_limit=2, x_dead_letter_exchange="", x_dead_letter_routing_key=grave)
    store(channel, queue, "m", delivery_mode=2)
    for _ in range(3):
        channel.basic_reject(wait_until(lambda: get(channel, queue), channel.connection).tag, requeue=True)
    wait_ready(channel, grave, 1)
    death = get(channel, grave, auto_ack=True).headers["x-death"][0]
    assert (death["reason"], death["queue"], death["count"]) == ("delivery_limit", queue, 1)
    assert get(channel, queue) is None


def test_the_type_counts_when_declared_again(channel, quorum):
    """The same declare fits; as a classic queue it does not."""
    queue = quorum()
    channel.queue_declare(queue, durable=True, arguments={"x-queue-type": "quorum"})
    with pytest.raises(pika.exceptions.ChannelClosedByBroker) as caught:
        channel.queue_declare(queue, durable=True, arguments={"x-queue-type": "classic"})
    assert (caught.value.reply_code, caught.value.reply_text) == (
        406, f"PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue '{queue}' in vhost '/':"
             " received 'classic' but current is 'quorum'")
