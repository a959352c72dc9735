"""Message priority, consumer priority, single active consumer, exclusive consumer."""

import pika
import pytest

from harness.clients import Inbox, bodies, drain, get, publish, ready, store, wait_until


@pytest.fixture
def ranked(channel, name):
    """A queue with priorities up to 5."""
    queue = name()
    channel.queue_declare(queue, arguments={"x-max-priority": 5})
    return queue


def test_higher_first_and_in_order_within(channel, ranked):
    """Strictly by priority, first come first served within one."""
    for number, priority in enumerate([0, 5, 1, 5, None, 3]):
        publish(channel, ranked, f"{priority}-{number}", priority=priority)
    assert bodies(drain(channel, ranked)) == ["5-1", "5-3", "3-5", "1-2", "0-0", "None-4"]


def test_above_the_greatest_counts_as_the_greatest(channel, ranked):
    """A priority of 200 stands with 5; the property itself is unchanged."""
    publish(channel, ranked, "five", priority=5)
    publish(channel, ranked, "huge", priority=200)
    publish(channel, ranked, "five again", priority=5)
    taken = drain(channel, ranked)
    assert bodies(taken) == ["five", "huge", "five again"]
    assert [delivery.properties.priority for delivery in taken] == [5, 200, 5]


def test_a_queue_without_priorities_ignores_them(channel, name):
    """The property alone does nothing."""
    queue = name()
    channel.queue_declare(queue)
    publish(channel, queue, "low", priority=0), publish(channel, queue, "high", priority=9)
    assert bodies(drain(channel, queue)) == ["low", "high"]


def test_requeue_keeps_the_rank(channel, ranked):
    """A message handed back stands at the front of its own priority."""
    for number, priority in enumerate([1, 1, 4]):
        publish(channel, ranked, number, priority=priority)
    first, second = get(channel, ranked), get(channel, ranked)
    assert bodies([first, second]) == ["2", "0"]
    channel.basic_nack(second.tag, requeue=True)
    channel.basic_nack(first.tag, requeue=True)
    assert bodies(drain(channel, ranked)) == ["2", "0", "1"]


def test_length_limit_drops_at_the_head(channel, name):
    """With a length limit the message that would be delivered next goes: the highest priority."""
    queue = name()
    channel.queue_declare(queue, arguments={"x-max-priority": 5, "x-max-length": 2})
    for number, priority in enumerate([1, 5, 3]):
        store(channel, queue, number, priority=priority)
    assert ready(channel, queue) == 2
    assert bodies(drain(channel, queue)) == ["2", "0"]


def test_consumer_priority(channel, name):
    """All goes to the consumer of the highest x-priority while it has room."""
    queue = name()
    channel.queue_declare(queue)
    channel.basic_qos(prefetch_count=2)
    low = Inbox(channel, queue)
    high = Inbox(channel, queue, arguments={"x-priority": 10})
    lowest = Inbox(channel, queue, arguments={"x-priority": -5})
    store(channel, queue, *range(5))
    assert bodies(high.settled(2)) == ["0", "1"]
    lowest.settled(1)
    assert bodies(low.waiting) == ["2", "3"]
    assert bodies(lowest.waiting) == ["4"]


@pytest.fixture
def single(channel, name):
    """A queue with a single active consumer."""
    queue = name()
    channel.queue_declare(queue, arguments={"x-single-active-consumer": True})
    return queue


def test_single_active_consumer(channel, single, connect):
    """Only the first consumer gets messages; when it goes, the next one takes over."""
    other = connect().channel()
    first = Inbox(channel, single, auto_ack=True)
    second = Inbox(other, single, auto_ack=True)
    publish(channel, single, *range(4))
    assert bodies(first.take(4)) == ["0", "1", "2", "3"]
    assert second.settled() == []
    channel.basic_cancel(first.tag)
    publish(channel, single, "next")
    assert second.one().body == b"next"


def test_single_active_consumer_keeps_the_order_over_a_crash(single, connect, channel):
    """What the lost consumer held goes to the next one, before the rest and in order."""
    gone, heir = connect(), connect().channel()
    lost = Inbox(gone.channel(), single)
    waiting = Inbox(heir, single)
    publish(channel, single, *range(3))
    lost.take(3)
    gone.close()
    assert [(d.body, d.redelivered) for d in waiting.take(3)] == [(b"0", True), (b"1", True), (b"2", True)]


def test_single_active_consumer_refuses_an_exclusive_one(channel, single):
    """Exclusive and single active exclude each other."""
    with pytest.raises(pika.exceptions.ChannelClosedByBroker) as caught:
        Inbox(channel, single, exclusive=True)
    assert caught.value.reply_code == 403


def test_exclusive_consumer_frees_the_queue(channel, name):
    """After cancel of the exclusive consumer others may consume."""
    queue = name()
    channel.queue_declare(queue)
    first = Inbox(channel, queue, exclusive=True)
    channel.basic_cancel(first.tag)
    publish(channel, queue, "m")
    assert Inbox(channel, queue, auto_ack=True).one().body == b"m"


def test_a_consumer_that_joins_gets_its_share(connect, channel, name):
    """Messages that wait for room of one consumer go to a new one."""
    queue = name()
    channel.queue_declare(queue)
    channel.basic_qos(prefetch_count=1)
    first = Inbox(channel, queue)
    publish(channel, queue, "a", "b")
    first.one()
    other = connect().channel()
    second = Inbox(other, queue)
    assert second.one().body == b"b"
    wait_until(lambda: ready(channel, queue) == 0)
