"""Members of one group: they read, commit, and now and then leave and come back.

A member asks itself for what is committed when it is given partitions, and begins there: so its history says from where
on it must see each offset once.
"""

import time

from confluent_kafka import Consumer as Receiver
from confluent_kafka import KafkaException, TopicPartition

from soak.client_process import DELIVERED
from soak.history import microseconds
from soak.kafka.client import COMMITTED, GROUP, TOPIC, Client
from soak.topology import read_body

#: Of how many records at least and at most a member reads before it commits.
COMMIT_AFTER = (1, 300)
#: Milliseconds after which a member is gone that left while nobody was there to hear it.
SESSION = 6000
#: Seconds for one question to the broker.
ANSWER = 5.0


class Consumer(Client):
    """One seat in the group; `leaves` is how often a second its member leaves for a new one."""

    def __init__(self, shared, name, number, path, leaves: float):
        super().__init__(shared, name, number, path)
        self.leaves = leaves
        self.finished = False

    def run(self) -> None:
        """One member after the other until the group has read everything."""
        while not self.finished:
            receiver = Receiver(self.settings(
                group_id=GROUP, auto_offset_reset="earliest", enable_auto_commit=False, session_timeout_ms=SESSION,
                heartbeat_interval_ms=200, fetch_wait_max_ms=100, partition_assignment_strategy="range"))
            self.next, self.place, self.uncommitted = {}, {}, 0
            receiver.subscribe([TOPIC], on_assign=self.assigned, on_revoke=self.revoked, on_lost=self.lost)
            self.stay(receiver)
            receiver.close()
        self.writer.close()

    def stay(self, receiver) -> None:
        """Reads and commits until this member is to leave."""
        until = time.monotonic() + (self.random.expovariate(self.leaves) if self.leaves else float("inf"))
        due = self.random.randint(*COMMIT_AFTER)
        while not self.finished and (self.stopping or time.monotonic() < until):
            for message in receiver.consume(100, 0.05):
                self.read(message)
            if self.uncommitted >= due:
                self.commit(receiver)
                due = self.random.randint(*COMMIT_AFTER)
            if self.stopping:
                self.finished = self.patience_ended or self.has_all(receiver)

    def read(self, message) -> None:
        """Notes a record; what librdkafka says of connections and the like is no concern of the history."""
        if message.error():
            return
        partition, offset = message.partition(), message.offset()
        body = read_body(message.value())
        if body is None:
            self.writer.line("X", partition, offset, f"{len(message.value())} bytes {message.value()[:60]!r}")
        else:
            self.writer.line("D", partition, offset, *body)
        self.next[partition] = self.place[partition] = offset + 1
        self.uncommitted += 1
        self.count(DELIVERED)

    def commit(self, receiver) -> None:
        """Commits what was read; without an answer it may be stored or not."""
        places = [TopicPartition(TOPIC, partition, offset) for partition, offset in self.place.items()]
        if not places:
            return
        for one in places:
            self.writer.line("k", one.partition, one.offset, microseconds())
        try:
            told = receiver.commit(offsets=places, asynchronous=False)
        except KafkaException:
            return
        for one in told:
            if one.error is None:
                self.writer.line("K", one.partition, one.offset, microseconds())
                self.count(COMMITTED)
        self.uncommitted = 0

    def assigned(self, receiver, partitions) -> None:
        """Begins where the group is."""
        while True:
            asked = microseconds()
            try:
                known = receiver.committed([TopicPartition(TOPIC, one.partition) for one in partitions], timeout=ANSWER)
            except KafkaException:
                if self.patience_ended:
                    return
                continue
            if not any(one.error for one in known):
                break
        for one in known:
            one.offset = max(one.offset, 0)  # nothing committed: from the start
            self.writer.line("S", one.partition, one.offset, asked)
        self.next, self.place = {one.partition: one.offset for one in known}, {}
        receiver.assign(known)

    def revoked(self, receiver, partitions) -> None:
        """The last chance to commit."""
        if self.uncommitted:
            self.commit(receiver)
        self.lost(receiver, partitions)

    def lost(self, _, partitions) -> None:
        """Somebody else has them now."""
        for one in partitions:
            self.writer.line("V", one.partition)
            self.next.pop(one.partition, None)
            self.place.pop(one.partition, None)

    def has_all(self, receiver) -> bool:
        """Whether nothing is left to read in the member's partitions, and all of it is committed."""
        mine = [TopicPartition(TOPIC, partition) for partition in self.next]
        try:
            ends = {one.partition: receiver.get_watermark_offsets(one, timeout=ANSWER)[1] for one in mine}
            if not mine or self.next != ends:
                return False
            if self.uncommitted:
                self.commit(receiver)
            return not self.uncommitted
        except KafkaException:
            return False
