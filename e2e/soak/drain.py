"""Takes out what is left at the end, and compares the depths that the broker tells with what comes."""

import time

import pika

from soak.client_process import PATIENCE, Shared
from soak.history import CLOSED, Writer, microseconds
from soak.topology import QUEUES, read_body

#: How many deliveries one ack settles.
PREFETCH = 500


class Drain:
    """One consumer after another, one for each queue, on a broker that nobody else uses."""

    def __init__(self, shared: Shared, path):
        self.shared = shared
        self.writer = Writer(path)
        self.session = self.channels = 0

    def connect(self):
        """A connection to the present run of the broker."""
        parameters = pika.URLParameters(self.shared.address)
        parameters.heartbeat = 0
        connection = pika.BlockingConnection(parameters)
        self.session += 1
        self.writer.line("s", self.session, self.shared.generation.value)
        return connection

    def take_all(self) -> None:
        """Takes and acks everything; the close-ok of each channel vouches for the acks."""
        connection = self.connect()
        for place, queue in enumerate(QUEUES):
            channel = connection.channel()
            expected = _depth(channel, queue)
            found = self.take(channel, place, expected)
            self.writer.line("L", place, expected, found, "depth told before draining, and messages found")
            self.writer.line("L", place, 0, _depth(channel, queue), "depth after draining")
            channel.close()
            self.writer.line("B", self.channels)
        self.leave(connection)

    def take(self, channel, place: int, expected: int) -> int:
        """Consumes one queue until it is empty, or nothing comes for long; returns how many came."""
        self.channels += 1
        found, unsettled, news = 0, [], time.monotonic()

        def on_message(_channel, method, _properties, body):
            nonlocal found, news
            found, news = found + 1, time.monotonic()
            message = read_body(body)
            if message is None:
                self.writer.line("X", place, f"{len(body)} bytes {body[:60]!r}")
            else:
                unsettled.append(self.writer.delivered(
                    self.session, self.channels, place, message, method.redelivered, microseconds()))
            if method.delivery_tag % (PREFETCH // 2) == 0:
                settle(method.delivery_tag)

        def settle(tag):
            for number in unsettled:
                self.writer.line("Z", number)
            unsettled.clear()
            channel.basic_ack(tag, multiple=True)

        channel.basic_qos(prefetch_count=PREFETCH)
        tag = channel.basic_consume(QUEUES[place], on_message)
        while found < expected and time.monotonic() - news < PATIENCE:
            channel.connection.process_data_events(time_limit=0.2)
        # More than was told would come now.
        channel.connection.process_data_events(time_limit=0.05)
        channel.basic_cancel(tag)
        settle(0)
        return found

    def expect_nothing(self) -> None:
        """Every queue must be empty."""
        connection = self.connect()
        channel = connection.channel()
        for place, queue in enumerate(QUEUES):
            self.writer.line("L", place, 0, _depth(channel, queue), "depth after draining and another stop")
        self.leave(connection)

    def leave(self, connection) -> None:
        """Closes the connection."""
        connection.close()
        self.writer.line("e", self.session, CLOSED, microseconds(), "-")
        self.writer.flush()


def _depth(channel, queue: str) -> int:
    return channel.queue_declare(queue, passive=True).method.message_count
