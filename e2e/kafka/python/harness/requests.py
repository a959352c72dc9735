"""Requests and responses of the Kafka protocol, as far as the raw tests speak it, in the versions they speak."""

import uuid
from dataclasses import dataclass, field

from harness import raw, records
from harness.wire import NO_ID, Reader, Writer
from support.waiting import wait_until

DEADLINE_MS = 20_000


def writer(key: int, version: int) -> Writer:
    """A writer for the body of this version of a request."""
    return Writer(raw.is_flexible(key, version))


@dataclass
class Produced:
    """The answer for one partition."""

    partition: int
    error: int
    offset: int
    append_time: int
    log_start: int = -1
    record_errors: list = field(default_factory=list)
    message: str = None


@dataclass
class Fetched:
    """What a fetch brought of one partition."""

    topic: object
    partition: int
    error: int
    high_watermark: int
    last_stable: int
    log_start: int
    aborted: list
    data: bytes

    @property
    def batches(self) -> list:
        """The whole batches in `data`."""
        return records.parse(self.data or b"")

    @property
    def values(self) -> list:
        """The values of all uncompressed records."""
        return [value for batch in self.batches for value in batch.values]


@dataclass
class FetchAnswer:
    """The answer to a fetch."""

    error: int
    session: int
    partitions: list

    def one(self) -> Fetched:
        """The only partition of the answer."""
        assert len(self.partitions) == 1, f"{len(self.partitions)} partitions in {self}"
        return self.partitions[0]


@dataclass
class Wanted:
    """What a fetch asks of one partition. `topic` is a name, or an id from version 13 on."""

    topic: object
    offset: int = 0
    partition: int = 0
    max_bytes: int = 1 << 20
    leader_epoch: int = -1
    log_start: int = -1


def _topic(target: Writer, version: int, by_id_from: int, topic) -> Writer:
    return target.uuid(topic) if version >= by_id_from else target.string(topic)


def _read_topic(source: Reader, version: int, by_id_from: int):
    return source.uuid() if version >= by_id_from else source.string()


def grouped(items, of) -> list:
    """Neighbours with the same `of(item)` together: [(what, [item, …]), …]."""
    groups = []
    for item in items:
        if groups and groups[-1][0] == of(item):
            groups[-1][1].append(item)
        else:
            groups.append((of(item), [item]))
    return groups


def produce_body(version: int, parts, acks: int = -1, transactional_id=None) -> bytes:
    """The body of a produce; `parts` are (topic name or id, partition, bytes)."""
    def partition(target, part):
        target.i32(part[1]).bytes(part[2]).end()

    def topic(target, group):
        _topic(target, version, 13, group[0]).array(group[1], partition).end()

    body = writer(raw.PRODUCE, version)
    if version >= 3:
        body.string(transactional_id)
    return bytes(body.i16(acks).i32(DEADLINE_MS).array(grouped(parts, lambda part: part[0]), topic).end().data)


def read_produced(reader: Reader, version: int) -> list:
    """The answers to a produce, by partition in the order of the response."""
    def partition(source):
        answer = Produced(source.i32(), source.i16(), source.i64(), source.i64())
        if version >= 5:
            answer.log_start = source.i64()
        if version >= 8:
            def record_error(inner):
                error = (inner.i32(), inner.string())
                inner.end()
                return error
            answer.record_errors, answer.message = source.array(record_error), source.string()
        source.end()
        return answer

    def topic(source):
        _read_topic(source, version, 13)
        answers = source.array(partition)
        source.end()
        return answers

    answers = [answer for group in reader.array(topic) for answer in group]
    assert reader.i32() == 0, "throttled"
    reader.end()
    reader.done()
    return answers


