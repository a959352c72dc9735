"""Refusals around exchanges: missing, reserved, internal, not equivalent, in use, unknown type."""

from harness.refusal import CHANNEL, CONNECTION, RABBITMQ310, Case, check, table

PRECONDITION, NOT_FOUND, REFUSED = 406, 404, 403
DEFAULT_EXCHANGE = "ACCESS_REFUSED - operation not permitted on the default exchange"
NO_EXCHANGE = "NOT_FOUND - no exchange '{exchange}' in vhost '/'"
CURRENT = "for exchange '{exchange}' in vhost '/': received"


def declare(s, **arguments):
    """Declares the scene's exchange."""
    s.channel.exchange_declare(s.exchange, **arguments)


def redeclared(name, first, second, detail):
    """A case that declares an exchange twice with properties that differ."""
    return Case(f"redeclare {name}", lambda s: (declare(s, **first), declare(s, **second)), CHANNEL, PRECONDITION,
                f"PRECONDITION_FAILED - inequivalent arg {detail}")


INEQUIVALENT = [
    redeclared("with another type", {"exchange_type": "direct"}, {"exchange_type": "fanout"},
               f"'type' {CURRENT} 'fanout' but current is 'direct'"),
    redeclared("as durable", {}, {"durable": True}, f"'durable' {CURRENT} 'true' but current is 'false'"),
    redeclared("as auto-delete", {}, {"auto_delete": True}, f"'auto_delete' {CURRENT} 'true' but current is 'false'"),
    redeclared("as internal", {}, {"internal": True}, f"'internal' {CURRENT} 'true' but current is 'false'"),
    redeclared("with an alternate exchange", {}, {"arguments": {"alternate-exchange": "amq.fanout"}},
               f"'alternate-exchange' {CURRENT} the value 'amq.fanout' of type 'longstr' but current is none"),
]

MISSING = [
    Case("passive declare", lambda s: declare(s, passive=True), CHANNEL, NOT_FOUND, NO_EXCHANGE),
    Case("publish", lambda s: s.publish(exchange=s.exchange), CHANNEL, NOT_FOUND, NO_EXCHANGE),
    Case("bind from it", lambda s: s.channel.exchange_bind("amq.direct", s.exchange, "k"),
         CHANNEL, NOT_FOUND, NO_EXCHANGE),
    Case("bind to it", lambda s: s.channel.exchange_bind(s.exchange, "amq.direct", "k"),
         CHANNEL, NOT_FOUND, NO_EXCHANGE),
]

REFUSALS = [
    Case("reserved name", lambda s: s.channel.exchange_declare("amq.foo"),
         CHANNEL, REFUSED, "ACCESS_REFUSED - exchange name 'amq.foo' contains reserved prefix 'amq.*'"),
    Case("declare the default exchange", lambda s: s.channel.exchange_declare("", exchange_type="direct"),
         CHANNEL, REFUSED, DEFAULT_EXCHANGE),
    Case("delete the default exchange", lambda s: s.channel.exchange_delete(""),
         CHANNEL, REFUSED, DEFAULT_EXCHANGE),
    Case("bind the default exchange to another", lambda s: s.channel.exchange_bind("amq.fanout", "", "k"),
         CHANNEL, REFUSED, DEFAULT_EXCHANGE),
    Case("delete a system exchange", lambda s: s.channel.exchange_delete("amq.direct"),
         CHANNEL, REFUSED, "ACCESS_REFUSED - deletion of system exchange 'amq.direct' in vhost '/' not allowed"),
    Case("unknown type", lambda s: declare(s, exchange_type="bogus"),
         CHANNEL, PRECONDITION, "PRECONDITION_FAILED - unknown exchange type 'bogus'",
         differs={RABBITMQ310: (CONNECTION, 503, "COMMAND_INVALID - unknown exchange type 'bogus'")}),
    Case("publish to an internal exchange",
         lambda s: (declare(s, internal=True), s.publish(exchange=s.exchange)),
         CHANNEL, REFUSED, "ACCESS_REFUSED - cannot publish to internal exchange '{exchange}' in vhost '/'"),
    Case("delete if-unused with a binding",
         lambda s: (declare(s), s.declare(), s.channel.queue_bind(s.queue, s.exchange, "k"),
                    s.channel.exchange_delete(s.exchange, if_unused=True)),
         CHANNEL, PRECONDITION, "PRECONDITION_FAILED - exchange '{exchange}' in vhost '/' in use"),
    Case("bad x-match",
         lambda s: (s.declare(), s.channel.queue_bind(s.queue, "amq.headers", "", {"x-match": "zz"})),
         CHANNEL, PRECONDITION, "PRECONDITION_FAILED - Invalid x-match field value <<\"zz\">>;"
         " expected all, any, all-with-x, or any-with-x"),
]


@table(INEQUIVALENT + MISSING + REFUSALS)
def test_refusal(case, connect, name, kind):
    """Every row closes what it says, with this code and this text."""
    check(case, connect, name, kind)


def test_deleting_what_is_not_there_is_no_error(channel, name):
    """exchange.delete and exchange.unbind answer ok for a missing thing."""
    channel.exchange_delete(name("x"))
    channel.exchange_unbind("amq.fanout", "amq.direct", "never bound")
    assert channel.is_open


def test_arguments_beside_the_alternate_exchange_do_not_count(channel, name):
    """Only type, durable, auto-delete, internal and alternate-exchange are compared."""
    exchange = name("x")
    channel.exchange_declare(exchange, arguments={"x-anything": 1})
    channel.exchange_declare(exchange)


def test_the_exchanges_that_are_always_there(channel):
    """The pre-declared exchanges exist, with their types."""
    for exchange, kind_of in [("amq.direct", "direct"), ("amq.fanout", "fanout"), ("amq.topic", "topic"),
                              ("amq.headers", "headers"), ("amq.match", "headers")]:
        channel.exchange_declare(exchange, exchange_type=kind_of, durable=True)


def test_passive_declare_needs_no_matching_properties(channel, name):
    """A passive declare only asks whether the name exists."""
    exchange, queue = name("x"), name()
    channel.exchange_declare(exchange, exchange_type="topic", durable=True)
    channel.exchange_declare(exchange, exchange_type="fanout", passive=True)
    channel.queue_declare(queue, durable=True)
    channel.queue_declare(queue, passive=True)
