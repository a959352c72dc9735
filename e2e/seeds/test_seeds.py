"""The programs of the articles, unmodified: what their readers are told will happen, happens."""

import pika
import pytest

from harness.clients import drain, ready, wait_until

SUBSCRIBER_READY = " [*] Waiting for logs. To exit press CTRL+C"
HEARD = " [x] Received b'Hello, Pub/Sub!'"
TASK, TASK_DONE = " [x] Received b'Hello, P2P!'", " [x] Done"
#: A task of a minute: one second for each dot.
LONG_TASK = b"long" + b"." * 60


def start_workers(seed, channel, count, already=0):
    """Starts workers and waits until the broker knows all of them as consumers."""
    workers = [seed.start("pubsub_and_p2p/consumer.py") for _ in range(count)]
    channel.queue_declare("task_queue", durable=True)
    wait_until(lambda: consumers(channel) == count + already, what="the workers to consume")
    return workers


def consumers(channel):
    """How many consumers the task queue has."""
    return channel.queue_declare("task_queue", passive=True).method.consumer_count


def test_both_subscribers_hear_every_line(seed):
    """Publish and subscribe: each subscriber has a queue of its own."""
    seed.run("pubsub_and_p2p/publisher.py")
    subscribers = [seed.start("pubsub_and_p2p/subscriber.py", ready=SUBSCRIBER_READY) for _ in range(2)]
    for _ in range(3):
        assert seed.run("pubsub_and_p2p/publisher.py") == [" [x] Sent 'Hello, Pub/Sub!'"]
    for subscriber in subscribers:
        subscriber.wait_for(lambda lines: lines.count(HEARD) == 3)
        assert subscriber.lines == [SUBSCRIBER_READY, HEARD, HEARD, HEARD]


def test_two_workers_share_the_tasks(seed, seed_broker):
    """Point to point: each task is done once, and idle workers take turns."""
    channel = seed_broker.channel()
    workers = start_workers(seed, channel, 2)
    for _ in range(6):
        assert seed.run("pubsub_and_p2p/producer.py") == [" [x] Sent 'Hello, P2P!'"]
    wait_until(lambda: sum(worker.count(TASK_DONE) for worker in workers) == 6, channel.connection)
    assert [worker.count(TASK) for worker in workers] == [3, 3]
    channel.connection.close()


def test_a_busy_worker_gets_nothing_more(seed, seed_broker):
    """Fair dispatch: with prefetch 1 all further tasks go to the idle worker; a killed worker's task too."""
    channel = seed_broker.channel()
    busy, = start_workers(seed, channel, 1)
    channel.basic_publish("", "task_queue", LONG_TASK, pika.BasicProperties(delivery_mode=2))
    busy.wait_for(lambda lines: any("long" in line for line in lines))
    idle, = start_workers(seed, channel, 1, already=1)
    for _ in range(4):
        seed.run("pubsub_and_p2p/producer.py")
    idle.wait_for(lambda lines: lines.count(TASK) == 4 and lines.count(TASK_DONE) == 4)
    assert busy.count(TASK) == 0
    busy.kill()
    idle.wait_line(f" [x] Received {LONG_TASK!r}")
    idle.kill()
    # Nobody finished it, so it is still there, marked as handed out before.
    wait_until(lambda: ready(channel, "task_queue") == 1, what="the task back in the queue")
    left = drain(channel, "task_queue")
    assert [(delivery.body, delivery.redelivered) for delivery in left] == [(LONG_TASK, True)]
    channel.connection.close()


@pytest.mark.parametrize("end", ["restart", "crash_and_restart"])
def test_tasks_survive_a_restart(seed, seed_broker, end):
    """Durable queue and persistent messages: no task is lost when the broker stops or is killed."""
    if not seed_broker.broker.restartable:
        pytest.skip("needs NARUMQ_BIN: the broker must be ours to stop and start")
    for _ in range(3):
        seed.run("pubsub_and_p2p/producer.py")
    getattr(seed_broker.broker, end)()
    worker = seed.start("pubsub_and_p2p/consumer.py")
    worker.wait_for(lambda lines: lines.count(TASK) == 3 and lines.count(TASK_DONE) == 3)


def test_tutorial_three_with_the_old_calls(seed, old_pika):
    """emit_log and receive_logs as of 2018, with the pika of that time."""
    heard = " [x] b'%s'"
    seed.run("tutorial_03/emit_log.py", "nobody", "listens", **old_pika)
    listeners = [seed.start("tutorial_03/receive_logs.py", ready=SUBSCRIBER_READY, **old_pika) for _ in range(2)]
    assert seed.run("tutorial_03/emit_log.py", **old_pika) == [" [x] Sent 'info: Hello World!'"]
    assert seed.run("tutorial_03/emit_log.py", "error:", "no", "ferry", **old_pika) == [" [x] Sent 'error: no ferry'"]
    for listener in listeners:
        listener.wait_line(heard % "error: no ferry")
        assert listener.lines == [SUBSCRIBER_READY, heard % "info: Hello World!", heard % "error: no ferry"]


def test_tutorial_three_between_old_and_new(seed, old_pika):
    """The sender runs with today's pika as well; the old listener hears it."""
    listener = seed.start("tutorial_03/receive_logs.py", ready=SUBSCRIBER_READY, **old_pika)
    seed.run("tutorial_03/emit_log.py", "from today")
    listener.wait_line(" [x] b'from today'")


def test_hello_of_web_services(seed, seed_broker):
    """The message waits in the queue `hello` for whoever comes."""
    assert seed.run("web_services/rabbitmq_hello.py") == [" [x] Sent 'Hello, RabbitMQ!'"]
    channel = seed_broker.channel()
    wait_until(lambda: ready(channel, "hello") == 1, what="the message")
    assert [delivery.body for delivery in drain(channel, "hello")] == [b"Hello, RabbitMQ!"]
    channel.connection.close()
