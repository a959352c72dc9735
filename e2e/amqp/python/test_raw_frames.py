"""Bytes no client library would send: what the wire format forbids."""

import struct

import pytest

from harness.raw import BODY, HEARTBEAT, METHOD, PROTOCOL_HEADER, RawConnection, RawSocket, method_payload, short_string
from support.broker import NARUMQ

FRAME_ERROR, SYNTAX_ERROR, COMMAND_INVALID, CHANNEL_ERROR, UNEXPECTED_FRAME, NOT_IMPLEMENTED = 501, 502, 503, 504, 505, 540


@pytest.mark.parametrize("header", [b"HTTP/1.1", b"AMQP\x00\x00\x09\x02", b"AMQP\x00\x00\x08\x00", b"GET / HT",
                                    b"AMQP\x09\x09\x09\x09", b"AMQP\x00\x01\x00\x00"],
                         ids=["not AMQP", "0-9-2", "0-8", "web request", "no such version", "AMQP 1.0"])
def test_bad_protocol_header(address, header):
    """The broker says which protocol it speaks and closes."""
    with RawSocket(address) as peer:
        peer.send(header)
        assert peer.read_to_end() == PROTOCOL_HEADER


def test_old_spelling_of_the_protocol_header(address):
    """AMQP 1 1 0 9, which some 0-9 clients send, is taken as 0-9."""
    with RawSocket(address) as peer:
        peer.send(b"AMQP\x01\x01\x00\x09")
        assert peer.read_frame().method == (10, 10)


def test_protocol_header_in_pieces(address):
    """The header may come byte by byte."""
    with RawSocket(address) as peer:
        for byte in PROTOCOL_HEADER:
            peer.send(bytes([byte]))
        assert peer.read_frame().method == (10, 10)


def test_what_the_broker_offers(address):
    """connection.start and tune carry the mechanisms and limits clients rely on."""
    with RawConnection(address) as raw:
        assert b"PLAIN" in raw.start.arguments
        assert (raw.channel_max, raw.frame_max, raw.heartbeat) == (2047, 131072, 60)
        for capability in ("publisher_confirms", "exchange_exchange_bindings", "basic.nack", "consumer_cancel_notify",
                           "connection.blocked", "consumer_priorities", "authentication_failure_close",
                           "per_consumer_qos", "direct_reply_to"):
            assert short_string(capability) + b"t\x01" in raw.start.arguments, capability


def closes_connection(raw, code: int, text: str | None = None):
    """The broker must close the connection with this code."""
    closed = raw.expect_connection_close()
    assert closed.code == code, closed
    if text is not None:
        assert closed.text == text
    return closed


def test_bad_end_octet(raw):
    """A frame that does not end with 0xCE is a frame error."""
    raw.send_frame(METHOD, 1, method_payload(60, 10, struct.pack(">IHB", 0, 1, 0)), end=0)
    closes_connection(raw, FRAME_ERROR)


def test_oversize_frame(raw):
    """A frame larger than negotiated is a frame error, told before its payload is read."""
    raw.send(struct.pack(">BHI", BODY, 1, raw.frame_max + 1))
    closes_connection(raw, FRAME_ERROR)


def test_frame_max_of_4096_is_honoured(address, name):
    """A client may ask for 4096; then no frame it gets is larger."""
    queue = name()
    with RawConnection(address, frame_max=4096) as raw:
        raw.open_channel(1)
        raw.declare_queue(1, queue)
        body = bytes(range(256)) * 40
        raw.publish(1, "", queue, body, pieces=[body[at:at + 4088] for at in range(0, len(body), 4088)])
        raw.consume(1, queue, "t", flags=2)
        raw.expect(60, 60)
        raw.read_frame()
        got = b""
        while len(got) < len(body):
            frame = raw.read_frame()
            assert frame.kind == BODY and len(frame.payload) <= 4088
            got += frame.payload
        assert got == body


def test_unknown_frame_type(raw):
    """A frame type nobody defined is an error of the connection."""
    raw.send_frame(7, 1, b"")
    assert raw.expect_connection_close().code in (FRAME_ERROR, UNEXPECTED_FRAME)


@pytest.mark.parametrize("class_id, method_id", [(777, 10), (50, 999), (60, 0)])
def test_unknown_method(raw, kind, class_id, method_id):
    """A method or class nobody defined closes the connection and says why; 3.10 just drops it."""
    raw.send_method(1, class_id, method_id)
    if kind == NARUMQ:
        assert raw.expect_connection_close().code in (SYNTAX_ERROR, COMMAND_INVALID, NOT_IMPLEMENTED)
    else:
        assert raw.read_to_end() == b""


