"""basic.qos: per consumer, per channel, unlimited, and what does not count."""

from harness.clients import Inbox, bodies, get, publish, store, wait_until


def filled(channel, name, count):
    """A queue with messages 0..count-1."""
    queue = name()
    channel.queue_declare(queue)
    store(channel, queue, *range(count))
    return queue


def both(first, second, expected):
    """How many deliveries two consumers of one channel have, once there are as many as expected."""
    wait_until(lambda: len(first.waiting) + len(second.waiting) >= expected, first.channel.connection)
    return len(first.settled()) + len(second.settled())


def test_prefetch_is_per_consumer(channel, name):
    """global=false: each consumer started afterwards has its own limit."""
    queue = filled(channel, name, 10)
    channel.basic_qos(prefetch_count=2)
    first, second = Inbox(channel, queue), Inbox(channel, queue)
    first.take(2), second.take(2)
    assert first.settled() == [] and second.settled() == []


def test_global_prefetch_is_shared_by_the_channel(channel, name):
    """global=true: all consumers of the channel together."""
    queue = filled(channel, name, 10)
    channel.basic_qos(prefetch_count=3, global_qos=True)
    first, second = Inbox(channel, queue), Inbox(channel, queue)
    assert both(first, second, 3) == 3
    channel.basic_ack(0, multiple=True)
    assert both(first, second, 6) == 6


def test_both_limits_hold(channel, name):
    """A consumer is held by its own limit and by the channel's."""
    queue = filled(channel, name, 10)
    channel.basic_qos(prefetch_count=2)
    channel.basic_qos(prefetch_count=3, global_qos=True)
    first = Inbox(channel, queue)
    assert len(first.settled(2)) == 2
    second = Inbox(channel, queue)
    assert both(first, second, 3) == 3


def test_zero_is_unlimited(channel, name):
    """prefetch 0 delivers everything at once."""
    queue = filled(channel, name, 50)
    channel.basic_qos(prefetch_count=0)
    assert bodies(Inbox(channel, queue).settled(50)) == [str(n) for n in range(50)]


def test_a_change_does_not_touch_running_consumers(channel, name):
    """The value at basic.consume stays with the consumer."""
    queue = filled(channel, name, 10)
    channel.basic_qos(prefetch_count=1)
    first = Inbox(channel, queue)
    channel.basic_qos(prefetch_count=5)
    assert len(first.settled(1)) == 1
    second = Inbox(channel, queue)
    assert len(second.settled(5)) == 5
    assert len(first.waiting) == 1


def test_an_ack_gives_room_for_one_more(channel, name):
    """With prefetch 1, messages come one by one and in order."""
    queue = filled(channel, name, 5)
    channel.basic_qos(prefetch_count=1)
    inbox = Inbox(channel, queue)
    for n in range(5):
        delivery = inbox.one()
        assert delivery.body == str(n).encode()
        assert inbox.settled() == []
        channel.basic_ack(delivery.tag)


def test_ack_multiple_gives_room_for_all(channel, name):
    """Acknowledging up to a tag frees as many places."""
    queue = filled(channel, name, 9)
    channel.basic_qos(prefetch_count=3)
    inbox = Inbox(channel, queue)
    channel.basic_ack(inbox.take(3)[-1].tag, multiple=True)
    assert bodies(inbox.take(3)) == ["3", "4", "5"]
    assert inbox.settled() == []


def test_consumers_without_acks_ignore_it(channel, name):
    """no_ack deliveries never wait for room."""
    queue = filled(channel, name, 20)
    channel.basic_qos(prefetch_count=1)
    assert len(Inbox(channel, queue, auto_ack=True).settled(20)) == 20


def test_get_is_not_counted(channel, name):
    """Messages taken by basic.get use no place of a consumer."""
    queue = filled(channel, name, 5)
    channel.basic_qos(prefetch_count=2, global_qos=True)
    for _ in range(3):
        assert get(channel, queue) is not None
    assert bodies(Inbox(channel, queue).settled(2)) == ["3", "4"]


def test_nack_frees_the_place(channel, name):
    """A message handed back frees its place; here the same message comes again."""
    queue = filled(channel, name, 2)
    channel.basic_qos(prefetch_count=1)
    inbox = Inbox(channel, queue)
    channel.basic_nack(inbox.one().tag, requeue=True)
    again = inbox.one()
    assert (again.body, again.redelivered) == (b"0", True)


def test_fair_dispatch_between_connections(connect, name):
    """A busy worker gets nothing more; a free one gets the next task."""
    busy, free = connect().channel(), connect().channel()
    queue = name()
    busy.queue_declare(queue)
    busy.basic_qos(prefetch_count=1), free.basic_qos(prefetch_count=1)
    slow, quick = Inbox(busy, queue), Inbox(free, queue)
    publish(busy, queue, *range(6))
    slow.one()
    for _ in range(5):
        free.basic_ack(quick.one().tag)
    assert slow.settled() == []


def test_round_robin_without_limits(connect, name):
    """Two equal consumers get the messages in turn."""
    channel = connect().channel()
    queue = name()
    channel.queue_declare(queue)
    first, second = Inbox(channel, queue, auto_ack=True), Inbox(channel, queue, auto_ack=True)
    for n in range(10):
        store(channel, queue, n)
        both(first, second, n + 1)
    assert len(first.waiting) == len(second.waiting) == 5
