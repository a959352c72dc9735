"""kafka-python in both its releases: what they call differently, and members of groups in threads of their own."""

import kafka
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from kafka.errors import KafkaConnectionError, NodeNotReadyError
from kafka.structs import OffsetAndMetadata

from harness.members import MemberThread
from support.waiting import DEADLINE, wait_until

#: Milliseconds that a poll lasts when nothing comes. Release 3 asks for metadata 100 ms after it subscribed; a poll that
#: ends in the middle of the rejoin which that may cause loses its assignment for good (seen with 3.0.12).
POLL_MS = 400

#: Whether this is a release of today, with idempotence, static members and cooperative rebalances.
MODERN = int(kafka.__version__.split(".")[0]) >= 3


def assignors() -> dict:
    """The strategies this release has, by the name that goes over the wire.

    The sticky one of 2.0.2 fails in itself when members come to a group that has records.
    """
    found = [RangePartitionAssignor, RoundRobinPartitionAssignor]
    if MODERN:
        from kafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
        from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
        found += [StickyPartitionAssignor, CooperativeStickyAssignor]
    return {one.name: one for one in found}


def committed_at(offset: int, metadata: str = "") -> OffsetAndMetadata:
    """An offset to commit; newer releases add the leader epoch."""
    return OffsetAndMetadata(offset, metadata, -1) if MODERN else OffsetAndMetadata(offset, metadata)


def take(consumer: KafkaConsumer, count: int, within: float = DEADLINE) -> list:
    """Polls until so many records have come."""
    taken = []

    def poll():
        for records in consumer.poll(timeout_ms=POLL_MS, max_records=count - len(taken)).values():
            taken.extend(records)

    wait_until(lambda: len(taken) >= count, within, f"{count} records", serve=poll)
    return taken


class Admin:
    """The administration client, with the answers of both releases in one form."""

    def __init__(self, bootstrap: str):
        self.client = KafkaAdminClient(bootstrap_servers=bootstrap)

    def create(self, topics: dict, validate_only: bool = False) -> None:
        """Makes topics: {name: (partitions, configs)}."""
        from kafka.admin import NewTopic
        new = [NewTopic(name, partitions, 1, topic_configs=configs) for name, (partitions, configs) in topics.items()]
        self.client.create_topics(new, validate_only=validate_only)

    def delete(self, *names) -> None:
        """Deletes topics."""
        self.client.delete_topics(list(names))

    def partitions(self, name: str) -> list:
        """The partition numbers of a topic."""
        described, = self.client.describe_topics([name])
        return sorted(one.get("partition_index", one.get("partition")) for one in described["partitions"])

    def add_partitions(self, name: str, total: int) -> None:
        """Raises the number of partitions."""
        from kafka.admin import NewPartitions
        self.client.create_partitions({name: NewPartitions(total)} if not MODERN else {name: total})

    def configs(self, name: str) -> dict:
        """{config: (value, whether it is the default)} of a topic."""
        resource = ConfigResource(ConfigResourceType.TOPIC, name)
        if MODERN:
            told = self.client.describe_configs([resource], config_filter="all")["topic"][name]
            return {key: (one["value"], one["config_source"] == "DEFAULT_CONFIG") for key, one in told.items()}
        answer, = self.client.describe_configs([resource])
        error, message, _, _, entries = answer.resources[0]
        assert error == 0, message
        return {entry[0]: (entry[1], entry[3] == 5) for entry in entries}

    def alter(self, name: str, **configs) -> None:
        """Sets configs of a topic, with IncrementalAlterConfigs or, in the old release, AlterConfigs."""
        values = {key.replace("_", "."): value for key, value in configs.items()}
        self.client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, configs=values)])

    def groups(self) -> list:
        """The ids of all groups."""
        if MODERN:
            return [one["group_id"] for one in self.client.list_groups()]
        return [one[0] for one in self.client.list_consumer_groups()]

    def group(self, ident: str):
        """(state, protocol type, protocol, number of members)."""
        if MODERN:
            one = self.client.describe_groups([ident])[ident]
            return one["group_state"], one["protocol_type"], one["protocol_data"], len(one["members"])
        one, = self.client.describe_consumer_groups([ident])
        return one.state, one.protocol_type, one.protocol, len(one.members)

    def offsets(self, ident: str) -> dict:
        """{partition: committed offset} of a group."""
        told = self.client.list_group_offsets(ident)[ident] if MODERN \
            else self.client.list_consumer_group_offsets(ident)
        return {where: committed.offset for where, committed in told.items()}

    def delete_group(self, ident: str) -> str:
        """The name of the error that deleting a group had, or OK."""
        if MODERN:
            return self.client.delete_groups([ident])[ident]
        (_, error), = self.client.delete_consumer_groups([ident])
        return "OK" if error.errno == 0 else error.__name__


class Member(MemberThread, kafka.ConsumerRebalanceListener):
    """A consumer of kafka-python."""

    def __init__(self, bootstrap: str, topics, group: str, **settings):
        super().__init__(KafkaConsumer(
            bootstrap_servers=bootstrap, group_id=group,
            **{"auto_offset_reset": "earliest", "heartbeat_interval_ms": 300, "session_timeout_ms": 10_000,
               "enable_auto_commit": False} | settings))
        self._records, self.revoked, self.assigned = [], [], []
        self.consumer.subscribe(list(topics), listener=self)
        self.start()

    def on_partitions_assigned(self, assigned):
        """Remembers what came."""
        self.assigned.append(set(assigned))

    def on_partitions_revoked(self, revoked):
        """Remembers what went."""
        self.revoked.append(set(revoked))

    def poll(self):
        try:
            for records in self.consumer.poll(timeout_ms=POLL_MS).values():
                self._records.extend(records)
        except (KafkaConnectionError, NodeNotReadyError):
            return False  # the broker is away; the group may be there still
        return True

    @property
    def records(self) -> list:
        """What came so far."""
        assert self.failure is None, repr(self.failure)
        return self._records

    @property
    def has(self) -> set:
        """The partitions the member has now."""
        assert self.failure is None, repr(self.failure)
        return set(self.consumer.assignment())


def producer_of(bootstrap: str, **settings) -> KafkaProducer:
    """A producer that waits for all acks, whatever the release's default is."""
    return KafkaProducer(bootstrap_servers=bootstrap, **{"acks": "all"} | settings)