def test_truncated_method(raw):
    """A method whose arguments end too early closes the connection."""
    raw.send_method(1, 50, 10, b"\0\0\x20abc")
    assert raw.expect_connection_close().code in (SYNTAX_ERROR, FRAME_ERROR)


def test_truncated_table(raw, name):
    """A table that claims more bytes than there are closes the connection."""
    raw.send_method(1, 50, 10, b"\0\0" + short_string(name()) + b"\0" + struct.pack(">I", 0x7FFFFFFF))
    assert raw.expect_connection_close().code in (SYNTAX_ERROR, FRAME_ERROR)


def test_method_on_a_channel_that_is_not_open(raw):
    """Only channel.open may come first on a channel."""
    raw.send_method(5, 60, 10, struct.pack(">IHB", 0, 1, 0))
    closes_connection(raw, CHANNEL_ERROR, "CHANNEL_ERROR - expected 'channel.open'")


def test_second_channel_open(raw):
    """A channel that is open cannot be opened."""
    raw.send_method(1, 20, 10, short_string(""))
    closes_connection(raw, CHANNEL_ERROR, "CHANNEL_ERROR - second 'channel.open' seen")


def test_heartbeat_on_a_channel(raw):
    """Heartbeats belong to channel 0."""
    raw.send_frame(HEARTBEAT, 1, b"")
    assert raw.expect_connection_close().code in (FRAME_ERROR, UNEXPECTED_FRAME, COMMAND_INVALID)


def test_body_longer_than_announced(raw, name, kind):
    """More bytes than the header announced close the connection."""
    if kind != NARUMQ:
        pytest.skip("3.10 takes the surplus and waits for more")
    queue = name()
    raw.declare_queue(1, queue)
    raw.publish_method(1, "", queue)
    raw.publish_header(1, 3)
    raw.send_frame(BODY, 1, b"four")
    assert raw.expect_connection_close().code in (FRAME_ERROR, UNEXPECTED_FRAME)


def test_body_without_a_header(raw):
    """A body frame out of nothing closes the connection with 505."""
    raw.send_frame(BODY, 1, b"stray")
    closes_connection(raw, UNEXPECTED_FRAME)


def test_method_between_header_and_body(raw, name):
    """A method in the middle of a content closes the connection with 505."""
    queue = name()
    raw.declare_queue(1, queue)
    raw.publish_method(1, "", queue)
    raw.publish_header(1, 3)
    raw.send_method(1, 60, 10, struct.pack(">IHB", 0, 1, 0))
    closes_connection(raw, UNEXPECTED_FRAME)


def test_header_of_another_class(raw, name):
    """A content header must be of the class of its method."""
    raw.publish_method(1, "", name())
    raw.publish_header(1, 0, class_id=50)
    closes_connection(raw, UNEXPECTED_FRAME)


def test_connection_method_on_a_channel(raw):
    """Methods of the connection class belong to channel 0."""
    raw.send_method(1, 10, 50, struct.pack(">H", 200) + short_string("bye") + struct.pack(">HH", 0, 0))
    assert raw.expect_connection_close().code in (COMMAND_INVALID, CHANNEL_ERROR, FRAME_ERROR)


def test_channel_method_on_channel_zero(raw):
    """Only methods of the connection class may come on channel 0."""
    raw.send_method(0, 60, 10, struct.pack(">IHB", 0, 1, 0))
    assert raw.expect_connection_close().code in (COMMAND_INVALID, CHANNEL_ERROR)


def test_method_before_the_login(address):
    """Nothing but the login is listened to before it is done; the connection ends."""
    with RawSocket(address) as peer:
        peer.send(PROTOCOL_HEADER)
        peer.expect(10, 10)
        peer.send_method(1, 20, 10, short_string(""))
        # A close may be told first; what counts is that no channel opens and the end comes.
        assert struct.pack(">HH", 20, 11) not in peer.read_to_end()


def test_broken_table_does_not_break_the_broker(address):
    """A table nested 10,000 deep ends its connection, and the broker goes on."""
    with RawConnection(address) as raw:
        raw.open_channel(1)
        table = b""
        for _ in range(10_000):
            table = short_string("t") + b"F" + struct.pack(">I", len(table)) + table
        # Bare bytes: whether it is refused or taken, this connection is not looked at again.
        raw.send_method(1, 50, 10, b"\0\0" + short_string("t-deep") + b"\2" + struct.pack(">I", len(table)) + table)
    with RawConnection(address) as raw:
        raw.open_channel(1)
