"""kcat as its users type it. Debian's has librdkafka 2.0.2, which looks at the advertised versions with care."""

import json
import re
import shutil
import subprocess
import threading

import pytest

from harness.records import HOUR_AGO
from harness.requests import Wanted, make_topic
from support.waiting import wait_until

pytestmark = pytest.mark.skipif(shutil.which("kcat") is None, reason="kcat is not installed")


def runs(broker):
    """Runs kcat to its end and returns what it printed."""
    def run(*arguments, stdin: str = "", fails: bool = False) -> str:
        done = subprocess.run(["kcat", "-b", broker.bootstrap, *map(str, arguments)], input=stdin.encode(),
                              capture_output=True, timeout=30, check=False)
        assert (done.returncode != 0) == fails, done.stderr.decode()
        return (done.stderr if fails else done.stdout).decode()

    return run


@pytest.fixture
def kcat(broker):
    """kcat with the shared broker."""
    return runs(broker)


class Running:
    """A kcat that goes on until it is ended; its lines are kept as they come."""

    def __init__(self, broker, *arguments):
        command = ["kcat", "-b", broker.bootstrap, "-u", *map(str, arguments)]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.lines, self.told = [], []
        self._threads = [threading.Thread(target=self._keep, args=pair, daemon=True)
                         for pair in ((self.process.stdout, self.lines), (self.process.stderr, self.told))]
        for thread in self._threads:
            thread.start()

    @staticmethod
    def _keep(stream, into):
        for line in stream:
            into.append(line.decode().rstrip("\n"))

    @property
    def has(self) -> set:
        """The partitions it said last that it has: `% Group g rebalanced (memberid m): assigned: t [0], t [1]`."""
        changes = [line for line in self.told if " rebalanced (memberid " in line]
        if not changes or "assigned: " not in changes[-1] or "revoked: " in changes[-1]:
            return set()
        return {int(number) for number in re.findall(r"\[(\d+)\]", changes[-1].split("assigned: ")[1])}

    def end(self) -> None:
        """SIGTERM: a member leaves its group."""
        self.process.terminate()
        self.process.wait(timeout=30)
        for thread in self._threads:
            thread.join()


@pytest.fixture
def start():
    """Starts a kcat that goes on, `start(broker, …)`; it is ended with the test."""
    started = []

    def one(broker, *arguments) -> Running:
        started.append(Running(broker, *arguments))
        return started[-1]

    yield one
    for running in started:
        running.process.kill()
        running.process.wait()


def consume(kcat, topic, *arguments) -> str:
    """All there is in a topic, from its start."""
    return kcat("-C", "-t", topic, "-o", "beginning", "-e", "-q", *arguments)


def test_lines_in_lines_out(kcat, topic):
    name = topic()
    kcat("-P", "-t", name, stdin="one\ntwo\nthree\n")
    assert consume(kcat, name) == "one\ntwo\nthree\n"


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_compression_is_not_switched_off(kcat, topic, raw, codec):
    """It silently is where the range of Produce does not hold version 0."""
    name = topic()
    text = "".join(f"value {number} " + "x" * 200 + "\n" for number in range(100))
    kcat("-P", "-t", name, "-z", codec, stdin=text)
    assert consume(kcat, name) == text
    kept = {batch.attributes & 7 for batch in raw.fetch(Wanted(name)).one().batches}
    assert kept == {["none", "gzip", "snappy", "lz4", "zstd"].index(codec)}


def test_keys_headers_and_tombstones(kcat, topic):
    name = topic()
    kcat("-P", "-t", name, "-K:", "-H", "a=1", "-H", "a=2", "-H", "null", stdin="k1:v1\n")
    kcat("-P", "-t", name, "-K:", "-Z", stdin="k1:\n")
    shown = consume(kcat, name, "-f", "%p %o %k %S %h\\n").splitlines()
    assert shown == ["0 0 k1 2 a=1,a=2,null=NULL", "0 1 k1 -1 "]


def test_as_json(kcat, topic):
    name = topic()
    kcat("-P", "-t", name, "-K:", stdin="key:value\n")
    told = json.loads(consume(kcat, name, "-J"))
    assert (told["topic"], told["partition"], told["offset"]) == (name, 0, 0)
    assert (told["key"], told["payload"], told["tstype"]) == ("key", "value", "create")


def test_partitions_and_offsets(kcat, topic):
    name = topic(3)
    for partition in range(3):
        kcat("-P", "-t", name, "-p", partition, stdin=f"{partition}a\n{partition}b\n")
    assert kcat("-C", "-t", name, "-p", 1, "-o", 1, "-e", "-q") == "1b\n"
    assert kcat("-C", "-t", name, "-p", 2, "-o", -1, "-e", "-q") == "2b\n"
    assert sorted(consume(kcat, name).split()) == ["0a", "0b", "1a", "1b", "2a", "2b"]


