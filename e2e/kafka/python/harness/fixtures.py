"""Fixtures of the Kafka suites: brokers told how to run, fresh names and clients for each test."""

import functools
import uuid
from pathlib import Path

import pytest

from harness.foreign import ForeignBroker
from harness.groups import Member
from harness.requests import Connection
from support.broker import NARUMQ
from support.fixtures import *  # noqa: F401,F403: pytest finds fixtures and hooks by their names here
from support.scripts import Scripts


@pytest.fixture(scope="session")
def doors():
    """What brokers of our own open."""
    return {"kafka": 0}


@pytest.fixture(scope="session")
def foreign_broker():
    """The broker that runs already."""
    return ForeignBroker()


@pytest.fixture
def differs(kind):
    """Chooses between our answer and Apache Kafka's where we part on purpose."""
    return lambda narumq, kafka41: narumq if kind == NARUMQ else kafka41


@pytest.fixture
def compacting_broker(broker_started):
    """A broker of this test alone that looks for what to compact all the time."""
    running = broker_started("--compaction-interval", "50")
    yield running
    running.kill()


@pytest.fixture(scope="session")
def broker_with(broker_started):
    """Brokers with further arguments, one for each set of them."""
    return functools.cache(broker_started)


@pytest.fixture(scope="session")
def guarded(broker_with):
    """A broker that serves nobody who does not log in."""
    return broker_with("--kafka-sasl=required")


@pytest.fixture
def address(broker):
    """Host and port of the shared broker, for raw sockets."""
    return broker.kafka_address


@pytest.fixture
def raw(address):
    """A raw connection to the shared broker."""
    with Connection(address) as connection:
        yield connection


@pytest.fixture
def name(address):
    """Gives names nobody used before; a topic that bears one at the end of the test is deleted."""
    given = []

    def fresh(what: str = "topic") -> str:
        given.append(f"t-{uuid.uuid4().hex[:12]}-{what}")
        return given[-1]

    yield fresh
    with Connection(address) as sweeper:
        for one in given:
            sweeper.delete_topic(one)


@pytest.fixture
def topic(raw, name):
    """Makes topics with names of their own."""
    def make(partitions: int = 1, what: str = "topic", **configs) -> str:
        created = name(what)
        settings = {key.replace("_", "."): str(value) for key, value in configs.items()}
        assert raw.create_topic(created, partitions, configs=settings) == 0
        raw.await_leaders(created, partitions)
        return created

    return make


@pytest.fixture
def join(broker, request):
    """Makes members of groups, of the kind that the test's file names; those still there at the end leave."""
    joined = []

    def make(topic: str, group: str, **settings):
        joined.append(request.module.Member(broker.bootstrap, [topic], group, **settings))
        return joined[-1]

    yield make
    for one in joined:  # one after the other: who leaves in a rebalance waits for those who stay
        one.leave()


@pytest.fixture
def member(address, name):
    """Makes raw members of groups; their sockets are closed at the end."""
    opened = []

    def make(group: str, instance=None) -> Member:
        opened.append(Member(address, group, instance))
        assert opened[-1].find() == 0
        return opened[-1]

    yield make
    for one in opened:
        one.socket.close()


@pytest.fixture
def program():
    """Starts a program of `programs/`, which can be killed; what still runs at the end is."""
    scripts = Scripts(Path(__file__).parent.parent / "programs")
    yield scripts.start
    scripts.end()
