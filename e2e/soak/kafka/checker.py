"""Judges a history: which of its promises did the broker break?

    lost        acknowledged, and not in the log
    moved       acknowledged at an offset where it is not
    shared      one offset given to two records
    doubled     twice in the log, though its producer is idempotent
    misordered  in the log before what its idempotent producer sent earlier to the same partition
    phantom     in the log or read, though no producer sent it, or not to there, or not whole
    vanished    read by a member, and not at that offset in the log: it had not been kept yet when it was handed out
    skipped     a member was given an offset behind the one that was its next
    reread      a member was given an offset again though it had not been told to begin anew
    forgotten   an offset that was committed, and later an earlier one is told
    invented    an offset is told as committed that nobody committed
    behind      the group has read and committed everything, and less is told as committed
    changed     a stop without any client changed the log
    miscounted  the ends of a partition are not those of what was found between them
    refused     a producer was told that a record failed, or was told nothing
    broker      it did not start, did not end as it should, or left a client waiting
"""

from collections import defaultdict

from soak.kafka.history import ACKNOWLEDGED, FAILED, UNANSWERED, History
from soak.violation import Violation

KINDS = ("lost", "moved", "shared", "doubled", "misordered", "phantom", "vanished", "skipped", "reread", "forgotten",
         "invented", "behind", "changed", "miscounted", "refused")


def judge(history: History) -> list:
    """Every violation in the history."""
    return _Judge(history).violations()


def name(message) -> str:
    """A record by its producer."""
    return f"record {message[1]} of producer {message[0]}"


class _Judge:
    """One history, with what the first reading found sorted by record."""

    def __init__(self, history: History):
        self.history = history
        self.broken = []
        self.log = history.found[1]
        self.places = defaultdict(list)
        for partition, records in sorted(self.log.items()):
            for offset, message in sorted(records.items()):
                self.places[message].append((partition, offset))

    def violations(self) -> list:
        """Applies every rule."""
        self.acknowledged()
        self.given_once()
        self.idempotent()
        self.known()
        self.readers()
        self.commits()
        self.ends()
        self.answers()
        return self.broken

    def add(self, kind: str, text: str) -> None:
        """Notes a violation."""
        self.broken.append(Violation(kind, text))

    def acknowledged(self):
        """What was acknowledged is in the log, at the offset that was told."""
        for message, sent in self.history.publications.items():
            if sent.outcome != ACKNOWLEDGED:
                continue
            places = self.places.get(message, [])
            if not places:
                self.add("lost", f"{name(message)}: acknowledged at {sent.offset} of partition {sent.partition}")
            elif sent.offset >= 0 and (sent.partition, sent.offset) not in places:
                self.add("moved", f"{name(message)}: acknowledged at {(sent.partition, sent.offset)}, found at {places}")

    def given_once(self):
        """Everybody who was told of an offset was told of the same record there."""
        told = defaultdict(set)
        for message, sent in self.history.publications.items():
            if sent.outcome == ACKNOWLEDGED and sent.offset >= 0:
                told[sent.partition, sent.offset].add(message)
        for read in self.history.reads:
            told[read.partition, read.offset].add(read.message)
        for partition, records in self.log.items():
            for offset, message in records.items():
                told[partition, offset].add(message)
        for place, messages in told.items():
            if len(messages) > 1:
                self.add("shared", f"{place}: {', '.join(map(name, sorted(messages)))}")

    def idempotent(self):
        """Once each, and in the order of sending."""
        for message, places in self.places.items():
            if message[0] in self.history.idempotent and len(places) > 1:
                self.add("doubled", f"{name(message)}: at {places}")
        for partition, records in self.log.items():
            highest = {}
            for offset, (producer, sequence) in sorted(records.items()):
                if producer not in self.history.idempotent:
                    continue
                if sequence < highest.get(producer, 0):
                    self.add("misordered", f"{name((producer, sequence))}: at {(partition, offset)} behind "
                             f"{highest[producer]}")
                highest[producer] = max(sequence, highest.get(producer, 0))

    def known(self):
        """What is found was sent, and to there."""
        for partition, offset, text in self.history.strangers:
            self.add("phantom", f"{(partition, offset)}: {text}")
        found = {(message, partition) for message, places in self.places.items() for partition, _ in places}
        found |= {(read.message, read.partition) for read in self.history.reads}
        for message, partition in sorted(found):
            sent = self.history.publications.get(message)
            if sent is None or sent.partition != partition:
                self.add("phantom", f"{name(message)} in partition {partition}: {sent or 'never sent'}")

    def readers(self):
        """Members read what stays, each offset once from where they began."""
        for read in self.history.reads:
            if self.log.get(read.partition, {}).get(read.offset) != read.message:
                self.add("vanished", f"{name(read.message)}: read by {read.member} at {(read.partition, read.offset)}")
            if read.expected is None or read.offset > read.expected:
                self.add("skipped", f"{read.member} in partition {read.partition}: {read.offset} after {read.expected}")
            elif read.offset < read.expected:
                self.add("reread", f"{read.member} in partition {read.partition}: {read.offset} after {read.expected}")

    def commits(self):
        """No commit that was answered is told otherwise later; a later one of which nothing is known may have come."""
        asked = defaultdict(lambda: {-1})
        answered = defaultdict(list)
        for commit in self.history.commits:
            asked[commit.partition].add(commit.offset)
            if commit.answered is not None:
                answered[commit.partition].append(commit)
        told = [(start.partition, start.offset, start.time, f"to {start.member}") for start in self.history.starts]
        told += [(partition, offset, float("inf"), f"in reading {reading}")
                 for reading, offsets in self.history.committed.items() for partition, offset in offsets.items()]
        for partition, offset, time, to in told:
            known = max((one.offset for one in answered[partition] if one.answered < time), default=0)
            if offset < known:
                self.add("forgotten", f"partition {partition}: {offset} told {to}, {known} was committed")
            if offset > 0 and offset not in asked[partition]:
                self.add("invented", f"partition {partition}: {offset} told {to}")

    def ends(self):
        """Partitions are whole, stay as they are, and the group is at their ends."""
        for reading, partitions in self.history.ends.items():
            for partition, (low, high) in partitions.items():
                found = self.history.found[reading].get(partition, {})
                if low != 0 or sorted(found) != list(range(low, high)):
                    self.add("miscounted", f"reading {reading}, partition {partition}: {low} to {high}, "
                             f"found {len(found)} from {min(found, default=None)} to {max(found, default=None)}")
                told = self.history.committed[reading].get(partition)
                if max(told, 0) != high:
                    self.add("behind", f"reading {reading}, partition {partition}: {told} is committed of {high}")
                before = self.log.get(partition, {})
                if found != before:
                    differ = sorted(offset for offset in found.keys() | before.keys()
                                    if found.get(offset) != before.get(offset))
                    self.add("changed", f"reading {reading}, partition {partition}: at {differ[:5]}…")

    def answers(self):
        """A broker that comes back soon answers everything in the end."""
        for message, sent in self.history.publications.items():
            if sent.outcome in (FAILED, UNANSWERED):
                self.add("refused", f"{name(message)}: {sent.outcome} {sent.text}")
