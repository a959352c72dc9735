"""A broker on the port where the articles' programs dial, in a network of its own where the machine allows one."""

import os
import socket

import pytest

from harness.namespace import Namespace, Relay, Unavailable, who_listens
from support.broker import OwnBroker, listens


class Seeded:
    """The broker as the programs see it, and at `outside` as the test itself does.

    A broker of Kafka's kind tells its clients where to go on: its own address. A foreign one is therefore found inside
    under two ports, that of the programs and its own.
    """

    def __init__(self, home, door: str, port: int, foreign_broker):
        try:
            self.namespace = Namespace()
        except Unavailable as reason:
            self.namespace = None
            if listens(port):
                pytest.fail(f"no network namespace ({reason}), and port {port} is held by {who_listens(port)}")
        self.prefix = self.namespace.prefix if self.namespace else []
        self.relays = []
        binary = os.environ.get("NARUMQ_BIN")
        if binary:
            dial = self.namespace.dial if self.namespace else None
            self.broker = OwnBroker(binary, home, {door: port}, prefix=self.prefix, dial=dial).start()
            self.outside = "127.0.0.1", port
            if self.namespace:
                listener = socket.create_server(("127.0.0.1", 0))
                self.relays.append(Relay(listener, lambda: self.namespace.dial(port)))
                self.outside = listener.getsockname()
            return
        self.broker = foreign_broker()
        self.outside = self.broker.address
        for inside in {port, self.outside[1]} if self.namespace else {port}:
            listener = self.namespace.listen(inside) if self.namespace else socket.create_server(("127.0.0.1", inside))
            self.relays.append(Relay(listener, lambda: socket.create_connection(self.outside, timeout=10)))

    def log(self) -> str:
        """What the broker printed."""
        return self.broker.log()

    def close(self):
        """Ends the broker and its network."""
        self.broker.kill()
        for relay in self.relays:
            relay.close()
        if self.namespace:
            self.namespace.close()
