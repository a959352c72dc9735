"""Publisher confirms and mandatory returns, looked at on the wire: numbers, order, nacks."""

import struct

import pika
import pytest

from harness.clients import get, publish, ready
from harness.raw import RawConnection, Table, short_string

ACK, NACK, RETURN = (60, 80), (60, 120), (60, 50)


@pytest.fixture
def raw(address):
    """A raw channel 1 in confirm mode."""
    with RawConnection(address) as connection:
        connection.open_channel(1)
        connection.send_method(1, 85, 10, b"\0")
        connection.expect(85, 11)
        yield connection


def confirmed(raw, count):
    """Reads acks and nacks until `count` publishes are settled: {tag: 'ack' or 'nack'}."""
    settled, below = {}, 1
    while len(settled) < count:
        frame = raw.read_frame()
        if frame.method not in (ACK, NACK):
            continue
        tag, multiple = struct.unpack(">QB", frame.arguments)
        word = "ack" if frame.method == ACK else "nack"
        for number in range(below, tag + 1) if multiple & 1 else [tag]:
            assert settled.setdefault(number, word) == word
        while below in settled:
            below += 1
    return settled


def test_numbers_count_every_publish(raw, name):
    """Tags run from 1 over all publishes, routable or not."""
    queue = name()
    raw.declare_queue(1, queue)
    for number in range(1, 101):
        raw.publish(1, "", queue if number % 2 else "t-nowhere", b"m")
    assert confirmed(raw, 100) == {number: "ack" for number in range(1, 101)}


def test_numbers_start_at_select(address, name):
    """Publishes before confirm.select have no number."""
    queue = name()
    with RawConnection(address) as raw:
        raw.open_channel(1)
        raw.declare_queue(1, queue)
        raw.publish(1, "", queue, b"before")
        raw.send_method(1, 85, 10, b"\0")
        raw.expect(85, 11)
        raw.publish(1, "", queue, b"after")
        assert confirmed(raw, 1) == {1: "ack"}


def test_select_again_does_not_start_over(raw, name):
    """A second confirm.select is answered and changes nothing."""
    raw.publish(1, "", "t-nowhere", b"m")
    assert confirmed(raw, 1) == {1: "ack"}
    raw.send_method(1, 85, 10, b"\0")
    raw.expect(85, 11)
    raw.publish(1, "", "t-nowhere", b"m")
    assert struct.unpack(">QB", raw.expect(*ACK).arguments) == (2, 0)


def test_each_channel_counts_for_itself(raw, name):
    """Another channel in confirm mode starts at 1."""
    raw.publish(1, "", "t-nowhere", b"m")
    raw.expect(*ACK)
    raw.open_channel(2)
    raw.send_method(2, 85, 10, b"\0")
    raw.expect(85, 11)
    raw.publish(2, "", "t-nowhere", b"m")
    frame = raw.expect(*ACK)
    assert (frame.channel, struct.unpack(">QB", frame.arguments)[0]) == (2, 1)


def test_return_comes_before_its_ack(raw):
    """An unroutable mandatory publish is returned with 312, then acknowledged."""
    raw.publish(1, "amq.direct", "t-nowhere", b"body", mandatory=True)
    told = raw.expect(*RETURN).arguments
    assert told == struct.pack(">H", 312) + short_string("NO_ROUTE") + short_string("amq.direct") + short_string("t-nowhere")
    assert struct.unpack(">HHQ", raw.read_frame().payload[:12]) == (60, 0, 4)
    assert raw.read_frame().payload == b"body"
    assert struct.unpack(">QB", raw.expect(*ACK).arguments)[0] == 1


def test_full_queue_nacks(raw, name):
    """reject-publish answers basic.nack for what does not fit."""
    queue = name()
    raw.declare_queue(1, queue, Table().put("x-max-length", "I", 2).put("x-overflow", "S", "reject-publish"))
    for _ in range(4):
        raw.publish(1, "", queue, b"m")
    assert confirmed(raw, 4) == {1: "ack", 2: "ack", 3: "nack", 4: "nack"}


def test_one_full_queue_of_two_nacks(raw, channel, name):
    """If any queue refuses, the publisher is told nack, though the other queue has the message."""
    full, wide, exchange = name("full"), name("wide"), name("x")
    channel.exchange_declare(exchange, exchange_type="fanout")
    channel.queue_declare(full, arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
    channel.queue_declare(wide)
    channel.queue_bind(full, exchange), channel.queue_bind(wide, exchange)
    raw.publish(1, exchange, "", b"one")
    raw.publish(1, exchange, "", b"two")
    assert confirmed(raw, 2) == {1: "ack", 2: "nack"}
    assert (ready(channel, full), ready(channel, wide)) == (1, 2)


def test_confirms_of_persistent_messages(raw, channel, name):
    """Persistent publishes to a durable queue are confirmed, and are in the queue by then."""
    queue = name()
    channel.queue_declare(queue, durable=True)
    persistent = struct.pack(">HB", 1 << 12, 2)
    for _ in range(50):
        raw.publish(1, "", queue, b"m", properties=persistent)
    assert set(confirmed(raw, 50).values()) == {"ack"}
    assert ready(channel, queue) == 50


def test_deleted_queue_counts_as_confirmed(raw, name):
    """A publish to a queue that is gone is confirmed like any unroutable one."""
    queue = name()
    raw.declare_queue(1, queue)
    raw.send_method(1, 50, 40, b"\0\0" + short_string(queue) + b"\0")
    raw.expect(50, 41)
    raw.publish(1, "", queue, b"m")
    assert confirmed(raw, 1) == {1: "ack"}


def test_pika_raises_for_what_is_not_routed(channel):
    """pika's blocking publish raises UnroutableError and then works on."""
    channel.confirm_delivery()
    with pytest.raises(pika.exceptions.UnroutableError) as caught:
        publish(channel, "t-nowhere", "m", mandatory=True)
    returned = caught.value.messages[0].method
    assert (returned.reply_code, returned.reply_text, returned.routing_key) == (312, "NO_ROUTE", "t-nowhere")
    channel.basic_publish("", "t-nowhere", b"m")


def test_pika_raises_for_a_full_queue(channel, name):
    """pika's blocking publish raises NackError."""
    queue = name()
    channel.queue_declare(queue, arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
    channel.confirm_delivery()
    publish(channel, queue, "fits")
    with pytest.raises(pika.exceptions.NackError):
        publish(channel, queue, "does not")
    assert get(channel, queue, auto_ack=True).body == b"fits"


def test_return_without_confirms(channel, connect):
    """Mandatory returns do not need confirm mode."""
    returned = []
    channel.add_on_return_callback(lambda _c, method, props, body: returned.append((method.reply_code, body, props)))
    publish(channel, "t-nowhere", "lost", mandatory=True, message_id="m-1")
    channel.basic_qos(prefetch_count=1)
    channel.connection.process_data_events(time_limit=0)
    assert [(code, body, props.message_id) for code, body, props in returned] == [(312, b"lost", "m-1")]
