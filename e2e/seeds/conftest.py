"""A broker on localhost:5672, in a network namespace of its own where the machine allows one."""

import os
import socket
import sys
from pathlib import Path

import pika
import pytest

from kafka_broker import KafkaSeeded

from harness import broker as brokers
from harness.namespace import Namespace, Relay, Unavailable, who_listens
from harness.report import attach_broker_log
from harness.scripts import Scripts

#: Where the articles' programs dial.
PORT = 5672


class Seeded:
    """The broker on port 5672, as the programs see it, and the way to it for the test itself."""

    def __init__(self, home):
        try:
            self.namespace = Namespace()
        except Unavailable as reason:
            self.namespace = None
            if brokers.listens(PORT):
                pytest.fail(f"no network namespace ({reason}), and port {PORT} is held by {who_listens(PORT)}")
        self.prefix = self.namespace.prefix if self.namespace else []
        binary = os.environ.get("NARUMQ_BIN")
        self.relay = None
        if binary:
            dial = self.namespace.dial if self.namespace else None
            self.broker = brokers.OwnBroker(binary, home, amqp_port=PORT, prefix=self.prefix, dial=dial).start()
            if self.namespace:
                outside = socket.create_server(("127.0.0.1", 0))
                self.relay = Relay(outside, lambda: self.namespace.dial(PORT))
            self.port = self.relay.port if self.relay else PORT
        else:
            self.broker = brokers.from_environment(home)
            inside = self.namespace.listen(PORT) if self.namespace else socket.create_server(("127.0.0.1", PORT))
            self.port = self.broker.amqp_port
            self.relay = Relay(inside, lambda: socket.create_connection(("127.0.0.1", self.port), timeout=10))

    def channel(self):
        """A channel for the test's own questions."""
        url = f"amqp://guest:guest@127.0.0.1:{self.port}/%2F?heartbeat=0"
        return pika.BlockingConnection(pika.URLParameters(url)).channel()

    def log(self) -> str:
        """What the broker printed."""
        return self.broker.log()

    def close(self):
        """Ends the broker and its network."""
        self.broker.kill()
        if self.relay:
            self.relay.close()
        if self.namespace:
            self.namespace.close()


@pytest.fixture(scope="session")
def seed_broker(tmp_path_factory):
    """The broker the articles' programs find on localhost:5672."""
    seeded = Seeded(tmp_path_factory.mktemp("seeds"))
    yield seeded
    seeded.close()


def sweep(seed_broker):
    """Removes everything the programs leave behind."""
    channel = seed_broker.channel()
    for queue in ("task_queue", "hello"):
        channel.queue_delete(queue)
    channel.exchange_delete("logs")
    channel.connection.close()


@pytest.fixture
def seed(seed_broker):
    """Runs the articles' programs with today's pika."""
    sweep(seed_broker)
    scripts = Scripts(Path(__file__).parent, prefix=seed_broker.prefix)
    yield scripts
    scripts.end()
    sweep(seed_broker)


@pytest.fixture
def old_pika():
    """How a program is started with pika 0.13.1: options for `seed.start`."""
    python = os.environ.get("NARUMQ_LEGACY_PYTHON") or os.path.join(sys.prefix + "-legacy", "bin", "python")
    if not os.path.exists(python):
        pytest.skip("needs NARUMQ_LEGACY_PYTHON: an interpreter with requirements-legacy.txt")
    return {"python": python, "env": {"PYTHONPATH": str(Path(__file__).parent / "compat")}}


@pytest.fixture(scope="session")
def kafka_seed_broker(tmp_path_factory):
    """The broker the articles' programs find on localhost:9092."""
    if not os.environ.get("NARUMQ_BIN") and not os.environ.get("NARUMQ_E2E_KAFKA"):
        pytest.skip("needs NARUMQ_BIN or NARUMQ_E2E_KAFKA: a broker that Kafka's clients can talk to")
    seeded = KafkaSeeded(tmp_path_factory.mktemp("kafka-seeds"))
    yield seeded
    seeded.close()


@pytest.fixture(params=["kafka", "kafka-legacy"])
def kafka_seed(request, kafka_seed_broker):
    """Starts the articles' programs with one of the two releases of kafka-python: `kafka_seed(file)`."""
    variable = "NARUMQ_" + request.param.upper().replace("-", "_") + "_PYTHON"
    python = os.environ.get(variable) or os.path.join(f"{sys.prefix}-{request.param}", "bin", "python")
    if not os.path.exists(python):
        pytest.skip(f"needs {variable}: an interpreter with kafka-python")
    scripts = Scripts(Path(__file__).parent, prefix=kafka_seed_broker.prefix)
    scripts.run("kafka_sweep.py", python=python)
    yield lambda file: scripts.start(file, python=python)
    scripts.end()
    scripts.run("kafka_sweep.py", python=python)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Adds what the broker printed to the report of a failed test."""
    report = yield
    attach_broker_log(item, report)
    return report
