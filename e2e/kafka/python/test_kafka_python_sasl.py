"""kafka-python logging in: the old release with bare tokens (handshake 0), the new one with SaslAuthenticate."""

import time

import pytest
from kafka import KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError

from harness.kafka_python import MODERN, take

MECHANISMS = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
#: Seconds in which a client must have given up or said why it cannot come in.
PROMPTLY = 10


def login(mechanism: str, user: str = "guest", password: str = "guest") -> dict:
    """The settings of a client that logs in."""
    return {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": mechanism,
            "sasl_plain_username": user, "sasl_plain_password": password}


def goes_round(broker, topic: str, **settings) -> None:
    """A record comes back to the client that wrote it."""
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap, **settings)
    producer.send(topic, b"value", key=b"key").get(20)
    producer.close(timeout=5)
    consumer = KafkaConsumer(topic, bootstrap_servers=broker.bootstrap, group_id=f"{topic}-group",
                             auto_offset_reset="earliest", **settings)
    record, = take(consumer, 1)
    assert (record.key, record.value) == (b"key", b"value")
    consumer.commit()
    consumer.close()


def refusal(broker, **settings) -> None:
    """The client says that it may not come in."""
    begun = time.monotonic()
    with pytest.raises(KafkaError):
        # The old release asks for versions for ever, so it is told them. The new one gives up after half a minute.
        limits = {"bootstrap_timeout_ms": 3000} if MODERN else {"api_version": (2, 8)}
        producer = KafkaProducer(bootstrap_servers=broker.bootstrap, max_block_ms=3000, **limits, **settings)
        try:
            producer.send("unseen", b"value").get(5)
        finally:
            producer.close(timeout=0)
    assert time.monotonic() - begun < PROMPTLY


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_it_logs_in(guarded, mechanism):
    goes_round(guarded, f"in-{mechanism}", **login(mechanism))


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_it_may_log_in_where_it_need_not(broker_with, mechanism):
    """On loopback nobody needs to, unless told so."""
    goes_round(broker_with(), f"free-{mechanism}", **login(mechanism))


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("user, password", [("guest", "gues"), ("nobody", "guest")])
def test_a_wrong_password_is_told(guarded, caplog, mechanism, user, password):
    refusal(guarded, **login(mechanism, user, password))
    if MODERN:  # it says why, and tries again all the same; bare tokens have no form for a reason
        reason = "username or password" if mechanism == "PLAIN" else f"credentials with SASL mechanism {mechanism}"
        assert f"Invalid {reason}" in caplog.text or f"invalid {reason}" in caplog.text


def test_without_a_login_it_is_not_served(guarded):
    refusal(guarded)


def test_a_mechanism_that_is_not_there_is_told(guarded):
    if MODERN:
        pytest.skip("release 3 loads the library of GSSAPI before it asks")
    with pytest.raises((KafkaError, AssertionError)):
        KafkaProducer(bootstrap_servers=guarded.bootstrap, api_version_auto_timeout_ms=2000,
                      security_protocol="SASL_PLAINTEXT", sasl_mechanism="OAUTHBEARER")