def test_offsets_by_time(kcat, topic, raw):
    name = topic()
    for number in range(3):
        raw.store(name, b"%d" % number, timestamp=HOUR_AGO + number * 1000)
    assert kcat("-Q", "-t", f"{name}:0:{HOUR_AGO + 500}") == f"{name} [0] offset 1\n"
    between = ["-o", f"s@{HOUR_AGO + 500}", "-o", f"e@{HOUR_AGO + 1500}"]
    assert kcat("-C", "-t", name, *between, "-e", "-q") == "1\n"


def test_metadata_is_listed(kcat, topic, broker):
    name = topic(2)
    shown = kcat("-L", "-t", name)
    assert re.search(rf"broker \d+ at {broker.bootstrap} \(controller\)", shown)
    assert f'topic "{name}" with 2 partitions' in shown
    told = json.loads(kcat("-L", "-J", "-t", name))
    assert [len(one["partitions"]) for one in told["topics"]] == [2]


@pytest.mark.parametrize("settings", [[], ["-X", "enable.idempotence=true"], ["-X", "acks=0"], ["-X", "acks=1"]])
def test_kinds_of_producers(kcat, topic, settings):
    name = topic()
    kcat("-P", "-t", name, *settings, stdin="".join(f"{number}\n" for number in range(200)))
    wait_until(lambda: consume(kcat, name).split() == [str(number) for number in range(200)], what="all lines")


def test_a_group_goes_on_where_it_was(kcat, topic, name):
    """-G: the balanced consumer; -c: so many messages, then commit and leave."""
    log, group = topic(), name("group")
    kcat("-P", "-t", log, stdin="1\n2\n3\n")
    settings = ["-X", "auto.offset.reset=earliest", "-q"]
    assert kcat("-G", group, *settings, "-c", 2, log).split() == ["1", "2"]
    assert kcat("-G", group, *settings, "-c", 1, log).split() == ["3"]


def test_three_members_share_and_one_leaves(kcat, topic, name, broker, start):
    """-G with no end: what each has is told on stderr."""
    log, group = topic(6), name("group")
    quick = ["-X", "auto.offset.reset=earliest", "-X", "heartbeat.interval.ms=300"]
    members = [start(broker, "-G", group, *quick, log) for _ in range(3)]
    wait_until(lambda: [len(one.has) for one in members] == [2, 2, 2], what="shares of two")
    assert set.union(*(one.has for one in members)) == set(range(6))
    for partition in range(6):
        kcat("-P", "-t", log, "-p", partition, stdin=f"{partition}\n")
    wait_until(lambda: sorted(sum((one.lines for one in members), [])) == list("012345"), what="all lines")
    members[1].end()
    stay = [members[0], members[2]]
    wait_until(lambda: [len(one.has) for one in stay] == [3, 3], what="shares of three")
    kcat("-P", "-t", log, "-p", 5, stdin="after\n")
    wait_until(lambda: sum(one.lines.count("after") for one in stay) == 1, what="the line after")
    assert sorted(sum((one.lines for one in members), [])) == [*"012345", "after"]


def test_where_a_group_without_offsets_begins(kcat, topic, name):
    """auto.offset.reset: there is nothing before the end for `latest`."""
    log = topic()
    kcat("-P", "-t", log, stdin="old\n")
    earliest, latest = (["-G", name("group"), "-q", "-e", "-X", f"auto.offset.reset={reset}", log]
                        for reset in ("earliest", "latest"))
    assert kcat(*earliest) == "old\n"
    assert kcat(*latest) == ""


def test_all_is_kept_over_a_kill(own_broker):
    """What was produced and what a group committed. (A kcat that runs meanwhile ends: it can reach no broker.)"""
    make_topic(own_broker.kafka_address, "log")
    kcat, lines = runs(own_broker), [str(number) for number in range(600)]
    produce = ["-P", "-t", "log", "-X", "enable.idempotence=true", "-z", "lz4"]
    consume = ["-G", "group", "-q", "-X", "auto.offset.reset=earliest"]
    kcat(*produce, stdin="\n".join(lines[:300]) + "\n")
    assert kcat(*consume, "-c", 200, "log").split() == lines[:200]
    own_broker.crash_and_restart()
    kcat(*produce, stdin="\n".join(lines[300:]) + "\n")
    assert kcat(*consume, "-c", 400, "log").split() == lines[200:]
    own_broker.crash_and_restart()
    assert kcat("-C", "-t", "log", "-o", "beginning", "-e", "-q").split() == lines


def test_refusals_are_told(kcat, topic, name):
    assert "Unknown topic or partition" in kcat("-C", "-t", name(), "-e", fails=True)
    small = topic(max_message_bytes=1000)
    shown = kcat("-P", "-t", small, stdin="x" * 5000 + "\n", fails=True)
    assert "Message size too large" in shown
