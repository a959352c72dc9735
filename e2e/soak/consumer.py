"""Consumers that ack most, return some, reject some for good, and now and then close their channel to be sure.

A lane is one queue's consumer on one connection, over a row of channels. A
channel that is given up is cancelled first and everything it was given is
settled, so that its close-ok vouches for every ack before it, and no delivery
is left unread.
"""

import pika

from soak.client import REDELIVERED, TICK, Client
from soak.client_process import DELIVERED
from soak.history import microseconds
from soak.producer import PROPERTIES
from soak.topology import GRAVES, PASSED_ON, QUEUES, UNTOUCHED, make_body, read_body

#: Of a thousand deliveries so many are returned, and of a queue with a grave so many rejected for good.
RETURNED, REJECTED = 40, 200
#: Of a hundred transactions of acks so many are rolled back first.
ROLLED_BACK = 10
#: How many ticks a channel lives, at least and at most.
TICKS = (30, 400)


class Lane:
    """Consumes one queue."""

    def __init__(self, client: "Consumer", queue: str):
        self.client, self.queue = client, queue
        self.random = client.random
        self.place = QUEUES.index(queue)
        self.channel = None
        self.closed = False
        self.open()

    def open(self) -> None:
        """Opens the next channel and consumes."""
        self.channel = None
        self.unsettled = {}
        self.leaving = self.read_all = False
        self.ticks = self.random.randint(*TICKS)
        self.prefetch = self.random.choice((1, 10, 50, 200))
        self.client.open_channel(self._opened)

    def _opened(self, channel, number):
        self.number = number
        channel.add_on_close_callback(self._closed)
        channel.basic_qos(prefetch_count=self.prefetch, callback=lambda _: self.consume(channel))

    def consume(self, channel) -> None:
        """Starts the consumer."""
        self.channel = channel
        self.tag = channel.basic_consume(self.queue, self._on_message)

    def _on_message(self, channel, method, _properties, body):
        number, message = self.client.received(self.place, self.number, method.redelivered, body)
        if number is None:
            channel.basic_ack(method.delivery_tag)
            return
        self.unsettled[method.delivery_tag] = number
        self.read(method.delivery_tag, message)
        self.decide(method.delivery_tag)

    def read(self, tag: int, message: tuple) -> None:
        """Called for every message before it is settled."""

    def decide(self, tag: int) -> None:
        """Settles this delivery, or it and all before it, or leaves it for later."""
        dice = self.random.randrange(1000)
        if dice < RETURNED:
            self.put_back(tag, dice % 2 == 0)
        elif self.queue in GRAVES and dice < RETURNED + REJECTED:
            self.client.writer.line("J", self.unsettled.pop(tag))
            self.channel.basic_reject(tag, requeue=False)
        elif dice < 600:
            self.client.writer.line("A", self.unsettled.pop(tag))
            self.channel.basic_ack(tag)
        elif dice < 650:
            self.ack_all()

    def put_back(self, tag: int, nack: bool) -> None:
        """Returns one delivery to the queue."""
        self.client.writer.line("Q", self.unsettled.pop(tag))
        if nack:
            self.channel.basic_nack(tag, requeue=True)
        else:
            self.channel.basic_reject(tag, requeue=True)

    def ack_all(self) -> None:
        """Acks everything unsettled with one ack."""
        for number in self.unsettled.values():
            self.client.writer.line("A", number)
        if self.unsettled:
            self.channel.basic_ack(max(self.unsettled), multiple=True)
        self.unsettled.clear()

    def tick(self) -> None:
        """Settles what was left for later; gives the channel up when its time has come."""
        if self.channel is None or not self.channel.is_open or self.leaving:
            return
        if self.random.randrange(4) == 0:
            self.ack_all()
        self.ticks -= 1
        if self.ticks <= 0 or self.client.shared.stop.is_set():
            self.leaving = True
            self.channel.basic_cancel(self.tag, callback=lambda _: self.cancelled())
            # pika would return what still arrives without a word to anyone, and the checker
            # could no longer tell who saw what first. Until cancel-ok it is ours.
            self.channel._cancelled.discard(self.tag)

    def cancelled(self) -> None:
        """No delivery comes any more: settles the rest and closes."""
        self.read_all = True
        self.leave()

    def leave(self) -> None:
        """Closes when everything is settled."""
        self.ack_all()
        self.channel.close()

    def _closed(self, _channel, reason):
        if not isinstance(reason, pika.exceptions.ChannelClosedByClient):
            return
        self.client.writer.line("B", self.number)
        if self.client.shared.stop.is_set():
            self.closed = True
        else:
            self.open()


class TransactionLane(Lane):
    """Passes each message on and acks it in one transaction; commit-ok vouches for both."""

    def _opened(self, channel, number):
        self.committing = False
        self.messages = {}
        channel.tx_select(callback=lambda _: super(TransactionLane, self)._opened(channel, number))

    def read(self, tag, message):
        self.messages[tag] = message

    def decide(self, tag):
        """Everything waits for the next transaction."""

    def ack_all(self):
        if self.committing or not self.unsettled:
            return
        self.committing = True
        tags = list(self.unsettled)
        for tag in tags:
            self.channel.basic_publish("", PASSED_ON[self.queue], make_body(*self.messages[tag]), PROPERTIES)
        self.channel.basic_ack(tags[-1], multiple=True)
        if self.random.randrange(100) < ROLLED_BACK:
            self.channel.tx_rollback(callback=lambda _: self._rolled_back())
            return
        for tag in tags:
            self.client.writer.line("A", self.unsettled.pop(tag))
            del self.messages[tag]
        self.channel.tx_commit(callback=lambda _: self._committed())

    def _rolled_back(self):
        self.committing = False
        self.leave()

    def _committed(self):
        self.committing = False
        self.client.writer.line("B", self.number)
        self.leave()

    def leave(self):
        if not self.read_all:
            return
        if self.unsettled or self.committing:
            self.ack_all()
        else:
            self.channel.close()


class Consumer(Client):
    """One connection with a lane for each queue."""

    def __init__(self, shared, name, number, path, cuts: float):
        super().__init__(shared, name, number, path)
        self.lanes = []
        self.cuts = cuts

    def begin(self):
        self.lanes = [(TransactionLane if queue in PASSED_ON else Lane)(self, queue)
                      for queue in QUEUES if queue not in UNTOUCHED]

    def received(self, place: int, channel: int, redelivered: bool, body: bytes) -> tuple:
        """Writes a delivery down and returns its number and the message; None for a body that no producer wrote."""
        message = read_body(body)
        if message is None:
            self.writer.line("X", place, f"{len(body)} bytes {body[:60]!r}")
            return None, None
        self.count(DELIVERED)
        self.count(REDELIVERED, int(redelivered))
        return self.writer.delivered(self.session, channel, place, message, redelivered, microseconds()), message

    def tick(self):
        for lane in self.lanes:
            lane.tick()
        if all(lane.closed for lane in self.lanes):
            self.finish()
        elif self.random.random() < self.cuts * TICK:
            self.cut()
