"""kafka-python administers: topics, configs, partitions, records, and the offsets of groups."""

import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import (InvalidConfigurationError, InvalidPartitionsError, InvalidTopicError, TopicAlreadyExistsError,
                          UnknownTopicOrPartitionError)

from harness.kafka_python import MODERN, Admin, committed_at
from harness.records import HOUR_AGO
from support.waiting import wait_until

modern = pytest.mark.skipif(not MODERN, reason="kafka-python 2.0.2 cannot ask for it")


@pytest.fixture
def admin(broker):
    """An administration client."""
    client = Admin(broker.bootstrap)
    yield client
    client.client.close()


def test_a_topic_is_made_told_and_deleted(admin, name):
    log = name()
    admin.create({log: (3, {"retention.ms": "3600000", "cleanup.policy": "compact,delete"})})
    wait_until(lambda: log in admin.client.list_topics(), what="the topic in the list")
    assert admin.partitions(log) == [0, 1, 2]
    configs = admin.configs(log)
    assert configs["retention.ms"] == ("3600000", False)
    assert configs["cleanup.policy"] == ("compact,delete", False)
    assert configs["max.message.bytes"] == ("1048588", True)
    admin.delete(log)
    wait_until(lambda: log not in admin.client.list_topics(), what="the topic out of the list")


def test_several_topics_at_once(admin, name):
    names = [name(), name()]
    admin.create({one: (1, {}) for one in names})
    wait_until(lambda: set(names) <= set(admin.client.list_topics()), what="both topics")
    admin.delete(*names)


def test_validate_only(admin, name):
    log = name()
    admin.create({log: (1, {})}, validate_only=True)
    assert log not in admin.client.list_topics()


@pytest.mark.parametrize("make, error", [
    (lambda taken, fresh: {taken: (1, {})}, TopicAlreadyExistsError),
    (lambda taken, fresh: {fresh + "/": (1, {})}, InvalidTopicError),
    (lambda taken, fresh: {fresh: (0, {})}, InvalidPartitionsError),
    (lambda taken, fresh: {fresh: (1, {"no.such.config": "1"})}, InvalidConfigurationError),
    (lambda taken, fresh: {fresh: (1, {"retention.ms": "never"})}, InvalidConfigurationError),
], ids=["exists", "name", "partitions", "config", "value"])
def test_refusals_are_told(admin, topic, name, make, error):
    with pytest.raises(error):
        admin.create(make(topic(), name()))


def test_an_unknown_topic_cannot_be_deleted(admin, name):
    with pytest.raises(UnknownTopicOrPartitionError):
        admin.delete(name())


def test_configs_are_altered(admin, topic):
    log = topic(retention_ms=1000)
    admin.alter(log, retention_ms="2000")
    wait_until(lambda: admin.configs(log)["retention.ms"] == ("2000", False), what="the new value")
    admin.alter(log, retention_ms="3000", segment_bytes="1048576")
    wait_until(lambda: admin.configs(log)["segment.bytes"] == ("1048576", False), what="the second value")
    assert admin.configs(log)["retention.ms"] == ("3000", False)


@modern
def test_configs_are_reset(admin, topic):
    log = topic(retention_ms=1000)
    admin.client.reset_configs([ConfigResource(ConfigResourceType.TOPIC, log, configs={"retention.ms": None})])
    wait_until(lambda: admin.configs(log)["retention.ms"] == ("604800000", True), what="the default")


@modern
def test_the_configs_of_a_broker(admin):
    node = admin.client.describe_cluster()["brokers"][0]["broker_id"]
    resource = ConfigResource(ConfigResourceType.BROKER, str(node))
    told = admin.client.describe_configs([resource], config_filter="all")["broker"][str(node)]
    assert {"log.retention.hours", "num.partitions", "auto.create.topics.enable"} <= told.keys()
    assert told["auto.create.topics.enable"]["value"] == "true"


def test_partitions_are_added(admin, topic):
    log = topic(2)
    admin.add_partitions(log, 4)
    wait_until(lambda: admin.partitions(log) == [0, 1, 2, 3], what="four partitions")
    with pytest.raises(InvalidPartitionsError):
        admin.add_partitions(log, 3)


def test_the_cluster_is_told(admin, broker):
    told = admin.client.describe_cluster()
    assert told["cluster_id"]
    assert [(one["host"], one["port"]) for one in told["brokers"]] == [broker.kafka_address]
    assert told["controller_id"] == told["brokers"][0].get("broker_id", told["brokers"][0].get("node_id"))


@modern
def test_topics_are_described_by_their_partitions(admin, topic):
    """DescribeTopicPartitions, which Java's client of today asks first."""
    log = topic(3)
    told = admin.client.describe_topic_partitions([log])
    assert log in str(told)


@modern
def test_records_are_deleted(admin, topic, raw):
    log = topic()
    for _ in range(5):
        raw.store(log, b"v")
    where = TopicPartition(log, 0)
    told = admin.client.delete_records({where: 3})
    assert told[where]["low_watermark"] == 3
    assert raw.list_offset(log, -2)[2] == 3


@modern
def test_offsets_are_listed(admin, topic, raw):
    from kafka.admin import OffsetSpec
    log = topic()
    for timestamp in (1000, 3000, 2000):
        raw.store(log, b"v", timestamp=HOUR_AGO + timestamp)
    where = TopicPartition(log, 0)
    told = {spec: admin.client.list_partition_offsets({where: spec})[where].offset
            for spec in (OffsetSpec.EARLIEST, OffsetSpec.LATEST, OffsetSpec.MAX_TIMESTAMP)}
    assert list(told.values()) == [0, 3, 1]


@modern
def test_the_offsets_of_a_group_are_altered(admin, topic, name, broker):
    log, group = topic(2), name("group")
    one, two = TopicPartition(log, 0), TopicPartition(log, 1)
    told = admin.client.alter_group_offsets(group, {one: committed_at(5), two: committed_at(6)})
    assert [error.errno for error in told.values()] == [0, 0]
    assert admin.offsets(group) == {one: 5, two: 6}
    admin.client.delete_group_offsets(group, [two])
    assert admin.offsets(group) == {one: 5}
    told = admin.client.reset_group_offsets(group, {one: 0})
    assert told[one]["offset"] == 0
    consumer = KafkaConsumer(bootstrap_servers=broker.bootstrap, group_id=group)
    assert consumer.committed(one) == 0
    consumer.close()