def fetch_body(version: int, wanted, *, max_wait: int = 0, min_bytes: int = 1, max_bytes: int = 50 << 20,
               isolation: int = 0, session: int = 0, epoch: int = -1, forgotten=()) -> bytes:
    """The body of a fetch; `forgotten` are (topic, [partition, …])."""
    def partition(target, want):
        target.i32(want.partition)
        if version >= 9:
            target.i32(want.leader_epoch)
        target.i64(want.offset)
        if version >= 12:
            target.i32(-1)
        if version >= 5:
            target.i64(want.log_start)
        target.i32(want.max_bytes).end()

    def topic(target, group):
        _topic(target, version, 13, group[0]).array(group[1], partition).end()

    def forget(target, gone):
        _topic(target, version, 13, gone[0]).array(gone[1], Writer.i32).end()

    body = writer(raw.FETCH, version)
    if version < 15:
        body.i32(-1)
    body.i32(max_wait).i32(min_bytes).i32(max_bytes).i8(isolation)
    if version >= 7:
        body.i32(session).i32(epoch)
    body.array(grouped(wanted, lambda want: want.topic), topic)
    if version >= 7:
        body.array(list(forgotten), forget)
    if version >= 11:
        body.string("")
    return bytes(body.end().data)


def read_fetched(reader: Reader, version: int) -> FetchAnswer:
    """The answer to a fetch."""
    def aborted(source):
        pair = (source.i64(), source.i64())
        source.end()
        return pair

    def partition(source):
        got = Fetched(None, source.i32(), source.i16(), source.i64(), source.i64(), -1, [], b"")
        if version >= 5:
            got.log_start = source.i64()
        got.aborted = source.array(aborted)
        if version >= 11:
            assert source.i32() == -1, "a preferred replica is named where there is only one"
        got.data = source.bytes()
        source.end()
        return got

    def topic(source):
        name = _read_topic(source, version, 13)
        got = source.array(partition)
        source.end()
        for one in got:
            one.topic = name
        return got

    assert reader.i32() == 0, "throttled"
    error, session = (reader.i16(), reader.i32()) if version >= 7 else (0, 0)
    partitions = [one for group in reader.array(topic) for one in group]
    reader.end()
    reader.done()
    return FetchAnswer(error, session, partitions)


