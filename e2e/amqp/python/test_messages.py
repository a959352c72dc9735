"""What a message carries, byte for byte: bodies of all sizes, every property, every header type."""

import datetime
import decimal
import struct

import pika
import pytest

from harness.clients import Inbox, get, publish
from harness.raw import RawConnection, Table, short_string


@pytest.fixture
def queue(channel, name):
    """An empty queue."""
    queue = name()
    channel.queue_declare(queue)
    return queue


@pytest.mark.parametrize("size", [0, 1, 4088, 131063, 131064, 131065, 1 << 20, 5_000_001])
def test_body_sizes(channel, queue, size):
    """Bodies around the frame size and far beyond come back the same."""
    body = bytes(range(251)) * (size // 251 + 1)
    publish(channel, queue, body[:size])
    assert get(channel, queue, auto_ack=True).body == body[:size]


def test_every_property(channel, queue):
    """All fourteen basic properties come back."""
    sent = dict(content_type="text/plain", content_encoding="utf-8", headers={"k": "v"}, delivery_mode=2, priority=7,
                correlation_id="corr", reply_to="somewhere", expiration="60000", message_id="mid", timestamp=1234567890,
                type="kind", user_id="guest", app_id="app", cluster_id="cluster")
    publish(channel, queue, "m", **sent)
    got = get(channel, queue, auto_ack=True).properties
    assert {key: getattr(got, key) for key in sent} == sent


def test_no_property(channel, queue):
    """A message without properties gets none."""
    publish(channel, queue, "m")
    got = get(channel, queue, auto_ack=True).properties
    assert got == pika.BasicProperties()


def test_header_values(channel, queue):
    """Nested tables, arrays, numbers, times, decimals, nothing and long texts come back."""
    headers = {
        "text": "ü" * 300, "int": -5, "long": 2**40, "true": True, "none": None,
        "time": datetime.datetime(2024, 9, 19, 12, 0, 0, tzinfo=datetime.timezone.utc), "decimal": decimal.Decimal("3.14"),
        "list": [1, "two", [3], {"four": 4}], "table": {"deep": {"deeper": {"deepest": 1}}}, "empty": {}, "none listed": [],
    }
    publish(channel, queue, "m", headers=headers)
    assert get(channel, queue, auto_ack=True).headers == headers


def test_header_bytes_come_back_unchanged(address, name):
    """Every field type of RabbitMQ's table is handed on with its own letter."""
    fields = (Table().put("a", "t", True).put("b", "b", -1).put("c", "B", 255).put("d", "s", -300).put("e", "u", 65535)
              .put("f", "I", -70000).put("g", "i", 4_000_000_000).put("h", "l", -2**40).put("i", "f", 1.5)
              .put("j", "d", 2.5).put("k", "S", "text").put("l", "x", b"\x00\xff").put("m", "T", 1234567890)
              .put("n", "V", None).put("o", "F", Table().put("p", "b", 1)))
    properties = struct.pack(">H", 1 << 13) + fields.encode()
    queue = name()
    with RawConnection(address) as raw:
        raw.open_channel(1)
        raw.declare_queue(1, queue)
        raw.publish(1, "", queue, b"m", properties=properties)
        raw.send_method(1, 60, 70, b"\0\0" + short_string(queue) + b"\1")
        raw.expect(60, 71)
        header = raw.read_frame().payload
        assert header[12:] == properties


def test_many_messages_keep_their_order(channel, queue):
    """Ten thousand messages of one publisher arrive in order."""
    inbox = Inbox(channel, queue, auto_ack=True)
    publish(channel, queue, *range(10_000))
    taken = inbox.take(10_000, within=30)
    assert [int(delivery.body) for delivery in taken] == list(range(10_000))


def test_names_of_255_bytes(channel, name):
    """Names and keys may use the whole short string."""
    queue = (name() + "-" + "n" * 255)[:255]
    channel.queue_declare(queue, exclusive=True)
    publish(channel, queue, "m")
    assert get(channel, queue).body == b"m"


def test_unicode_names(channel, name):
    """Names are UTF-8."""
    queue = name("나루")
    channel.queue_declare(queue)
    publish(channel, queue, "m")
    assert get(channel, queue).routing_key == queue
