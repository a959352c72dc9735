"""Metadata, CreateTopics and DeleteTopics byte for byte: names, defaults, what makes a topic and what does not."""

import pytest

from harness import raw as keys
from harness.requests import DEADLINE_MS
from harness.wire import NO_ID, Reader, Writer

UNKNOWN_TOPIC, LEADER_NOT_AVAILABLE, INVALID_TOPIC, EXISTS, INVALID_PARTITIONS = 3, 5, 17, 36, 37
INVALID_REPLICATION, INVALID_CONFIG, UNKNOWN_ID = 38, 40, 100
BAD_NAMES = ["", ".", "..", "a b", "a/b", "a:b", "ä", "x" * 250, "a\0b"]


def read_topics(reader: Reader, version: int) -> list:
    """(error, name, partitions) of a Metadata answer before version 9."""
    def partition(source):
        error, index, leader = source.i16(), source.i32(), source.i32()
        if version >= 7:
            source.i32()
        copies = [source.array(Reader.i32) for _ in range(3 if version >= 5 else 2)]
        return error, index, leader, copies[0], copies[1]

    def topic(source):
        error, name = source.i16(), source.string()
        internal = source.bool() if version >= 1 else False
        partitions = source.array(partition)
        if version >= 8:
            source.i32()
        return error, name, internal, partitions

    if version >= 3:
        assert reader.i32() == 0, "throttled"

    def broker(source):
        source.i32(), source.string(), source.i32()
        if version >= 1:
            source.string()

    reader.array(broker)
    if version >= 2:
        assert reader.string(), "no cluster id"
    if version >= 1:
        assert reader.i32() >= 0, "no controller"
    topics = reader.array(topic)
    if version >= 8:
        reader.i32()
    reader.done()
    return topics


def asked(version: int, names, auto_create: bool = False) -> bytes:
    """The body of a Metadata request before version 9."""
    body = Writer().array(names, Writer.string)
    if version >= 4:
        body.bool(auto_create)
    if version >= 8:
        body.bool(False).bool(False)
    return bytes(body.data)


@pytest.mark.parametrize("version", range(9))
def test_every_version_of_metadata(raw, topic, version):
    name = topic(2)
    found = read_topics(raw.call(keys.METADATA, version, asked(version, [name])), version)
    assert len(found) == 1 and found[0][:3] == (0, name, False)
    partitions = sorted(found[0][3], key=lambda partition: partition[1])
    assert [(error, index) for error, index, *_ in partitions] == [(0, 0), (0, 1)]
    assert all([leader] == replicas == in_sync for _, _, leader, replicas, in_sync in partitions)


def test_all_topics_are_asked_with_null_and_none_with_an_empty_list(raw, topic):
    """In version 0 an empty list means all."""
    name = topic()
    listed = {version: [found[1] for found in read_topics(raw.call(keys.METADATA, version, asked(version, names)), version)]
              for version, names in ((0, []), (5, None), (1, []))}
    assert name in listed[0] and name in listed[5]
    assert listed[1] == []


def test_a_topic_may_be_asked_for_by_its_id(raw, topic):
    name = topic()
    ident = raw.topic_id(name)
    body = Writer(True).array([ident], lambda target, one: target.uuid(one).string(None).end())
    reader = raw.call(keys.METADATA, 12, body.bool(False).bool(False).end().data)
    assert name.encode() in reader.data


def test_metadata_makes_a_topic_when_it_may(raw, name):
    """Apache Kafka first says that there is no leader; the client asks again."""
    fresh = name()
    while (error := raw.metadata([fresh], auto_create=True)[fresh][0]) in (UNKNOWN_TOPIC, LEADER_NOT_AVAILABLE):
        pass
    assert error == 0
    assert len(raw.metadata([fresh])[fresh][2]) == 1


def test_metadata_makes_no_topic_when_it_may_not(raw, name):
    absent = name()
    for _ in range(2):
        assert raw.metadata([absent], auto_create=False)[absent] == (UNKNOWN_TOPIC, NO_ID, {})


@pytest.mark.parametrize("bad", BAD_NAMES)
def test_a_bad_name_is_refused_everywhere(raw, bad):
    assert raw.create_topic(bad) == INVALID_TOPIC
    assert raw.metadata([bad], auto_create=True)[bad][0] == INVALID_TOPIC


@pytest.mark.parametrize("letter", ["a", "Z", "0", ".", "_", "-"])
def test_good_letters_are_taken(raw, name, letter):
    assert raw.create_topic(name() + letter + "a") == 0


def test_the_longest_name_is_taken(raw, name):
    assert raw.create_topic(name().ljust(249, "x")) == 0


