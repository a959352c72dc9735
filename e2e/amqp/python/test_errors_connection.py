"""Refusals at the door: password, virtual host, permissions, number of channels, closed by an operator."""

import uuid
from urllib.parse import quote

import pika
import pytest

from harness.clients import wait_until
from harness.refusal import CHANNEL, Case, check, table
from support.broker import NARUMQ


def login(connect, broker, user, password, vhost="/"):
    """Opens a connection as this user."""
    return connect(f"amqp://{user}:{password}@127.0.0.1:{broker.amqp_port}/{quote(vhost, safe='')}")


def test_bad_password(connect, broker):
    """A client that asks for it is told 403; pika does, and raises its own error."""
    with pytest.raises(pika.exceptions.ProbableAuthenticationError) as caught:
        login(connect, broker, "guest", "wrong")
    assert ("ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN."
            " For details see the broker logfile.") in str(caught.value)


def test_missing_vhost(connect, broker):
    """A virtual host that does not exist is refused with 530."""
    with pytest.raises(pika.exceptions.ProbableAccessDeniedError) as caught:
        login(connect, broker, "guest", "guest", "nope")
    assert "NOT_ALLOWED - vhost nope not found" in str(caught.value)


@pytest.fixture
def stranger(management, kind):
    """A user without any permission, and a virtual host of the test alone."""
    if kind == "narumq":
        pytest.skip("permissions are not built yet: every user may do everything in every virtual host")
    user, vhost = f"u{uuid.uuid4().hex[:8]}", f"v{uuid.uuid4().hex[:8]}"
    management.add_user(user, "secret")
    management.add_vhost(vhost)
    yield user, vhost
    management.remove("vhosts", vhost)
    management.remove("users", user)


@pytest.mark.management
def test_vhost_without_access(connect, broker, stranger):
    """A user without permissions in a virtual host may not open it."""
    user, vhost = stranger
    with pytest.raises(pika.exceptions.ProbableAccessDeniedError) as caught:
        login(connect, broker, user, "secret", vhost)
    assert f"NOT_ALLOWED - access to vhost '{vhost}' refused for user '{user}'" in str(caught.value)


PERMITTED = "mine"
DENIED = [
    ("configure", "queue", lambda c: c.queue_declare("other"), "other"),
    ("configure", "queue", lambda c: c.queue_delete("other"), "other"),
    ("configure", "exchange", lambda c: c.exchange_declare("other"), "other"),
    ("configure", "exchange", lambda c: c.exchange_delete("other"), "other"),
    ("read", "queue", lambda c: c.basic_get("other"), "other"),
    ("read", "queue", lambda c: c.basic_consume("other", lambda *_: None), "other"),
    ("read", "queue", lambda c: c.queue_purge("other"), "other"),
    ("write", "exchange", lambda c: (c.basic_publish("", "mine", b""), c.basic_qos()), "amq.default"),
    ("write", "exchange", lambda c: (c.basic_publish("amq.fanout", "", b""), c.basic_qos()), "amq.fanout"),
    ("write", "queue", lambda c: c.queue_bind("other", "mine", "k"), "other"),
    ("read", "exchange", lambda c: c.queue_bind("mine", "amq.fanout", "k"), "amq.fanout"),
]


@pytest.mark.management
@pytest.mark.parametrize("right, sort, act, on", DENIED,
                         ids=[f"{row[0]} {row[1]} {index}" for index, row in enumerate(DENIED)])
def test_permissions(right, sort, act, on, connect, broker, management, stranger, kind):
    """Each operation needs its right on its object, and the refusal names both."""
    user, vhost = stranger
    management.permit(vhost, user, PERMITTED, PERMITTED, PERMITTED)
    channel = login(connect, broker, user, "secret", vhost).channel()
    channel.queue_declare(PERMITTED)
    channel.exchange_declare(PERMITTED)
    with pytest.raises(pika.exceptions.ChannelClosedByBroker) as caught:
        act(channel)
    # 3.10 does not name the right.
    missing = f"{right} access" if kind == NARUMQ else "access"
    assert (caught.value.reply_code, caught.value.reply_text) == (
        403, f"ACCESS_REFUSED - {missing} to {sort} '{on}' in vhost '{vhost}' refused for user '{user}'")


def test_channel_limit(connect):
    """One channel more than negotiated closes the connection with 530."""
    connection = connect(channel_max=3)
    for _ in range(3):
        connection.channel()
    # pika itself would not open a fourth, so its own limit is lifted.
    connection._impl.params.channel_max = 100
    with pytest.raises((pika.exceptions.ConnectionClosedByBroker, pika.exceptions.ConnectionClosed)) as caught:
        connection.channel(4)
    assert (caught.value.reply_code, caught.value.reply_text) == (
        530, "NOT_ALLOWED - number of channels opened (3) has reached the negotiated channel_max (3)")


@pytest.mark.management
def test_closed_by_an_operator(connect, management):
    """DELETE /api/connections/{name} closes the connection with 320 and the operator's reason."""
    tag = uuid.uuid4().hex
    connection = connect(client_properties={"connection_name": tag})
    connection.channel()

    def listed():
        found = [c for c in management.connections()
                 if c.get("client_properties", {}).get("connection_name") == tag]
        return found and found[0]["name"]

    management.close_connection(wait_until(listed, connection, what="the connection in the list"))
    with pytest.raises(pika.exceptions.ConnectionClosedByBroker) as caught:
        wait_until(lambda: not connection.is_open, connection)
        connection.channel()
    assert caught.value.reply_code == 320
    assert caught.value.reply_text.startswith("CONNECTION_FORCED - ")


NAMES = [
    Case("a channel error leaves the connection usable", lambda s: s.channel.basic_ack(5), CHANNEL, 406,
         "PRECONDITION_FAILED - unknown delivery tag 5"),
]


@table(NAMES)
def test_channel_errors_stay_in_the_channel(case, connect, name, kind):
    """The connection and its other channels go on; `check` opens one to see it."""
    check(case, connect, name, kind)
