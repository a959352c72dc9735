"""Judges a history: which of its promises did the broker break?

    lost         confirmed or committed, and neither acked nor drained from each queue it was routed to
    phantom      delivered, though never published, rolled back, not routed there, or not whole
    torn         a transaction of which a part survived and a part did not
    resurrected  delivered again after its ack was known to be durable
    doubled      handed out twice while the first hand-out was not returned
    unmarked     delivered before, or recovered after a kill, and not marked as redelivered
    spurious     marked as redelivered though it cannot have been delivered before
    misordered   first deliveries out of the order in which one producer published
    miscounted   a queue's depth is not what was found in it
    unanswered   a publish that was never confirmed though the connection lived
    dropped      the broker ended a connection or a channel while nobody stopped it

A message has one *copy* in each queue it is routed to; a rejected one has a
copy in the queue of the dead, and one acked in a transaction that passed it on
has a copy where it was passed on to. Runs of the broker are numbered; a client
knows for certain which run its connection belonged to.

Some rules stand only for a broker that promises more than the protocol does
(`strict`): one log, so that what survives is a prefix of what happened; every
message that survives a kill is marked; and queues keep positions.
"""

from collections import defaultdict

from soak.history import (
    ACKED, CLOSED, CONFIRMED, CUT, DRAINED, HASTY, KILL, REFUSED, REJECTED, RETURNED, TOLD, UNANSWERED, History,
)
from soak.topology import GRAVES, PASSED_ON, TARGETS
from soak.violation import Violation

KINDS = ("lost", "phantom", "torn", "resurrected", "doubled", "unmarked", "spurious", "misordered", "miscounted",
         "unanswered", "dropped")
#: From which queue, and by which fate there, a message comes into a queue that no producer publishes to.
_SOURCES = {grave: (source, REJECTED) for source, grave in GRAVES.items()}
_SOURCES |= {further: (source, ACKED) for source, further in PASSED_ON.items()}
_FURTHER = {source: (queue, fate) for queue, (source, fate) in _SOURCES.items()}
_OUT = (ACKED, DRAINED)


def judge(history: History, strict: bool = True) -> list:
    """Every violation in the history."""
    return _Judge(history, strict).violations()


