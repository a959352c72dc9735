"""librdkafka administers: topics, configs, partitions, records, groups and their offsets."""

import pytest
from confluent_kafka import (ConsumerGroupState, ConsumerGroupTopicPartitions, IsolationLevel, KafkaError, KafkaException,
                             TopicCollection, TopicPartition)
from confluent_kafka.admin import (AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic,
                                   OffsetSpec, ResourceType)

from harness.confluent import Member, at
from harness.members import share
from harness.records import HOUR_AGO
from support.waiting import wait_until


@pytest.fixture
def admin(broker):
    """An administration client."""
    return AdminClient({"bootstrap.servers": broker.bootstrap})


def one(futures):
    """The result of the only future of an answer."""
    future, = futures.values()
    return future.result(15)


def refused(futures) -> int:
    """The code of the error that the only future of an answer has."""
    with pytest.raises(KafkaException) as told:
        one(futures)
    return told.value.args[0].code()


def configs_of(admin, topic) -> dict:
    """The configs of a topic."""
    return one(admin.describe_configs([ConfigResource(ResourceType.TOPIC, topic)]))


def test_a_topic_is_made_told_and_deleted(admin, name):
    log = name()
    one(admin.create_topics([NewTopic(log, 3, 1, config={"retention.ms": "3600000"})]))
    wait_until(lambda: log in admin.list_topics(timeout=10).topics, what="the topic")
    told = one(admin.describe_topics(TopicCollection([log])))
    assert (told.name, len(told.partitions), told.is_internal) == (log, 3, False)
    assert told.topic_id is not None
    configs = configs_of(admin, log)
    assert configs["retention.ms"].value == "3600000" and not configs["retention.ms"].is_default
    assert configs["cleanup.policy"].value == "delete" and configs["cleanup.policy"].is_default
    one(admin.delete_topics([log]))
    wait_until(lambda: log not in admin.list_topics(timeout=10).topics, what="its end")


def test_refusals_are_told(admin, topic, name):
    taken = topic()
    assert refused(admin.create_topics([NewTopic(taken, 1, 1)])) == KafkaError.TOPIC_ALREADY_EXISTS
    assert refused(admin.create_topics([NewTopic("a b", 1, 1)])) == KafkaError.TOPIC_EXCEPTION
    assert refused(admin.create_topics([NewTopic(name(), 1, 1, config={"no.such": "1"})])) == KafkaError.INVALID_CONFIG
    assert refused(admin.delete_topics([name()])) == KafkaError.UNKNOWN_TOPIC_OR_PART
    assert refused(admin.create_partitions([NewPartitions(taken, 1)])) == KafkaError.INVALID_PARTITIONS
    assert refused(admin.describe_topics(TopicCollection([name()]))) == KafkaError.UNKNOWN_TOPIC_OR_PART


def test_validate_only(admin, name):
    log = name()
    one(admin.create_topics([NewTopic(log, 1, 1)], validate_only=True))
    assert log not in admin.list_topics(timeout=10).topics


def test_partitions_are_added(admin, topic):
    log = topic(1)
    one(admin.create_partitions([NewPartitions(log, 3)]))
    wait_until(lambda: len(admin.list_topics(log, timeout=10).topics[log].partitions) == 3, what="three partitions")


def test_configs_are_altered_one_by_one(admin, topic):
    """IncrementalAlterConfigs: set, append, take away, reset; the others stay."""
    log = topic(retention_ms=1000, segment_bytes=1_048_576)

    def change(config, value, kind):
        entry = ConfigEntry(config, value, incremental_operation=kind)
        one(admin.incremental_alter_configs([ConfigResource(ResourceType.TOPIC, log, incremental_configs=[entry])]))

    change("retention.ms", "2000", AlterConfigOpType.SET)
    change("cleanup.policy", "compact", AlterConfigOpType.APPEND)
    wait_until(lambda: configs_of(admin, log)["cleanup.policy"].value == "delete,compact", what="both policies")
    assert configs_of(admin, log)["retention.ms"].value == "2000"
    change("cleanup.policy", "delete", AlterConfigOpType.SUBTRACT)
    change("retention.ms", None, AlterConfigOpType.DELETE)
    wait_until(lambda: configs_of(admin, log)["retention.ms"].is_default, what="the default")
    told = configs_of(admin, log)
    assert (told["cleanup.policy"].value, told["segment.bytes"].value) == ("compact", "1048576")


