"""Fixtures of the suite in which clients of different protocols meet at one broker."""

import uuid

import pika
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from support.fixtures import *  # noqa: F401,F403: pytest finds fixtures and hooks by their names here

#: Seconds an expected event may take before a test fails.
DEADLINE = 15.0


@pytest.fixture(scope="session")
def doors():
    """What brokers open here: both doors."""
    return {"amqp": 0, "kafka": 0}


class Sides:
    """Clients of both protocols at one broker."""

    def __init__(self, broker):
        self.broker = broker
        self.open = []
        self._admin = None

    def amqp(self):
        """A channel on a connection of its own."""
        parameters = pika.ConnectionParameters("127.0.0.1", self.broker.amqp_port, heartbeat=0)
        connection = pika.BlockingConnection(parameters)
        self.open.append(connection)
        return connection.channel()

    def admin(self):
        """Kafka's administration."""
        if self._admin is None:
            # It must outlive what it is asked.
            self._admin = AdminClient({"bootstrap.servers": self.broker.bootstrap})
        return self._admin

    def topic(self, partitions=1, **settings):
        """A topic made through Kafka."""
        name = f"t-{uuid.uuid4().hex[:12]}"
        config = {key.replace("_", "."): value for key, value in settings.items()}
        self.admin().create_topics([NewTopic(name, partitions, config=config)])[name].result(DEADLINE)
        return name

    def stream(self, **arguments):
        """A stream declared through AMQP."""
        name = f"s-{uuid.uuid4().hex[:12]}"
        self.amqp().queue_declare(name, durable=True, arguments={"x-queue-type": "stream", **arguments})
        return name

    def produce(self, topic, *records, **config):
        """Produces records, each a dictionary of confluent-kafka's arguments, and waits for all."""
        producer = Producer({"bootstrap.servers": self.broker.bootstrap, "acks": "all", **config})
        failed = []
        for record in records:
            producer.produce(topic, on_delivery=lambda error, _: failed.append(error) if error else None, **record)
        assert producer.flush(DEADLINE) == 0 and not failed, failed

    def records(self, topic, count, partition=0, offset=0):
        """That many records of a partition."""
        consumer = Consumer({"bootstrap.servers": self.broker.bootstrap, "group.id": uuid.uuid4().hex,
                             "enable.auto.commit": False, "auto.offset.reset": "earliest"})
        consumer.assign([TopicPartition(topic, partition, offset)])
        got = consumer.consume(count, timeout=DEADLINE)
        consumer.close()
        assert [record.error() for record in got] == [None] * count
        return got

    def publish(self, exchange, key, *messages):
        """Publishes (body, properties) and waits for the confirms."""
        channel = self.amqp()
        channel.confirm_delivery()
        for body, properties in messages:
            channel.basic_publish(exchange, key, body, properties)

    def deliveries(self, queue, count, offset="first", **arguments):
        """That many deliveries (method, properties, body) out of a stream."""
        channel, got = self.amqp(), []
        channel.basic_qos(prefetch_count=100)
        arguments["x-stream-offset"] = offset
        for delivery in channel.consume(queue, arguments=arguments, inactivity_timeout=DEADLINE):
            assert delivery[0] is not None, f"{len(got)} of {count} deliveries came"
            got.append(delivery)
            channel.basic_ack(delivery[0].delivery_tag)
            if len(got) == count:
                break
        channel.connection.close()
        return got

    def close(self):
        for connection in self.open:
            if connection.is_open:
                try:
                    connection.close()
                except pika.exceptions.AMQPError:
                    pass  # the broker may have closed it for a reason the test has looked at


@pytest.fixture
def sides(broker):
    """Clients of both protocols at the shared broker."""
    both = Sides(broker)
    yield both
    both.close()


@pytest.fixture
def own_sides(own_broker):
    """Clients of both protocols at the test's own broker."""
    both = Sides(own_broker)
    yield both
    both.close()
