"""What is still there after kill -9 and after a clean stop. Needs a broker of our own."""

import threading

import pika
import pytest

from harness.clients import Inbox, bodies, drain, exists, get, publish, ready, store, wait_until

pytestmark = pytest.mark.narumq_only

PERSISTENT = {"delivery_mode": 2}
ENDS = ["crash_and_restart", "restart"]


@pytest.fixture
def dial(own_broker):
    """Opens connections to the test's own broker, also after it was started again."""
    opened = []

    def open_connection():
        parameters = pika.URLParameters(own_broker.url)
        parameters.heartbeat = 0
        opened.append(pika.BlockingConnection(parameters))
        return opened[-1]

    yield open_connection
    for connection in opened:
        if connection.is_open:
            try:
                connection.close()
            except pika.exceptions.AMQPError:
                pass  # its broker was killed under it


def found(act) -> bool:
    """Whether a passive declare succeeds."""
    try:
        act()
        return True
    except pika.exceptions.ChannelClosedByBroker as closed:
        assert closed.reply_code == 404
        return False


def test_confirmed_messages_survive_kill(own_broker, dial):
    """Every confirmed persistent message is there, in order, and marked redelivered."""
    channel = dial().channel()
    channel.queue_declare("durable", durable=True)
    store(channel, "durable", *range(500), **PERSISTENT)
    own_broker.crash_and_restart()
    taken = drain(dial().channel(), "durable")
    assert bodies(taken) == [str(n) for n in range(500)]
    assert all(delivery.redelivered for delivery in taken)


def test_messages_survive_a_clean_stop(own_broker, dial):
    """After SIGTERM the messages are there; redelivered tells the truth: only what was handed out."""
    channel = dial().channel()
    channel.queue_declare("durable", durable=True)
    store(channel, "durable", *range(100), **PERSISTENT)
    for _ in range(3):
        get(channel, "durable")
    own_broker.restart()
    taken = drain(dial().channel(), "durable")
    assert bodies(taken) == [str(n) for n in range(100)]
    assert [delivery.redelivered for delivery in taken] == [True] * 3 + [False] * 97


def test_acknowledged_messages_stay_gone(own_broker, dial):
    """What was acknowledged on a channel that was closed before the crash does not come back."""
    channel = dial().channel()
    channel.queue_declare("durable", durable=True)
    store(channel, "durable", *range(100), **PERSISTENT)
    inbox = Inbox(channel, "durable")
    inbox.take(100)
    channel.basic_ack(60, multiple=True)
    channel.close()  # close-ok says that the acks are on the disk
    own_broker.crash_and_restart()
    assert bodies(drain(dial().channel(), "durable")) == [str(n) for n in range(60, 100)]


@pytest.mark.parametrize("end", ENDS)
def test_transient_messages_are_gone(own_broker, dial, end):
    """In a durable queue only persistent messages survive."""
    channel = dial().channel()
    channel.queue_declare("durable", durable=True)
    store(channel, "durable", "transient")
    store(channel, "durable", "persistent", **PERSISTENT)
    store(channel, "durable", "transient too")
    getattr(own_broker, end)()
    assert bodies(drain(dial().channel(), "durable")) == ["persistent"]


@pytest.mark.parametrize("end", ENDS)
def test_which_queues_survive(own_broker, dial, end):
    """Durable ones do, auto-delete or not; transient and exclusive ones do not."""
    channel = dial().channel()
    channel.queue_declare("durable", durable=True)
    channel.queue_declare("durable auto-delete", durable=True, auto_delete=True)
    channel.queue_declare("transient")
    channel.queue_declare("exclusive", durable=True, exclusive=True)
    getattr(own_broker, end)()
    survivors = {queue for queue in ("durable", "durable auto-delete", "transient", "exclusive") if exists(dial, queue)}
    assert survivors == {"durable", "durable auto-delete"}


@pytest.mark.parametrize("end", ENDS)
def test_queue_properties_survive(own_broker, dial, end):
    """A queue comes back with its arguments: the same declare fits, another does not."""
    arguments = {"x-max-priority": 3, "x-dead-letter-exchange": "dlx", "x-message-ttl": 600_000}
    dial().channel().queue_declare("durable", durable=True, arguments=arguments)
    getattr(own_broker, end)()
    channel = dial().channel()
    channel.queue_declare("durable", durable=True, arguments=arguments)
    with pytest.raises(pika.exceptions.ChannelClosedByBroker) as caught:
        channel.queue_declare("durable", durable=True)
    assert caught.value.reply_code == 406


@pytest.mark.parametrize("end", ENDS)
def test_exchanges_and_bindings_survive(own_broker, dial, end):
    """Durable exchanges and the bindings between durable things route as before."""
    channel = dial().channel()
    channel.exchange_declare("kept", exchange_type="topic", durable=True)
    channel.exchange_declare("behind", exchange_type="headers", durable=True, arguments={"alternate-exchange": "kept"})
    channel.exchange_declare("lost", exchange_type="topic")
    channel.queue_declare("durable", durable=True)
    channel.queue_bind("durable", "kept", "a.#")
    channel.queue_bind("durable", "behind", "", {"x-match": "any", "h": 1})
    channel.exchange_bind("behind", "kept", "b.#")
    channel.queue_bind("durable", "kept", "undone")
    channel.queue_unbind("durable", "kept", "undone")
    getattr(own_broker, end)()
    connection = dial()
    channel = connection.channel()
    for exchange in ("kept", "behind"):
        channel.exchange_declare(exchange, passive=True)
    store(channel, "a.b", "direct", exchange="kept")
    store(channel, "b.c", "through", exchange="kept", headers={"h": 1})
    store(channel, "b.c", "neither", exchange="kept", headers={"h": 2})
    store(channel, "a.x", "alternate", exchange="behind", headers={"h": 2})
    store(channel, "undone", "undone", exchange="kept")
    assert bodies(drain(channel, "durable")) == ["direct", "through", "alternate"]
    assert not found(lambda: connection.channel().exchange_declare("lost", passive=True))


