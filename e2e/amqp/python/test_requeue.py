"""Where messages go when they come back: order, redelivered, cancel, channel and connection loss."""

import pytest

from harness.clients import Inbox, bodies, drain, get, ready, store, vanish, wait_ready, wait_until


@pytest.fixture
def queue(channel, name):
    """A queue with the messages 0 to 5."""
    queue = name()
    channel.queue_declare(queue)
    store(channel, queue, *range(6))
    return queue


def test_requeue_goes_back_to_its_place(channel, queue):
    """Messages 3 and 1 come back before what stood behind them, marked redelivered."""
    taken = [get(channel, queue) for _ in range(4)]
    channel.basic_nack(taken[3].tag, requeue=True)
    channel.basic_nack(taken[1].tag, requeue=True)
    assert [(d.body, d.redelivered) for d in drain(channel, queue)] == [
        (b"1", True), (b"3", True), (b"4", False), (b"5", False)]


def test_requeue_many_at_once(channel, queue):
    """nack multiple hands all of them back, in their order."""
    for _ in range(4):
        get(channel, queue)
    channel.basic_nack(3, multiple=True, requeue=True)
    assert bodies(drain(channel, queue)) == ["0", "1", "2", "4", "5"]


def test_channel_close_hands_everything_back(connect, channel, queue):
    """What was unacknowledged is there again, in order, marked redelivered."""
    other = connect().channel()
    for _ in range(3):
        get(other, queue)
    other.close()
    wait_ready(channel, queue, 6)
    assert [(d.body, d.redelivered) for d in drain(channel, queue)] == [
        (b"0", True), (b"1", True), (b"2", True), (b"3", False), (b"4", False), (b"5", False)]


def test_lost_connection_hands_everything_back(connect, channel, queue):
    """A client that vanishes returns what it held."""
    other = connect()
    inbox = Inbox(other.channel(), queue)
    inbox.take(6)
    assert ready(channel, queue) == 0
    vanish(other)
    wait_ready(channel, queue, 6)
    assert [(d.body, d.redelivered) for d in drain(channel, queue)] == [(str(n).encode(), True) for n in range(6)]


def test_cancel_keeps_what_is_unacknowledged(channel, queue):
    """After basic.cancel the deliveries can still be acknowledged, and nothing is handed back."""
    channel.basic_qos(prefetch_count=3)
    inbox = Inbox(channel, queue)
    taken = inbox.take(3)
    channel.basic_cancel(inbox.tag)
    assert ready(channel, queue) == 3
    for delivery in taken:
        channel.basic_ack(delivery.tag)
    assert bodies(drain(channel, queue)) == ["3", "4", "5"]


def test_nothing_is_delivered_after_cancel_ok(channel, name):
    """cancel-ok is the last word of a consumer."""
    queue = name()
    channel.queue_declare(queue)
    inbox = Inbox(channel, queue)
    channel.basic_cancel(inbox.tag)
    store(channel, queue, "late")
    assert inbox.settled() == []
    assert ready(channel, queue) == 1


def test_recover_delivers_again(channel, queue):
    """basic.recover with requeue hands all unacknowledged messages back."""
    inbox = Inbox(channel, queue)
    inbox.take(6)
    channel.basic_recover(requeue=True)
    assert [(d.body, d.redelivered) for d in inbox.take(6)] == [(str(n).encode(), True) for n in range(6)]


def test_reject_without_requeue_drops(channel, queue):
    """Without a dead letter exchange a rejected message is gone."""
    channel.basic_reject(get(channel, queue).tag, requeue=False)
    assert bodies(drain(channel, queue)) == ["1", "2", "3", "4", "5"]


def test_redelivered_only_after_a_delivery(channel, queue):
    """The first delivery is not redelivered; the second is, for get as well."""
    first = get(channel, queue)
    assert first.redelivered is False
    channel.basic_nack(first.tag, requeue=True)
    assert get(channel, queue).redelivered is True


def test_delivery_tags_are_shared_by_get_and_deliver(channel, queue):
    """One sequence per channel, from 1."""
    assert get(channel, queue).tag == 1
    channel.basic_qos(prefetch_count=2)
    inbox = Inbox(channel, queue)
    assert [d.tag for d in inbox.take(2)] == [2, 3]
    assert get(channel, queue).tag == 4


def test_counts_of_get_and_declare(channel, queue):
    """get-ok tells what remains ready; declare-ok counts only what is ready, and the consumers."""
    method, _, _ = channel.basic_get(queue)
    assert method.message_count == 5
    told = channel.queue_declare(queue, passive=True).method
    assert (told.message_count, told.consumer_count) == (5, 0)
    Inbox(channel, queue)
    told = channel.queue_declare(queue, passive=True).method
    assert (told.message_count, told.consumer_count) == (0, 1)


def test_purge_counts_only_what_is_ready(channel, queue):
    """Purge leaves unacknowledged messages and says how many it removed."""
    held = get(channel, queue)
    assert channel.queue_purge(queue).method.message_count == 5
    channel.basic_nack(held.tag, requeue=True)
    assert bodies(drain(channel, queue)) == ["0"]


def test_delete_counts_what_was_ready(channel, queue):
    """delete-ok says how many messages went with the queue."""
    get(channel, queue)
    assert channel.queue_delete(queue).method.message_count == 5


def test_deleting_a_queue_cancels_its_consumers(connect, channel, queue):
    """The broker sends basic.cancel to a consumer whose queue is gone; later acks are no error."""
    other = connect().channel()
    inbox = Inbox(other, queue)
    held = inbox.take(6)
    channel.queue_delete(queue)
    wait_until(lambda: inbox.cancelled_by_broker, other.connection)
    other.basic_ack(held[0].tag)
    other.basic_qos(prefetch_count=1)
    assert other.is_open


def test_get_from_an_empty_queue(channel, name):
    """An empty queue answers get-empty."""
    queue = name()
    channel.queue_declare(queue)
    assert get(channel, queue) is None
