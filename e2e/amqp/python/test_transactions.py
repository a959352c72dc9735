"""tx: what is invisible until commit, and what a rollback leaves as it was."""

import pika
import pytest

from harness.clients import bodies, drain, get, publish, ready, store, wait_ready


@pytest.fixture
def queue(channel, name):
    """An empty queue."""
    queue = name()
    channel.queue_declare(queue)
    return queue


@pytest.fixture
def tx(connect, queue):
    """A transactional channel on another connection."""
    channel = connect().channel()
    channel.tx_select()
    return channel


def test_publishes_wait_for_the_commit(tx, channel, queue):
    """Nothing is in the queue before commit; all of it, in order, after."""
    publish(tx, queue, *range(5))
    tx.basic_qos(prefetch_count=0)
    assert ready(channel, queue) == 0
    tx.tx_commit()
    assert bodies(drain(channel, queue)) == ["0", "1", "2", "3", "4"]


def test_rollback_forgets_the_publishes(tx, channel, queue):
    """A rolled back publish never arrives; the channel goes on with a new transaction."""
    publish(tx, queue, "gone")
    tx.tx_rollback()
    publish(tx, queue, "kept")
    tx.tx_commit()
    assert bodies(drain(channel, queue)) == ["kept"]


def test_acks_wait_for_the_commit(tx, channel, queue):
    """An uncommitted ack leaves the message unacknowledged: it comes back when the channel goes."""
    store(channel, queue, "m")
    tx.basic_ack(get(tx, queue).tag)
    tx.close()
    again = get(channel, queue)
    assert (again.body, again.redelivered) == (b"m", True)


def test_commit_settles_the_acks(tx, channel, queue):
    """A committed ack is final."""
    store(channel, queue, "m")
    tx.basic_ack(get(tx, queue).tag)
    tx.tx_commit()
    tx.close()
    assert get(channel, queue) is None


def test_rollback_keeps_deliveries_unacknowledged(tx, channel, queue):
    """After rollback the message is neither acknowledged nor handed back; it can be acknowledged again."""
    store(channel, queue, "m")
    delivery = get(tx, queue)
    tx.basic_ack(delivery.tag)
    tx.tx_rollback()
    assert ready(channel, queue) == 0
    tx.basic_ack(delivery.tag)
    tx.tx_commit()
    tx.close()
    assert get(channel, queue) is None


def test_nack_in_a_transaction(tx, channel, queue):
    """A nack is applied at commit as well."""
    store(channel, queue, "m")
    tx.basic_nack(get(tx, queue).tag, requeue=True)
    assert ready(channel, queue) == 0
    tx.tx_commit()
    wait_ready(channel, queue, 1)


def test_closing_the_channel_is_a_rollback(tx, channel, queue):
    """Uncommitted publishes vanish with their channel."""
    publish(tx, queue, "gone")
    tx.close()
    assert get(channel, queue) is None


def test_unroutable_mandatory_is_returned_at_commit(tx, queue):
    """A mandatory publish that finds no queue is returned."""
    returned = []
    tx.add_on_return_callback(lambda _c, method, _p, body: returned.append((method.reply_code, body)))
    publish(tx, "t-nowhere", "m", mandatory=True)
    tx.tx_commit()
    tx.connection.process_data_events(time_limit=0)
    assert returned == [(312, b"m")]


def test_select_twice(tx, channel, queue):
    """A second tx.select is answered and changes nothing."""
    publish(tx, queue, "m")
    tx.tx_select()
    tx.tx_commit()
    wait_ready(channel, queue, 1)


def test_commit_with_a_refused_publish(connect, name):
    """A publish that a full queue refuses makes the commit fail; what fitted stays."""
    connection, queue = connect(), name()
    channel = connection.channel()
    channel.queue_declare(queue, arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
    channel.tx_select()
    publish(channel, queue, "fits", "does not")
    with pytest.raises(pika.exceptions.ChannelClosedByBroker) as caught:
        channel.tx_commit()
    assert (caught.value.reply_code, caught.value.reply_text) == (406, "PRECONDITION_FAILED - partial tx completion")
    assert bodies(drain(connection.channel(), queue)) == ["fits"]
