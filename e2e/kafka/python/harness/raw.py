"""A tiny speaker of the Kafka protocol that sends exactly the bytes a test asks for.

    frame            INT32 size | header | body
    request header   INT16 key | INT16 version | INT32 correlation id | STRING client id [| TAGS]
    response header  INT32 correlation id [| TAGS]

The tags are there when the request is flexible; the answer to ApiVersions never has them in its header.
"""

import select
import struct

from harness.wire import Reader, Writer
from support.sockets import ByteSocket

PRODUCE, FETCH, LIST_OFFSETS, METADATA, OFFSET_COMMIT, OFFSET_FETCH, FIND_COORDINATOR = 0, 1, 2, 3, 8, 9, 10
JOIN_GROUP, HEARTBEAT, LEAVE_GROUP, SYNC_GROUP, DESCRIBE_GROUPS, LIST_GROUPS = 11, 12, 13, 14, 15, 16
API_VERSIONS, CREATE_TOPICS, DELETE_TOPICS, DELETE_RECORDS, INIT_PRODUCER_ID = 18, 19, 20, 21, 22

#: The first flexible version of each request.
FLEXIBLE = {
    PRODUCE: 9, FETCH: 12, LIST_OFFSETS: 6, METADATA: 9, OFFSET_COMMIT: 8, OFFSET_FETCH: 6, FIND_COORDINATOR: 3,
    JOIN_GROUP: 6, HEARTBEAT: 4, LEAVE_GROUP: 4, SYNC_GROUP: 4, DESCRIBE_GROUPS: 5, LIST_GROUPS: 3, API_VERSIONS: 3,
    CREATE_TOPICS: 5, DELETE_TOPICS: 4, DELETE_RECORDS: 2, INIT_PRODUCER_ID: 2,
}


def is_flexible(key: int, version: int) -> bool:
    """Whether this version of a request has compact types and tags."""
    return version >= FLEXIBLE.get(key, 1 << 15)


class RawConnection(ByteSocket):
    """A socket that writes requests and reads responses."""

    def __init__(self, address, timeout: float = 20):
        super().__init__(address, timeout)
        self.correlation = 0
        self.waiting = []

    def frame(self, key: int, version: int, body: bytes, *, client="raw", correlation: int | None = None,
              flexible: bool | None = None, tags: bytes = b"\0") -> bytes:
        """A request with size and header, not sent."""
        flexible = is_flexible(key, version) if flexible is None else flexible
        if correlation is None:
            self.correlation += 1
            correlation = self.correlation
        header = Writer().i16(key).i16(version).i32(correlation).string(client)
        if flexible:
            header.raw(tags)
        whole = bytes(header.data) + bytes(body)
        return struct.pack(">i", len(whole)) + whole

    def request(self, key: int, version: int, body: bytes, **header) -> int:
        """Sends a request and returns its correlation id."""
        self.send(self.frame(key, version, body, **header))
        self.waiting.append((key, version, self.correlation))
        return self.correlation

    def response(self) -> Reader:
        """Reads the answer to the oldest request; its body begins where the reader stands."""
        key, version, correlation = self.waiting.pop(0)
        reader = Reader(self.read_frame(), is_flexible(key, version))
        got = reader.i32()
        assert got == correlation, f"the answer to request {got} came, {correlation} is due"
        if key != API_VERSIONS:
            reader.end()
        return reader

    def call(self, key: int, version: int, body: bytes, **header) -> Reader:
        """Sends a request and reads its answer."""
        self.request(key, version, body, **header)
        return self.response()

    def read_frame(self) -> bytes:
        """Reads one response without its size."""
        return self.read(struct.unpack(">i", self.read(4))[0])

    def is_answered(self) -> bool:
        """Whether something is there to be read now."""
        return bool(self.received) or bool(select.select([self.socket], [], [], 0)[0])