def test_a_topic_is_made_once(raw, topic):
    assert raw.create_topic(topic()) == EXISTS


@pytest.mark.parametrize("partitions, replication, error", [
    (0, 1, INVALID_PARTITIONS), (-2, 1, INVALID_PARTITIONS), (1, 0, INVALID_REPLICATION), (1, -2, INVALID_REPLICATION),
])
def test_impossible_numbers_are_refused(raw, name, partitions, replication, error):
    assert raw.create_topic(name(), partitions, replication) == error


def test_minus_one_means_the_default(raw, name):
    fresh = name()
    assert raw.create_topic(fresh, -1, -1) == 0
    raw.await_leaders(fresh, 1)
    assert len(raw.metadata([fresh])[fresh][2]) == 1


def test_three_copies_on_one_broker(raw, name, differs):
    """What is written for a cluster of three runs here too; Apache Kafka refuses it."""
    assert raw.create_topic(name(), 1, 3) == differs(0, INVALID_REPLICATION)


@pytest.mark.parametrize("config", [{"retention.ms": "soon"}, {"cleanup.policy": "burn"}, {"no.such.config": "1"},
                                    {"max.message.bytes": "-1"}])
def test_configs_are_looked_at(raw, name, config):
    fresh = name()
    assert raw.create_topic(fresh, configs=config) == INVALID_CONFIG
    assert raw.metadata([fresh])[fresh][0] == UNKNOWN_TOPIC


def test_validate_only_makes_nothing(raw, name):
    fresh = name()
    body = Writer().array([fresh], lambda target, one: target.string(one).i32(1).i16(1).array([], None).array([], None))
    reader = raw.call(keys.CREATE_TOPICS, 4, body.i32(DEADLINE_MS).bool(True).data)
    reader.i32()
    assert reader.array(lambda source: (source.string(), source.i16(), source.string())) == [(fresh, 0, None)]
    assert raw.metadata([fresh])[fresh][0] == UNKNOWN_TOPIC


def test_the_answer_tells_what_was_made(raw, name):
    """Version 7: id, partitions, copies and configs."""
    fresh = name()
    body = Writer(True).array([fresh], lambda target, one: target.string(one).i32(3).i16(1).array([], None)
                              .array([("retention.ms", "60000")],
                                     lambda inner, pair: inner.string(pair[0]).string(pair[1]).end()).end())
    reader = raw.call(keys.CREATE_TOPICS, 7, body.i32(DEADLINE_MS).bool(False).end().data)
    reader.i32()

    def config(source):
        told = source.string(), source.string()
        source.bool(), source.i8(), source.bool(), source.end()
        return told

    def topic(source):
        told = source.string(), source.uuid(), source.i16(), source.string(), source.i32(), source.i16()
        configs = dict(source.array(config))
        source.end()
        return told, configs

    told, configs = reader.array(topic)[0]
    raw.await_leaders(fresh, 3)
    assert told == (fresh, raw.topic_id(fresh), 0, None, 3, 1)
    assert configs["retention.ms"] == "60000"
    assert {"cleanup.policy", "segment.bytes", "max.message.bytes", "min.insync.replicas"} <= configs.keys()


def test_names_that_differ_in_points_and_bars_collide(raw, name, differs):
    """Apache Kafka refuses a.b beside a_b, for the names of its metrics' sake."""
    fresh = name() + ".a"
    assert raw.create_topic(fresh) == 0
    error = raw.create_topic(fresh.replace(".", "_"))
    assert error in (differs((0, INVALID_TOPIC), (INVALID_TOPIC,)))
    for one in (fresh, fresh.replace(".", "_")):
        raw.delete_topic(one)


def test_a_topic_twice_in_one_request(raw, name):
    fresh = name()
    body = Writer().array([fresh] * 2, lambda target, one: target.string(one).i32(1).i16(1).array([], None).array([], None))
    reader = raw.call(keys.CREATE_TOPICS, 4, body.i32(DEADLINE_MS).bool(False).data)
    reader.i32()
    answers = reader.array(lambda source: (source.string(), source.i16(), source.string()))
    assert {(told, error) for told, error, _ in answers} == {(fresh, 42)}
    assert raw.metadata([fresh])[fresh][0] == UNKNOWN_TOPIC


def test_a_deleted_topic_is_gone(raw, topic, name):
    gone = topic()
    assert raw.delete_topic(gone) == 0
    assert raw.delete_topic(gone) == UNKNOWN_TOPIC
    while gone in raw.metadata(None):
        pass
    assert raw.metadata([gone])[gone][0] == UNKNOWN_TOPIC
