"""Time to live of messages: per queue, per message, only at the head."""

import pytest

from harness.clients import Inbox, bodies, drain, get, publish, ready, store, wait_ready
from support.broker import NARUMQ


def declared(channel, name, **arguments):
    """A queue with these x- arguments."""
    queue = name()
    channel.queue_declare(queue, arguments={key.replace("_", "-"): value for key, value in arguments.items()})
    return queue


def test_queue_ttl(channel, name):
    """x-message-ttl removes messages after their time."""
    queue = declared(channel, name, x_message_ttl=100)
    store(channel, queue, "a", "b")
    wait_ready(channel, queue, 0)
    assert get(channel, queue) is None


def test_message_ttl(channel, name):
    """The expiration property removes one message after its time."""
    queue = declared(channel, name)
    store(channel, queue, "short", expiration="100")
    store(channel, queue, "long", expiration="60000")
    wait_ready(channel, queue, 1)
    delivery = get(channel, queue)
    assert (delivery.body, delivery.properties.expiration) == (b"long", "60000")


@pytest.mark.parametrize("queue_ttl, expiration", [(100, "60000"), (60000, "100")], ids=["queue", "message"])
def test_the_shorter_time_counts(channel, name, queue_ttl, expiration):
    """With both, the smaller one holds."""
    queue = declared(channel, name, x_message_ttl=queue_ttl)
    store(channel, queue, "m", expiration=expiration)
    wait_ready(channel, queue, 0)


def test_messages_expire_only_at_the_head(channel, name, kind):
    """A short-lived message behind a long-lived one waits; it is not delivered once its time is over."""
    queue, clock = declared(channel, name), declared(channel, name)
    store(channel, queue, "long", expiration="60000")
    store(channel, queue, "short", expiration="50")
    store(channel, clock, "tick", expiration="200")
    wait_ready(channel, clock, 0)
    assert ready(channel, queue) == 2
    # 3.10 looks only when a timer fires, so a get that is quick enough still takes it.
    assert bodies(drain(channel, queue)) in ([["long"]] if kind == NARUMQ else [["long"], ["long", "short"]])


def test_ttl_zero_expires_without_a_consumer(channel, name):
    """With nobody waiting a message of ttl 0 is gone at once."""
    queue = declared(channel, name, x_message_ttl=0)
    store(channel, queue, "m")
    assert ready(channel, queue) == 0


def test_ttl_zero_reaches_a_waiting_consumer(channel, name):
    """With a consumer waiting a message of ttl 0 is delivered."""
    queue = declared(channel, name, x_message_ttl=0)
    inbox = Inbox(channel, queue, auto_ack=True)
    publish(channel, queue, "m")
    assert inbox.one().body == b"m"


def test_what_is_delivered_does_not_expire(channel, name):
    """An unacknowledged message outlives its time; handed back, it expires."""
    queue, clock = declared(channel, name, x_message_ttl=100), declared(channel, name)
    store(channel, queue, "m")
    delivery = get(channel, queue)
    store(channel, clock, "tick", expiration="200")
    wait_ready(channel, clock, 0)
    channel.basic_nack(delivery.tag, requeue=True)
    wait_ready(channel, queue, 0)


def test_get_skips_what_is_expired(channel, name):
    """An expired message is not handed out, however quick the get."""
    queue = declared(channel, name)
    store(channel, queue, "dead", expiration="0")
    store(channel, queue, "alive")
    assert get(channel, queue).body == b"alive"
