"""Producers of numbered, persistent messages: one kind with confirms, one with transactions."""

import time

import pika
from pika import spec

from soak.client import Client
from soak.client_process import CONFIRMED, PUBLISHED
from soak.topology import TARGETS, WEIGHTS, make_body

#: Persistent.
PROPERTIES = pika.BasicProperties(delivery_mode=2)
#: How many transactions in a hundred are rolled back.
ROLLED_BACK = 15


class Producer(Client):
    """Numbers and publishes messages, never one twice."""

    def __init__(self, shared, name, number, path, rate: float):
        super().__init__(shared, name, number, path)
        self.rate = rate
        self.sequence = 0
        self.credit = 0.0
        self.credited_at = time.monotonic()
        self.channel = None

    def publish(self, tx: int = 0) -> int:
        """Publishes the next message to one of the targets and returns its number."""
        self.sequence += 1
        target = self.random.choices(range(len(TARGETS)), WEIGHTS)[0]
        self.writer.line("P", self.sequence, target, tx)
        self.channel.basic_publish(TARGETS[target].exchange, TARGETS[target].key,
                                   make_body(self.number, self.sequence), PROPERTIES)
        self.count(PUBLISHED)
        self.credit -= 1
        return self.sequence

    def earn(self, at_most: float) -> None:
        """Adds what the rate allows since the last time."""
        now = time.monotonic()
        self.credit = min(at_most, self.credit + (now - self.credited_at) * self.rate)
        self.credited_at = now


class ConfirmProducer(Producer):
    """Keeps up to `window` publishes unconfirmed."""

    def __init__(self, shared, name, number, path, rate, window: int = 200):
        super().__init__(shared, name, number, path, rate)
        self.window = window
        self.unconfirmed = {}
        self.tag = 0

    def begin(self):
        self.channel, self.unconfirmed, self.tag = None, {}, 0
        self.open_channel(lambda channel, _: channel.confirm_delivery(
            self._confirmed, callback=lambda _: self._selected(channel)))

    def _selected(self, channel):
        self.channel = channel

    def tick(self):
        if self.channel is None or not self.channel.is_open:
            return
        if self.shared.stop.is_set():
            if not self.unconfirmed:
                self.finish()
            return
        self.earn(self.window)
        while len(self.unconfirmed) < self.window and self.credit >= 1:
            self.tag += 1
            self.unconfirmed[self.tag] = self.publish()

    def _confirmed(self, frame):
        tag, multiple = frame.method.delivery_tag, frame.method.multiple
        code = "C" if isinstance(frame.method, spec.Basic.Ack) else "N"
        tags = [one for one in self.unconfirmed if one <= tag] if multiple else [tag]
        if not tags or any(one not in self.unconfirmed for one in tags):
            self.refusal = f"confirm of {tag} (multiple {multiple}), unconfirmed {list(self.unconfirmed)[:3]}…"
            self.connection.close()
            return
        for one in tags:
            self.writer.line(code, self.unconfirmed.pop(one))
        self.count(CONFIRMED, len(tags))

    def give_up(self):
        for sequence in self.unconfirmed.values():
            self.writer.line("U", sequence)


class TransactionProducer(Producer):
    """Publishes a few messages, commits or rolls back, and waits for the answer."""

    def __init__(self, shared, name, number, path, rate):
        super().__init__(shared, name, number, path, rate)
        self.tx = 0
        self.idle = False

    def begin(self):
        self.idle = False
        self.open_channel(lambda channel, _: channel.tx_select(callback=lambda _: self._selected(channel)))

    def _selected(self, channel):
        self.channel, self.idle = channel, True

    def tick(self):
        if not self.idle:
            return
        if self.shared.stop.is_set():
            self.finish()
            return
        self.earn(40)
        count = self.random.randint(1, 20)
        if self.credit < count:
            return
        self.idle = False
        self.tx += 1
        for _ in range(count):
            self.publish(self.tx)
        if self.random.randrange(100) < ROLLED_BACK:
            self.channel.tx_rollback(callback=lambda _: self._again())
        else:
            self.writer.line("m", self.tx)
            self.channel.tx_commit(callback=lambda _: self._committed(count))

    def _committed(self, count):
        self.writer.line("k", self.tx)
        self.count(CONFIRMED, count)
        self._again()

    def _again(self):
        self.idle = True

    def give_up(self):
        if not self.idle and self.sequence:
            self.writer.line("U", self.sequence)
