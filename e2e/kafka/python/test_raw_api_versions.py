"""ApiVersions byte for byte: what is advertised, and how a client that is newer than the broker is answered."""

import struct

import pytest

from harness import raw as keys
from harness.wire import Reader, Writer

#: What a client that does not negotiate sends: sarama's default until 2025, the versions of Kafka 2.8.
KAFKA28 = {0: 9, 1: 12, 2: 6, 3: 11, 8: 8, 9: 7, 10: 3, 11: 7, 12: 4, 13: 4, 14: 5, 15: 5, 16: 4, 17: 1, 18: 3, 19: 7,
           20: 6, 21: 2, 22: 4, 32: 4, 33: 2, 36: 2, 37: 3, 42: 2, 44: 1}
#: Where Apache Kafka 4 and we start; anything below was taken away by KIP-896.
LOWEST = {1: 4, 2: 1, 3: 0, 8: 2, 9: 1, 10: 0, 11: 0, 12: 0, 13: 0, 14: 0, 15: 0, 16: 0, 17: 0, 18: 0, 19: 2, 20: 1, 21: 0,
          22: 0, 23: 2, 32: 1, 33: 0, 36: 0, 37: 0, 42: 0, 44: 0, 47: 0, 60: 0}
UNSUPPORTED_VERSION, INVALID_REQUEST = 35, 42


@pytest.mark.parametrize("version", [0, 1, 2, 3, 4])
def test_every_version_is_answered_with_the_same_table(raw, version):
    error, table, _ = raw.api_versions(version)
    assert error == 0
    assert table == raw.api_versions(0)[1]
    assert all(low <= high for low, high in table.values())


@pytest.mark.parametrize("key", sorted(KAFKA28))
def test_what_kafka_28_took_is_taken(raw, key):
    table = raw.api_versions()[1]
    assert key in table, f"{key} is not advertised"
    low, high = table[key]
    assert low <= KAFKA28[key] <= high


@pytest.mark.parametrize("key", sorted(LOWEST))
def test_ranges_begin_where_kafka_4_begins(raw, key):
    assert raw.api_versions()[1][key][0] == LOWEST[key]


def test_produce_is_advertised_from_zero(raw):
    """librdkafka before 2.11.1 compresses only where the range of Produce holds version 0."""
    assert raw.api_versions()[1][keys.PRODUCE][0] == 0


@pytest.mark.parametrize("key", [4, 5, 6, 7, 52, 53, 56, 58, 59, 62, 63, 67])
def test_requests_between_brokers_are_not_advertised(raw, key):
    assert key not in raw.api_versions()[1]


def test_no_client_metrics_are_asked_for(raw):
    """GetTelemetrySubscriptions and PushTelemetry: clients push as soon as they see them."""
    assert not {71, 72} & raw.api_versions()[1].keys()


@pytest.mark.parametrize("version", [5, 99, 32767])
def test_a_newer_version_is_answered_in_version_0(raw, version):
    """KIP-511: error 35, and the range of ApiVersions itself, so that the client can choose."""
    raw.send(raw.frame(keys.API_VERSIONS, version, b"\x04new\x021\x00" + b"what comes next is unknown", flexible=True))
    reader = Reader(raw.read_frame())
    assert (reader.i32(), reader.i16()) == (raw.correlation, UNSUPPORTED_VERSION)
    rows = reader.array(lambda source: (source.i16(), source.i16(), source.i16()))
    reader.done()
    assert rows == [(keys.API_VERSIONS, 0, 4)]
    assert raw.api_versions(3)[0] == 0  # and the connection lives on


@pytest.mark.parametrize("version", [-1, -32768])
def test_a_negative_version_is_answered_in_version_0_too(raw, version):
    raw.send(raw.frame(keys.API_VERSIONS, version, b"", flexible=False))
    reader = Reader(raw.read_frame())
    assert (reader.i32(), reader.i16()) == (raw.correlation, UNSUPPORTED_VERSION)


@pytest.mark.parametrize("name, software", [("", "1"), ("raw", ""), ("a b", "1"), ("raw", "1 2"), ("-raw", "1")])
def test_names_of_clients_are_looked_at(raw, name, software):
    """KIP-511 again: letters, digits, points and hyphens, beginning and ending with a letter or digit."""
    body = Writer(True).string(name).string(software).end()
    reader = raw.call(keys.API_VERSIONS, 3, body.data)
    assert reader.i16() == INVALID_REQUEST


def test_the_header_of_the_answer_has_no_tags(raw):
    """Even where the request was flexible: a client cannot know yet which form the broker speaks."""
    body = Writer(True).string("raw").string("1").end()
    raw.send(raw.frame(keys.API_VERSIONS, 3, body.data, correlation=7))
    assert raw.read_frame()[:6] == struct.pack(">ih", 7, 0)


def test_unknown_tagged_fields_are_passed_over(raw):
    """In the header and in the body."""
    unknown = b"\x02\x05\x03abc\x20\x00"
    body = Writer(True).string("raw").string("1").raw(unknown)
    reader = raw.call(keys.API_VERSIONS, 3, body.data, tags=unknown)
    assert reader.i16() == 0
