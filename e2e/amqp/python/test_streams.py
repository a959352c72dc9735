"""Queues of type stream: consumers read them and take nothing away."""

import datetime

import pika
import pytest

from harness.clients import Inbox, bodies, store, wait_until
from harness.refusal import CHANNEL, CONNECTION, Case, check, table

STREAM = {"x-queue-type": "stream"}
PRECONDITION, NOT_IMPLEMENTED = 406, 540
IN = "queue '{queue}' in vhost '/'"


def declare(s, **arguments):
    s.channel.queue_declare(s.queue, durable=True, arguments={**STREAM, **arguments})


def refused(what, detail, act):
    return Case(what, act, CHANNEL, PRECONDITION, "PRECONDITION_FAILED - " + detail)


def unusable(argument, value):
    return refused(f"declare with {argument}", f"invalid arg '{argument}' for {IN} of queue type rabbit_stream_queue",
                   lambda s: declare(s, **{argument: value}))


def property_case(what, word, **properties):
    return refused(what, f"invalid property '{word}' for {IN}",
                   lambda s: s.channel.queue_declare(s.queue, arguments=STREAM, **properties))


def declared(what, detail, again):
    def act(s):
        declare(s)
        again(s)
    return refused(what, f"inequivalent arg {detail}", act)


def used(what, act, scope=CHANNEL, code=PRECONDITION, text=""):
    def both(s):
        declare(s)
        act(s)
    return Case(what, both, scope, code, text)


def consume(prefetch=10, auto_ack=False, **arguments):
    def act(s):
        if prefetch:
            s.channel.basic_qos(prefetch_count=prefetch)
        s.channel.basic_consume(s.queue, lambda *_: None, auto_ack=auto_ack, arguments=arguments)
    return act


REFUSALS = [
    property_case("declare transient", "non-durable"),
    property_case("declare exclusive", "exclusive-owner", durable=True, exclusive=True),
    property_case("declare auto-delete", "auto-delete", durable=True, auto_delete=True),
    unusable("x-message-ttl", 1), unusable("x-expires", 1000), unusable("x-max-length", 5),
    unusable("x-dead-letter-exchange", "a"), unusable("x-max-priority", 5), unusable("x-overflow", "drop-head"),
    unusable("x-single-active-consumer", True), unusable("x-delivery-limit", 3), unusable("x-queue-mode", "lazy"),
    unusable("x-max-in-memory-length", 2), unusable("x-quorum-initial-group-size", 1),
    refused("a wrong age", f"invalid arg 'x-max-age' for {IN}: invalid_max_age",
            lambda s: declare(s, **{"x-max-age": "1x"})),
    refused("an age that is no text", f"invalid arg 'x-max-age' for {IN}: {{{{unacceptable_type,signedint}}}}",
            lambda s: declare(s, **{"x-max-age": 5})),
    declared("again as classic", f"'x-queue-type' for {IN}: received none but current is the value 'stream' of type"
             " 'longstr'", lambda s: s.channel.queue_declare(s.queue, durable=True)),
    declared("again with an age", f"'x-max-age' for {IN}: received the value '1h' of type 'longstr' but current is none",
             lambda s: declare(s, **{"x-max-age": "1h"})),
    declared("again transient", f"'durable' for {IN}: received 'false' but current is 'true'",
             lambda s: s.channel.queue_declare(s.queue, arguments=STREAM)),
    used("get", lambda s: s.channel.basic_get(s.queue), CONNECTION, NOT_IMPLEMENTED,
         f"NOT_IMPLEMENTED - basic.get not supported by stream queues {IN}"),
    used("purge", lambda s: s.channel.queue_purge(s.queue), CONNECTION, NOT_IMPLEMENTED,
         f"NOT_IMPLEMENTED - queue.purge not supported by stream queues {IN}"),
    used("consume without prefetch", consume(prefetch=0),
         text=f"PRECONDITION_FAILED - consumer prefetch count is not set for '{IN}'"),
    used("consume without acks", consume(auto_ack=True), CONNECTION, NOT_IMPLEMENTED,
         f"NOT_IMPLEMENTED - automatic acknowledgement not supported by stream queues {IN}"),
    used("consume with a priority", consume(**{"x-priority": 5}),
         text=f"PRECONDITION_FAILED - invalid arg 'x-priority' for {IN} of queue type rabbit_stream_queue"),
    used("a wrong offset", consume(**{"x-stream-offset": "5x"}),
         text=f"PRECONDITION_FAILED - invalid arg 'x-stream-offset' for {IN}:"
              " {{invalid_stream_offset_arg,{{longstr,<<\"5x\">>}}}}"),
]


