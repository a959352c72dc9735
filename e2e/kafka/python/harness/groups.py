"""The requests of classic consumer groups: coordinator, join, sync, heartbeat, leave, offsets."""

from dataclasses import dataclass

from harness import raw
from harness.requests import Connection
from harness.wire import Writer


@dataclass
class Joined:
    """The answer to a join."""

    error: int
    generation: int
    protocol: str
    leader: str
    member: str
    members: list

    @property
    def leads(self) -> bool:
        """Whether this member is to assign."""
        return self.member == self.leader


class Member(Connection):
    """A raw connection that speaks for one member of one group."""

    def __init__(self, address, group: str, instance=None):
        super().__init__(address)
        self.group, self.instance = group, instance
        self.id, self.generation = "", -1

    def find(self) -> int:
        """Asks for the coordinator until it is there and works; returns the error of the last answer.

        Apache Kafka makes its topic of offsets when first asked, and reads it before it answers for groups.
        """
        while True:
            reader = self.call(raw.FIND_COORDINATOR, 1, Writer().string(self.group).i8(0).data)
            reader.i32()
            error = reader.i16() or self.state()[0]
            if error not in (14, 15, 16):
                return error

    def send_join(self, *protocols, session: int = 10_000, rebalance: int = 20_000, kind: str = "consumer",
                  member=None, version: int = 5) -> None:
        """Asks to join; `protocols` are names, or (name, bytes)."""
        pairs = [one if isinstance(one, tuple) else (one, b"meta") for one in protocols or ("range",)]
        body = Writer().string(self.group).i32(session).i32(rebalance).string(self.id if member is None else member)
        if version >= 5:
            body.string(self.instance)
        body.string(kind).array(pairs, lambda target, pair: target.string(pair[0]).bytes(pair[1]))
        self.request(raw.JOIN_GROUP, version, body.data)

    def joined(self) -> Joined:
        """Reads the answer to a join and remembers id and generation."""
        _, version, _ = self.waiting[0]
        reader = self.response()
        reader.i32()
        answer = Joined(reader.i16(), reader.i32(), reader.string(), reader.string(), reader.string(), [])

        def member(source):
            ident = source.string()
            if version >= 5:
                source.string()
            return ident, source.bytes()

        answer.members = reader.array(member)
        reader.done()
        if answer.error in (0, 79):
            self.id = answer.member
        if answer.error == 0:
            self.generation = answer.generation
        return answer

    def join(self, *protocols, **options) -> Joined:
        """Joins; a new member that is told its id first (error 79) joins again with it."""
        self.send_join(*protocols, **options)
        answer = self.joined()
        if answer.error == 79 and options.get("member") is None:
            self.send_join(*protocols, **options)
            answer = self.joined()
        return answer

    def send_sync(self, assignments=None) -> None:
        """Asks for the assignment; the leader gives {member: bytes}."""
        body = Writer().string(self.group).i32(self.generation).string(self.id).string(self.instance)
        body.array(list((assignments or {}).items()), lambda target, pair: target.string(pair[0]).bytes(pair[1]))
        self.request(raw.SYNC_GROUP, 3, body.data)

    def synced(self):
        """(error, assignment)."""
        reader = self.response()
        reader.i32()
        return reader.i16(), reader.bytes()

    def sync(self, assignments=None):
        """Sends and reads a sync."""
        self.send_sync(assignments)
        return self.synced()

    def heartbeat(self, generation=None, member=None) -> int:
        """The error of a heartbeat."""
        body = Writer().string(self.group).i32(self.generation if generation is None else generation)
        reader = self.call(raw.HEARTBEAT, 3, body.string(self.id if member is None else member)
                           .string(self.instance).data)
        reader.i32()
        return reader.i16()

    def leave(self, member=None) -> int:
        """Leaves and returns the error for the member."""
        pair = (self.id if member is None else member, self.instance)
        body = Writer().string(self.group).array([pair], lambda target, one: target.string(one[0]).string(one[1]))
        reader = self.call(raw.LEAVE_GROUP, 3, body.data)
        reader.i32()
        error = reader.i16()
        answers = reader.array(lambda source: (source.string(), source.string(), source.i16()))
        return error or answers[0][2]

    def commit(self, topic: str, offset: int, *, partition: int = 0, metadata: str = "", generation=None,
               member=None) -> int:
        """Commits one offset and returns its error."""
        def one(target, _):
            target.i32(partition).i64(offset).i32(-1).string(metadata)

        body = Writer().string(self.group).i32(self.generation if generation is None else generation)
        body.string(self.id if member is None else member).string(self.instance)
        body.array([topic], lambda target, name: target.string(name).array([0], one))
        reader = self.call(raw.OFFSET_COMMIT, 7, body.data)
        reader.i32()
        answers = reader.array(lambda source: (source.string(), source.array(lambda inner: (inner.i32(), inner.i16()))))
        return answers[0][1][0][1]

    def committed(self, topic, partition: int = 0) -> tuple:
        """(error, offset, metadata) of one partition; all there are as a dictionary when `topic` is None."""
        def one(source):
            index, offset, _, metadata, error = source.i32(), source.i64(), source.i32(), source.string(), source.i16()
            return index, (error, offset, metadata)

        asked = None if topic is None else [topic]
        body = Writer().string(self.group).array(
            asked, lambda target, name: target.string(name).array([partition], Writer.i32))
        reader = self.call(raw.OFFSET_FETCH, 5, body.data)
        reader.i32()
        found = {(name, index): answer for name, answers in
                 reader.array(lambda source: (source.string(), source.array(one))) for index, answer in answers}
        error = reader.i16()
        assert error == 0, error
        return found if topic is None else found[topic, partition]

    def state(self) -> tuple:
        """(error, state, protocol type, protocol, member ids) as DescribeGroups v4 tells."""
        def member(source):
            ident = source.string()
            source.string(), source.string(), source.string(), source.bytes(), source.bytes()
            return ident

        def group(source):
            told = source.i16(), source.string(), source.string(), source.string(), source.string()
            members = source.array(member)
            source.i32()
            return told[0], told[2], told[3], told[4], members

        reader = self.call(raw.DESCRIBE_GROUPS, 4, Writer().array([self.group], Writer.string).bool(False).data)
        reader.i32()
        return reader.array(group)[0]