class _Judge:
    """One history with its deliveries sorted by copy."""

    def __init__(self, history: History, strict: bool):
        self.history, self.strict = history, strict
        self.found = []
        self.copies = defaultdict(list)
        for delivery in sorted(history.deliveries, key=lambda one: (one.generation, one.time)):
            self.copies[delivery.queue, delivery.producer, delivery.sequence].append(delivery)
        self.cut_sessions = {end.session for end in history.ends if end.how == CUT}
        self.deaf_runs = {end.generation for end in history.ends if end.how not in (TOLD, CLOSED)}
        self.cut_runs = {end.generation for end in history.ends if end.how == CUT}

    def violations(self) -> list:
        """Applies every rule."""
        self.phantoms()
        for copy, seen in self.copies.items():
            self.settled_ones_stay_gone(copy, seen)
            self.handed_out_once(copy, seen)
            if self.legitimate(copy):
                self.marks(copy, seen)
        self.losses()
        self.transactions()
        self.order()
        self.counts()
        self.connections()
        return self.found

    def add(self, kind, copy, why, seen=()):
        """Notes a violation of one copy."""
        queue, producer, sequence = copy
        lines = "".join(f"\n    {delivery}" for delivery in seen)
        self.found.append(Violation(kind, f"{queue}: message {sequence} of producer {producer}: {why}{lines}"))

    # What may be in a queue.

    def published(self, copy):
        """The publication behind a copy; None when there is none that could be visible."""
        publication = self.history.publications.get(copy[1:])
        if publication is None or (publication.tx and (copy[1], publication.tx) not in self.history.commits):
            return None
        return publication

    def legitimate(self, copy):
        """Whether this copy may exist: published, perhaps committed, and routed or rejected into this queue."""
        publication = self.published(copy)
        if publication is None:
            return False
        if copy[0] in _SOURCES:
            return bool(self.entries(copy))
        return copy[0] in TARGETS[publication.target].queues

    def entries(self, copy):
        """What put this copy into its queue: its publishing, or deliveries from another queue.

        More than one of those, when what a kill made undone was done again.
        """
        if copy[0] not in _SOURCES:
            return [self.published(copy)]
        source, fate = _SOURCES[copy[0]]
        return [delivery for delivery in self.copies.get((source, *copy[1:]), ()) if delivery.fate == fate]

    def phantoms(self):
        for queue, text in self.history.strangers:
            self.found.append(Violation("phantom", f"{queue}: {text}"))
        for copy, seen in list(self.copies.items()):
            if not self.legitimate(copy):
                known = self.history.publications.get(copy[1:])
                why = ("never published" if known is None else "never committed" if self.published(copy) is None
                       else "not routed, rejected or passed on to here")
                self.add("phantom", copy, why, seen)

    # What must be found.

    def losses(self):
        for (producer, sequence), publication in self.history.publications.items():
            committed = self.history.commits.get((producer, publication.tx)) if publication.tx else None
            if publication.outcome == UNANSWERED:
                queue = TARGETS[publication.target].queues[0]
                self.add("unanswered", (queue, producer, sequence), f"published in run {publication.generation}")
            if CONFIRMED not in (publication.outcome, committed):
                continue
            for queue in TARGETS[publication.target].queues:
                self.found_again((queue, producer, sequence), publication)

    def found_again(self, copy, publication):
        """A copy is out when it was acked; one that was rejected or passed on, when its further copy is out."""
        seen = self.copies.get(copy, ())
        further, fate = _FURTHER.get(copy[0], (None, None))
        if any(delivery.fate in _OUT and delivery.fate != fate for delivery in seen):
            return
        if any(delivery.fate == fate for delivery in seen if fate):
            there = (further, *copy[1:])
            late = self.copies.get(there, ())
            if not any(delivery.fate in _OUT for delivery in late):
                self.add("lost", there, f"published in run {publication.generation}, {fate} in {copy[0]}",
                         [*seen, *late])
            return
        self.add("lost", copy, f"confirmed in run {publication.generation}", seen)

    def transactions(self):
        """A commit without an answer has happened or has not; a later run shows which."""
        if not self.strict:
            return
        open_ones = defaultdict(list)
        for publication in self.history.publications.values():
            key = (publication.producer, publication.tx)
            if publication.tx and self.history.commits.get(key, CONFIRMED) is None:
                open_ones[key].append(publication)
        for (producer, tx), parts in open_ones.items():
            survived, gone = [], []
            for part in parts:
                for queue in TARGETS[part.target].queues:
                    copy = (queue, producer, part.sequence)
                    seen = self.copies.get(copy, ())
                    if any(delivery.generation > part.generation for delivery in seen):
                        survived.append(copy)
                    elif not any(delivery.fate in (*_OUT, REJECTED) for delivery in seen):
                        gone.append(copy)
            if survived and gone:
                self.found.append(Violation("torn", f"transaction {tx} of producer {producer} in run "
                                            f"{parts[0].generation}: survived {survived}, gone {gone}"))

    # What must not be found again.

    def settled_ones_stay_gone(self, copy, seen):
        last = seen[-1].generation
        if any(delivery.durable and delivery.generation < last for delivery in seen):
            self.add("resurrected", copy, "delivered in a later run", seen)

    def handed_out_once(self, copy, seen):
        """Within one run of the broker a message goes out again only after it was returned.

        A client that cut its connection has returned what was not settled, and its last acks may not have come.
        """
        for earlier, later in zip(seen, seen[1:]):
            returned = earlier.fate == RETURNED or (earlier.session in self.cut_sessions and not earlier.durable)
            if earlier.generation == later.generation and not returned:
                self.add("doubled", copy, "handed out again in the same run", seen)

    # Marks.

    def marks(self, copy, seen):
        """At most one delivery of an entry into a queue is fresh, and it is the first."""
        entries = self.entries(copy)
        first, last = min(e.generation for e in entries), max(e.generation for e in entries)
        fresh = [delivery for delivery in seen if not delivery.redelivered]
        if len(fresh) > len(entries) or (len(entries) == 1 and fresh and fresh[0] is not seen[0]):
            self.add("unmarked", copy, f"delivered before (entered {len(entries)} times)", seen)
        if not self.strict:
            return
        for delivery in fresh:
            if self.stopped(KILL, last, delivery.generation):
                self.add("unmarked", copy, f"entered in run {last} and survived a kill", seen)
                break
        if seen[0].redelivered and not self.may_be_marked(first, seen[0].generation):
            self.add("spurious", copy, f"entered in run {first} and was not delivered before", seen)

    def stopped(self, how, first, generation):
        """Whether a run from `first` on and before `generation` ended like this."""
        return any(self.history.stops.get(run, (None,))[0] == how for run in range(first, generation))

    def may_be_marked(self, first, generation):
        """A kill marks everything; else only what was under way to a client that was cut off is marked."""
        return (self.stopped(KILL, first, generation) or self.stopped(HASTY, first, generation)
                or not self.cut_runs.isdisjoint(range(first, generation + 1))
                or not self.deaf_runs.isdisjoint(range(first, generation)))

    # Order.

    def order(self):
        """Each consumer sees first deliveries of one producer in the order of publishing."""
        highest, firsts = {}, set()
        for delivery in sorted(self.history.deliveries, key=lambda one: (one.generation, one.time)):
            if delivery.queue in _SOURCES:
                continue
            first = (delivery.generation, delivery.queue, delivery.producer, delivery.sequence)
            if first in firsts or (delivery.redelivered and not self.keeps_positions(delivery.generation)):
                continue
            firsts.add(first)
            reader = (delivery.session, delivery.queue, delivery.producer)
            before = highest.get(reader)
            if before is not None and before.sequence > delivery.sequence:
                copy = (delivery.queue, delivery.producer, delivery.sequence)
                self.add("misordered", copy, f"came after {before.sequence} ({before})", self.copies[copy])
            else:
                highest[reader] = delivery

    def keeps_positions(self, generation):
        """Whether also what was returned comes in order: not when a client left without reading everything."""
        return self.strict and generation not in self.cut_runs

    # Counts and connections.

    def counts(self):
        for depth in self.history.depths:
            if depth.expected != depth.found:
                self.found.append(Violation(
                    "miscounted", f"{depth.queue}: {depth.what}: expected {depth.expected}, found {depth.found}"))

    def connections(self):
        """A connection ends when its client ends it, or after a signal to the broker."""
        for end in self.history.ends:
            how, when = self.history.stops.get(end.generation, (None, None))
            stopped = when is not None and end.time >= when and end.how != REFUSED
            if end.how not in (CLOSED, CUT) and not (stopped and (how != KILL or end.how != TOLD)):
                self.found.append(Violation("dropped", f"{end.session[0]} in run {end.generation} at "
                                            f"{end.time / 1e6:.3f}: {end.how}: {end.text}"))
