"""The short soak: a fixed list of seeds, each some seconds of load with kills or clean stops."""

import os
import shutil

import pytest

from soak import killer
from soak.checker import KINDS
from soak.run import Plan, soak
from soak.violation import tally
from support.broker import OwnBroker

pytestmark = [pytest.mark.narumq_only, pytest.mark.timeout(180)]


@pytest.fixture
def binary():
    """The broker, which must be ours to kill."""
    path = os.environ.get("NARUMQ_BIN")
    if not path:
        pytest.skip("needs NARUMQ_BIN: the broker must be ours to kill")
    return path


@pytest.mark.parametrize(("mode", "seed", "cuts"), [("kill", 11, 0), ("kill", 12, 0.5), ("term", 13, 0), ("mixed", 14, 0)])
def test_every_promise_is_kept(binary, mode, seed, cuts, tmp_path):
    """What was confirmed is there, once, in order and marked as it should be, whenever the broker ended."""
    broker = OwnBroker(binary, tmp_path / "broker", {"amqp": 0})
    report = soak(Plan(tmp_path / "soak", seed, seconds=6, mode=mode, pause=(0.3, 1.5), cuts=cuts), broker)
    assert not report.violations, f"{report.text()}\n{broker.log()[-4000:]}"
    assert report.stops >= 3
    assert all(report.counters.values()), report.text()


class ForgetfulBroker(OwnBroker):
    """Its third run begins with the directory as the second one found it: a disk that lost what it had taken."""

    runs = 0

    def start(self, *arguments, **options):
        """Keeps a copy of the directory, or puts it back."""
        self.runs += 1
        kept = self.home / "kept"
        if self.runs == 2:
            shutil.copytree(self.data_dir, kept)
        if self.runs == 3:
            shutil.rmtree(self.data_dir)
            shutil.move(kept, self.data_dir)
        return super().start(*arguments, **options)


def test_a_disk_that_forgets_is_noticed(binary, tmp_path, monkeypatch):
    """The soak can fail: with a run's work undone, confirmed messages are lost and settled ones come back."""
    monkeypatch.setattr(killer, "KILLED_AGAIN", 0)  # so that each run has work to undo
    broker = ForgetfulBroker(binary, tmp_path / "broker", {"amqp": 0})
    report = soak(Plan(tmp_path / "soak", 15, seconds=3, mode="kill", pause=(1, 1.4)), broker)
    counts = tally(report.violations, KINDS)
    assert counts["lost"] and counts["resurrected"], report.text()
