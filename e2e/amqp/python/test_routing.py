"""Where a message goes: direct, fanout, topic, headers, exchange to exchange, alternate, CC and BCC."""

import pytest

from harness.clients import bodies, drain, get, publish, ready
from harness.raw import RawConnection, Table, short_string


@pytest.fixture
def bound(channel, name):
    """Makes an exchange, and queues bound to it."""
    class Bound:
        def exchange(self, kind, **arguments):
            exchange = name("x")
            channel.exchange_declare(exchange, exchange_type=kind, **arguments)
            return exchange

        def queue(self, exchange, key="", arguments=None):
            queue = name()
            channel.queue_declare(queue)
            channel.queue_bind(queue, exchange, key, arguments)
            return queue
    return Bound()


def test_default_exchange_routes_by_queue_name(channel, name):
    """Every queue is bound to the default exchange by its name."""
    queue = name()
    channel.queue_declare(queue)
    publish(channel, queue, "m")
    delivery = get(channel, queue)
    assert (delivery.exchange, delivery.routing_key) == ("", queue)


def test_direct(channel, bound):
    """The routing key must equal the binding key, case and all."""
    exchange = bound.exchange("direct")
    queue = bound.queue(exchange, "red")
    for key in ("red", "Red", "re", "red ", ""):
        publish(channel, key, key, exchange=exchange)
    assert bodies(drain(channel, queue)) == ["red"]


def test_fanout(channel, bound):
    """Every bound queue gets every message, whatever the key; nobody bound: nobody gets it."""
    exchange = bound.exchange("fanout")
    publish(channel, "", "before", exchange=exchange)
    queues = [bound.queue(exchange, key) for key in ("", "a", "b")]
    publish(channel, "x", "m", exchange=exchange)
    assert [bodies(drain(channel, queue)) for queue in queues] == [["m"]] * 3


def test_two_bindings_give_one_message(channel, bound):
    """A queue gets a message once, however many of its bindings match."""
    exchange = bound.exchange("topic")
    queue = bound.queue(exchange, "#")
    channel.queue_bind(queue, exchange, "a.*")
    channel.queue_bind(queue, exchange, "a.b")
    publish(channel, "a.b", "m", exchange=exchange)
    assert bodies(drain(channel, queue)) == ["m"]


TOPICS = [
    ("*", ["a"], ["", "a.b", "a.b.c"]),
    ("#", ["", "a", "a.b", ".", "..", "a..b"], []),
    ("a.*", ["a.b", "a."], ["a", "a.b.c", "b.a"]),
    ("a.#", ["a", "a.b", "a.b.c", "a."], ["", "b", "ab", "ab.c"]),
    ("#.c", ["c", "b.c", "a.b.c", ".c"], ["", "c.d", "abc"]),
    ("a.#.c", ["a.c", "a.b.c", "a.b.b.c", "a..c"], ["a", "c", "a.cc", "ac"]),
    ("*.*", ["a.b", "."], ["a", "a.b.c"]),
    ("#.*", ["a", "a.b", "a.b.c"], []),
    ("#.#", ["", "a", "a.b"], []),
    ("*.#.*", ["a.b", "a.b.c", "a.b.c.d"], ["a", ""]),
    ("a.*.#", ["a.b", "a.b.c"], ["a"]),
    ("#.b.#.d.#", ["b.d", "a.b.c.d.e", "b.b.d.d"], ["b", "d.b", "a.c"]),
    ("*a*", ["*a*"], ["bab", "a"]),
    ("a.b", ["a.b"], ["a.B", "a", "a.b.", ".a.b"]),
    ("", [""], ["a", "."]),
]


@pytest.mark.parametrize("pattern, match, differ", TOPICS, ids=[row[0] or "empty" for row in TOPICS])
def test_topic(pattern, match, differ, channel, bound):
    """`*` is one word, `#` any number, words are what stands between dots."""
    exchange = bound.exchange("topic")
    queue = bound.queue(exchange, pattern)
    for key in match + differ:
        publish(channel, key, key, exchange=exchange)
    assert bodies(drain(channel, queue)) == match


HEADERS = [
    ("all", {"x-match": "all", "a": 1, "b": "two"}, [{"a": 1, "b": "two"}, {"a": 1, "b": "two", "c": 3}],
     [{"a": 1}, {"a": 1, "b": "three"}, {}, None]),
    ("any", {"x-match": "any", "a": 1, "b": "two"}, [{"a": 1}, {"b": "two", "c": 0}, {"a": 2, "b": "two"}],
     [{"a": 2}, {"c": 1}, {}, None]),
    ("all is the default", {"a": 1, "b": 2}, [{"a": 1, "b": 2}], [{"a": 1}]),
    ("all with nothing asked", {"x-match": "all"}, [{}, {"a": 1}, None], []),
    ("any with nothing asked", {"x-match": "any"}, [], [{}, {"a": 1}]),
    ("no value asks for presence", {"x-match": "all", "a": None}, [{"a": 1}, {"a": "x"}], [{"b": 1}]),
    ("x- keys are skipped", {"x-match": "all", "x-a": 1, "b": 2}, [{"b": 2}, {"b": 2, "x-a": 5}], [{"x-a": 1}]),
    ("all-with-x", {"x-match": "all-with-x", "x-a": 1, "b": 2}, [{"x-a": 1, "b": 2}], [{"b": 2}, {"x-a": 1}]),
    ("any-with-x", {"x-match": "any-with-x", "x-a": 1, "b": 2}, [{"x-a": 1}, {"b": 2}], [{"x-a": 2}]),
    ("types count", {"x-match": "all", "a": 1}, [{"a": 1}], [{"a": "1"}, {"a": True}]),
]


