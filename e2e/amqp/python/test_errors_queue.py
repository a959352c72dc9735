"""Refusals around queues: missing, locked, reserved, not equivalent, in use, bad arguments."""

from harness.raw import RawConnection, Table
from harness.refusal import CHANNEL, NARUMQ, Case, check, table

PRECONDITION, NOT_FOUND, REFUSED, LOCKED = 406, 404, 403, 405

NO_QUEUE = "NOT_FOUND - no queue '{queue}' in vhost '/'"
LOCKED_TEXT = (
    "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '{queue}' in vhost '/'."
    " It could be originally declared on another connection or the exclusive property value"
    " does not match that of the original declaration."
)
DEFAULT_EXCHANGE = "ACCESS_REFUSED - operation not permitted on the default exchange"


def missing(name, act):
    """A case whose queue does not exist."""
    return Case(name, act, CHANNEL, NOT_FOUND, NO_QUEUE)


MISSING = [
    missing("passive declare", lambda s: s.channel.queue_declare(s.queue, passive=True)),
    missing("consume", lambda s: s.consume()),
    missing("get", lambda s: s.channel.basic_get(s.queue)),
    missing("purge", lambda s: s.channel.queue_purge(s.queue)),
    missing("bind", lambda s: s.channel.queue_bind(s.queue, "amq.direct", "k")),
    Case("bind with no queue declared on the channel", lambda s: s.channel.queue_bind("", "amq.direct", "k"),
         CHANNEL, NOT_FOUND, "NOT_FOUND - no previously declared queue"),
    Case("get with no queue declared on the channel", lambda s: s.channel.basic_get(""),
         CHANNEL, NOT_FOUND, "NOT_FOUND - no previously declared queue"),
]


def redeclared(name, first, second, detail):
    """A case that declares a queue twice with properties that differ."""
    def act(s):
        s.declare(**first)
        s.declare(**second)
    return Case(f"redeclare {name}", act, CHANNEL, PRECONDITION,
                "PRECONDITION_FAILED - inequivalent arg " + detail)


FOR = "for queue '{queue}' in vhost '/': received"
INEQUIVALENT = [
    redeclared("durable as transient", {"durable": True}, {}, f"'durable' {FOR} 'false' but current is 'true'"),
    redeclared("transient as durable", {}, {"durable": True}, f"'durable' {FOR} 'true' but current is 'false'"),
    redeclared("as auto-delete", {}, {"auto_delete": True}, f"'auto_delete' {FOR} 'true' but current is 'false'"),
    redeclared("with a ttl", {}, {"arguments": {"x-message-ttl": 1000}},
               f"'x-message-ttl' {FOR} the value '1000' of type 'signedint' but current is none"),
    redeclared("with another ttl", {"arguments": {"x-message-ttl": 1000}}, {"arguments": {"x-message-ttl": 2000}},
               f"'x-message-ttl' {FOR} '2000' but current is '1000'"),
    redeclared("without its ttl", {"arguments": {"x-message-ttl": 1000}}, {},
               f"'x-message-ttl' {FOR} none but current is the value '1000' of type 'signedint'"),
    redeclared("with a dead letter exchange", {}, {"arguments": {"x-dead-letter-exchange": "amq.fanout"}},
               f"'x-dead-letter-exchange' {FOR} the value 'amq.fanout' of type 'longstr' but current is none"),
    redeclared("with another priority", {"arguments": {"x-max-priority": 3}}, {"arguments": {"x-max-priority": 5}},
               f"'x-max-priority' {FOR} '5' but current is '3'"),
    redeclared("with single active consumer", {}, {"arguments": {"x-single-active-consumer": True}},
               f"'x-single-active-consumer' {FOR} the value 'true' of type 'bool' but current is none"),
    redeclared("with an expiry", {}, {"arguments": {"x-expires": 60000}},
               f"'x-expires' {FOR} the value '60000' of type 'signedint' but current is none"),
    redeclared("with a long length limit", {}, {"arguments": {"x-max-length": 2**40}},
               f"'x-max-length' {FOR} the value '1099511627776' of type 'long' but current is none"),
    redeclared("with another overflow", {"arguments": {"x-overflow": "drop-head"}},
               {"arguments": {"x-overflow": "reject-publish"}},
               f"'x-overflow' {FOR} 'reject-publish' but current is 'drop-head'"),
]


