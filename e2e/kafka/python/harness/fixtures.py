"""Fixtures of the Kafka suites: one broker for all tests, fresh names and clients for each."""

import os
import uuid

import pytest

from harness import broker as brokers
from harness.groups import Member
from harness.report import attach_broker_log
from harness.requests import Connection


@pytest.fixture(scope="session")
def broker(tmp_path_factory):
    """The broker that most tests share."""
    running = brokers.from_environment(tmp_path_factory.mktemp("broker"))
    yield running
    running.kill()


@pytest.fixture(scope="session")
def kind(broker):
    """`narumq` or `kafka41`: which set of expected answers holds."""
    return broker.kind


@pytest.fixture
def differs(kind):
    """Chooses between our answer and Apache Kafka's where we part on purpose."""
    return lambda narumq, kafka41: narumq if kind == brokers.NARUMQ else kafka41


@pytest.fixture
def own_broker(tmp_path):
    """A broker of this test alone, which it may stop, kill and start again."""
    binary = os.environ.get("NARUMQ_BIN")
    if not binary:
        pytest.skip("needs NARUMQ_BIN: the broker must be ours to stop and start")
    running = brokers.OwnBroker(binary, tmp_path).start()
    yield running
    running.kill()


@pytest.fixture(scope="session")
def broker_with(tmp_path_factory):
    """Brokers with further arguments, one for each set of them."""
    binary = os.environ.get("NARUMQ_BIN")
    if not binary:
        pytest.skip("needs NARUMQ_BIN: the broker must be told how to run")
    running = {}

    def get(*arguments):
        if arguments not in running:
            home = tmp_path_factory.mktemp("broker")
            running[arguments] = brokers.OwnBroker(binary, home, arguments=arguments).start()
        return running[arguments]

    yield get
    for one in running.values():
        one.kill()


@pytest.fixture(scope="session")
def guarded(broker_with):
    """A broker that serves nobody who does not log in."""
    return broker_with("--kafka-sasl=required")


@pytest.fixture
def address(broker):
    """Host and port of the shared broker, for raw sockets."""
    return broker.host, broker.port


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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Adds what the broker printed to the report of a failed test."""
    report = yield
    attach_broker_log(item, report)
    return report
