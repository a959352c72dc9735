"""Queues with a greatest length: which message goes, and who is told."""

import pika
import pytest

from harness.clients import bodies, drain, get, publish, ready, store, wait_ready


def declared(channel, name, **arguments):
    """A queue with these x- arguments."""
    queue = name()
    channel.queue_declare(queue, arguments={key.replace("_", "-"): value for key, value in arguments.items()})
    return queue


def test_drop_head_is_the_default(channel, name):
    """The oldest messages make room."""
    queue = declared(channel, name, x_max_length=3)
    publish(channel, queue, *range(10))
    assert bodies(drain(channel, queue)) == ["7", "8", "9"]


def test_length_in_bytes(channel, name):
    """Only payload bytes count."""
    queue = declared(channel, name, x_max_length_bytes=10)
    store(channel, queue, "aaaa", "bbbb", "cc", headers={"big": "x" * 100})
    assert ready(channel, queue) == 3
    publish(channel, queue, "d")
    assert bodies(drain(channel, queue)) == ["bbbb", "cc", "d"]


def test_message_larger_than_the_limit(channel, name):
    """A message that can never fit pushes everything out, itself too."""
    queue = declared(channel, name, x_max_length_bytes=10)
    publish(channel, queue, "fits", "far too long for this")
    assert drain(channel, queue) == []


def test_length_zero(channel, name):
    """A limit of 0 keeps nothing."""
    queue = declared(channel, name, x_max_length=0)
    store(channel, queue, "m")
    assert ready(channel, queue) == 0


def test_only_ready_messages_count(channel, name):
    """What is delivered and not yet acknowledged does not count."""
    queue = declared(channel, name, x_max_length=2)
    publish(channel, queue, 0, 1)
    get(channel, queue), get(channel, queue)
    store(channel, queue, 2, 3)
    assert ready(channel, queue) == 2


def test_requeue_over_the_limit_drops_the_head(channel, name):
    """Messages handed back count again, and the oldest goes."""
    queue = declared(channel, name, x_max_length=2)
    publish(channel, queue, 0, 1)
    held = [get(channel, queue) for _ in range(2)]
    publish(channel, queue, 2)
    channel.basic_nack(held[-1].tag, multiple=True, requeue=True)
    assert bodies(drain(channel, queue)) == ["1", "2"]


def test_reject_publish(channel, name):
    """reject-publish keeps what is there and drops the new message."""
    queue = declared(channel, name, x_max_length=2, x_overflow="reject-publish")
    publish(channel, queue, *range(4))
    assert bodies(drain(channel, queue)) == ["0", "1"]


def test_reject_publish_in_bytes(channel, name):
    """By bytes, a message is refused once the limit is reached."""
    queue = declared(channel, name, x_max_length_bytes=4, x_overflow="reject-publish")
    channel.confirm_delivery()
    publish(channel, queue, "aaaa")
    with pytest.raises(pika.exceptions.NackError):
        publish(channel, queue, "b")
    assert bodies(drain(channel, queue)) == ["aaaa"]


def test_reject_publish_does_not_dead_letter(channel, name):
    """Only reject-publish-dlx sends the refused message to the dead letter exchange."""
    grave = declared(channel, name)
    queue = declared(channel, name, x_max_length=1, x_overflow="reject-publish", x_dead_letter_exchange="",
                     x_dead_letter_routing_key=grave)
    store(channel, queue, "fits")
    with pytest.raises(pika.exceptions.NackError):
        store(channel, queue, "does not")
    assert (ready(channel, queue), ready(channel, grave)) == (1, 0)


def test_reject_publish_dlx(channel, name):
    """The refused message is dead-lettered for maxlen, and its publisher told nack."""
    grave = declared(channel, name)
    queue = declared(channel, name, x_max_length=1, x_overflow="reject-publish-dlx", x_dead_letter_exchange="",
                     x_dead_letter_routing_key=grave)
    channel.confirm_delivery()
    publish(channel, queue, "fits")
    with pytest.raises(pika.exceptions.NackError):
        publish(channel, queue, "does not")
    wait_ready(channel, grave, 1)
    delivery = get(channel, grave, auto_ack=True)
    assert (delivery.body, delivery.headers["x-death"][0]["reason"]) == (b"does not", "maxlen")
    assert bodies(drain(channel, queue)) == ["fits"]


def test_room_after_an_ack(channel, name):
    """reject-publish takes messages again when there is room."""
    queue = declared(channel, name, x_max_length=1, x_overflow="reject-publish")
    channel.confirm_delivery()
    publish(channel, queue, "a")
    get(channel, queue, auto_ack=True)
    publish(channel, queue, "b")
    assert bodies(drain(channel, queue)) == ["b"]