def locked(name, act):
    """A case that touches an exclusive queue of another connection."""
    def whole(s):
        s.elsewhere().queue_declare(s.queue, exclusive=True)
        act(s)
    return Case(f"exclusive of another connection: {name}", whole, CHANNEL, LOCKED, LOCKED_TEXT)


EXCLUSIVE = [
    locked("declare", lambda s: s.declare(exclusive=True)),
    locked("passive declare", lambda s: s.channel.queue_declare(s.queue, passive=True)),
    locked("consume", lambda s: s.consume()),
    locked("get", lambda s: s.channel.basic_get(s.queue)),
    locked("purge", lambda s: s.channel.queue_purge(s.queue)),
    locked("delete", lambda s: s.channel.queue_delete(s.queue)),
    locked("bind", lambda s: s.channel.queue_bind(s.queue, "amq.direct", "k")),
    Case("own exclusive queue declared as shared", lambda s: (s.declare(exclusive=True), s.declare()),
         CHANNEL, LOCKED, LOCKED_TEXT),
    Case("own shared queue declared as exclusive", lambda s: (s.declare(), s.declare(exclusive=True)),
         CHANNEL, LOCKED, LOCKED_TEXT),
]


def consumed(s, **arguments):
    """Declares the queue and starts a consumer on another connection."""
    s.declare()
    s.consume(s.elsewhere(), **arguments)


def filled(s):
    """Declares the queue and puts a message in it."""
    s.declare()
    s.publish()


USE = [
    Case("delete if-unused with a consumer", lambda s: (consumed(s), s.channel.queue_delete(s.queue, if_unused=True)),
         CHANNEL, PRECONDITION, "PRECONDITION_FAILED - queue '{queue}' in vhost '/' in use"),
    Case("delete if-empty with a message", lambda s: (filled(s), s.channel.queue_delete(s.queue, if_empty=True)),
         CHANNEL, PRECONDITION, "PRECONDITION_FAILED - queue '{queue}' in vhost '/' not empty"),
    Case("consume beside an exclusive consumer", lambda s: (consumed(s, exclusive=True), s.consume()),
         CHANNEL, REFUSED, "ACCESS_REFUSED - queue '{queue}' in vhost '/' in exclusive use"),
    Case("exclusive consume beside a consumer", lambda s: (consumed(s), s.consume(exclusive=True)),
         CHANNEL, REFUSED, "ACCESS_REFUSED - queue '{queue}' in vhost '/' in exclusive use"),
]

NAMES = [
    Case("reserved name", lambda s: s.channel.queue_declare("amq.foo"),
         CHANNEL, REFUSED, "ACCESS_REFUSED - queue name 'amq.foo' contains reserved prefix 'amq.*'"),
    Case("bind to the default exchange", lambda s: (s.declare(), s.channel.queue_bind(s.queue, "", "k")),
         CHANNEL, REFUSED, DEFAULT_EXCHANGE),
    Case("unbind from the default exchange", lambda s: (s.declare(), s.channel.queue_unbind(s.queue, "", s.queue)),
         CHANNEL, REFUSED, DEFAULT_EXCHANGE),
    Case("bind to a missing exchange", lambda s: (s.declare(), s.channel.queue_bind(s.queue, s.exchange, "k")),
         CHANNEL, NOT_FOUND, "NOT_FOUND - no exchange '{exchange}' in vhost '/'"),
]


def argument(name, value, reason, **declare):
    """A case that declares a queue with an argument that cannot be."""
    return Case(f"{name}={value!r}", lambda s: s.declare(arguments={name: value}, **declare), CHANNEL, PRECONDITION,
                f"PRECONDITION_FAILED - invalid arg '{name}' for queue '{{queue}}' in vhost '/': {reason}")


