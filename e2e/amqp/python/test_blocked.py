"""Publishers are held back while memory or disk space is short, and told by connection.blocked."""

import os
import time

import pika
import pytest

from harness.clients import Inbox, drain, publish, ready, store, vanish, wait_until
from harness.management import Management
from harness.raw import HEARTBEAT, RawConnection, short_string
from harness.shortage import SHORTAGES

pytestmark = pytest.mark.narumq_only

BLOCKED, UNBLOCKED, DECLARE_OK = (10, 60), (10, 61), (50, 11)


@pytest.fixture(params=sorted(SHORTAGES))
def shortage(request, tmp_path):
    """A broker that becomes short of memory or of disk space at a word."""
    binary = os.environ.get("NARUMQ_BIN")
    if not binary:
        pytest.skip("needs NARUMQ_BIN: the broker must be ours to give it small limits")
    made = SHORTAGES[request.param](binary, tmp_path)
    yield made
    made.close()


@pytest.fixture
def listening(shortage):
    """Opens pika connections that note what they are told of blocking."""
    opened = []

    def open_connection():
        connection = pika.BlockingConnection(pika.URLParameters(shortage.broker.url + "?heartbeat=0"))
        connection.told = []
        connection.add_on_connection_blocked_callback(
            lambda _, frame: connection.told.append(frame.method.reason))
        connection.add_on_connection_unblocked_callback(lambda *_: connection.told.append("unblocked"))
        opened.append(connection)
        return connection

    yield open_connection
    for connection in opened:
        if connection.is_open:
            vanish(connection)


@pytest.fixture
def unaware(shortage):
    """A raw connection that has published and did not announce the capability `connection.blocked`."""
    yield from _raw(shortage, ())


@pytest.fixture
def aware(shortage):
    """A raw connection that has published and did announce it, with a heartbeat each second."""
    yield from _raw(shortage, ("connection.blocked",), heartbeat=1)


def _raw(shortage, capabilities, **options):
    address = ("127.0.0.1", shortage.broker.amqp_port)
    with RawConnection(address, capabilities=capabilities, **options) as connection:
        connection.open_channel(1)
        connection.declare_queue(1, "q")
        connection.publish(1, "", "q", b"before")
        yield connection


def state(shortage, connection: RawConnection) -> str:
    """What the management API says of a raw connection."""
    port = connection.socket.getsockname()[1]
    listed = Management(shortage.broker.management).connections()
    return next(found["state"] for found in listed if found["peer_port"] == port)


def ask(connection: RawConnection) -> None:
    """Sends a declare, which will be answered once the connection is read."""
    connection.send_method(1, 50, 10, b"\0\0" + short_string("q") + b"\0" + b"\0\0\0\0")


def test_who_publishes_is_told_and_held_and_the_others_go_on(shortage, listening):
    """A publisher waits from blocked to unblocked; consumers are served, and those who never published hear nothing."""
    publisher, consumer, idle = listening(), listening(), listening()
    producing, consuming = publisher.channel(), consumer.channel()
    producing.queue_declare("q")
    store(producing, "q", *range(5))
    consuming.basic_qos(prefetch_count=1)
    inbox = Inbox(consuming, "q")
    first = inbox.one()

    shortage.begin()
    publish(producing, "q", "held")
    wait_until(lambda: publisher.told, publisher, what="connection.blocked")
    assert publisher.told == [shortage.reason]
    consuming.basic_ack(first.tag)
    for expected in range(1, 5):
        delivery = inbox.one()
        assert delivery.body == b"%d" % expected
        consuming.basic_ack(delivery.tag)
    assert inbox.settled() == [], "what is published now is not looked at"
    idle.channel().queue_declare("declaring is no publishing")

    shortage.end()
    assert inbox.one().body == b"held"
    wait_until(lambda: len(publisher.told) == 2, publisher, what="connection.unblocked")
    assert publisher.told == [shortage.reason, "unblocked"]
    store(producing, "q", "after")
    assert consumer.told == idle.told == []


def test_a_shortage_that_comes_again_is_told_again(shortage, listening):
    """Each blocked has its unblocked."""
    publisher = listening()
    channel = publisher.channel()
    channel.queue_declare("q")
    for round in range(1, 3):
        shortage.begin()
        publish(channel, "q", "held")
        wait_until(lambda: len(publisher.told) == 2 * round - 1, publisher, what="connection.blocked")
        shortage.end()
        wait_until(lambda: len(publisher.told) == 2 * round, publisher, what="connection.unblocked")
        assert ready(channel, "q") == round
    assert publisher.told == 2 * [shortage.reason, "unblocked"]


def test_a_client_without_the_capability_is_not_read_and_not_told(shortage, unaware, listening):
    """It sees a connection that is slow, and no method it does not know."""
    shortage.begin()
    unaware.publish(1, "", "q", b"held")
    ask(unaware)
    wait_until(lambda: state(shortage, unaware) == "blocked", what="the state `blocked`")
    onlooker = listening().channel()
    assert [found.body for found in drain(onlooker, "q")] == [b"before"]
    shortage.end()
    assert unaware.read_frame().method == DECLARE_OK
    assert [found.body for found in drain(onlooker, "q")] == [b"held"]
    assert state(shortage, unaware) == "running"


def test_heartbeats_go_on_and_missing_ones_are_forgiven(shortage, aware):
    """While we do not read a client, its silence is no sign of death; ours would be one, so we are not silent."""
    shortage.begin()
    aware.publish(1, "", "q", b"held")
    ask(aware)
    assert aware.read_frame().method == BLOCKED
    # The client sends nothing for more than the two intervals after which it would be dead.
    since, beats = time.monotonic(), 0
    while time.monotonic() - since < 3.5:
        kind, channel, size = aware.read(1)[0], aware.read(2), aware.read(5)
        assert (kind, channel, size) == (HEARTBEAT, b"\0\0", b"\0\0\0\0\xce")
        beats += 1
    assert beats >= 3, f"{beats} heartbeats in 3.5 s at an interval of 1 s"
    shortage.end()
    assert aware.read_frame().method == UNBLOCKED
    assert aware.read_frame().method == DECLARE_OK
