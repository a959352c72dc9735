"""Producers of numbered records with acks=all, idempotent or not, each record to a partition of its choice."""

import time

from confluent_kafka import KafkaException
from confluent_kafka import Producer as Sender

from soak.client_process import CONFIRMED, PUBLISHED
from soak.kafka.client import PARTITIONS, TOPIC, Client
from soak.topology import make_body

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


class Producer(Client):
    """Keeps up to `window` records unanswered. What is not answered is sent again, so that it waits through a kill."""

    def __init__(self, shared, name, number, path, idempotent: bool, rate: float, window: int):
        super().__init__(shared, name, number, path)
        self.idempotent, self.rate, self.window = idempotent, rate, window
        self.sequence = 0
        self.unanswered = set()
        self.failed = False

    def run(self) -> None:
        """Produces until it is to stop, and waits for the last answers."""
        sender = Sender(self.settings(
            acks="all", enable_idempotence=self.idempotent, linger_ms=2, message_timeout_ms=120_000,
            message_send_max_retries=2**31 - 1, max_in_flight_requests_per_connection=5,
            compression_codec=self.random.choice(CODECS), batch_num_messages=self.random.choice((10, 100, 1000))))
        self.writer.line("I", int(self.idempotent))
        credit, credited_at = 0.0, time.monotonic()
        while not self.stopping:
            self.serve(sender, 0.002)
            now = time.monotonic()
            credit, credited_at = min(self.window, credit + (now - credited_at) * self.rate), now
            while credit >= 1 and len(self.unanswered) < self.window and not self.failed:
                credit -= 1
                self.publish(sender)
        while self.unanswered and not self.patience_ended:
            self.serve(sender, 0.05)
        for sequence in sorted(self.unanswered):
            self.writer.line("U", sequence)
        self.writer.close()

    def serve(self, sender, seconds: float) -> None:
        """Takes what was answered meanwhile."""
        try:
            sender.poll(seconds)
        except KafkaException:  # told once, when an idempotent producer can go on no more
            self.failed = True

    def publish(self, sender) -> None:
        """Sends the next record."""
        self.sequence += 1
        sequence, partition = self.sequence, self.random.randrange(PARTITIONS)
        self.writer.line("P", sequence, partition)
        self.unanswered.add(sequence)
        try:
            sender.produce(TOPIC, make_body(self.number, sequence), partition=partition,
                           on_delivery=lambda error, message: self.answered(sequence, error, message))
            self.count(PUBLISHED)
        except KafkaException as failure:
            self.failed = True
            self.answered(sequence, failure, None)

    def answered(self, sequence: int, error, message) -> None:
        """Notes what became of a record; offset -1 where the client knows only that it is stored."""
        self.unanswered.discard(sequence)
        if error is not None:
            self.writer.line("N", sequence, str(error))
            return
        offset = message.offset()
        self.writer.line("C", sequence, -1 if offset is None or offset < 0 else offset)
        self.count(CONFIRMED)