@table(REFUSALS)
def test_refusal(case, connect, name, kind):
    """RabbitMQ's codes and texts, to the letter."""
    check(case, connect, name, kind)


@pytest.fixture
def stream(channel, name):
    """A stream with the messages 0 to 4."""
    queue = name()
    channel.queue_declare(queue, durable=True, arguments=STREAM)
    store(channel, queue, *range(5))
    return queue


def reading(connect, queue, offset=None, prefetch=10, **arguments):
    channel = connect().channel()
    channel.basic_qos(prefetch_count=prefetch)
    if offset is not None:
        arguments["x-stream-offset"] = offset
    return Inbox(channel, queue, arguments=arguments)


def offsets(deliveries):
    return [delivery.headers["x-stream-offset"] for delivery in deliveries]


STARTS = [("first", 0), (0, 0), (2, 2), (-1, 0), ("7D", 0), ("1h", 0), (datetime.datetime(2020, 1, 1), 0)]


@pytest.mark.parametrize("offset, first", STARTS, ids=str)
def test_where_a_consumer_begins(connect, stream, offset, first):
    got = reading(connect, stream, offset).take(5 - first)
    assert offsets(got) == list(range(first, 5))
    assert bodies(got) == [str(n) for n in range(first, 5)]
    assert [(d.exchange, d.routing_key, d.redelivered) for d in got] == [("", stream, False)] * (5 - first)
    assert [d.tag for d in got] == list(range(1, 6 - first))


@pytest.mark.parametrize("offset", [None, "next", datetime.datetime(2036, 1, 1), 5], ids=str)
def test_what_comes_from_now_on(connect, channel, stream, offset):
    inbox = reading(connect, stream, offset)
    store(channel, stream, "new")
    got = inbox.one()
    assert (got.body, offsets([got])) == (b"new", [5])


def test_the_last_publish_is_in_the_last_batch(connect, channel, stream):
    store(channel, stream, "z")
    got = reading(connect, stream, "last")
    wait_until(lambda: got.waiting and got.waiting[-1].body == b"z", got.channel.connection)
    assert offsets(got.waiting)[-1] == 5


def test_a_consumer_gets_as_much_as_it_acknowledges(connect, stream):
    inbox = reading(connect, stream, "first", prefetch=2)
    assert offsets(inbox.settled(2)) == [0, 1]
    inbox.take(2)
    inbox.channel.basic_ack(2, multiple=True)
    assert offsets(inbox.settled(2)) == [2, 3]
    inbox.channel.basic_ack(3)
    inbox.channel.basic_ack(4)
    inbox.take(2)
    assert offsets(inbox.take(1)) == [4]


def test_what_is_read_stays_for_others(connect, stream):
    for _ in range(2):
        inbox = reading(connect, stream, "first")
        for delivery in inbox.take(5):
            inbox.channel.basic_ack(delivery.tag)
        inbox.channel.connection.close()


def test_properties_come_back_as_they_were(connect, channel, name):
    queue = name()
    channel.queue_declare(queue, durable=True, arguments=STREAM)
    headers = {"text": "x", "number": 5, "long": 2**40, "flag": True, "none": None, "bytes": b"\x00\xff",
               "list": [1, "two", [3]], "table": {"a": {"b": -1}}, "time": datetime.datetime(2020, 5, 5, tzinfo=datetime.timezone.utc)}
    sent = pika.BasicProperties(
        content_type="text/plain", content_encoding="gzip", headers=dict(headers), delivery_mode=2, priority=7,
        correlation_id="c", reply_to="r", expiration="60000", message_id="m", timestamp=1_600_000_000, type="t",
        app_id="a", cluster_id="cl")
    channel.confirm_delivery()
    channel.basic_publish("", queue, b"body", sent)
    got = reading(connect, queue, "first").one()
    assert got.headers.pop("x-stream-offset") == 0
    expected = dict(vars(sent), headers=headers)
    assert vars(got.properties) == expected


