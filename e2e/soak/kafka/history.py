"""What the clients saw and did: written line by line while they run, read as a whole by the checker.

Every client and the killer writes a file of its own. Numbers only, but for the last column of some lines:

    producer   I idempotent                 the first line
               P sequence partition         about to send
               C sequence offset            acknowledged; offset -1: the client knows that it is stored, not where
               N sequence text              reported as failed
               U sequence                   never answered
    consumer   S partition offset time      given this partition; begins at the committed offset, asked for at this time
               D partition offset producer sequence
               X partition offset text      a value that no producer wrote
               k partition offset time      about to commit
               K partition offset time      committed, as the broker said
               V partition                  the partition was taken away
    killer     G generation how time        signal sent to this run of the broker
    drain      E reading partition low high both ends of a partition
               Q reading partition offset   committed of the group, -1 for none
               F reading partition offset producer sequence
               X partition offset text

Times are microseconds of the clock that all processes share.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

from soak.history import Files

ACKNOWLEDGED, FAILED, UNANSWERED = "acknowledged", "failed", "unanswered"


@dataclass(slots=True)
class Publication:
    """One record as its producer knows it."""

    partition: int
    outcome: str | None = None
    offset: int = -1
    text: str = ""


class Read(NamedTuple):
    """A record as a member of the group saw it; `expected` is the offset that was its next, None when it had none."""

    member: str
    partition: int
    offset: int
    message: tuple
    expected: int | None


class Start(NamedTuple):
    """Where a member was told that the group is."""

    member: str
    partition: int
    offset: int
    time: int


class Commit(NamedTuple):
    """An offset that a member committed; `answered` is None while nobody knows whether it is stored."""

    member: str
    partition: int
    offset: int
    time: int
    answered: int | None


@dataclass
class History(Files):
    """Everything that all clients saw."""

    publications: dict = field(default_factory=dict)
    idempotent: set = field(default_factory=set)
    reads: list = field(default_factory=list)
    starts: list = field(default_factory=list)
    commits: list = field(default_factory=list)
    strangers: list = field(default_factory=list)
    #: By reading, then by partition: what was found at each offset, both ends, what was committed.
    found: dict = field(default_factory=lambda: defaultdict(lambda: defaultdict(dict)))
    ends: dict = field(default_factory=lambda: defaultdict(dict))
    committed: dict = field(default_factory=lambda: defaultdict(dict))

    def rows_of(self, client: str) -> dict:
        return _Reader(self, client).rows


class _Reader:
    """Reads one client's lines into a history."""

    def __init__(self, history: History, client: str):
        self.history, self.client = history, client
        self.producer = int("".join(filter(str.isdigit, client)) or 0)
        self.next, self.open = {}, {}
        self.rows = {
            "I": self.kind, "P": self.published, "C": self.acknowledged, "N": self.failed, "U": self.unanswered,
            "S": self.start, "D": self.delivered, "X": self.stranger, "k": self.commit, "K": self.committed,
            "V": self.revoked, "G": lambda row: None, "E": self.ends, "Q": self.kept, "F": self.found,
        }

    def kind(self, row):
        if int(row):
            self.history.idempotent.add(self.producer)

    def published(self, row):
        sequence, partition = map(int, row.split())
        self.history.publications[self.producer, sequence] = Publication(partition)

    def acknowledged(self, row):
        sequence, offset = map(int, row.split())
        publication = self.history.publications[self.producer, sequence]
        publication.outcome, publication.offset = ACKNOWLEDGED, offset

    def failed(self, row):
        sequence, text = row.split(" ", 1)
        publication = self.history.publications[self.producer, int(sequence)]
        publication.outcome, publication.text = FAILED, text

    def unanswered(self, row):
        self.history.publications[self.producer, int(row)].outcome = UNANSWERED

    def start(self, row):
        partition, offset, time = map(int, row.split())
        self.next[partition] = offset
        self.history.starts.append(Start(self.client, partition, offset, time))

    def delivered(self, row):
        partition, offset, producer, sequence = map(int, row.split())
        message, expected = (producer, sequence), self.next.get(partition)
        self.history.reads.append(Read(self.client, partition, offset, message, expected))
        if expected is not None:
            self.next[partition] = offset + 1

    def revoked(self, row):
        self.next.pop(int(row), None)

    def stranger(self, row):
        partition, offset, text = row.split(" ", 2)
        self.history.strangers.append((int(partition), int(offset), text))

    def commit(self, row):
        partition, offset, time = map(int, row.split())
        self.open[partition] = len(self.history.commits)
        self.history.commits.append(Commit(self.client, partition, offset, time, None))

    def committed(self, row):
        partition, _, time = map(int, row.split())
        place = self.open.pop(partition)
        self.history.commits[place] = self.history.commits[place]._replace(answered=time)

    def ends(self, row):
        reading, partition, low, high = map(int, row.split())
        self.history.ends[reading][partition] = (low, high)

    def kept(self, row):
        reading, partition, offset = map(int, row.split())
        self.history.committed[reading][partition] = offset

    def found(self, row):
        reading, partition, offset, producer, sequence = map(int, row.split())
        self.history.found[reading][partition][offset] = (producer, sequence)