def test_records_are_deleted(admin, topic, raw):
    log = topic()
    raw.store(log, b"0", b"1", b"2")
    assert one(admin.delete_records([at(log, 0, 2)])).low_watermark == 2


def test_offsets_are_listed(admin, topic, raw):
    log = topic()
    for timestamp in (1000, 3000, 2000):
        raw.store(log, b"v", timestamp=HOUR_AGO + timestamp)
    specs = [OffsetSpec.earliest(), OffsetSpec.latest(), OffsetSpec.max_timestamp(), OffsetSpec.for_timestamp(HOUR_AGO + 1500)]
    found = [one(admin.list_offsets({at(log): spec}, isolation_level=IsolationLevel.READ_UNCOMMITTED)).offset
             for spec in specs]
    assert found == [0, 3, 1, 1]


def test_the_cluster_is_told(admin, broker):
    told = admin.describe_cluster().result(10)
    assert [(node.host, node.port) for node in told.nodes] == [broker.kafka_address]
    assert told.controller is not None and told.cluster_id


def test_the_configs_of_a_broker(admin):
    node = admin.describe_cluster().result(10).nodes[0].id
    told = one(admin.describe_configs([ConfigResource(ResourceType.BROKER, str(node))]))
    assert {"log.retention.hours", "num.partitions", "auto.create.topics.enable"} <= told.keys()


@pytest.fixture
def busy(broker, topic, name):
    """A group with one member, and its topic of two partitions."""
    log, group = topic(2), name("group")
    member = Member(broker.bootstrap, [log], group)
    share([member], log, 2)
    yield group, log, member
    member.leave()


def test_groups_are_listed_and_described(admin, busy):
    group, log, member = busy
    listed = {told.group_id: told for told in admin.list_consumer_groups().result(10).valid}
    assert not listed[group].is_simple_consumer_group
    assert listed[group].state == ConsumerGroupState.STABLE
    told = one(admin.describe_consumer_groups([group]))
    assert (told.state, told.partition_assignor) == (ConsumerGroupState.STABLE, "range")
    described, = told.members
    assert (described.member_id, described.client_id) == (member.id, "rdkafka")
    assert described.host.strip("/").startswith("127.0.0.1")
    assert {(place.topic, place.partition) for place in described.assignment.topic_partitions} == {(log, 0), (log, 1)}


def test_groups_are_listed_by_state(admin, busy):
    group, _, _ = busy
    for states, found in (({ConsumerGroupState.STABLE}, True), ({ConsumerGroupState.EMPTY}, False)):
        listed = admin.list_consumer_groups(states=states).result(10).valid
        assert (group in [told.group_id for told in listed]) == found


def test_the_offsets_of_a_group_are_altered(admin, topic, name):
    log, group = topic(2), name("group")
    wanted = ConsumerGroupTopicPartitions(group, [TopicPartition(log, 0, 5), TopicPartition(log, 1, 6)])
    one(admin.alter_consumer_group_offsets([wanted]))
    told = one(admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)]))
    assert {place.partition: place.offset for place in told.topic_partitions} == {0: 5, 1: 6}
    asked = ConsumerGroupTopicPartitions(group, [TopicPartition(log, 1)])
    told = one(admin.list_consumer_group_offsets([asked]))
    assert [place.offset for place in told.topic_partitions] == [6]


def test_the_offsets_of_a_busy_group_stay(admin, busy):
    group, log, _ = busy
    wanted = ConsumerGroupTopicPartitions(group, [TopicPartition(log, 0, 5)])
    answer, = one(admin.alter_consumer_group_offsets([wanted])).topic_partitions
    assert answer.error.code() == KafkaError.UNKNOWN_MEMBER_ID
    assert refused(admin.delete_consumer_groups([group])) == KafkaError.NON_EMPTY_GROUP


def test_a_group_is_deleted(admin, topic, name):
    log, group = topic(), name("group")
    one(admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, [TopicPartition(log, 0, 1)])]))
    one(admin.delete_consumer_groups([group]))
    assert group not in [told.group_id for told in admin.list_consumer_groups().result(10).valid]
    assert refused(admin.delete_consumer_groups([group])) == KafkaError.GROUP_ID_NOT_FOUND
