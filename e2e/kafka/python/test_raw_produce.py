"""Produce byte for byte: which batches are taken, what is kept of them, and every lie that is refused."""

import gzip
import uuid

import pytest

from harness import raw as keys
from harness import records
from harness.foreign import KAFKA41
from harness.records import Batch, batch, record
from harness.requests import Wanted, produce_body, read_produced

UNKNOWN_SERVER, CORRUPT, UNKNOWN_TOPIC, TOO_LARGE, INVALID_ACKS = -1, 2, 3, 10, 21
INVALID_TIMESTAMP, OUT_OF_ORDER, DUPLICATE, INVALID_EPOCH = 32, 45, 46, 47
UNSUPPORTED_COMPRESSION, INVALID_RECORD, UNKNOWN_ID = 76, 87, 100


@pytest.mark.parametrize("version", range(3, 13))
def test_every_version_is_taken(raw, topic, version):
    name = topic()
    answers = [raw.produce(name, batch(b"a", b"b"), version=version) for _ in range(2)]
    assert [(answer.error, answer.offset, answer.append_time) for answer in answers] == [(0, 0, -1), (0, 2, -1)]
    assert [answer.log_start for answer in answers] == ([0, 0] if version >= 5 else [-1, -1])


def test_version_13_names_topics_by_id(raw, topic):
    name = topic()
    assert raw.produce(raw.topic_id(name), batch(b"by id"), version=13).error == 0
    assert raw.produce(uuid.uuid4(), batch(b"by id"), version=13).error == UNKNOWN_ID


def test_a_batch_comes_back_as_it_was_sent(raw, topic):
    """All but base offset and leader epoch, which are not covered by the checksum."""
    name = topic()
    raw.store(name, b"first")
    sent = batch(b"x", b"y", key=b"k", timestamp=records.HOUR_AGO + 123)
    raw.produce(name, sent)
    got = raw.fetch(Wanted(name, 1)).one().batches[0]
    assert (got.base_offset, got.last_offset) == (1, 2)
    assert got.data[8:12] + got.data[16:] == sent[8:12] + sent[16:]


@pytest.mark.parametrize("codec", [records.GZIP, records.SNAPPY, records.LZ4, records.ZSTD])
def test_compressed_batches_are_kept_compressed(raw, topic, codec):
    """What is inside stays the producer's: these are real records, as each codec packs them."""
    name = topic()
    plain = b"".join(record(b"value", offset_delta=delta) for delta in range(100))
    packed = compress(codec, plain)
    sent = Batch(attributes=codec, records=packed, count=100, last_offset_delta=99).encode()
    assert raw.produce(name, sent).error == 0
    got = raw.fetch(Wanted(name)).one().batches[0]
    assert (got.attributes & 7, got.count, got.last_offset) == (codec, 100, 99)
    assert got.data[records.HEADER:] == packed


def compress(codec: int, data: bytes) -> bytes:
    """The records of a batch as clients pack them."""
    if codec == records.GZIP:
        return gzip.compress(data)
    if codec == records.SNAPPY:
        import snappy
        return snappy.compress(data)
    if codec == records.LZ4:
        import lz4.frame
        return lz4.frame.compress(data)
    import zstandard
    return zstandard.ZstdCompressor().compress(data)


def test_several_topics_and_partitions_in_one_request(raw, topic):
    one, two = topic(2), topic(1)
    parts = [(one, 1, batch(b"a")), (one, 0, batch(b"b")), (two, 0, batch(b"c")), (two, 5, batch(b"d"))]
    answers = read_produced(raw.call(keys.PRODUCE, 8, produce_body(8, parts)), 8)
    told = sorted((answer.partition, answer.error) for answer in answers)
    assert told == [(0, 0), (0, 0), (1, 0), (5, UNKNOWN_TOPIC)]


@pytest.mark.parametrize("acks", [2, -2, 100, 32767])
def test_strange_acks_are_refused(raw, topic, acks):
    assert raw.produce(topic(), batch(b"v"), acks=acks).error == INVALID_ACKS


@pytest.mark.parametrize("acks", [1, -1])
def test_both_kinds_of_acks_are_answered(raw, topic, acks):
    assert raw.produce(topic(), batch(b"v"), acks=acks).offset == 0


