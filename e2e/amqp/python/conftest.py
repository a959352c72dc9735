"""Fixtures of the AMQP suite: fresh names and clients for each test."""

import uuid
from urllib.parse import urlsplit

import pika
import pytest

pytest.register_assert_rewrite("harness.refusal", "harness.raw", "support.scripts")

from harness.foreign import ForeignBroker
from harness.management import Management
from harness.raw import RawConnection
from support.fixtures import *  # noqa: F401,F403: pytest finds fixtures and hooks by their names here


@pytest.fixture(scope="session")
def doors():
    """What brokers of our own open."""
    return {"amqp": 0}


@pytest.fixture(scope="session")
def foreign_broker():
    """The broker that runs already."""
    return ForeignBroker()


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
