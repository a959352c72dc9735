"""A broker on localhost:9092, where the articles' Kafka programs dial, in a network of its own where there can be one."""

import os
import socket

import pytest

from harness import broker as brokers
from harness.namespace import Namespace, Relay, Unavailable, who_listens

#: Where the programs dial.
PORT = 9092


class KafkaSeeded:
    """The broker as the programs see it.

    A broker of Kafka's kind tells its clients where to go on: its own address. A foreign one (NARUMQ_E2E_KAFKA) is
    therefore found inside under two ports, that of the programs and its own.
    """

    def __init__(self, home):
        try:
            self.namespace = Namespace()
        except Unavailable as reason:
            self.namespace = None
            if brokers.listens(PORT):
                pytest.fail(f"no network namespace ({reason}), and port {PORT} is held by {who_listens(PORT)}")
        self.prefix = self.namespace.prefix if self.namespace else []
        self.broker, self.relays = None, []
        binary = os.environ.get("NARUMQ_BIN")
        if binary:
            dial = self.namespace.dial if self.namespace else None
            self.broker = brokers.OwnBroker(binary, home, prefix=self.prefix, dial=dial,
                                            arguments=["--kafka", f"127.0.0.1:{PORT}"]).start()
            return
        host, port = os.environ["NARUMQ_E2E_KAFKA"].rsplit(":", 1)
        foreign = (host, int(port))
        ports = {PORT, foreign[1]} if self.namespace else {PORT}
        for inside in ports:
            listener = self.namespace.listen(inside) if self.namespace else socket.create_server(("127.0.0.1", inside))
            self.relays.append(Relay(listener, lambda: socket.create_connection(foreign, timeout=10)))

    def log(self) -> str:
        """What the broker printed."""
        return self.broker.log() if self.broker else ""

    def close(self):
        """Ends the broker and its network."""
        if self.broker:
            self.broker.kill()
        for relay in self.relays:
            relay.close()
        if self.namespace:
            self.namespace.close()
