"""Frames: how they may arrive, in which order they are answered, and which ones end the connection."""

import struct
import time

import pytest

from harness import raw as keys
from harness import records
from harness.requests import Connection, Wanted, fetch_body, produce_body, read_fetched, read_produced
from harness.wire import Writer
from support.broker import NARUMQ


def ends(connection) -> bool:
    """Whether the broker closes without a word."""
    return connection.read_to_end() == b""


def test_a_request_may_come_byte_by_byte(raw):
    for byte in raw.frame(keys.API_VERSIONS, 0, b""):
        raw.send(bytes([byte]))
    assert struct.unpack(">ih", raw.read_frame()[:6]) == (raw.correlation, 0)


def test_many_requests_may_come_at_once(raw):
    frames = [raw.frame(keys.API_VERSIONS, version % 3, b"") for version in range(50)]
    raw.send(b"".join(frames))
    assert [struct.unpack(">i", raw.read_frame()[:4])[0] for _ in frames] == list(range(1, 51))


@pytest.mark.parametrize("client", [None, "", "x" * 32767, "한글"])
def test_any_client_id_is_taken(raw, client):
    raw.request(keys.API_VERSIONS, 0, b"", client=client)
    assert raw.response().i16() == 0


@pytest.mark.parametrize("correlation", [0, -1, -2**31, 2**31 - 1])
def test_any_correlation_id_comes_back(raw, correlation):
    raw.send(raw.frame(keys.API_VERSIONS, 0, b"", correlation=correlation))
    assert struct.unpack(">i", raw.read_frame()[:4]) == (correlation,)


@pytest.mark.parametrize("key", [-1, 500, 32767])
def test_an_unknown_request_ends_the_connection(raw, key):
    raw.send(raw.frame(key, 0, b""))
    assert ends(raw)


@pytest.mark.parametrize("key, version", [(keys.METADATA, 99), (keys.METADATA, -1), (keys.FETCH, 3),
                                          (keys.LIST_OFFSETS, 0), (keys.CREATE_TOPICS, 1), (keys.PRODUCE, 99)])
def test_a_version_that_is_not_advertised_ends_the_connection(raw, key, version, kind):
    if kind == NARUMQ and (key, version) in {(keys.LIST_OFFSETS, 0), (keys.CREATE_TOPICS, 1)}:
        pytest.skip("taken for the sake of clients that do not negotiate")
    raw.send(raw.frame(key, version, b"\0" * 40, flexible=False))
    assert ends(raw)


@pytest.mark.parametrize("version", [0, 1, 2])
def test_produce_below_version_3_ends_the_connection(raw, topic, version):
    """It is advertised for old librdkafka's sake alone; nobody sends it."""
    raw.send(raw.frame(keys.PRODUCE, version, produce_body(version, [(topic(), 0, records.batch(b"v"))])))
    assert ends(raw)


@pytest.mark.parametrize("count", [-1, -2**31, 104857601, 2**31 - 1])
def test_a_size_out_of_bounds_ends_the_connection(raw, count):
    raw.send(struct.pack(">i", count) + b"\0" * 8)
    assert ends(raw)


@pytest.mark.parametrize("whole", [b"", b"\0", b"\0\x12\0\0\0\0", b"\0\x12\0\0\0\0\0\x01", b"\0\x03\0\x05\0\0\0\x01\0\x03raw\0"],
                         ids=["nothing", "one byte", "no correlation", "no client id", "no body"])
def test_a_torn_request_ends_the_connection(raw, whole):
    raw.send(struct.pack(">i", len(whole)) + whole)
    assert ends(raw)


@pytest.mark.parametrize("count", [2**31 - 1, 1_000_000])
def test_a_count_that_the_frame_cannot_hold_ends_the_connection(raw, count):
    raw.send(raw.frame(keys.METADATA, 5, struct.pack(">i", count) + b"\0\x01a\x01"))
    assert ends(raw)


def test_a_length_that_the_frame_cannot_hold_ends_the_connection(raw):
    raw.send(raw.frame(keys.METADATA, 5, struct.pack(">ih", 1, 32767) + b"a\x01"))
    assert ends(raw)


def test_an_endless_number_ends_the_connection(raw):
    raw.send(raw.frame(keys.METADATA, 12, b"\xff" * 40))
    assert ends(raw)


def test_requests_before_a_bad_one_are_answered(raw):
    raw.send(raw.frame(keys.API_VERSIONS, 0, b"") + raw.frame(500, 0, b""))
    assert struct.unpack(">i", raw.read_frame()[:4]) == (1,)
    assert ends(raw)


def test_other_connections_do_not_notice(raw, address):
    with Connection(address) as hostile:
        hostile.send(struct.pack(">i", -1))
        assert ends(hostile)
    assert raw.api_versions()[0] == 0


def test_answers_come_in_the_order_of_the_requests(raw, topic):
    """A fetch that waits holds back what was asked after it, on its own connection only."""
    name = topic()
    begun = time.monotonic()
    raw.request(keys.FETCH, 12, fetch_body(12, [Wanted(name)], max_wait=400))
    raw.request(keys.API_VERSIONS, 0, b"")
    raw.request(keys.METADATA, 5, Writer().array([name], Writer.string).bool(False).data)
    assert raw.fetched().one().values == []
    assert time.monotonic() - begun > 0.35
    assert raw.response().i16() == 0
    raw.response()


def test_a_produce_behind_a_waiting_fetch_is_not_done_before_it(raw, address, topic):
    """Requests of one connection are worked on one after the other, not only answered so."""
    name = topic()
    raw.request(keys.FETCH, 12, fetch_body(12, [Wanted(name)], max_wait=300))
    raw.request(keys.PRODUCE, 8, produce_body(8, [(name, 0, records.batch(b"late"))]))
    assert read_fetched(raw.response(), 12).one().values == []
    assert read_produced(raw.response(), 8)[0].error == 0


def test_acks_0_has_no_answer(raw, topic):
    name = topic()
    raw.send(raw.frame(keys.PRODUCE, 8, produce_body(8, [(name, 0, records.batch(b"silent"))], acks=0)))
    raw.request(keys.API_VERSIONS, 0, b"")
    assert raw.response().i16() == 0  # the first answer is to the second request
    assert raw.fetch(Wanted(name), max_wait=5000).one().values == [b"silent"]


def test_acks_0_that_fails_ends_the_connection(raw, topic):
    """The only way in which the producer can learn that its metadata is stale."""
    raw.send(raw.frame(keys.PRODUCE, 8, produce_body(8, [(topic(), 7, records.batch(b"lost"))], acks=0)))
    assert ends(raw)


def test_a_client_that_hangs_up_in_a_fetch_leaves_nothing_behind(raw, address, topic):
    name = topic()
    with Connection(address) as gone:
        gone.request(keys.FETCH, 12, fetch_body(12, [Wanted(name)], max_wait=20_000))
    assert raw.store(name, b"after") == 0
    assert raw.fetch(Wanted(name)).one().values == [b"after"]