ARGUMENTS = [
    argument("x-max-priority", 300, "{{max_value_exceeded,300}}"),
    argument("x-max-priority", -1, "{{value_negative,-1}}"),
    argument("x-max-priority", "high", "\"expected integer, got longstr\""),
    argument("x-expires", 0, "{{value_zero,0}}"),
    argument("x-expires", -1, "{{value_negative,-1}}"),
    argument("x-expires", "soon", "\"expected integer, got longstr\""),
    argument("x-message-ttl", -1, "{{value_negative,-1}}"),
    argument("x-message-ttl", "1000", "\"expected integer, got longstr\""),
    argument("x-max-length", -5, "{{value_negative,-5}}"),
    argument("x-max-length-bytes", -5, "{{value_negative,-5}}"),
    argument("x-overflow", "explode", "invalid_overflow"),
    argument("x-dead-letter-routing-key", "k", "routing_key_but_no_dlx_defined"),
    argument("x-single-active-consumer", "yes", "{{unacceptable_type,longstr}}"),
    Case("x-dead-letter-exchange=5", lambda s: s.declare(arguments={"x-dead-letter-exchange": 5}), CHANNEL, PRECONDITION,
         "PRECONDITION_FAILED - invalid type 'signedint' for arg 'x-dead-letter-exchange' in queue '{queue}' in vhost '/'"),
    argument("x-queue-type", "zz", "\"unsupported queue type 'zz'\""),
    Case("quorum queue that is not durable", lambda s: s.declare(arguments={"x-queue-type": "quorum"}),
         CHANNEL, PRECONDITION, "PRECONDITION_FAILED - invalid property 'non-durable' for queue '{queue}' in vhost '/'"),
    Case("priority levels on a quorum queue",
         lambda s: s.declare(durable=True, arguments={"x-queue-type": "quorum", "x-max-priority": 5}),
         CHANNEL, PRECONDITION, "PRECONDITION_FAILED - invalid arg 'x-max-priority' for queue '{queue}' in vhost '/'"
         " of queue type rabbit_quorum_queue"),
]

SINGLE_ACTIVE = [
    Case("get from a queue with single active consumer",
         lambda s: (s.declare(arguments={"x-single-active-consumer": True}), s.channel.basic_get(s.queue)),
         CHANNEL, LOCKED, "RESOURCE_LOCKED - cannot obtain access to locked queue '{queue}' in vhost '/'."
         " basic.get operations are not supported by classic queues with single active consumer"),
]


@table(MISSING + INEQUIVALENT + EXCLUSIVE + USE + NAMES + ARGUMENTS)
def test_refusal(case, connect, name, kind):
    """Every row closes the channel alone, with this code and this text."""
    check(case, connect, name, kind)


@table(SINGLE_ACTIVE)
def test_get_with_single_active_consumer(case, connect, name, kind):
    """Newer brokers refuse a get that would go round the active consumer; 3.10 answers get-empty."""
    if kind == NARUMQ:
        check(case, connect, name, kind)
        return
    channel = connect().channel()
    queue = name()
    channel.queue_declare(queue, arguments={"x-single-active-consumer": True})
    assert channel.basic_get(queue) == (None, None, None)


def test_deleting_what_is_not_there_is_no_error(channel, name):
    """queue.delete and queue.unbind answer ok for a missing thing."""
    assert channel.queue_delete(name()).method.message_count == 0
    queue = name()
    channel.queue_declare(queue)
    channel.queue_unbind(queue, "amq.direct", "never bound")
    assert channel.is_open


def test_unknown_arguments_are_accepted_and_ignored(channel, name):
    """An argument nobody knows neither fails nor counts when the queue is declared again."""
    queue = name()
    channel.queue_declare(queue, arguments={"x-nobody-knows-this": "1"})
    channel.queue_declare(queue)
    channel.queue_declare(queue, arguments={"x-nobody-knows-this": "2"})


def test_integer_widths_compare_equal(connect, address, name):
    """The same number as byte, short, int or long is the same argument."""
    queue = name()
    with RawConnection(address) as raw:
        raw.open_channel(1)
        for letter in "bBsuIil":
            raw.declare_queue(1, queue, Table().put("x-max-priority", letter, 9))
