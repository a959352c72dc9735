"""Refusals around messages: properties, acknowledgements, transactions, consumers, flow."""

import pika
import pytest

from harness.clients import Inbox, get, publish
from harness.raw import RawConnection
from harness.refusal import CHANNEL, CONNECTION, Case, check, table

PRECONDITION, NOT_IMPLEMENTED = 406, 540


def failed(text):
    """The text of a precondition that does not hold."""
    return "PRECONDITION_FAILED - " + text


def publishing(name, text, **properties):
    """A case that publishes one message with a property that cannot be."""
    return Case(name, lambda s: (s.declare(), s.publish(**properties)), CHANNEL, PRECONDITION, failed(text))


PROPERTIES = [
    publishing("expiration that is no number", "invalid expiration 'abc': no_integer", expiration="abc"),
    publishing("negative expiration", "invalid expiration '-1': {{value_negative,-1}}", expiration="-1"),
    publishing("empty expiration", "invalid expiration '': no_integer", expiration=""),
    publishing("expiration with a tail", "invalid expiration '10ms': {{leftover_string,\"ms\"}}", expiration="10ms"),
    publishing("user-id of somebody else", "user_id property set to 'bob' but authenticated user was 'guest'",
               user_id="bob"),
    publishing("CC that is no array", "invalid message: {{unacceptable_type_in_header,\"CC\",longstr}}",
               headers={"CC": "one"}),
    publishing("BCC that is no array", "invalid message: {{unacceptable_type_in_header,\"BCC\",signedint}}",
               headers={"BCC": 5}),
    publishing("reply-to pseudo queue without its consumer", "fast reply consumer does not exist",
               reply_to="amq.rabbitmq.reply-to"),
]


def one_unacked(s):
    """Leaves one delivery, tag 1, unacknowledged."""
    s.declare()
    s.publish()
    assert get(s.channel, s.queue).tag == 1


def ack_twice(s):
    """Acknowledges the same delivery twice."""
    one_unacked(s)
    s.channel.basic_ack(1)
    s.channel.basic_ack(1)


def ack_multiple_settled(s):
    """Acknowledges, with multiple, up to a tag that is settled while a later one is not."""
    s.declare()
    s.publish(), s.publish()
    for _ in range(2):
        get(s.channel, s.queue)
    s.channel.basic_ack(1)
    s.channel.basic_ack(1, multiple=True)


TAGS = [
    Case("ack an unknown tag", lambda s: s.channel.basic_ack(99), CHANNEL, PRECONDITION,
         failed("unknown delivery tag 99")),
    Case("nack an unknown tag", lambda s: s.channel.basic_nack(99), CHANNEL, PRECONDITION,
         failed("unknown delivery tag 99")),
    Case("reject an unknown tag", lambda s: s.channel.basic_reject(99), CHANNEL, PRECONDITION,
         failed("unknown delivery tag 99")),
    Case("ack twice", ack_twice, CHANNEL, PRECONDITION, failed("unknown delivery tag 1")),
    Case("ack multiple of a settled tag", ack_multiple_settled, CHANNEL, PRECONDITION,
         failed("unknown delivery tag 1")),
    Case("ack multiple of a tag never given", lambda s: (one_unacked(s), s.channel.basic_ack(7, multiple=True)),
         CHANNEL, PRECONDITION, failed("unknown delivery tag 7")),
    Case("ack a delivery that needs none",
         lambda s: (s.declare(), s.publish(), get(s.channel, s.queue, auto_ack=True), s.channel.basic_ack(1)),
         CHANNEL, PRECONDITION, failed("unknown delivery tag 1")),
]

MODES = [
    Case("commit without select", lambda s: s.channel.tx_commit(), CHANNEL, PRECONDITION,
         failed("channel is not transactional")),
    Case("rollback without select", lambda s: s.channel.tx_rollback(), CHANNEL, PRECONDITION,
         failed("channel is not transactional")),
    Case("confirm in a transaction", lambda s: (s.channel.tx_select(), s.channel.confirm_delivery()),
         CHANNEL, PRECONDITION, failed("cannot switch from tx to confirm mode")),
    Case("transaction after confirm", lambda s: (s.channel.confirm_delivery(), s.channel.tx_select()),
         CHANNEL, PRECONDITION, failed("cannot switch from confirm to tx mode")),
]


def reply_consume(s, **arguments):
    """Consumes from the reply-to pseudo queue."""
    s.channel.basic_consume("amq.rabbitmq.reply-to", lambda *_: None, **arguments)


