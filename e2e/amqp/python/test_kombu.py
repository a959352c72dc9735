"""kombu and py-amqp, on which Celery stands."""

import socket
import time

import amqp
import kombu
import pytest
from kombu.pools import producers

DEADLINE = 10


@pytest.fixture
def connection(broker, name):
    """A kombu connection over py-amqp."""
    with kombu.Connection(broker.url.replace("amqp://", "pyamqp://"), heartbeat=0) as connection:
        yield connection


def drain_until(connection, condition):
    """Serves the connection until the condition holds."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, "nothing came"
        try:
            connection.drain_events(timeout=0.2)
        except socket.timeout:
            pass


def test_publish_and_consume(connection, name):
    """Producer with declare, consumer with ack, JSON between them."""
    exchange = kombu.Exchange(name("x"), type="topic")
    queue = kombu.Queue(name(), exchange, routing_key="a.#")
    taken = []

    def on_message(body, message):
        taken.append((body, message.delivery_info["routing_key"]))
        message.ack()

    with connection.Consumer(queue, callbacks=[on_message]):
        producer = connection.Producer(serializer="json")
        for number in range(5):
            producer.publish({"n": number}, exchange=exchange, routing_key=f"a.{number}", declare=[queue])
        drain_until(connection, lambda: len(taken) == 5)
    assert taken == [({"n": number}, f"a.{number}") for number in range(5)]


def test_confirmed_publish(broker, name):
    """confirm_publish makes every publish wait for its confirm."""
    queue = kombu.Queue(name(), durable=True)
    with kombu.Connection(broker.url, transport_options={"confirm_publish": True}) as connection:
        queue(connection).declare()
        with producers[connection].acquire(block=True) as producer:
            for number in range(5):
                producer.publish(number, routing_key=queue.name, retry=True)
        simple = [queue(connection).get(no_ack=True).payload for _ in range(5)]
        assert simple == list(range(5))
    kombu.pools.reset()


def test_simple_queue(connection, name):
    """SimpleQueue: put, get, ack, and Empty when there is nothing."""
    queue = connection.SimpleQueue(name())
    queue.put({"hello": "world"})
    message = queue.get(timeout=DEADLINE)
    assert message.payload == {"hello": "world"}
    message.ack()
    with pytest.raises(queue.Empty):
        queue.get(block=False)
    queue.close()


def test_reject_and_requeue(connection, name):
    """requeue delivers again, redelivered; reject drops."""
    queue = kombu.Queue(name())(connection.default_channel)
    queue.declare()
    connection.Producer().publish("m", routing_key=queue.name)
    queue.get().requeue()
    message = queue.get()
    assert message.delivery_info["redelivered"]
    message.reject()
    assert queue.get() is None


def test_exceptions_by_code(connection, name):
    """py-amqp raises its own class for each reply code."""
    missing = name()
    with pytest.raises(amqp.NotFound) as caught:
        kombu.Queue(missing)(connection.channel()).queue_declare(passive=True)
    assert (caught.value.reply_code, caught.value.reply_text) == (404, f"NOT_FOUND - no queue '{missing}' in vhost '/'")
    assert caught.value.method_sig == (50, 10)
    kombu.Queue(missing, durable=False)(connection.channel()).queue_declare()
    with pytest.raises(amqp.PreconditionFailed):
        kombu.Queue(missing, durable=True)(connection.channel()).queue_declare()


def test_bad_password_raises(broker):
    """A refused login raises AccessRefused."""
    with pytest.raises(amqp.AccessRefused) as caught:
        kombu.Connection(broker.url.replace("guest:guest", "guest:wrong"), connect_timeout=5).connect()
    assert caught.value.reply_code == 403


def test_queue_of_remote_control(connection, name):
    """The queues of Celery's remote control and events: auto-delete, expiring, transient."""
    exchange = kombu.Exchange(name("pidbox"), type="fanout", durable=False)
    queue = kombu.Queue(name("reply"), exchange, durable=False, auto_delete=True, expires=60, message_ttl=30)
    bound = queue(connection.default_channel)
    bound.declare()
    connection.Producer().publish({"ping": 1}, exchange=exchange)
    assert bound.get(no_ack=True).payload == {"ping": 1}


def test_global_prefetch_as_celery_sends_it(connection, name):
    """basic.qos with global=true is accepted, and a later change takes effect at once."""
    queue = kombu.Queue(name())(connection.default_channel)
    queue.declare()
    producer = connection.Producer()
    for number in range(10):
        producer.publish(number, routing_key=queue.name)
    held = []
    consumer = connection.Consumer(queue, callbacks=[lambda body, message: held.append(message)])
    consumer.qos(prefetch_count=2, apply_global=True)
    with consumer:
        drain_until(connection, lambda: len(held) == 2)
        queue.queue_declare(passive=True)
        assert len(held) == 2
        consumer.qos(prefetch_count=5, apply_global=True)
        drain_until(connection, lambda: len(held) == 5)
