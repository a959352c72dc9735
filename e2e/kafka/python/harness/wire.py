"""The primitive types of the Kafka protocol, written and read one by one.

    INT8 … INT64, UINT32   big endian
    UVARINT                seven bits a byte, lowest first; VARINT and VARLONG are zigzag over it
    STRING                 INT16 length (-1: null)           COMPACT_STRING  UVARINT length + 1 (0: null)
    BYTES                  INT32 length (-1: null)           COMPACT_BYTES   UVARINT length + 1 (0: null)
    ARRAY                  INT32 count  (-1: null)           COMPACT_ARRAY   UVARINT count + 1  (0: null)
    TAGS                   UVARINT count | (UVARINT tag | UVARINT size | bytes)*

From some version on ("flexible") a request uses the compact forms and ends each structure with TAGS. `Writer` and
`Reader` are told once whether the message is flexible; `string`, `array` and `end` then take the right form.
"""

import struct
import uuid

NO_ID = uuid.UUID(int=0)


def uvarint(value: int) -> bytes:
    """An unsigned variable-length number."""
    data = bytearray()
    while value > 0x7F:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    data.append(value)
    return bytes(data)


def varint(value: int) -> bytes:
    """A signed variable-length number of up to 64 bits."""
    return uvarint((value << 1 ^ value >> 63) & 0xFFFFFFFFFFFFFFFF)


class Writer:
    """Collects the bytes of a message; every call returns the writer."""

    def __init__(self, flexible: bool = False):
        self.flexible = flexible
        self.data = bytearray()

    def raw(self, data: bytes) -> "Writer":
        """Bytes as they are."""
        self.data += data
        return self

    def _pack(self, form: str, value) -> "Writer":
        return self.raw(struct.pack(">" + form, value))

    def i8(self, value: int) -> "Writer":
        """INT8."""
        return self._pack("b", value)

    def bool(self, value: bool) -> "Writer":
        """BOOLEAN."""
        return self._pack("?", value)

    def i16(self, value: int) -> "Writer":
        """INT16."""
        return self._pack("h", value)

    def i32(self, value: int) -> "Writer":
        """INT32."""
        return self._pack("i", value)

    def i64(self, value: int) -> "Writer":
        """INT64."""
        return self._pack("q", value)

    def uuid(self, value: uuid.UUID) -> "Writer":
        """UUID, 16 bytes."""
        return self.raw(value.bytes)

    def _length(self, length, form: str) -> "Writer":
        if self.flexible:
            return self.raw(uvarint(0 if length is None else length + 1))
        return self._pack(form, -1 if length is None else length)

    def string(self, text) -> "Writer":
        """STRING or COMPACT_STRING; None is null."""
        data = None if text is None else text.encode()
        return self._length(None if data is None else len(data), "h").raw(data or b"")

    def bytes(self, data) -> "Writer":
        """BYTES or COMPACT_BYTES; None is null."""
        return self._length(None if data is None else len(data), "i").raw(data or b"")

    def array(self, items, write) -> "Writer":
        """ARRAY or COMPACT_ARRAY of what `write(writer, item)` writes; None is null."""
        self._length(None if items is None else len(items), "i")
        for item in items or ():
            write(self, item)
        return self

    def end(self) -> "Writer":
        """The end of a structure: no tagged field where the message is flexible, nothing elsewhere."""
        return self.raw(b"\0") if self.flexible else self


class Reader:
    """Takes the fields of a message one after the other."""

    def __init__(self, data: bytes, flexible: bool = False):
        self.data, self.at, self.flexible = bytes(data), 0, flexible

    def raw(self, count: int) -> bytes:
        """So many bytes."""
        assert self.at + count <= len(self.data), f"{count} bytes wanted at {self.at} of {len(self.data)}"
        self.at += count
        return self.data[self.at - count:self.at]

    def _unpack(self, form: str):
        return struct.unpack(">" + form, self.raw(struct.calcsize(form)))[0]

    def i8(self) -> int:
        """INT8."""
        return self._unpack("b")

    def bool(self) -> bool:
        """BOOLEAN."""
        return self._unpack("?")

    def i16(self) -> int:
        """INT16."""
        return self._unpack("h")

    def i32(self) -> int:
        """INT32."""
        return self._unpack("i")

    def u32(self) -> int:
        """UINT32."""
        return self._unpack("I")

    def i64(self) -> int:
        """INT64."""
        return self._unpack("q")

    def uuid(self) -> uuid.UUID:
        """UUID."""
        return uuid.UUID(bytes=self.raw(16))

    def uvarint(self) -> int:
        """An unsigned variable-length number."""
        value = shift = 0
        while True:
            byte = self.raw(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def varint(self) -> int:
        """A signed variable-length number."""
        value = self.uvarint()
        return value >> 1 ^ -(value & 1)

    def _length(self, form: str):
        length = self.uvarint() - 1 if self.flexible else self._unpack(form)
        return None if length < 0 else length

    def string(self):
        """STRING or COMPACT_STRING."""
        length = self._length("h")
        return None if length is None else self.raw(length).decode()

    def bytes(self):
        """BYTES or COMPACT_BYTES."""
        length = self._length("i")
        return None if length is None else self.raw(length)

    def array(self, read):
        """ARRAY or COMPACT_ARRAY of what `read(reader)` reads."""
        length = self._length("i")
        return None if length is None else [read(self) for _ in range(length)]

    def tags(self) -> dict:
        """The tagged fields at the end of a structure, as bytes by tag."""
        if not self.flexible:
            return {}
        tagged = {}
        for _ in range(self.uvarint()):
            tag = self.uvarint()
            tagged[tag] = self.raw(self.uvarint())
        return tagged

    def end(self) -> None:
        """The end of a structure; tagged fields are passed over."""
        self.tags()

    def done(self) -> None:
        """The end of the message: nothing may be left."""
        assert self.at == len(self.data), f"{len(self.data) - self.at} bytes are left: {self.data[self.at:]!r}"
