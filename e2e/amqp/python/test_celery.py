"""Celery: a stock worker with tasks for now and for later."""

import os
import subprocess
import sys
from pathlib import Path

import pika
import pytest
from celery import Celery

from harness.clients import wait_ready, wait_until
from harness.management import Management

pytestmark = pytest.mark.narumq_only

FOLDER = Path(__file__).with_name("celery_app")
#: Seconds until a worker has started and served its first task.
START = 30


class Worker:
    """A `celery worker` process that fetches as many tasks as it has processes: one."""

    def __init__(self, url: str, log: Path, pool: str, queue_type: str = ""):
        environment = {**os.environ, "BROKER_URL": url, "QUEUE_TYPE": queue_type}
        self.log = log
        self.app = Celery("client", broker=url, backend="rpc://")
        if queue_type:
            self.app.conf.update(task_default_queue_type=queue_type, task_default_exchange_type="topic")
        with open(log, "wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "tasks", "worker", "--pool", pool, "--concurrency", "1",
                 "--prefetch-multiplier", "1", "--loglevel", "info"],
                cwd=FOLDER, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            )

    def add(self, x, y, **options):
        """Asks for a sum."""
        return self.app.send_task("tasks.add", (x, y), **options)

    def stop(self) -> None:
        """SIGTERM: the worker ends what it does and gives the rest back."""
        self.process.terminate()
        try:
            self.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the worker did not end\n{self.log.read_text()}") from None


@pytest.fixture
def worker(own_broker, tmp_path):
    """Starts workers; they are stopped at the end."""
    started = []

    def start(*arguments, **options):
        started.append(Worker(own_broker.url, tmp_path / "celery.log", *arguments, **options))
        assert started[-1].add(1, 2).get(timeout=START) == 3
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.stop()


@pytest.mark.parametrize("pool", ["solo", "prefork"])
def test_tasks_for_later_do_not_hold_up_those_for_now(own_broker, worker, pool):
    """A worker holds tasks whose time has not come, and raises its prefetch by as many, which must reach its running consumer.

    It does so only on a broker whose product and version promise that it helps; elsewhere the
    first task for later blocks everything behind it until its time comes.
    """
    running = worker(pool)
    for number in range(5):
        running.add(number, number, countdown=3600)
    assert [running.add(number, 1).get(timeout=20) for number in range(3)] == [1, 2, 3]
    listed = Management(own_broker.management).call("GET", "channels")
    assert 6 in [channel["global_prefetch_count"] for channel in listed], "one, and five that wait for their time"

    soon = running.add(20, 22, countdown=1)
    assert soon.get(timeout=20) == 42

    running.stop()
    channel = pika.BlockingConnection(pika.URLParameters(own_broker.url)).channel()
    wait_ready(channel, "celery", 5)
    channel.connection.close()


def test_tasks_for_later_in_quorum_queues_wait_in_the_broker(own_broker, worker):
    """With quorum queues Celery lets the broker delay tasks, by queues whose messages expire into the next."""
    running = worker("solo", queue_type="quorum")
    later = running.add(0, 0, countdown=3600)
    soon = running.add(20, 22, countdown=2)
    assert running.add(1, 1).get(timeout=20) == 2
    assert soon.get(timeout=20) == 42
    management = Management(own_broker.management)

    def delayed():
        queues = management.call("GET", "queues")
        return {found["name"]: found["messages"] for found in queues
                if found["name"].startswith("celery_delayed_") and found["messages"]}

    # 3600 s: the wait begins in the queue of 2^11 s.
    wait_until(lambda: delayed() == {"celery_delayed_11": 1}, what="the task in the queue of its delay")
    assert not later.ready()
