"""When queues and exchanges go by themselves, and names the broker gives."""

import re

import pika
import pytest

from harness.clients import Inbox, exists, get, publish, store, vanish, wait_until


def test_auto_delete_queue_goes_with_its_last_consumer(connect, channel, name):
    """It stays while a consumer is left and goes with the last one."""
    queue = name()
    channel.queue_declare(queue, auto_delete=True)
    first, second = Inbox(channel, queue), Inbox(channel, queue)
    channel.basic_cancel(first.tag)
    assert exists(connect, queue)
    channel.basic_cancel(second.tag)
    wait_until(lambda: not exists(connect, queue), what="the end of the queue")


def test_auto_delete_queue_without_consumers_stays(connect, channel, name):
    """A queue that never had a consumer is not deleted, also when its connection goes."""
    queue = name()
    channel.queue_declare(queue, auto_delete=True)
    get(channel, queue)
    channel.connection.close()
    assert exists(connect, queue)


def test_auto_delete_queue_goes_with_the_consumers_connection(connect, channel, name):
    """A lost connection takes its consumers, and so the queue, with it."""
    queue = name()
    channel.queue_declare(queue, auto_delete=True)
    other = connect()
    Inbox(other.channel(), queue)
    vanish(other)
    wait_until(lambda: not exists(connect, queue), what="the end of the queue")


@pytest.mark.parametrize("durable", [False, True], ids=["transient", "durable"])
def test_exclusive_queue_goes_with_its_connection(connect, name, durable):
    """It outlives its channel, not its connection."""
    owner, queue = connect(), name()
    channel = owner.channel()
    channel.queue_declare(queue, exclusive=True, durable=durable)
    channel.close()
    owner.channel().queue_declare(queue, passive=True)
    owner.close()
    wait_until(lambda: not exists(connect, queue), what="the end of the queue")


def test_closing_the_owner_lets_the_name_be_used_at_once(connect, name):
    """When close-ok is there, another connection may declare the same exclusive name."""
    queue = name()
    for _ in range(5):
        owner = connect()
        owner.channel().queue_declare(queue, exclusive=True)
        owner.close()


def test_auto_delete_exchange_goes_with_its_last_binding(channel, connect, name):
    """It goes when the last binding from it is removed, not before it had one."""
    exchange, queue = name("x"), name()
    channel.exchange_declare(exchange, auto_delete=True)
    channel.exchange_declare(exchange, passive=True)
    channel.queue_declare(queue)
    channel.queue_bind(queue, exchange, "a")
    channel.queue_bind(queue, exchange, "b")
    channel.queue_unbind(queue, exchange, "a")
    channel.exchange_declare(exchange, passive=True)
    channel.queue_unbind(queue, exchange, "b")
    with pytest.raises(pika.exceptions.ChannelClosedByBroker) as caught:
        channel.exchange_declare(exchange, passive=True)
    assert caught.value.reply_code == 404


def test_auto_delete_exchange_goes_with_the_bound_queue(channel, name):
    """Deleting the queue removes the binding, and so the exchange."""
    exchange, queue = name("x"), name()
    channel.exchange_declare(exchange, auto_delete=True)
    channel.queue_declare(queue)
    channel.queue_bind(queue, exchange, "k")
    channel.queue_delete(queue)
    with pytest.raises(pika.exceptions.ChannelClosedByBroker) as caught:
        channel.exchange_declare(exchange, passive=True)
    assert caught.value.reply_code == 404


def test_auto_delete_cascades_over_exchange_bindings(channel, name):
    """a → b → queue: when the queue goes, b goes, and then a."""
    a, b, queue = name("a"), name("b"), name()
    for exchange in (a, b):
        channel.exchange_declare(exchange, exchange_type="fanout", auto_delete=True)
    channel.exchange_bind(b, a)
    channel.queue_declare(queue)
    channel.queue_bind(queue, b)
    channel.queue_delete(queue)
    for exchange in (a, b):
        other = channel.connection.channel()
        with pytest.raises(pika.exceptions.ChannelClosedByBroker) as caught:
            other.exchange_declare(exchange, passive=True)
        assert caught.value.reply_code == 404


def test_unused_queue_expires(connect, channel, name):
    """x-expires deletes a queue nobody uses."""
    queue = name()
    channel.queue_declare(queue, arguments={"x-expires": 300})
    # Looking with a passive declare may count as use, so the binding table is asked:
    # a mandatory publish is returned once the queue is gone.
    channel.confirm_delivery()

    def gone():
        try:
            publish(channel, queue, "m", mandatory=True)
            return False
        except pika.exceptions.UnroutableError:
            return True

    wait_until(gone, what="the end of the queue")


def test_a_consumer_keeps_an_expiring_queue(channel, name, connect):
    """With a consumer it does not expire; after the last one it does."""
    queue, clock = name(), name("clock")
    channel.queue_declare(queue, arguments={"x-expires": 200})
    inbox = Inbox(channel, queue, auto_ack=True)
    # Another expiring queue, declared later with a longer time, is the clock.
    channel.queue_declare(clock, arguments={"x-expires": 500})
    wait_until(lambda: not reachable(connect, clock), what="the end of the clock queue")
    publish(channel, queue, "still here")
    assert inbox.one().body == b"still here"
    channel.basic_cancel(inbox.tag)
    wait_until(lambda: not reachable(connect, queue), what="the end of the queue")


def reachable(connect, queue) -> bool:
    """Whether a message would be routed to the queue; does not count as use of it."""
    channel = connect().channel()
    channel.confirm_delivery()
    try:
        publish(channel, queue, "probe", mandatory=True)
        return True
    except pika.exceptions.UnroutableError:
        return False
    finally:
        channel.connection.close()


def test_names_the_broker_gives(channel):
    """An empty name is answered by amq.gen- and 22 characters of base64url, new each time."""
    given = [channel.queue_declare("", exclusive=True).method.queue for _ in range(3)]
    assert all(re.fullmatch(r"amq\.gen-[A-Za-z0-9_-]{22}", queue) for queue in given), given
    assert len(set(given)) == 3


def test_empty_name_means_the_last_declared(channel, name):
    """Get, bind, consume and purge with an empty name use the channel's last declared queue."""
    queue = name()
    channel.queue_declare(queue)
    store(channel, queue, "a", "b")
    assert get(channel, "").body == b"a"
    assert channel.queue_purge("").method.message_count == 1
    channel.queue_bind("", "amq.direct", "")
    publish(channel, queue, "c", exchange="amq.direct")
    assert get(channel, "").body == b"c"
    assert channel.queue_delete("").method.message_count == 0


def test_consumer_tags_the_broker_gives(address, name):
    """An empty consumer tag is answered by amq.ctag-…, new each time."""
    from harness.raw import RawConnection, Table, short_string
    queue = name()
    with RawConnection(address) as raw:
        raw.open_channel(1)
        raw.declare_queue(1, queue)
        tags = set()
        for _ in range(3):
            raw.send_method(1, 60, 20, b"\0\0" + short_string(queue) + b"\0\0" + Table().encode())
            told = raw.expect(60, 21).arguments
            tags.add(told[1:].decode())
        assert all(re.fullmatch(r"amq\.ctag-[A-Za-z0-9_-]{22}", tag) for tag in tags), tags
        assert len(tags) == 3


def test_transient_queue_that_is_not_exclusive_is_allowed(channel, name, connect):
    """The plain queue_declare(queue='hello') of every beginner works."""
    queue = name()
    channel.queue_declare(queue)
    channel.connection.close()
    assert exists(connect, queue)