@pytest.mark.parametrize("arguments, match, differ", [row[1:] for row in HEADERS], ids=[row[0] for row in HEADERS])
def test_headers(arguments, match, differ, channel, bound):
    """x-match says how the binding's headers are compared; the routing key does not count."""
    exchange = bound.exchange("headers")
    queue = bound.queue(exchange, "ignored", arguments)
    for number, headers in enumerate(match + differ):
        publish(channel, "key", number, exchange=exchange, headers=headers)
    assert bodies(drain(channel, queue)) == [str(number) for number in range(len(match))]


def test_unbind_ends_the_routing(channel, bound):
    """After unbind-ok nothing more arrives; the other binding still works."""
    exchange = bound.exchange("direct")
    queue = bound.queue(exchange, "a")
    channel.queue_bind(queue, exchange, "b")
    channel.queue_unbind(queue, exchange, "a")
    publish(channel, "a", "a", exchange=exchange), publish(channel, "b", "b", exchange=exchange)
    assert bodies(drain(channel, queue)) == ["b"]


def test_binding_twice_is_one_binding(channel, bound):
    """The same binding made twice is undone once."""
    exchange = bound.exchange("direct")
    queue = bound.queue(exchange, "a")
    channel.queue_bind(queue, exchange, "a")
    channel.queue_unbind(queue, exchange, "a")
    publish(channel, "a", "m", exchange=exchange)
    assert get(channel, queue) is None


def test_bindings_differ_by_arguments(channel, bound):
    """Two bindings with other arguments are two, and each is undone with its own."""
    exchange = bound.exchange("headers")
    queue = bound.queue(exchange, "", {"a": 1})
    channel.queue_bind(queue, exchange, "", {"b": 1})
    channel.queue_unbind(queue, exchange, "", {"a": 1})
    publish(channel, "", "a", exchange=exchange, headers={"a": 1})
    publish(channel, "", "b", exchange=exchange, headers={"b": 1})
    assert bodies(drain(channel, queue)) == ["b"]


def test_exchange_to_exchange(channel, bound):
    """A message goes through bindings between exchanges, once to each queue, also in a circle."""
    first, second = bound.exchange("topic"), bound.exchange("fanout", internal=True)
    queue = bound.queue(second)
    channel.exchange_bind(second, first, "a.#")
    channel.exchange_bind(first, second, "")
    publish(channel, "a.b", "in", exchange=first), publish(channel, "b", "out", exchange=first)
    delivery = get(channel, queue)
    assert (delivery.body, delivery.exchange, delivery.routing_key) == (b"in", first, "a.b")
    assert get(channel, queue) is None
    channel.exchange_unbind(second, first, "a.#")
    publish(channel, "a.b", "gone", exchange=first)
    assert get(channel, queue) is None


def test_alternate_exchange(channel, bound):
    """What finds no queue goes to the alternate exchange, and then counts as routed."""
    rescue = bound.exchange("fanout")
    lost = bound.queue(rescue)
    exchange = bound.exchange("direct", arguments={"alternate-exchange": rescue})
    queue = bound.queue(exchange, "known")
    channel.confirm_delivery()
    publish(channel, "known", "a", exchange=exchange, mandatory=True)
    publish(channel, "unknown", "b", exchange=exchange, mandatory=True)
    assert bodies(drain(channel, queue)) == ["a"]
    delivery = get(channel, lost)
    assert (delivery.body, delivery.exchange, delivery.routing_key) == (b"b", exchange, "unknown")


def test_alternate_exchange_that_is_missing(channel, name, bound):
    """A missing alternate exchange drops the message and closes nothing."""
    exchange = bound.exchange("direct", arguments={"alternate-exchange": name("never")})
    publish(channel, "k", "m", exchange=exchange)
    channel.basic_qos(prefetch_count=0)
    assert channel.is_open


def test_cc_and_bcc(channel, bound):
    """CC and BCC are further routing keys; CC is kept in the headers, BCC is not."""
    exchange = bound.exchange("direct")
    queues = [bound.queue(exchange, key) for key in ("to", "cc", "bcc", "none")]
    publish(channel, "to", "m", exchange=exchange, headers={"CC": ["cc"], "BCC": ["bcc"], "kept": 1})
    taken = [drain(channel, queue) for queue in queues]
    assert [len(deliveries) for deliveries in taken] == [1, 1, 1, 0]
    for deliveries in taken[:3]:
        assert deliveries[0].headers == {"CC": ["cc"], "kept": 1}
        assert deliveries[0].routing_key == "to"


def test_line_ends_are_taken_out_of_names(address, channel, name):
    """Carriage return and line feed vanish from names, as RabbitMQ does it."""
    queue = name()
    with RawConnection(address) as raw:
        raw.open_channel(1)
        raw.send_method(1, 50, 10, b"\0\0" + short_string(queue[:5] + "\r\n" + queue[5:]) + b"\0" + Table().encode())
        told = raw.expect(50, 11).arguments
        assert told[1:1 + told[0]].decode() == queue
    assert ready(channel, queue) == 0


def test_bind_with_empty_names_means_the_last_declared(channel, bound, name):
    """queue.bind with an empty queue name uses it, and for an empty key too its name as key."""
    exchange, queue = bound.exchange("direct"), name()
    channel.queue_declare(queue)
    channel._impl.queue_bind("", exchange, "")
    publish(channel, queue, "by name", exchange=exchange)
    assert bodies(drain(channel, queue)) == ["by name"]
