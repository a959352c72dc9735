"""A pika client that connects again whenever its broker has gone, and knows which run of the broker it talks to."""

import socket
import time

import pika

from soak.client_process import FOURTH, PATIENCE, ClientProcess, Shared
from soak.history import CLOSED, CUT, LOST, REFUSED, TOLD, microseconds

#: Seconds between two attempts to connect, and between two looks at what is to do.
RETRY, TICK = 0.02, 0.005
#: The fourth column of the shared counters.
REDELIVERED = FOURTH


class Client(ClientProcess):
    """One connection at a time; `begin` is called for each, `tick` every few milliseconds of it."""

    def __init__(self, shared: Shared, name: str, number: int, path):
        super().__init__(shared, name, number, path)
        self.connection = None
        self.session = self.sessions = self.generation = 0
        self.channels = 0
        self.refusal = None
        self.severed = False
        self.finished = False

    def run(self) -> None:
        """Connects again and again until the client has finished."""
        parameters = pika.URLParameters(self.shared.address)
        parameters.heartbeat = 0
        parameters.socket_timeout = parameters.stack_timeout = 10
        while not self.finished:
            generation = self.shared.generation.value
            self.connection = pika.SelectConnection(
                parameters,
                on_open_callback=lambda _, expected=generation: self._opened(expected),
                on_open_error_callback=lambda *_: self.connection.ioloop.stop(),
                on_close_callback=self._closed)
            self.connection.ioloop.start()
            if not self.finished:
                self.patience_ends()
                time.sleep(RETRY)
        self.writer.close()

    def patience_ends(self) -> bool:
        """Whether the wish to stop is old; then the client has finished, whatever it misses."""
        self.finished = self.finished or self.patience_ended
        return self.finished

    def _opened(self, expected):
        """Begins, if it is certain which run of the broker answered.

        The number of the run changes while no broker lives: the same number
        before and after the handshake names the run that took part in it.
        """
        self.refusal, self.severed = None, False
        if self.shared.generation.value != expected:
            self.session = 0
            self.connection.close()
            return
        self.sessions += 1
        self.session, self.generation = self.sessions, expected
        self.writer.line("s", self.session, expected)
        self.begin()
        self._tick()

    def _closed(self, _connection, reason):
        if self.session:
            if self.severed:
                how, text = CUT, "-"
            elif self.refusal is not None:
                how, text = REFUSED, self.refusal
            elif isinstance(reason, pika.exceptions.ConnectionClosedByBroker):
                how, text = TOLD, f"{reason.reply_code} {reason.reply_text}"
            elif isinstance(reason, pika.exceptions.ConnectionClosedByClient):
                how, text = CLOSED, "-"
            else:
                how, text = LOST, repr(reason)
            self.writer.line("e", self.session, how, microseconds(), text)
            self.writer.flush()
            self.session = 0
        self.connection.ioloop.stop()

    def _tick(self):
        if self.connection.is_open:
            self.connection.ioloop.call_later(TICK, self._tick)
            if self.patience_ends():
                self.refusal = f"an answer did not come within {PATIENCE} s"
                self.give_up()
                self.writer.flush()
                self.connection.close()
            else:
                self.tick()

    def open_channel(self, ready) -> None:
        """Opens a channel; `ready(channel, number)` gets it with a number no other channel of this client bore."""
        self.channels += 1
        number = self.channels

        def opened(channel):
            channel.add_on_close_callback(self._channel_closed)
            ready(channel, number)
        self.connection.channel(on_open_callback=opened)

    def _channel_closed(self, _channel, reason):
        if isinstance(reason, pika.exceptions.ChannelClosedByBroker):
            self.refusal = f"channel closed with {reason.reply_code} {reason.reply_text}"
            if self.connection.is_open:
                self.connection.close()

    def cut(self) -> None:
        """Cuts the connection without a word, as a crashed client does."""
        self.severed = True
        self.connection._transport._sock.shutdown(socket.SHUT_RDWR)

    def finish(self) -> None:
        """Closes the connection for the last time."""
        if not self.finished:
            self.finished = True
            self.connection.close()

    def begin(self) -> None:
        """Called on every new connection."""
        raise NotImplementedError

    def tick(self) -> None:
        """Called every few milliseconds while connected."""
        raise NotImplementedError

    def give_up(self) -> None:
        """Called when the client was asked to finish and could not for long."""
