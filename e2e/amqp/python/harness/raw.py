"""A tiny AMQP 0-9-1 speaker that sends exactly the bytes a test asks for.

    frame   octet type | short channel | long size | payload | 0xCE
    method  short class | short method | arguments
    header  short class | short weight | longlong body size | short flags | properties
"""

import struct
from dataclasses import dataclass

from support.sockets import ByteSocket

METHOD, HEADER, BODY, HEARTBEAT, END = 1, 2, 3, 8, 0xCE
PROTOCOL_HEADER = b"AMQP\x00\x00\x09\x01"


def short_string(text: str) -> bytes:
    """A string of at most 255 bytes."""
    data = text.encode()
    return bytes([len(data)]) + data


def long_string(data) -> bytes:
    """A string with a four-byte length."""
    data = data.encode() if isinstance(data, str) else data
    return struct.pack(">I", len(data)) + data


class Table:
    """A field table whose types are chosen by letter."""

    FORMATS = {"b": "b", "B": "B", "s": "h", "u": "H", "I": "i", "i": "I", "l": "q", "d": "d", "f": "f", "t": "?",
               "T": "Q"}

    def __init__(self):
        self.data = b""

    def put(self, key: str, letter: str, value) -> "Table":
        """Adds one field."""
        if letter in self.FORMATS:
            encoded = struct.pack(">" + self.FORMATS[letter], value)
        elif letter in "Sx":
            encoded = long_string(value)
        elif letter == "F":
            encoded = value.encode()
        elif letter == "V":
            encoded = b""
        else:
            raise ValueError(f"no such field type: {letter}")
        self.data += short_string(key) + letter.encode() + encoded
        return self

    def encode(self) -> bytes:
        """The table with its length."""
        return struct.pack(">I", len(self.data)) + self.data


@dataclass
class Frame:
    """One frame as it came."""

    kind: int
    channel: int
    payload: bytes

    @property
    def method(self):
        """Class and method id, when it is a method frame."""
        return struct.unpack(">HH", self.payload[:4]) if self.kind == METHOD else None

    @property
    def arguments(self) -> bytes:
        """What follows class and method id."""
        return self.payload[4:]


@dataclass
class Close:
    """connection.close or channel.close."""

    code: int
    text: str
    class_id: int
    method_id: int


def parse_close(frame: Frame) -> Close:
    """Reads the arguments both kinds of close share."""
    code = struct.unpack(">H", frame.arguments[:2])[0]
    length = frame.arguments[2]
    text = frame.arguments[3:3 + length].decode()
    return Close(code, text, *struct.unpack(">HH", frame.arguments[3 + length:7 + length]))


def method_payload(class_id: int, method_id: int, arguments: bytes = b"") -> bytes:
    """The payload of a method frame."""
    return struct.pack(">HH", class_id, method_id) + arguments


class RawSocket(ByteSocket):
    """A socket that reads and writes frames."""

    def __init__(self, address, timeout: float = 10):
        super().__init__(address, timeout)

    def send_frame(self, kind: int, channel: int, payload: bytes, end: int = END, size: int | None = None) -> None:
        """Writes one frame, with a wrong end or size when asked to."""
        size = len(payload) if size is None else size
        self.send(struct.pack(">BHI", kind, channel, size) + payload + bytes([end]))

    def send_method(self, channel: int, class_id: int, method_id: int, arguments: bytes = b"") -> None:
        """Writes one method frame."""
        self.send_frame(METHOD, channel, method_payload(class_id, method_id, arguments))

    def read_frame(self) -> Frame:
        """Reads the next frame that is no heartbeat."""
        while True:
            kind, channel, size = struct.unpack(">BHI", self.read(7))
            payload = self.read(size)
            assert self.read(1) == bytes([END])
            if kind != HEARTBEAT:
                return Frame(kind, channel, payload)

    def expect(self, class_id: int, method_id: int) -> Frame:
        """Reads the next frame, which must be this method."""
        frame = self.read_frame()
        assert frame.method == (class_id, method_id), f"got {frame}"
        return frame

    def expect_connection_close(self) -> Close:
        """Reads frames up to connection.close and answers it."""
        while (frame := self.read_frame()).method != (10, 50):
            pass
        self.send_method(0, 10, 51)
        return parse_close(frame)


class RawConnection(RawSocket):
    """A raw socket that is logged in."""

    def __init__(self, address, *, frame_max: int | None = None, heartbeat: int = 0, capabilities=(),
                 user: str = "guest", password: str = "guest", vhost: str = "/"):
        super().__init__(address)
        self.send(PROTOCOL_HEADER)
        self.start = self.expect(10, 10)
        told = Table()
        for capability in capabilities:
            told.put(capability, "t", True)
        properties = struct.pack(">I", len(told.encode()) + 14) + short_string("capabilities") + b"F" + told.encode()
        self.send_method(0, 10, 11, properties + short_string("PLAIN")
                         + long_string(f"\0{user}\0{password}") + short_string("en_US"))
        self.tune = self.expect(10, 30)
        self.channel_max, self.frame_max, self.heartbeat = struct.unpack(">HIH", self.tune.arguments)
        self.frame_max = frame_max or self.frame_max
        self.send_method(0, 10, 31, struct.pack(">HIH", self.channel_max, self.frame_max, heartbeat))
        self.send_method(0, 10, 40, short_string(vhost) + short_string("") + b"\0")
        self.expect(10, 41)

    def open_channel(self, number: int) -> None:
        """Opens a channel and waits for the answer."""
        self.send_method(number, 20, 10, short_string(""))
        self.expect(20, 11)

    def declare_queue(self, channel: int, queue: str, arguments: Table | None = None) -> None:
        """Declares a transient queue and waits for the answer."""
        self.send_method(channel, 50, 10, b"\0\0" + short_string(queue) + b"\0" + (arguments or Table()).encode())
        self.expect(50, 11)

    def consume(self, channel: int, queue: str, tag: str, *, wait: bool = True, flags: int = 0) -> None:
        """Starts a consumer."""
        self.send_method(channel, 60, 20, b"\0\0" + short_string(queue) + short_string(tag) + bytes([flags])
                         + Table().encode())
        if wait:
            self.expect(60, 21)

    def cancel(self, channel: int, tag: str) -> None:
        """Cancels a consumer and waits for the answer."""
        self.send_method(channel, 60, 30, short_string(tag) + b"\0")
        self.expect(60, 31)

    def publish_method(self, channel: int, exchange: str, key: str, *, mandatory=False, immediate=False) -> None:
        """Writes the publish method frame alone."""
        self.send_method(channel, 60, 40, b"\0\0" + short_string(exchange) + short_string(key)
                         + bytes([mandatory | immediate << 1]))

    def publish_header(self, channel: int, body_size: int, class_id: int = 60, properties: bytes = b"\0\0") -> None:
        """Writes the content header alone; `properties` begins with the flags."""
        self.send_frame(HEADER, channel, struct.pack(">HHQ", class_id, 0, body_size) + properties)

    def publish(self, channel: int, exchange: str, key: str, body: bytes, *, pieces=None, properties=b"\0\0",
                **flags) -> None:
        """Publishes a message, its body cut into `pieces` when given."""
        self.publish_method(channel, exchange, key, **flags)
        self.publish_header(channel, len(body), properties=properties)
        for piece in ([body] if pieces is None else pieces):
            if piece or pieces is not None:
                self.send_frame(BODY, channel, piece)
