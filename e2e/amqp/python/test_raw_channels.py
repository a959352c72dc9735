"""What the wire allows at its edges: bodies in pieces, channels reused, errors, no-wait, heartbeats."""

import struct

import pytest

from harness.raw import (BODY, HEARTBEAT, PROTOCOL_HEADER, RawConnection, RawSocket, Table, long_string, parse_close,
                         short_string)
from support.broker import NARUMQ


def test_body_in_odd_pieces(raw, name):
    """A body may be cut anywhere, also into frames of nothing."""
    queue = name()
    raw.declare_queue(1, queue)
    raw.publish(1, "", queue, b"abcdef", pieces=[b"a", b"", b"bcd", b"ef"])
    raw.consume(1, queue, "t", flags=2)
    raw.expect(60, 60)
    raw.read_frame()
    assert raw.read_frame().payload == b"abcdef"


def test_empty_body_has_no_body_frame(raw, name):
    """A message of no bytes is a method and a header, and the next frame is something else."""
    queue = name()
    raw.declare_queue(1, queue)
    raw.publish(1, "", queue, b"")
    raw.publish(1, "", queue, b"")
    raw.consume(1, queue, "t", flags=2)
    for _ in range(2):
        raw.expect(60, 60)
        assert struct.unpack(">HHQ", raw.read_frame().payload[:12]) == (60, 0, 0)


def test_contents_of_two_channels_interleave(raw, name):
    """Frames of two channels may alternate inside their messages."""
    queue = name()
    raw.open_channel(2)
    raw.declare_queue(1, queue)
    for channel in (1, 2):
        raw.publish_method(channel, "", queue)
    for channel in (2, 1):
        raw.publish_header(channel, 4)
    for piece in (b"aa", b"bb"):
        for channel in (1, 2):
            raw.send_frame(BODY, channel, piece)
    raw.send_method(2, 20, 40, struct.pack(">H", 200) + short_string("") + struct.pack(">HH", 0, 0))
    raw.expect(20, 41)
    raw.consume(1, queue, "t", flags=2)
    for _ in range(2):
        raw.expect(60, 60)
        raw.read_frame()
        assert raw.read_frame().payload == b"aabb"


def test_channel_number_is_free_after_close_ok(raw, name):
    """A channel may be opened again the moment its close is answered, and starts from tag 1."""
    queue = name()
    raw.declare_queue(1, queue)
    for _ in range(3):
        raw.publish(1, "", queue, b"m")
        raw.consume(1, queue, "t")
        tag = raw.expect(60, 60).arguments
        assert tag[tag[0] + 1:tag[0] + 9] == struct.pack(">Q", 1)
        raw.read_frame(), raw.read_frame()
        raw.send_method(1, 20, 40, struct.pack(">H", 200) + short_string("") + struct.pack(">HH", 0, 0))
        raw.expect(20, 41)
        raw.open_channel(1)
        raw.send_method(1, 50, 30, b"\0\0" + short_string(queue) + b"\0")
        raw.expect(50, 31)


def test_everything_behind_a_channel_error_is_discarded(raw, name):
    """After its channel.close the broker ignores that channel until close-ok, and the number is free again."""
    queue = name()
    raw.declare_queue(1, queue)
    raw.send_method(1, 60, 80, struct.pack(">QB", 42, 0))
    for _ in range(3):
        raw.publish(1, "", queue, b"ignored")
    raw.send_method(1, 60, 10, struct.pack(">IHB", 0, 1, 0))
    closed = parse_close(raw.expect(20, 40))
    assert (closed.code, closed.class_id, closed.method_id) == (406, 60, 80)
    raw.send_method(1, 20, 41)
    raw.open_channel(1)
    raw.send_method(1, 60, 70, b"\0\0" + short_string(queue) + b"\1")
    raw.expect(60, 72)


FAILING = [
    ("passive declare", 50, 10, lambda: b"\0\0" + short_string("t-none") + b"\1" + Table().encode(), 404),
    ("bind", 50, 20, lambda: b"\0\0" + short_string("t-none") + short_string("amq.direct") + short_string("")
     + b"\0" + Table().encode(), 404),
    ("purge", 50, 30, lambda: b"\0\0" + short_string("t-none") + b"\0", 404),
    ("get", 60, 70, lambda: b"\0\0" + short_string("t-none") + b"\0", 404),
    ("passive exchange", 40, 10, lambda: b"\0\0" + short_string("t-none") + short_string("direct") + b"\1"
     + Table().encode(), 404),
    ("commit", 90, 20, bytes, 406),
]


@pytest.mark.parametrize("class_id, method_id, arguments, code", [row[1:] for row in FAILING],
                         ids=[row[0] for row in FAILING])
