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
