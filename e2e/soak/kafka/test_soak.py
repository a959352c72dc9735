"""The short soak: a fixed list of seeds, each some seconds of load with kills or clean stops."""

import os
import shutil

import pytest

from soak import killer
from soak.kafka.checker import KINDS
from soak.kafka.run import Plan, soak
from soak.violation import tally
from support.broker import OwnBroker


@pytest.fixture
def binary():
    """The broker, which must be ours to kill."""
    path = os.environ.get("NARUMQ_BIN")
    if not path:
        pytest.skip("needs NARUMQ_BIN: the broker must be ours to kill")
    return path


@pytest.mark.parametrize(("mode", "seed", "leaves"), [("kill", 21, 0), ("kill", 22, 0.3), ("mixed", 23, 0.1)])
def test_every_promise_is_kept(binary, mode, seed, leaves, tmp_path):
    """What was acknowledged is there, once, where it was said to be; the group is where it said it was."""
    broker = OwnBroker(binary, tmp_path / "broker", {"kafka": 0})
    report = soak(Plan(tmp_path / "soak", seed, seconds=6, mode=mode, pause=(0.3, 1.5), leaves=leaves), broker)
    assert not report.violations, f"{report.text()}\n{broker.log()[-4000:]}"
    assert report.stops >= 3
    assert all(report.counters.values()), report.text()


class ForgetfulBroker(OwnBroker):
    """Its third run begins with the directory as the second one found it: a disk that lost what it had taken."""

    runs = 0

    def start(self, *arguments, **options):
        """Keeps a copy of the directory, or puts it back."""
        self.runs += 1
        kept, data = self.home / "kept", self.home / "data"
        if self.runs == 2:
            shutil.copytree(data, kept)
        if self.runs == 3:
            shutil.rmtree(data)
            shutil.move(kept, data)
        return super().start(*arguments, **options)


def test_a_disk_that_forgets_is_noticed(binary, tmp_path, monkeypatch):
    """The soak can fail: with a run's work undone, acknowledged records and commits are gone, and offsets given again."""
    monkeypatch.setattr(killer, "KILLED_AGAIN", 0)  # so that each run has work to undo
    broker = ForgetfulBroker(binary, tmp_path / "broker", {"kafka": 0})
    report = soak(Plan(tmp_path / "soak", 24, seconds=3, mode="kill", pause=(1, 1.4)), broker)
    counts = tally(report.violations, KINDS)
    assert counts["lost"] and counts["shared"] and counts["vanished"], report.text()
