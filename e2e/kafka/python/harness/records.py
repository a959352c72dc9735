"""Record batches of format 2, built field by field so that a test may lie in any of them.

    base offset i64 | length i32 | leader epoch i32 | magic i8 = 2 | crc32c u32 | attributes i16 | last offset delta i32
    | base timestamp i64 | max timestamp i64 | producer id i64 | producer epoch i16 | base sequence i32 | count i32
    | records

`length` counts what follows it, the checksum covers what follows it. A record, everything zigzag:

    length | attributes i8 | timestamp delta | offset delta | key length | key | value length | value
    | header count | (key length | key | value length | value)*
"""

import struct
import time
from dataclasses import dataclass, field

from harness.wire import Reader, varint

#: Attribute bits of a batch.
GZIP, SNAPPY, LZ4, ZSTD, LOG_APPEND_TIME, TRANSACTIONAL, CONTROL = 1, 2, 3, 4, 8, 16, 32
#: Bytes before the records.
HEADER = 61
#: An hour before the tests began, in whole seconds of milliseconds. Records of other years are no good: retention
#: deletes them whenever it looks, and the sequences of their producers are forgotten.
HOUR_AGO = (int(time.time()) - 3600) * 1000


def _castagnoli() -> list:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_TABLE = _castagnoli()


def crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def record(value, key=None, headers=(), offset_delta: int = 0, timestamp_delta: int = 0) -> bytes:
    """One record with its length."""
    def part(data):
        return varint(-1) if data is None else varint(len(data)) + data

    body = b"\0" + varint(timestamp_delta) + varint(offset_delta) + part(key) + part(value) + varint(len(headers))
    for name, content in headers:
        body += part(name) + part(content)
    return varint(len(body)) + body


@dataclass
class Batch:
    """A batch to be written. None in a field means what is true of its records."""

    values: tuple = ()
    key: bytes = None
    base_offset: int = 0
    leader_epoch: int = -1
    magic: int = 2
    attributes: int = 0
    timestamp: int = HOUR_AGO
    max_timestamp: int = None
    producer_id: int = -1
    producer_epoch: int = -1
    sequence: int = -1
    count: int = None
    last_offset_delta: int = None
    length: int = None
    crc: int = None
    records: bytes = None

    def encode(self) -> bytes:
        """The bytes of the batch."""
        parts = [record(value, self.key, offset_delta=delta) for delta, value in enumerate(self.values)]
        records = b"".join(parts) if self.records is None else self.records

        def told(lie, truth):
            return truth if lie is None else lie

        covered = struct.pack(
            ">hiqqqhii", self.attributes, told(self.last_offset_delta, len(parts) - 1), self.timestamp,
            told(self.max_timestamp, self.timestamp), self.producer_id, self.producer_epoch, self.sequence,
            told(self.count, len(parts))) + records
        head = struct.pack(">ibI", self.leader_epoch, self.magic, told(self.crc, crc32c(covered)))
        return struct.pack(">qi", self.base_offset, told(self.length, len(head) + len(covered))) + head + covered


def batch(*values, **fields) -> bytes:
    """The bytes of a batch with these values and fields."""
    return Batch(values, **fields).encode()


@dataclass
class Stored:
    """A batch as a fetch brought it."""

    data: bytes
    base_offset: int
    leader_epoch: int
    magic: int
    crc: int
    attributes: int
    last_offset: int
    base_timestamp: int
    max_timestamp: int
    producer_id: int
    producer_epoch: int
    sequence: int
    count: int
    values: list = field(default_factory=list)


def parse(data: bytes) -> list:
    """The whole batches at the start of `data`; a torn one at its end is dropped, as clients do."""
    found, at = [], 0
    while at + 12 <= len(data):
        base, length = struct.unpack_from(">qi", data, at)
        if at + 12 + length > len(data):
            break
        whole = data[at:at + 12 + length]
        epoch, magic, crc, attributes, delta, first, last, producer, producer_epoch, sequence, count = struct.unpack_from(
            ">ibIhiqqqhii", whole, 12)
        assert crc == crc32c(whole[21:]), "a fetched batch has a wrong checksum"
        stored = Stored(whole, base, epoch, magic, crc, attributes, base + delta, first, last, producer, producer_epoch,
                        sequence, count)
        if attributes & 7 == 0:
            stored.values = _values(whole[HEADER:], count)
        found.append(stored)
        at += 12 + length
    return found


def _values(data: bytes, count: int) -> list:
    reader, values = Reader(data), []
    for _ in range(count):
        inner = Reader(reader.raw(reader.varint()))
        inner.i8(), inner.varint(), inner.varint()
        inner.raw(max(inner.varint(), 0))
        length = inner.varint()
        values.append(None if length < 0 else inner.raw(length))
    return values