def test_an_unknown_topic_is_not_made_by_a_produce(raw, name):
    """Only Metadata makes topics."""
    absent = name()
    assert raw.produce(absent, batch(b"v")).error == UNKNOWN_TOPIC
    assert raw.metadata([absent])[absent][0] == UNKNOWN_TOPIC


@pytest.mark.parametrize("lie, error", [
    ({"crc": 1}, CORRUPT),
    ({"magic": 3}, CORRUPT),
    ({"magic": -1}, CORRUPT),
    ({"count": 2}, INVALID_RECORD),
    ({"count": 0}, INVALID_RECORD),
    ({"count": -1}, INVALID_RECORD),
    ({"last_offset_delta": 5}, INVALID_RECORD),
    ({"last_offset_delta": -1}, INVALID_RECORD),
    ({"attributes": records.CONTROL}, INVALID_RECORD),
    ({"producer_id": 4711, "producer_epoch": 0, "sequence": -1}, INVALID_RECORD),
    ({"records": b""}, INVALID_RECORD),
    ({"timestamp": 4_000_000_000_000}, INVALID_TIMESTAMP),
], ids=lambda value: str(value) if isinstance(value, dict) else None)
def test_a_lying_batch_is_refused(raw, topic, lie, error):
    name = topic()
    fields = dict(lie)
    if fields.get("records") == b"":
        fields |= {"count": 1, "last_offset_delta": 0}
    answer = raw.produce(name, batch(b"v", **fields))
    assert (answer.error, answer.offset) == (error, -1)
    assert raw.store(name, b"the next one is taken") == 0


@pytest.mark.parametrize("data", [b"", b"\0" * 11, b"\0" * 61, batch(b"v")[:-1], batch(b"v", length=2**31 - 1),
                                  batch(b"v", length=-1), batch(b"v", length=10), batch(b"v", length=0)],
                         ids=["empty", "torn head", "zeros", "torn tail", "long", "negative", "short", "zero"])
def test_what_is_no_batch_is_refused(raw, topic, data, differs):
    """Apache Kafka's own arithmetic fails (error -1) at some of these."""
    name = topic()
    answer = raw.produce(name, data)
    assert answer.error in differs((CORRUPT, INVALID_RECORD), (CORRUPT, INVALID_RECORD, UNKNOWN_SERVER)), answer
    assert raw.store(name, b"the next one is taken") == 0


def test_no_records_at_all_are_refused(raw, topic, kind):
    """Null where the batch should be."""
    if kind == KAFKA41:
        pytest.skip("Apache Kafka 4.1 never answers this one")
    answer = raw.produce(topic(), None)
    assert answer.error in (CORRUPT, INVALID_RECORD), answer


@pytest.mark.parametrize("codec", [5, 6, 7])
def test_an_unknown_codec_is_refused(raw, topic, codec, differs):
    """Apache Kafka 4.1 fails at it."""
    answer = raw.produce(topic(), batch(b"v", attributes=codec))
    assert answer.error in differs((CORRUPT, UNSUPPORTED_COMPRESSION, INVALID_RECORD), (UNKNOWN_SERVER,))


def test_a_producer_cannot_say_when_a_batch_was_appended(raw, topic):
    """The bit of LogAppendTime on a topic of CreateTime: taken away (Apache Kafka 4.1) or refused."""
    name = topic()
    answer = raw.produce(name, batch(b"v", attributes=records.LOG_APPEND_TIME))
    assert answer.error in (0, INVALID_TIMESTAMP)
    for got in raw.fetch(Wanted(name)).one().batches:
        assert not got.attributes & records.LOG_APPEND_TIME


def test_two_batches_for_one_partition_are_refused(raw, topic):
    assert raw.produce(topic(), batch(b"a") + batch(b"b")).error == INVALID_RECORD


def test_old_message_formats_are_refused(raw, topic):
    """Magic 0 and 1, which no client sends in these versions of Produce."""
    for magic in (0, 1):
        answer = raw.produce(topic(), batch(b"v", magic=magic))
        assert answer.error in (CORRUPT, INVALID_RECORD), answer