def test_messages_through_an_exchange_keep_its_name_and_key(connect, channel, name):
    queue, exchange = name(), name("x")
    channel.queue_declare(queue, durable=True, arguments=STREAM)
    channel.exchange_declare(exchange, "topic")
    channel.queue_bind(queue, exchange, "a.*")
    channel.confirm_delivery()
    for key in ("a.b", "b.a", "a.c"):
        channel.basic_publish(exchange, key, key.encode())
    got = reading(connect, queue, "first").take(2)
    assert [(d.exchange, d.routing_key, d.body) for d in got] == [(exchange, "a.b", b"a.b"), (exchange, "a.c", b"a.c")]
    channel.queue_unbind(queue, exchange, "a.*")
    channel.basic_publish(exchange, "a.d", b"lost")


def test_a_stream_is_deleted_and_its_consumer_told(connect, channel, stream):
    inbox = reading(connect, stream, "first")
    inbox.take(5)
    channel.queue_delete(stream)
    wait_until(lambda: inbox.cancelled_by_broker, inbox.channel.connection, what="the cancellation")
    with pytest.raises(pika.exceptions.ChannelClosedByBroker):
        channel.queue_declare(stream, passive=True)


def test_a_cancelled_consumer_gets_no_more(connect, channel, stream):
    inbox = reading(connect, stream, "first", prefetch=1)
    delivery = inbox.one()
    inbox.channel.basic_cancel(inbox.tag)
    inbox.channel.basic_ack(delivery.tag)
    assert inbox.settled() == []


@pytest.mark.narumq_only
def test_counts(connect, channel, stream):
    """RabbitMQ's counts come seconds later."""
    inbox = reading(connect, stream, "first")
    inbox.take(5)
    found = channel.queue_declare(stream, passive=True).method
    assert (found.message_count, found.consumer_count) == (5, 1)
    with pytest.raises(pika.exceptions.ChannelClosedByBroker) as caught:
        channel.queue_delete(stream, if_unused=True)
    assert caught.value.args == (406, f"PRECONDITION_FAILED - queue '{stream}' in vhost '/' in use")


def test_many_messages_with_small_prefetch(connect, channel, name):
    queue = name()
    channel.queue_declare(queue, durable=True, arguments={**STREAM, "x-max-age": "1h"})
    store(channel, queue, *range(2000))
    inbox = reading(connect, queue, "first", prefetch=50)
    seen = []
    while len(seen) < 2000:
        for delivery in inbox.take(1):
            seen.append(int(delivery.body))
            inbox.channel.basic_ack(delivery.tag)
    assert seen == list(range(2000))


@pytest.mark.narumq_only
def test_a_transaction_publishes_to_a_stream(connect, channel, stream):
    tx = connect().channel()
    tx.tx_select()
    tx.basic_publish("", stream, b"in")
    inbox = reading(connect, stream, 5)
    assert inbox.settled() == []
    tx.tx_commit()
    assert inbox.one().body == b"in"


@pytest.mark.narumq_only
def test_a_stream_survives_kill_with_all_that_was_confirmed(own_broker):
    def dial():
        parameters = pika.URLParameters(own_broker.url)
        parameters.heartbeat = 0
        return pika.BlockingConnection(parameters)

    channel = dial().channel()
    channel.queue_declare("s", durable=True, arguments={**STREAM, "x-max-age": "2D", "x-max-length-bytes": 5_000_000_000})
    channel.exchange_declare("x", "fanout", durable=True)
    channel.queue_bind("s", "x")
    store(channel, "s", *range(300), exchange="x")
    own_broker.crash_and_restart()
    channel = dial().channel()
    channel.queue_declare("s", durable=True, arguments={**STREAM, "x-max-age": "2D", "x-max-length-bytes": 5_000_000_000})
    store(channel, "s", 300, exchange="x")
    channel.basic_qos(prefetch_count=1000)
    inbox = Inbox(channel, "s", arguments={"x-stream-offset": "first"})
    assert [int(d.body) for d in inbox.take(301)] == list(range(301))