def test_a_close_names_the_method_that_failed(raw, class_id, method_id, arguments, code):
    """channel.close carries class and method of its cause."""
    raw.send_method(1, class_id, method_id, arguments())
    closed = parse_close(raw.expect(20, 40))
    assert (closed.code, closed.class_id, closed.method_id) == (code, class_id, method_id)


def test_nowait_is_not_answered_but_its_errors_are(raw, name):
    """With no-wait set the ok stays away; a failure still closes the channel."""
    queue = name()
    raw.send_method(1, 50, 10, b"\0\0" + short_string(queue) + bytes([0b10000]) + Table().encode())
    raw.send_method(1, 60, 20, b"\0\0" + short_string(queue) + short_string("t") + bytes([0b1000]) + Table().encode())
    raw.send_method(1, 50, 20, b"\0\0" + short_string(queue) + short_string("amq.direct") + short_string(queue)
                    + b"\1" + Table().encode())
    raw.send_method(1, 85, 10, b"\1")
    raw.send_method(1, 50, 30, b"\0\0" + short_string(queue) + b"\1")
    raw.send_method(1, 60, 10, struct.pack(">IHB", 0, 1, 0))
    raw.expect(60, 11)
    raw.send_method(1, 50, 30, b"\0\0" + short_string("t-none") + b"\1")
    assert parse_close(raw.expect(20, 40)).code == 404


def test_access_request_of_old_clients(raw):
    """access.request is answered with a ticket."""
    raw.send_method(1, 30, 10, short_string("/data") + b"\x1f")
    assert raw.expect(30, 11).arguments == b"\0\1"


def test_missing_capability_closes_without_a_word(address):
    """A failed login of a client without authentication_failure_close just ends."""
    with RawSocket(address) as peer:
        peer.send(PROTOCOL_HEADER)
        peer.expect(10, 10)
        peer.send_method(0, 10, 11, Table().encode() + short_string("PLAIN") + long_string("\0guest\0wrong")
                         + short_string("en_US"))
        assert peer.read_to_end() == b""


def test_heartbeats_come_when_asked_for(address):
    """With a heartbeat of 1 s the broker sends heartbeat frames on channel 0."""
    with RawConnection(address, heartbeat=1) as raw:
        kind, channel, size = struct.unpack(">BHI", raw.read(7))
        assert (kind, channel, size, raw.read(1)) == (HEARTBEAT, 0, 0, b"\xce")


def test_a_silent_peer_is_dropped(address):
    """A client that promised heartbeats and sends nothing is closed after about two intervals."""
    with RawConnection(address, heartbeat=1) as raw:
        rest = raw.read_to_end()
        assert rest.replace(b"\x08\0\0\0\0\0\0\xce", b"") == b""


def filled(raw, name, count=500):
    """A queue with many messages."""
    queue = name()
    raw.declare_queue(1, queue)
    for _ in range(count):
        raw.publish(1, "", queue, b"m")
    return queue


@pytest.mark.parametrize("pipelined", [False, True], ids=["answered", "pipelined"])
def test_cancel_ok_is_the_last_word(raw, name, kind, pipelined):
    """No delivery overtakes consume-ok, and none follows cancel-ok."""
    if pipelined and kind != NARUMQ:
        pytest.skip("a cancel right behind its consume crashes the channel of 3.10")
    queue = filled(raw, name)
    raw.consume(1, queue, "t", wait=not pipelined)
    raw.send_method(1, 60, 30, short_string("t") + b"\0")
    if pipelined:
        raw.expect(60, 21)
    methods = []
    while not methods or methods[-1] != (60, 31):
        if method := raw.read_frame().method:
            methods.append(method)
    assert set(methods[:-1]) <= {(60, 60)}
    raw.send_method(1, 60, 10, struct.pack(">IHB", 0, 1, 0))
    raw.expect(60, 11)


def test_close_ok_is_the_last_word(raw, name):
    """Nothing of a channel follows its close-ok; what it held is ready again."""
    queue = filled(raw, name)
    raw.open_channel(2)
    raw.consume(2, queue, "t", wait=False)
    raw.send_method(2, 20, 40, struct.pack(">H", 200) + short_string("") + struct.pack(">HH", 0, 0))
    while raw.read_frame().method != (20, 41):
        pass
    raw.send_method(1, 60, 10, struct.pack(">IHB", 0, 1, 0))
    raw.expect(60, 11)


def test_login_with_amqplain(address):
    """The mechanism of the first AMQP clients: a table of LOGIN and PASSWORD."""
    with RawSocket(address) as peer:
        peer.send(PROTOCOL_HEADER)
        peer.expect(10, 10)
        answer = Table().put("LOGIN", "S", "guest").put("PASSWORD", "S", "guest").data
        peer.send_method(0, 10, 11, Table().encode() + short_string("AMQPLAIN") + long_string(answer)
                         + short_string("en_US"))
        peer.expect(10, 30)
