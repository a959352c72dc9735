"""confluent-kafka, the face of librdkafka: members of groups in threads of their own, and reading to a count."""

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from harness.members import MemberThread
from support.waiting import DEADLINE, wait_until


def producer_of(bootstrap: str, **settings) -> Producer:
    """A producer; names of settings are written with _ for a point."""
    return Producer({"bootstrap.servers": bootstrap} | dotted(settings))


def consumer_of(bootstrap: str, group: str = "unused", **settings) -> Consumer:
    """A consumer that begins at the start and commits only when told."""
    return Consumer({"bootstrap.servers": bootstrap, "group.id": group, "auto.offset.reset": "earliest",
                     "enable.auto.commit": False} | dotted(settings))


def dotted(settings: dict) -> dict:
    """Settings as librdkafka calls them; what it is to call keeps its name."""
    return {name if callable(value) else name.replace("_", "."): value for name, value in settings.items()}


def send(producer: Producer, topic: str, values, **options) -> list:
    """Sends values, waits for the reports and returns the reported messages in their order."""
    reports = []

    def report(error, message):
        reports.append(error or message)

    for value in values:
        producer.produce(topic, value, on_delivery=report, **options)
    assert producer.flush(30) == 0, "not everything was reported"
    failed = [one for one in reports if not hasattr(one, "offset")]
    if failed:
        raise KafkaException(failed[0])
    return reports


def take(consumer: Consumer, count: int, within: float = DEADLINE) -> list:
    """Polls until so many messages have come."""
    taken = []

    def poll():
        message = consumer.poll(0.5)
        if message is not None:
            if message.error():
                raise KafkaException(message.error())
            taken.append(message)

    wait_until(lambda: len(taken) >= count, within, f"{count} messages", serve=poll)
    return taken


class Member(MemberThread):
    """A consumer of librdkafka."""

    def __init__(self, bootstrap: str, topics, group: str, **settings):
        super().__init__(consumer_of(
            bootstrap, group, **{"session_timeout_ms": 6000, "heartbeat_interval_ms": 300} | settings))
        self.messages, self.revoked, self.lost = [], [], []
        self._assigned = []
        self.consumer.subscribe(list(topics), on_revoke=self._revoke, on_lost=self._lose)
        self.start()

    def _revoke(self, _, partitions):
        self.revoked.append({(one.topic, one.partition) for one in partitions})

    def _lose(self, _, partitions):
        self.lost.append({(one.topic, one.partition) for one in partitions})

    def poll(self):
        message = self.consumer.poll(0.05)
        if message is not None and not message.error():
            self.messages.append(message)
        # Asked from another thread, the client waits for this one with the interpreter's lock held.
        self._assigned = self.consumer.assignment()
        return True

    @property
    def id(self) -> str:
        """The member id that the broker gave."""
        return self.does(lambda consumer: consumer.memberid())

    @property
    def has(self) -> set:
        """The partitions the member has now."""
        assert self.failure is None, self.failure
        return {(one.topic, one.partition) for one in self._assigned}


def at(topic: str, partition: int = 0, offset: int = -1001) -> TopicPartition:
    """A place in a topic."""
    return TopicPartition(topic, partition, offset)
