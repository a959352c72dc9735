"""ListOffsets and DeleteRecords byte for byte: the special times, lookups by time, the moved start."""

import pytest

from harness.records import HOUR_AGO as BASE
from harness.records import Batch, batch, record
from harness.requests import Wanted

LATEST, EARLIEST, MAX_TIMESTAMP, EARLIEST_LOCAL, LATEST_TIERED = -1, -2, -3, -4, -5
OUT_OF_RANGE, UNKNOWN_TOPIC, UNSUPPORTED_VERSION, FENCED_EPOCH, UNKNOWN_EPOCH = 1, 3, 35, 74, 75


@pytest.fixture
def log(raw, topic):
    """Offsets 0 to 4 at 1000, 2000, 1500, 4000, 3000 ms after BASE, one batch each."""
    name = topic()
    for offset, after in enumerate((1000, 2000, 1500, 4000, 3000)):
        assert raw.store(name, str(offset).encode(), timestamp=BASE + after) == offset
    return name


def test_latest_and_earliest(raw, log):
    assert raw.list_offset(log, LATEST) == (0, -1, 5)
    assert raw.list_offset(log, EARLIEST) == (0, -1, 0)


@pytest.mark.parametrize("version", range(6, 11))
def test_every_flexible_version(raw, log, version):
    assert raw.list_offset(log, LATEST, version=version) == (0, -1, 5)


def test_the_record_with_the_largest_time(raw, log):
    """From version 7 on (KIP-734): its offset and its time."""
    assert raw.list_offset(log, MAX_TIMESTAMP) == (0, BASE + 4000, 3)


def test_local_and_tiered(raw, log):
    """Versions 8 and 9: there is no tier, so all is local and nothing is tiered."""
    assert raw.list_offset(log, EARLIEST_LOCAL, version=8)[::2] == (0, 0)
    assert raw.list_offset(log, LATEST_TIERED, version=9)[::2] == (0, -1)


@pytest.mark.parametrize("after, offset, found", [
    (0, 0, 1000), (1000, 0, 1000), (1001, 1, 2000), (2000, 1, 2000), (2001, 3, 4000), (3000, 3, 4000), (4000, 3, 4000),
])
def test_the_first_offset_at_or_after_a_time(raw, log, after, offset, found):
    assert raw.list_offset(log, BASE + after) == (0, BASE + found, offset)


def test_no_offset_is_that_late(raw, log):
    assert raw.list_offset(log, BASE + 4001) == (0, -1, -1)


def test_a_time_inside_of_a_batch(raw, topic):
    """The records of a batch have times of their own."""
    name = topic()
    records = b"".join(record(b"v", offset_delta=delta, timestamp_delta=delta * 10) for delta in range(10))
    whole = Batch(records=records, count=10, last_offset_delta=9, timestamp=BASE, max_timestamp=BASE + 90).encode()
    assert raw.produce(name, whole).error == 0
    assert raw.list_offset(name, BASE + 35) == (0, BASE + 40, 4)
    assert raw.list_offset(name, MAX_TIMESTAMP) == (0, BASE + 90, 9)


def test_an_empty_partition(raw, topic):
    name = topic()
    assert raw.list_offset(name, LATEST) == (0, -1, 0)
    assert raw.list_offset(name, EARLIEST) == (0, -1, 0)
    assert raw.list_offset(name, MAX_TIMESTAMP) == (0, -1, -1)
    assert raw.list_offset(name, BASE) == (0, -1, -1)


def test_unknown_topics_and_partitions(raw, log, name):
    assert raw.list_offset(name(), LATEST)[0] == UNKNOWN_TOPIC
    assert raw.list_offset(log, LATEST, partition=9)[0] == UNKNOWN_TOPIC


def test_the_leader_epoch_is_compared(raw, log):
    epoch = raw.metadata([log])[log][2][0]
    assert raw.list_offset(log, LATEST, epoch=epoch)[0] == 0
    assert raw.list_offset(log, LATEST, epoch=epoch + 1)[0] == UNKNOWN_EPOCH


def test_deleted_records_are_gone(raw, log):
    assert raw.delete_records(log, 3) == (3, 0)
    assert raw.list_offset(log, EARLIEST) == (0, -1, 3)
    assert raw.list_offset(log, BASE) == (0, BASE + 4000, 3)
    got = raw.fetch(Wanted(log, 2)).one()
    assert (got.error, got.data) == (OUT_OF_RANGE, b"")
    assert raw.fetch(Wanted(log, 3)).one().log_start == 3
    assert raw.delete_records(log, 2) == (3, 0)  # it never moves back


def test_all_records_may_be_deleted(raw, log):
    assert raw.delete_records(log, -1) == (5, 0)
    assert raw.list_offset(log, EARLIEST) == raw.list_offset(log, LATEST) == (0, -1, 5)
    assert raw.produce(log, batch(b"5")).log_start == 5


def test_records_to_come_cannot_be_deleted(raw, log, name):
    assert raw.delete_records(log, 6)[1] == OUT_OF_RANGE
    assert raw.delete_records(log, -2)[1] == OUT_OF_RANGE
    assert raw.delete_records(name(), 0)[1] == UNKNOWN_TOPIC


def test_a_start_inside_of_a_batch(raw, topic):
    """The batch stays whole on the wire; clients pass over what lies before the start."""
    name = topic()
    raw.store(name, b"a", b"b", b"c")
    assert raw.delete_records(name, 2) == (2, 0)
    got = raw.fetch(Wanted(name, 2)).one()
    assert (got.log_start, got.values) == (2, [b"a", b"b", b"c"])
    assert raw.fetch(Wanted(name, 1)).one().error == OUT_OF_RANGE