def test_zstd_needs_version_7(raw, topic):
    name = topic()
    packed = compress(records.ZSTD, record(b"v"))
    sent = Batch(attributes=records.ZSTD, records=packed, count=1, last_offset_delta=0).encode()
    assert raw.produce(name, sent, version=6).error == UNSUPPORTED_COMPRESSION
    assert raw.produce(name, sent, version=7).error == 0


def test_a_batch_above_the_topics_limit_is_refused(raw, topic):
    name = topic(max_message_bytes=1000)
    assert raw.produce(name, batch(b"v" * 1000)).error == TOO_LARGE
    assert raw.produce(name, batch(b"v" * 900)).error == 0


def test_the_default_limit_is_a_mebibyte(raw, topic):
    name = topic()
    room = 1_048_588 - len(batch(b""))
    assert raw.produce(name, batch(b"v" * room)).error == TOO_LARGE
    assert raw.produce(name, batch(b"v" * (room - 10))).error == 0


def test_a_compacted_topic_wants_keys(raw, topic):
    name = topic(cleanup_policy="compact")
    answer = raw.produce(name, batch(b"a", b"b"))
    assert answer.error == INVALID_RECORD
    assert [index for index, _ in answer.record_errors] == [0, 1]
    assert answer.message
    assert raw.produce(name, batch(b"a", b"b", key=b"k")).error == 0


def test_log_append_time_is_the_brokers(raw, topic):
    name = topic(message_timestamp_type="LogAppendTime")
    answer = raw.produce(name, batch(b"v", timestamp=1000))
    assert answer.error == 0 and answer.append_time > 1_600_000_000_000
    got = raw.fetch(Wanted(name)).one().batches[0]
    assert got.attributes & records.LOG_APPEND_TIME
    assert got.max_timestamp == answer.append_time


def test_a_producer_sends_again_what_was_taken(raw, topic):
    """The same sequence again: the first offset, and nothing is stored twice."""
    name = topic()
    _, producer, epoch = raw.init_producer()
    said = {"producer_id": producer, "producer_epoch": epoch}
    offsets = [raw.store(name, b"v", sequence=sequence, **said) for sequence in range(7)]
    assert offsets == list(range(7))
    for sequence in range(2, 7):
        again = raw.produce(name, batch(b"v", sequence=sequence, **said))
        assert (again.error, again.offset) == (0, sequence)
    old = raw.produce(name, batch(b"v", sequence=0, **said))
    assert old.error in (0, DUPLICATE, OUT_OF_ORDER), old
    assert raw.list_offset(name, -1)[2] == 7


def test_a_gap_in_the_sequence_is_refused(raw, topic):
    name = topic()
    _, producer, epoch = raw.init_producer()
    said = {"producer_id": producer, "producer_epoch": epoch}
    assert raw.store(name, b"a", b"b", b"c", sequence=0, **said) == 0
    assert raw.produce(name, batch(b"v", sequence=4, **said)).error == OUT_OF_ORDER
    assert raw.produce(name, batch(b"v", sequence=2, **said)).error == OUT_OF_ORDER
    assert raw.store(name, b"d", sequence=3, **said) == 3


def test_an_older_epoch_is_refused(raw, topic):
    name = topic()
    _, producer, _ = raw.init_producer()
    raw.store(name, b"v", producer_id=producer, producer_epoch=3, sequence=0)
    assert raw.produce(name, batch(b"v", producer_id=producer, producer_epoch=2, sequence=1)).error == INVALID_EPOCH
    assert raw.store(name, b"v", producer_id=producer, producer_epoch=4, sequence=0) == 1
    assert raw.produce(name, batch(b"v", producer_id=producer, producer_epoch=5, sequence=1)).error == OUT_OF_ORDER


def test_the_sequence_goes_round(raw, topic):
    name = topic()
    _, producer, epoch = raw.init_producer()
    said = {"producer_id": producer, "producer_epoch": epoch}
    assert raw.store(name, b"a", sequence=2**31 - 2, **said) == 0
    assert raw.store(name, b"b", b"c", sequence=2**31 - 1, **said) == 1
    assert raw.store(name, b"d", sequence=1, **said) == 3


def test_producer_ids_are_never_given_twice(raw):
    answers = [raw.init_producer() for _ in range(20)]
    assert all((error, epoch) == (0, 0) for error, _, epoch in answers)
    assert len({producer for _, producer, _ in answers}) == 20
