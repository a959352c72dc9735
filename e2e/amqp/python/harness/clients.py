"""Small helpers around pika: waiting for events, taking deliveries, draining a queue."""

import socket
from dataclasses import dataclass

import pika

from support import waiting

#: Seconds an expected event may take before the test fails.
DEADLINE = 10.0


@dataclass
class Delivery:
    """One message as a consumer or a get received it."""

    body: bytes
    tag: int
    redelivered: bool
    exchange: str
    routing_key: str
    properties: pika.BasicProperties
    consumer_tag: str = ""

    @property
    def headers(self) -> dict:
        """The message's headers, empty when it has none."""
        return self.properties.headers or {}


def wait_until(condition, *connections, within: float = DEADLINE, what: str = "the expected event"):
    """Serves the connections until `condition()` is true; returns its value."""
    def serve():
        for connection in connections:
            if connection.is_open:
                connection.process_data_events(time_limit=0.01)

    return waiting.wait_until(condition, within, what, serve if connections else None)


class Inbox:
    """A consumer that keeps what it gets until the test takes it."""

    def __init__(self, channel, queue: str, **consume):
        self.channel = channel
        self.queue = queue
        self.waiting = []
        self.cancelled_by_broker = False
        channel.add_on_cancel_callback(self._on_cancel)
        self.tag = channel.basic_consume(queue, self._on_message, **consume)

    def _on_message(self, _channel, method, properties, body):
        self.waiting.append(Delivery(
            body, method.delivery_tag, method.redelivered, method.exchange,
            method.routing_key, properties, method.consumer_tag,
        ))

    def _on_cancel(self, frame):
        if frame.method.consumer_tag == self.tag:
            self.cancelled_by_broker = True

    def take(self, count: int, within: float = DEADLINE) -> list:
        """Waits for `count` deliveries and takes them, oldest first."""
        wait_until(lambda: len(self.waiting) >= count, self.channel.connection, within=within,
                   what=f"{count} deliveries from {self.queue} (got {[d.body for d in self.waiting]})")
        taken, self.waiting = self.waiting[:count], self.waiting[count:]
        return taken

    def one(self, within: float = DEADLINE) -> Delivery:
        """Waits for one delivery and takes it."""
        return self.take(1, within)[0]

    def settled(self, expected: int = 0) -> list:
        """Waits for `expected` deliveries, then returns all there are once the broker has
        answered a question about the same queue.

        The answer comes from the queue after every delivery the queue had made
        to this channel before, so what is not here by then was not delivered.
        """
        wait_until(lambda: len(self.waiting) >= expected, self.channel.connection,
                   what=f"{expected} deliveries from {self.queue} (got {[d.body for d in self.waiting]})")
        self.channel.queue_declare(self.queue, passive=True)
        self.channel.connection.process_data_events(time_limit=0)
        return list(self.waiting)


def get(channel, queue: str, auto_ack: bool = False):
    """One basic.get; None when the queue is empty."""
    method, properties, body = channel.basic_get(queue, auto_ack=auto_ack)
    if method is None:
        return None
    return Delivery(body, method.delivery_tag, method.redelivered, method.exchange,
                    method.routing_key, properties)


def drain(channel, queue: str) -> list:
    """Takes everything that is ready, acknowledged at once."""
    taken = []
    while (delivery := get(channel, queue, auto_ack=True)) is not None:
        taken.append(delivery)
    return taken


def bodies(deliveries) -> list:
    """The payloads as text."""
    return [delivery.body.decode() for delivery in deliveries]


def ready(channel, queue: str) -> int:
    """How many messages wait, as a passive declare tells."""
    return channel.queue_declare(queue, passive=True).method.message_count


def wait_ready(channel, queue: str, count: int, within: float = DEADLINE) -> None:
    """Waits until exactly `count` messages wait in the queue."""
    wait_until(lambda: ready(channel, queue) == count, channel.connection, within=within,
               what=f"{count} ready messages in {queue}")


def publish(channel, queue: str, *texts, exchange: str = "", mandatory: bool = False, **properties) -> None:
    """Publishes each text as one message."""
    for text in texts:
        body = text if isinstance(text, bytes) else str(text).encode()
        channel.basic_publish(exchange, queue, body, pika.BasicProperties(**properties), mandatory=mandatory)


def store(channel, queue: str, *texts, exchange: str = "", **properties) -> None:
    """Publishes each text and waits until the broker has confirmed it.

    Goes over a channel of its own, so that the test's channel stays out of confirm mode.
    Counts asked for after an unconfirmed publish may be older than the publish.
    """
    own = channel.connection.channel()
    own.confirm_delivery()
    publish(own, queue, *texts, exchange=exchange, **properties)
    own.close()


def vanish(connection) -> None:
    """Cuts the TCP connection without a word, as a crashed client does."""
    connection._impl._transport._sock.shutdown(socket.SHUT_RDWR)


def exists(connect, queue: str) -> bool:
    """Whether a queue of this name exists, asked on a connection of its own."""
    channel = connect().channel()
    try:
        channel.queue_declare(queue, passive=True)
        return True
    except pika.exceptions.ChannelClosedByBroker as closed:
        if closed.reply_code == 404:
            return False
        raise
    finally:
        channel.connection.close()