CONSUMERS = [
    Case("reply-to consumer that would ack", lambda s: reply_consume(s), CHANNEL, PRECONDITION,
         failed("reply consumer cannot acknowledge")),
    Case("second reply-to consumer",
         lambda s: (reply_consume(s, auto_ack=True), reply_consume(s, auto_ack=True)),
         CHANNEL, PRECONDITION, failed("reply consumer already set")),
    Case("prefetch size", lambda s: s.channel.basic_qos(prefetch_size=10), CONNECTION, NOT_IMPLEMENTED,
         "NOT_IMPLEMENTED - prefetch_size!=0 (10)"),
    Case("recover without requeue", lambda s: s.channel.basic_recover(requeue=False), CONNECTION, NOT_IMPLEMENTED,
         "NOT_IMPLEMENTED - requeue=false"),
    Case("channel flow off", lambda s: s.channel.flow(False), CONNECTION, NOT_IMPLEMENTED,
         "NOT_IMPLEMENTED - active=false"),
]


@table(PROPERTIES + TAGS + MODES + CONSUMERS)
def test_refusal(case, connect, name, kind):
    """Every row closes what it says, with this code and this text."""
    check(case, connect, name, kind)


def test_a_stream_is_refused(connect, name, kind):
    """Queues of type stream are not built yet, and the refusal says so."""
    if kind != "narumq":
        pytest.skip("this broker has streams")
    with pytest.raises(pika.exceptions.ConnectionClosedByBroker) as caught:
        connect().channel().queue_declare(name(), durable=True, arguments={"x-queue-type": "stream"})
    assert caught.value.args == (540, "NOT_IMPLEMENTED - queue type 'stream' is not supported yet")


def test_duplicate_consumer_tag(connect, address, name):
    """A consumer tag in use on the channel closes the connection with 530."""
    queue = name()
    with RawConnection(address) as raw:
        raw.open_channel(1)
        raw.declare_queue(1, queue)
        raw.consume(1, queue, "t")
        raw.consume(1, queue, "t", wait=False)
        closed = raw.expect_connection_close()
        assert (closed.code, closed.text) == (530, "NOT_ALLOWED - attempt to reuse consumer tag 't'")
        assert (closed.class_id, closed.method_id) == (60, 20)


def test_the_same_consumer_tag_on_two_channels(connect, name):
    """A consumer tag belongs to its channel."""
    connection, queue = connect(), name()
    first, second = connection.channel(), connection.channel()
    first.queue_declare(queue)
    Inbox(first, queue, consumer_tag="same")
    Inbox(second, queue, consumer_tag="same")
    first.queue_declare(queue, passive=True)


def test_immediate_is_not_implemented(address, name):
    """A publish with the immediate bit closes the connection with 540."""
    with RawConnection(address) as raw:
        raw.open_channel(1)
        raw.publish(1, "", name(), b"m", immediate=True)
        closed = raw.expect_connection_close()
        assert (closed.code, closed.text) == (540, "NOT_IMPLEMENTED - immediate=true")
        assert (closed.class_id, closed.method_id) == (60, 40)


def test_ack_zero_multiple_with_nothing_unacked(channel):
    """Tag 0 with multiple means all, also when all is nothing."""
    channel.basic_ack(0, multiple=True)
    channel.basic_nack(0, multiple=True)
    channel.basic_qos(prefetch_count=1)
    assert channel.is_open


def test_cancel_of_an_unknown_tag(address):
    """basic.cancel answers cancel-ok for a consumer that never was."""
    with RawConnection(address) as raw:
        raw.open_channel(1)
        raw.cancel(1, "nobody")


def test_commands_behind_a_failed_publish_are_dropped(connect, name):
    """What was pipelined after the failing command on the same channel has no effect."""
    connection, queue = connect(), name()
    channel = connection.channel()
    channel.queue_declare(queue)
    with pytest.raises(pika.exceptions.ChannelClosedByBroker) as caught:
        publish(channel, "k", "lost", exchange=name("x"))
        publish(channel, queue, "dropped")
        channel.basic_qos(prefetch_count=1)
    assert caught.value.reply_code == 404
    assert get(connection.channel(), queue) is None


def test_user_id_of_the_login_passes(channel, name):
    """The login's own name is accepted and delivered."""
    queue = name()
    channel.queue_declare(queue)
    publish(channel, queue, "m", user_id="guest")
    assert get(channel, queue, auto_ack=True).properties.user_id == "guest"