def test_deleted_things_stay_deleted(own_broker, dial):
    """What was deleted before the crash is not there after it, and purged messages neither."""
    channel = dial().channel()
    channel.queue_declare("deleted", durable=True)
    channel.queue_declare("purged", durable=True)
    channel.exchange_declare("deleted", durable=True)
    store(channel, "purged", *range(10), **PERSISTENT)
    channel.queue_purge("purged")
    channel.queue_delete("deleted")
    channel.exchange_delete("deleted")
    own_broker.crash_and_restart()
    assert not exists(dial, "deleted")
    assert not found(lambda: dial().channel().exchange_declare("deleted", passive=True))
    assert ready(dial().channel(), "purged") == 0


def test_message_fidelity_over_a_crash(own_broker, dial):
    """Bodies of all sizes and all properties come back as they were."""
    channel = dial().channel()
    channel.queue_declare("durable", durable=True)
    properties = dict(content_type="a/b", headers={"k": [1, {"two": "drei"}]}, delivery_mode=2, priority=4,
                      correlation_id="c", reply_to="r", message_id="m", timestamp=99, type="t", app_id="a")
    sizes = [0, 1, 4096, 131_064, 3_000_000]
    for size in sizes:
        store(channel, "durable", b"\x07" * size, **properties)
    own_broker.crash_and_restart()
    taken = drain(dial().channel(), "durable")
    assert [delivery.body for delivery in taken] == [b"\x07" * size for size in sizes]
    for delivery in taken:
        assert {key: getattr(delivery.properties, key) for key in properties} == properties


def test_priorities_and_deaths_over_a_crash(own_broker, dial):
    """Priority order holds, and x-death is still there."""
    channel = dial().channel()
    channel.queue_declare("grave", durable=True, arguments={"x-max-priority": 5})
    channel.queue_declare("work", durable=True, arguments={"x-dead-letter-exchange": "",
                                                           "x-dead-letter-routing-key": "grave"})
    for priority in (1, 5, 3):
        store(channel, "work", priority, priority=priority, **PERSISTENT)
    for _ in range(3):
        channel.basic_reject(get(channel, "work").tag, requeue=False)
    wait_until(lambda: ready(channel, "grave") == 3)
    channel.close()
    own_broker.crash_and_restart()
    taken = drain(dial().channel(), "grave")
    assert bodies(taken) == ["5", "3", "1"]
    assert all(delivery.headers["x-death"][0]["reason"] == "rejected" for delivery in taken)


def test_ttl_runs_on_over_a_crash(own_broker, dial):
    """A message whose time ended while the broker was down is not delivered."""
    channel = dial().channel()
    channel.queue_declare("durable", durable=True)
    store(channel, "durable", "dead", expiration="1", **PERSISTENT)
    store(channel, "durable", "alive", expiration="600000", **PERSISTENT)
    own_broker.crash_and_restart()
    assert bodies(drain(dial().channel(), "durable")) == ["alive"]


def test_transaction_over_a_crash(own_broker, dial):
    """A committed transaction is whole, an uncommitted one left no trace."""
    channel = dial().channel()
    channel.queue_declare("durable", durable=True)
    channel.tx_select()
    publish(channel, "durable", *range(20), **PERSISTENT)
    channel.tx_commit()
    publish(channel, "durable", "uncommitted", **PERSISTENT)
    own_broker.crash_and_restart()
    assert bodies(drain(dial().channel(), "durable")) == [str(n) for n in range(20)]


def test_kill_in_the_middle_of_publishing(own_broker, dial):
    """Whatever was confirmed when the broker was killed is there, in order and once; three times over."""
    sent = 0
    confirmed = []
    for _ in range(3):
        channel = dial().channel()
        channel.queue_declare("durable", durable=True)
        channel.confirm_delivery()
        killer = threading.Timer(0.3, own_broker.kill)
        killer.start()
        try:
            while True:
                publish(channel, "durable", sent, **PERSISTENT)
                confirmed.append(sent)
                sent += 1
        except pika.exceptions.AMQPConnectionError:
            sent += 1
        killer.join()
        own_broker.start()
    taken = [int(delivery.body) for delivery in drain(dial().channel(), "durable")]
    assert taken == sorted(set(taken))
    assert set(confirmed) <= set(taken)
    assert confirmed, "nothing was confirmed before the first kill"


def test_clean_stop_tells_the_clients(own_broker, dial):
    """SIGTERM closes every connection with 320 and ends with exit code 0 within 10 s."""
    connections = [dial() for _ in range(3)]
    for connection in connections:
        connection.channel()
    assert own_broker.terminate() == 0
    for connection in connections:
        with pytest.raises(pika.exceptions.ConnectionClosedByBroker) as caught:
            wait_until(lambda: not connection.is_open, connection)
            connection.channel()
        assert caught.value.reply_code == 320
        assert caught.value.reply_text.startswith("CONNECTION_FORCED - ")


def test_names_are_free_after_a_crash(own_broker, dial):
    """An exclusive name of a lost connection can be used again after the restart."""
    dial().channel().queue_declare("mine", exclusive=True)
    own_broker.crash_and_restart()
    dial().channel().queue_declare("mine", exclusive=True)
