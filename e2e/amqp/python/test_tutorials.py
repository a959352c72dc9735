"""The six first steps of every newcomer, as programs of their own."""

from pathlib import Path

import pytest

from harness.clients import ready, wait_until
from support.scripts import Scripts


@pytest.fixture
def tutorial(broker):
    """Runs the programs of tutorials/ against the broker."""
    scripts = Scripts(Path(__file__).parent / "tutorials", env={"AMQP_URL": broker.url})
    yield scripts
    scripts.end()


@pytest.fixture
def clean(connect):
    """Removes what the programs leave behind, before and after."""
    def sweep():
        channel = connect().channel()
        for queue in ("hello", "work", "squares"):
            channel.queue_delete(queue)
        for exchange in ("logs", "by_severity", "by_topic"):
            channel.exchange_delete(exchange)
    sweep()
    yield
    sweep()


pytestmark = pytest.mark.usefixtures("clean")


def test_hello(tutorial):
    """1: one sender, one receiver."""
    assert tutorial.run("hello_send.py") == ["sent"]
    receiver = tutorial.start("hello_receive.py", ready="ready")
    receiver.wait_line("got Hello, ferry!")
    tutorial.run("hello_send.py")
    receiver.wait_for(lambda lines: lines.count("got Hello, ferry!") == 2)


def test_work_queue(tutorial):
    """2: two workers share the tasks; every task is done once."""
    workers = [tutorial.start("work_do.py", ready="ready") for _ in range(2)]
    tasks = [f"task-{number}" for number in range(20)]
    tutorial.run("work_send.py", *tasks)
    wait_until(lambda: sum(worker.count("done") for worker in workers) == 20)
    done = sorted(line for worker in workers for line in worker.lines if line.startswith("done"))
    assert done == sorted(f"done {task}" for task in tasks)
    assert all(worker.count("done") > 0 for worker in workers)


def test_work_queue_loses_no_task(tutorial, connect):
    """2: the task of a killed worker goes to the other, marked as handed out before."""
    first = tutorial.start("work_do.py", ready="ready")
    tutorial.run("work_send.py", "hang")
    first.wait_line("begin hang new")
    tutorial.run("work_send.py", "a", "b")
    second = tutorial.start("work_do.py", ready="ready")
    second.wait_line("done b")
    first.kill()
    second.wait_line("begin hang again")
    second.kill()
    channel = connect().channel()
    wait_until(lambda: ready(channel, "work") == 1, channel.connection)


def test_publish_subscribe(tutorial):
    """3: every listener gets every message; what came before it listened is not for it."""
    tutorial.run("emit.py", "logs", "fanout", "", "nobody hears this")
    listeners = [tutorial.start("listen.py", "logs", "fanout", "", ready="ready") for _ in range(3)]
    for text in ("one", "two"):
        tutorial.run("emit.py", "logs", "fanout", "", text)
    for listener in listeners:
        listener.wait_line("got  two")
        assert listener.lines == ["ready", "got  one", "got  two"]


def test_routing(tutorial):
    """4: each listener gets the severities it asked for."""
    errors = tutorial.start("listen.py", "by_severity", "direct", "error", ready="ready")
    everything = tutorial.start("listen.py", "by_severity", "direct", "info", "warning", "error", ready="ready")
    for severity in ("info", "warning", "error"):
        tutorial.run("emit.py", "by_severity", "direct", severity, "m")
    everything.wait_line("got error m")
    errors.wait_line("got error m")
    assert everything.lines[1:] == ["got info m", "got warning m", "got error m"]
    assert errors.lines[1:] == ["got error m"]


def test_topics(tutorial):
    """5: patterns over the words of the key."""
    patterns = {"#": None, "kern.*": None, "*.critical": None, "none.#": None}
    for pattern in patterns:
        patterns[pattern] = tutorial.start("listen.py", "by_topic", "topic", pattern, ready="ready")
    for key in ("kern.info", "cron.critical", "kern.critical", "kern.disk.critical", "none"):
        tutorial.run("emit.py", "by_topic", "topic", key, "m")
    patterns["#"].wait_line("got none m")
    patterns["none.#"].wait_line("got none m")
    patterns["kern.*"].wait_line("got kern.critical m")
    patterns["*.critical"].wait_line("got kern.critical m")
    assert patterns["kern.*"].lines[1:] == ["got kern.info m", "got kern.critical m"]
    assert patterns["*.critical"].lines[1:] == ["got cron.critical m", "got kern.critical m"]
    assert patterns["#"].lines[1:] == ["got kern.info m", "got cron.critical m", "got kern.critical m",
                                       "got kern.disk.critical m", "got none m"]


def test_remote_procedure_call(tutorial):
    """6: several clients ask two servers, and each gets its own answers."""
    for _ in range(2):
        tutorial.start("rpc_server.py", ready="ready")
    clients = [tutorial.start("rpc_client.py", *map(str, range(start, start + 10))) for start in (0, 100, 200)]
    for client, start in zip(clients, (0, 100, 200)):
        assert client.finish() == [f"{number} {number ** 2}" for number in range(start, start + 10)]
