"""librdkafka logging in: each mechanism, and what the application hears when it may not come in."""

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from harness.confluent import consumer_of, dotted, producer_of, send, take
from support.waiting import wait_until

MECHANISMS = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


def login(mechanism: str, user: str = "guest", password: str = "guest") -> dict:
    """The settings of a client that logs in."""
    return {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": mechanism,
            "sasl_username": user, "sasl_password": password}


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("required", [True, False])
def test_it_logs_in(broker_with, guarded, mechanism, required):
    broker = guarded if required else broker_with()
    topic = f"rd-{mechanism}"
    producer = producer_of(broker.bootstrap, **login(mechanism))
    assert len(send(producer, topic, [b"a", b"b"])) == 2
    consumer = consumer_of(broker.bootstrap, f"group-{mechanism}", **login(mechanism))
    consumer.subscribe([topic])
    assert [message.value() for message in take(consumer, 2)] == [b"a", b"b"]
    consumer.commit(asynchronous=False)
    consumer.close()


def heard(broker, **settings) -> list:
    """The codes and texts of the errors that the client reports until it reports a failed login or a lost broker."""
    errors = []
    producer = Producer({"bootstrap.servers": broker.bootstrap, "error_cb": errors.append} | dotted(settings))
    final = {KafkaError._AUTHENTICATION, KafkaError._ALL_BROKERS_DOWN}
    wait_until(lambda: final & {one.code() for one in errors}, 10, "an error", serve=lambda: producer.poll(0.1))
    return [(one.code(), one.str()) for one in errors]


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("user, password", [("guest", "gues"), ("nobody", "guest")])
def test_a_wrong_password_is_told_with_its_reason(guarded, mechanism, user, password):
    code, text = heard(guarded, **login(mechanism, user, password))[0]
    assert code == KafkaError._AUTHENTICATION
    reason = "Invalid username or password" if mechanism == "PLAIN" else "invalid credentials with SASL mechanism SCRAM"
    assert reason in text


def test_an_unknown_mechanism_is_told_the_known_ones(guarded):
    settings = {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "OAUTHBEARER",
                "enable_sasl_oauthbearer_unsecure_jwt": "true", "sasl_oauthbearer_config": "principal=guest"}
    code, text = heard(guarded, **settings)[0]
    assert code == KafkaError._AUTHENTICATION
    assert all(mechanism in text for mechanism in MECHANISMS), text


def test_without_a_login_nothing_is_served(guarded):
    with pytest.raises(KafkaException):
        AdminClient({"bootstrap.servers": guarded.bootstrap}).list_topics(timeout=2)


def test_where_nobody_can_log_in_the_client_is_told(broker_with):
    code, _ = heard(broker_with("--kafka-sasl=off"), **login("PLAIN"))[0]
    assert code == KafkaError._AUTHENTICATION
