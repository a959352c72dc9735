"""Fixtures of the AMQP suite: one broker for all tests, fresh names and clients for each."""

import os
import uuid
from urllib.parse import urlsplit

import pika
import pytest

pytest.register_assert_rewrite("harness.refusal", "harness.raw", "harness.clients")

from harness import broker as brokers
from harness.management import Management
from harness.raw import RawConnection
from harness.report import attach_broker_log


@pytest.fixture(scope="session")
def broker(tmp_path_factory):
    """The broker that most tests share."""
    running = brokers.from_environment(tmp_path_factory.mktemp("broker"))
    yield running
    running.kill()


@pytest.fixture(scope="session")
def kind(broker):
    """`narumq` or `rabbitmq310`: which set of expected answers holds."""
    return broker.kind


@pytest.fixture
def own_broker(tmp_path):
    """A broker of this test alone, which it may stop, kill and start again."""
    binary = os.environ.get("NARUMQ_BIN")
    if not binary:
        pytest.skip("needs NARUMQ_BIN: the broker must be ours to stop and start")
    running = brokers.OwnBroker(binary, tmp_path).start()
    yield running
    running.kill()


@pytest.fixture
def management(broker):
    """The management API of the shared broker."""
    if broker.management is None:
        pytest.skip("needs NARUMQ_E2E_HTTP: the management API of the foreign broker")
    return Management(broker.management)


@pytest.fixture
def name(broker):
    """Gives names nobody used before; what bears one at the end of the test is deleted."""
    given = []

    def fresh(suffix: str = "q") -> str:
        given.append(f"t-{uuid.uuid4().hex[:12]}-{suffix}")
        return given[-1]

    yield fresh
    if given:
        _sweep(broker.url, given)


def _sweep(url, given):
    connection = pika.BlockingConnection(pika.URLParameters(url))
    for target in given:
        for delete in ("queue_delete", "exchange_delete"):
            channel = connection.channel()
            getattr(channel, delete)(target)
            channel.close()
    connection.close()


@pytest.fixture
def connect(broker, name):
    """Opens pika connections; those still open at the end are closed before the names are swept."""
    opened = []

    def open_connection(url: str | None = None, **overrides):
        parameters = pika.URLParameters(url or broker.url)
        parameters.heartbeat = 0
        parameters.socket_timeout = 10
        for key, value in overrides.items():
            setattr(parameters, key, value)
        opened.append(pika.BlockingConnection(parameters))
        return opened[-1]

    yield open_connection
    for connection in opened:
        if connection.is_open:
            try:
                connection.close()
            except pika.exceptions.AMQPError:
                pass  # the broker may have closed it for a reason the test has looked at


@pytest.fixture
def channel(connect):
    """A channel on a connection of its own."""
    return connect().channel()


@pytest.fixture
def address(broker):
    """Host and AMQP port of the shared broker, for raw sockets."""
    parts = urlsplit(broker.url)
    return parts.hostname, parts.port or 5672


@pytest.fixture
def raw(address):
    """A raw connection that is logged in, with channel 1 open."""
    with RawConnection(address) as connection:
        connection.open_channel(1)
        yield connection


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Adds what the broker printed to the report of a failed test."""
    report = yield
    attach_broker_log(item, report)
    return report