class Connection(raw.RawConnection):
    """A raw connection with the requests that tests ask again and again."""

    def api_versions(self, version: int = 0, name: str = "raw", software: str = "1"):
        """Error and {key: (min, max)}, and from version 3 on the tagged fields."""
        body = writer(raw.API_VERSIONS, version)
        if version >= 3:
            body.string(name).string(software).end()
        reader = self.call(raw.API_VERSIONS, version, body.data)

        def row(source):
            entry = source.i16(), (source.i16(), source.i16())
            source.end()
            return entry

        error, rows = reader.i16(), reader.array(row)
        if version >= 1:
            assert reader.i32() == 0, "throttled"
        tags = reader.tags()
        reader.done()
        assert len(dict(rows)) == len(rows), "a key stands twice"
        return error, dict(rows), tags

    def create_topic(self, name: str, partitions: int = 1, replication: int = 1, configs=None) -> int:
        """Creates a topic and returns the error."""
        def config(target, pair):
            target.string(pair[0]).string(pair[1])

        def topic(target, _):
            target.string(name).i32(partitions).i16(replication).array([], None)
            target.array(list((configs or {}).items()), config)

        body = Writer().array([name], topic).i32(DEADLINE_MS).bool(False)
        reader = self.call(raw.CREATE_TOPICS, 4, body.data)
        reader.i32()
        return reader.array(lambda source: (source.string(), source.i16(), source.string()))[0][1]

    def await_leaders(self, topic: str, partitions: int) -> None:
        """Returns once every partition answers; Apache Kafka says for a moment that it is not the leader yet."""
        for partition in range(partitions):
            wait_until(lambda index=partition: self.list_offset(topic, -1, index)[0] == 0, what=f"leader of {topic}")

    def delete_topic(self, name: str) -> int:
        """Deletes a topic and returns the error."""
        body = Writer().array([name], Writer.string).i32(DEADLINE_MS)
        reader = self.call(raw.DELETE_TOPICS, 3, body.data)
        reader.i32()
        return reader.array(lambda source: (source.string(), source.i16()))[0][1]

    def topic_id(self, name: str) -> uuid.UUID:
        """The id of a topic, as Metadata v12 tells it."""
        return self.metadata([name])[name][1]

    def metadata(self, names, auto_create: bool = False) -> dict:
        """{name: (error, id, {partition: leader epoch})}; all topics when `names` is None."""
        def asked(target, name):
            target.uuid(NO_ID).string(name).end()

        body = writer(raw.METADATA, 12).array(names, asked).bool(auto_create).bool(False).end()
        reader = self.call(raw.METADATA, 12, body.data)

        def broker(source):
            source.i32(), source.string(), source.i32(), source.string(), source.end()

        def partition(source):
            source.i16()
            index, _, epoch = source.i32(), source.i32(), source.i32()
            for _ in range(3):
                source.array(Reader.i32)
            source.end()
            return index, epoch

        def topic(source):
            error, name, ident, _ = source.i16(), source.string(), source.uuid(), source.bool()
            partitions = dict(source.array(partition))
            source.i32(), source.end()
            return name, (error, ident, partitions)

        reader.i32(), reader.array(broker), reader.string(), reader.i32()
        return dict(reader.array(topic))

    def produce(self, topic, data: bytes, *, version: int = 8, partition: int = 0, acks: int = -1) -> Produced:
        """Sends one batch to one partition and returns its answer."""
        reader = self.call(raw.PRODUCE, version, produce_body(version, [(topic, partition, data)], acks))
        return read_produced(reader, version)[0]

    def store(self, topic: str, *values, partition: int = 0, **fields) -> int:
        """Produces one batch of these values, which must be taken, and returns its offset."""
        answer = self.produce(topic, records.batch(*values, **fields), partition=partition)
        assert answer.error == 0, answer
        return answer.offset

    def fetch(self, *wanted, version: int = 12, **options) -> FetchAnswer:
        """Fetches and returns the answer."""
        self.request(raw.FETCH, version, fetch_body(version, wanted, **options))
        return self.fetched(version)

    def fetched(self, version: int = 12) -> FetchAnswer:
        """Reads the answer to a fetch that was sent."""
        return read_fetched(self.response(), version)

    def list_offset(self, topic: str, timestamp: int, partition: int = 0, version: int = 7, epoch: int = -1):
        """(error, timestamp, offset) for one partition."""
        def one(target, _):
            target.i32(partition).i32(epoch).i64(timestamp).end()

        body = writer(raw.LIST_OFFSETS, version).i32(-1).i8(0)
        body.array([topic], lambda target, name: target.string(name).array([0], one).end())
        if version >= 10:
            body.i32(DEADLINE_MS)
        reader = self.call(raw.LIST_OFFSETS, version, body.end().data)

        def answer(source):
            source.i32()
            found = source.i16(), source.i64(), source.i64()
            source.i32(), source.end()
            return found

        def answers(source):
            source.string()
            found = source.array(answer)
            source.end()
            return found

        reader.i32()
        return reader.array(answers)[0][0]

    def init_producer(self):
        """(error, producer id, epoch) for a new idempotent producer.

        Apache Kafka has none to give just after it has started (error 14).
        """
        while True:
            reader = self.call(raw.INIT_PRODUCER_ID, 1, Writer().string(None).i32(60_000).data)
            reader.i32()
            error, producer, epoch = reader.i16(), reader.i64(), reader.i16()
            if error != 14:
                return error, producer, epoch

    def delete_records(self, topic: str, before: int, partition: int = 0):
        """(low watermark, error) after the records before an offset were deleted; -1 means all."""
        def one(target, _):
            target.i32(partition).i64(before)

        body = Writer().array([topic], lambda target, name: target.string(name).array([0], one)).i32(DEADLINE_MS)
        reader = self.call(raw.DELETE_RECORDS, 1, body.data)
        reader.i32()

        def answers(source):
            source.string()
            return source.array(lambda inner: (inner.i32(), inner.i64(), inner.i16()))

        _, low, error = reader.array(answers)[0][0]
        return low, error


def make_topic(address, name: str, partitions: int = 1, configs=None) -> str:
    """Makes a topic, over a connection of its own, and returns its name once each partition answers."""
    with Connection(address) as connection:
        assert connection.create_topic(name, partitions, configs=configs) == 0
        connection.await_leaders(name, partitions)
    return name
