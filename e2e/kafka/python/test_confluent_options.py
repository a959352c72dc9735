"""What the command line says of the Kafka door, as librdkafka sees it."""

import socket

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from harness.confluent import producer_of, send
from support.broker import free_port


def admin_of(bootstrap: str) -> AdminClient:
    """An administration client."""
    return AdminClient({"bootstrap.servers": bootstrap})


def nodes(bootstrap: str) -> list:
    """Where the client is told to go."""
    return [(one.host, one.port) for one in admin_of(bootstrap).list_topics(timeout=20).brokers.values()]


def broker_configs(bootstrap: str) -> dict:
    """The settings of the broker, as it tells them."""
    resource = ConfigResource(ResourceType.BROKER, "1")
    admin = admin_of(bootstrap)  # what it asked for ends with it
    told, = admin.describe_configs([resource]).values()
    return {name: entry.value for name, entry in told.result(20).items()}


def made(bootstrap: str, name: str, **how):
    """Makes a topic; returns the error, or None."""
    admin = admin_of(bootstrap)  # what it asked for ends with it
    future, = admin.create_topics([NewTopic(name, **how)]).values()
    try:
        return future.result(20)
    except KafkaException as refused:
        return refused.args[0]


def test_clients_are_sent_to_the_address_that_they_dialled(broker_with):
    broker = broker_with("--kafka=127.0.0.2:" + str(port := free_port()))
    assert nodes(broker.bootstrap) == [broker.kafka_address]
    second = f"127.0.0.2:{port}"
    assert nodes(second) == [("127.0.0.2", port)]
    assert len(send(producer_of(second), "dialled", [b"a"])) == 1


@pytest.mark.parametrize("host", ["localhost", "127.0.0.2"])
def test_clients_are_sent_to_the_advertised_address(broker_with, host):
    """They dial one address and work with another."""
    port = free_port()
    broker = broker_with("--kafka", f"127.0.0.2:{port}", f"--kafka-advertised={host}:{port}",
                         *(["--kafka", f"127.0.0.1:{port}"] if host == "localhost" else []))
    assert nodes(broker.bootstrap) == [(host, port)]
    assert len(send(producer_of(broker.bootstrap), "advertised", [b"a"])) == 1
    told = broker_configs(broker.bootstrap)
    assert told["advertised.listeners"] == f"PLAINTEXT://{host}:{port}"


def test_an_advertised_address_where_nobody_is_cannot_be_worked_with(broker_with):
    """What is advertised is really used: the classic mistake fails in the classic way."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens, and nobody else can
        broker = broker_with(f"--kafka-advertised=127.0.0.1:{taken.getsockname()[1]}")
        producer = producer_of(broker.bootstrap, message_timeout_ms=1500)
        with pytest.raises(KafkaException) as failed:
            send(producer, "lost", [b"a"])
        assert failed.value.args[0].code() == KafkaError._MSG_TIMED_OUT


def test_strict_replication_refuses_what_cannot_be(broker_with):
    strict = broker_with("--kafka-strict-replication").bootstrap
    refused = made(strict, "three", num_partitions=1, replication_factor=3)
    assert refused.code() == KafkaError.INVALID_REPLICATION_FACTOR
    assert "only 1 broker(s) are registered" in refused.str()
    assert made(strict, "one", num_partitions=1, replication_factor=1) is None
    assert made(broker_with().bootstrap, "three", num_partitions=1, replication_factor=3) is None


def test_topics_are_made_with_so_many_partitions_or_not_at_all(broker_with):
    some = broker_with("--kafka-num-partitions=6")
    send(producer_of(some.bootstrap), "made", [b"a"])
    assert len(admin_of(some.bootstrap).list_topics("made", timeout=20).topics["made"].partitions) == 6
    none = broker_with("--kafka-auto-create=false")
    with pytest.raises(KafkaException):
        send(producer_of(none.bootstrap, message_timeout_ms=2000), "made", [b"a"])
    assert "made" not in admin_of(none.bootstrap).list_topics(timeout=20).topics
    told = {name: broker_configs(one.bootstrap) for name, one in {"some": some, "none": none}.items()}
    assert (told["some"]["num.partitions"], told["some"]["auto.create.topics.enable"]) == ("6", "true")
    assert (told["none"]["num.partitions"], told["none"]["auto.create.topics.enable"]) == ("1", "false")
