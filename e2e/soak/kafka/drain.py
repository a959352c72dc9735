"""Reads the whole log at the end, and what is committed of the group."""

import time

from confluent_kafka import Consumer, TopicPartition

from soak.client_process import PATIENCE
from soak.history import Writer
from soak.kafka.client import GROUP, PARTITIONS, SETTINGS, TOPIC
from soak.topology import read_body


class Drain:
    """A reader on a broker that nobody else uses; each reading has a number."""

    def __init__(self, bootstrap: str, path):
        self.settings = {"bootstrap.servers": bootstrap, "group.id": GROUP, "enable.auto.commit": False,
                         "auto.offset.reset": "error", **SETTINGS}
        self.writer = Writer(path)
        self.reading = 0

    def read_all(self) -> None:
        """Notes every record, both ends of each partition and the group's offsets."""
        self.reading += 1
        reader = Consumer(self.settings)
        places = [TopicPartition(TOPIC, partition) for partition in range(PARTITIONS)]
        left = {}
        for one in places:
            low, high = reader.get_watermark_offsets(one, timeout=PATIENCE)
            self.writer.line("E", self.reading, one.partition, low, high)
            one.offset = low
            if high > low:
                left[one.partition] = high
        for one in reader.committed([TopicPartition(TOPIC, partition) for partition in range(PARTITIONS)],
                                    timeout=PATIENCE):
            self.writer.line("Q", self.reading, one.partition, max(one.offset, -1))
        reader.assign(places)
        news = time.monotonic()
        while left and time.monotonic() - news < PATIENCE:
            for message in reader.consume(1000, 0.2):
                if message.error():
                    continue
                news = time.monotonic()
                self.note(message)
                if message.offset() + 1 >= left.get(message.partition(), 0):
                    left.pop(message.partition(), None)
        reader.close()
        self.writer.flush()

    def note(self, message) -> None:
        """One record."""
        body, partition, offset = read_body(message.value()), message.partition(), message.offset()
        if body is None:
            self.writer.line("X", partition, offset, f"{len(message.value())} bytes {message.value()[:60]!r}")
        else:
            self.writer.line("F", self.reading, partition, offset, *body)
