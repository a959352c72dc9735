"""What the clients saw and did: written line by line while they run, read as a whole by the checker.

Every client and the killer writes a file of its own. Numbers only, but for the last column of some lines:

    producer   s session generation         connected to this run of the broker
               P sequence target tx         about to publish (tx 0: with a confirm)
               C sequence / N sequence      confirmed / refused by a basic.nack
               m tx / k tx                  tx.commit sent / answered
               U sequence                   connected for long, and never answered
    consumer   s session generation
               D session channel queue producer sequence redelivered time
               A n / J n / Q n / Z n        the n-th delivery acked / rejected for good / returned / drained
               B channel                    what was acked or rejected on this channel is durable
               X queue text                 a body that no producer wrote
    both       e session how time text      the connection ended
    killer     G generation how time        signal sent to this run of the broker
    drain      L queue expected found text  two numbers that should agree

Times are microseconds of the clock that all processes share. Deliveries are numbered from 0 in each file.
A channel number is never used twice in one file.
"""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from soak.topology import QUEUES

ACKED, REJECTED, RETURNED, DRAINED = "acked", "rejected", "returned", "drained"
CLOSED, TOLD, LOST, REFUSED, CUT = "closed", "told", "lost", "refused", "cut"
KILL, TERM, HASTY = "kill", "term", "hasty"
CONFIRMED, NACKED, UNANSWERED = "confirmed", "nacked", "unanswered"


def microseconds() -> int:
    """The clock that all processes share."""
    return time.monotonic_ns() // 1000


class Writer:
    """Appends the lines of one client to its file."""

    def __init__(self, path: Path):
        self._file = open(path, "w", buffering=1 << 16, encoding="utf-8")
        self.deliveries = 0

    def line(self, *columns) -> None:
        """One line; line breaks in the last column become blanks."""
        self._file.write(" ".join(str(column).replace("\n", " ") for column in columns) + "\n")

    def delivered(self, session, channel, queue, message, redelivered, time) -> int:
        """One delivery; returns its number."""
        self._file.write(f"D {session} {channel} {queue} {message[0]} {message[1]} {redelivered:d} {time}\n")
        self.deliveries += 1
        return self.deliveries - 1

    def flush(self) -> None:
        """Hands everything to the system."""
        self._file.flush()

    def close(self) -> None:
        """Ends the file."""
        self._file.close()


@dataclass(slots=True)
class Publication:
    """One message as its producer knows it."""

    producer: int
    sequence: int
    target: int
    generation: int
    tx: int = 0
    outcome: str | None = None


@dataclass(slots=True)
class Delivery:
    """One delivery as its consumer knows it, and what became of it."""

    queue: str
    producer: int
    sequence: int
    generation: int
    session: tuple
    redelivered: bool
    time: int
    fate: str | None = None
    durable: bool = False

    def __str__(self):
        mark = "redelivered" if self.redelivered else "fresh"
        settled = f"{self.fate or 'unsettled'}{' for good' if self.durable else ''}"
        return f"run {self.generation} at {self.time / 1e6:.3f} to {self.session[0]}: {mark}, {settled}"


class Ended(NamedTuple):
    """The end of a client's connection."""

    session: tuple
    generation: int
    how: str
    time: int
    text: str


class Depth(NamedTuple):
    """Two counts of one queue that should agree."""

    queue: str
    expected: int
    found: int
    what: str


class Files:
    """A history that is read out of the files of a folder, each in the name of its client."""

    @classmethod
    def of(cls, folder: Path):
        """All that was written there."""
        history = cls()
        for path in sorted(folder.iterdir()):
            history.lines(path.stem, path.read_text(encoding="utf-8").splitlines())
        return history

    def lines(self, client: str, lines) -> None:
        """Adds the lines of one client; `client` ends in the producer's number for a producer."""
        rows = self.rows_of(client)
        for line in lines:
            code, _, columns = line.partition(" ")
            rows[code](columns)

    def rows_of(self, client: str) -> dict:
        """What is done with the columns of a line of this client, by the line's code."""
        raise NotImplementedError


@dataclass
class History(Files):
    """Everything that all clients saw."""

    publications: dict = field(default_factory=dict)
    commits: dict = field(default_factory=dict)
    deliveries: list = field(default_factory=list)
    strangers: list = field(default_factory=list)
    ends: list = field(default_factory=list)
    stops: dict = field(default_factory=dict)
    depths: list = field(default_factory=list)

    def rows_of(self, client: str) -> dict:
        return _Reader(self, client).rows


class _Reader:
    """Reads one client's lines into a history."""

    def __init__(self, history: History, client: str):
        self.history, self.client = history, client
        self.producer = int("".join(filter(str.isdigit, client)) or 0)
        self.generations = {}
        self.generation = 0
        self.own = []
        self.settled = {}
        self.channels = []
        self.rows = {
            "s": self.session, "e": self.end, "P": self.published, "C": self.outcome(CONFIRMED),
            "N": self.outcome(NACKED), "U": self.outcome(UNANSWERED), "m": self.commit, "k": self.committed,
            "D": self.delivered, "A": self.fate(ACKED), "J": self.fate(REJECTED), "Q": self.fate(RETURNED),
            "Z": self.fate(DRAINED),
            "B": self.barrier, "X": self.stranger, "G": self.stop, "L": self.depth,
        }

    def session(self, row):
        session, generation = map(int, row.split())
        self.generations[session] = self.generation = generation

    def end(self, row):
        session, how, time, text = row.split(" ", 3)
        self.history.ends.append(
            Ended((self.client, int(session)), self.generations[int(session)], how, int(time), text))

    def published(self, row):
        sequence, target, tx = map(int, row.split())
        self.history.publications[self.producer, sequence] = Publication(
            self.producer, sequence, target, self.generation, tx)

    def outcome(self, what):
        def row_of_outcome(row):
            self.history.publications[self.producer, int(row)].outcome = what
        return row_of_outcome

    def commit(self, row):
        self.history.commits[self.producer, int(row)] = None

    def committed(self, row):
        self.history.commits[self.producer, int(row)] = CONFIRMED

    def delivered(self, row):
        session, channel, queue, producer, sequence, redelivered, time = map(int, row.split())
        delivery = Delivery(QUEUES[queue], producer, sequence, self.generations[session],
                            (self.client, session), bool(redelivered), time)
        self.own.append(delivery)
        self.channels.append(channel)
        self.history.deliveries.append(delivery)

    def fate(self, what):
        def row_of_fate(row):
            self.own[int(row)].fate = what
            self.settled.setdefault(self.channels[int(row)], []).append(self.own[int(row)])
        return row_of_fate

    def barrier(self, row):
        for delivery in self.settled.pop(int(row), ()):
            delivery.durable = delivery.fate != RETURNED

    def stranger(self, row):
        queue, text = row.split(" ", 1)
        self.history.strangers.append((QUEUES[int(queue)], text))

    def stop(self, row):
        generation, how, time = row.split(" ")
        self.history.stops[int(generation)] = (how, int(time))

    def depth(self, row):
        queue, expected, found, what = row.split(" ", 3)
        self.history.depths.append(Depth(QUEUES[int(queue)], int(expected), int(found), what))
