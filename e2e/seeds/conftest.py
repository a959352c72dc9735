"""The articles' programs, and brokers where they dial."""

import os
import sys
from pathlib import Path

import pika
import pytest

from seeded import Seeded

from harness.foreign import ForeignBroker as AmqpBroker
from support.broker import ForeignBroker
from support.report import pytest_runtest_makereport  # noqa: F401: pytest finds the hook by its name here
from support.scripts import Scripts


class AmqpSeeded(Seeded):
    """With a way to ask the broker."""

    def channel(self):
        """A channel for the test's own questions."""
        parameters = pika.ConnectionParameters(*self.outside, heartbeat=0)
        return pika.BlockingConnection(parameters).channel()


@pytest.fixture(scope="session")
def seed_broker(tmp_path_factory):
    """The broker the articles' programs find on localhost:5672."""
    seeded = AmqpSeeded(tmp_path_factory.mktemp("seeds"), "amqp", 5672, AmqpBroker)
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
    foreign = os.environ.get("NARUMQ_E2E_KAFKA")
    if not os.environ.get("NARUMQ_BIN") and not foreign:
        pytest.skip("needs NARUMQ_BIN or NARUMQ_E2E_KAFKA: a broker that Kafka's clients can talk to")
    seeded = Seeded(tmp_path_factory.mktemp("kafka-seeds"), "kafka", 9092, lambda: ForeignBroker(foreign))
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
