"""What the management API and the metrics tell of a connection."""

import urllib.request

import pytest

from harness.clients import wait_until
from harness.raw import HEARTBEAT
from support.broker import NARUMQ


@pytest.fixture
def listed(management, raw):
    """Gives the listing of the raw connection as it is now."""
    port = raw.socket.getsockname()[1]

    def listing():
        return next(found for found in management.connections() if found["peer_port"] == port)

    return listing


def total(broker, direction):
    """A counter of bytes in the metrics."""
    with urllib.request.urlopen(f"{broker.management}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    name = f"rabbitmq_connection_{direction}_bytes_total "
    return next(int(line.removeprefix(name)) for line in lines if line.startswith(name))


@pytest.fixture(autouse=True)
def ours(kind):
    """These tests are of our own broker."""
    if kind != NARUMQ:
        pytest.skip("RabbitMQ brings the figures up to date every few seconds only, and has the metrics elsewhere")


def test_bytes_are_counted_both_ways(raw, listed):
    """recv_oct and send_oct are the octets that went over the socket."""
    before = listed()
    raw.send_frame(HEARTBEAT, 0, b"")  # 8 octets
    raw.open_channel(2)  # 13 octets, answered by 16
    # The answer may be here a moment before the thread that wrote it has counted it.
    wait_until(lambda: listed()["send_oct"] != before["send_oct"])
    after = listed()
    assert after["recv_oct"] - before["recv_oct"] == 21
    assert after["send_oct"] - before["send_oct"] == 16
    assert before["recv_oct"] > 100 and before["send_oct"] > 300, "the handshake counts, too"


def test_the_metrics_keep_what_went_over_ended_connections(broker, raw, listed):
    """The counters of bytes never fall."""
    raw.declare_queue(1, "")
    of_this = listed()
    received, sent = total(broker, "incoming"), total(broker, "outgoing")
    assert received >= of_this["recv_oct"] and sent >= of_this["send_oct"]
    raw.send_method(0, 10, 50, b"\0\xc8\0\0\0\0\0")
    raw.expect(10, 51)
    assert total(broker, "incoming") >= received and total(broker, "outgoing") >= sent
