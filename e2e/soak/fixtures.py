"""What the short soaks of every protocol stand on."""

import os
import shutil

import pytest

from soak import killer
from support.broker import OwnBroker


@pytest.fixture
def binary():
    """The broker, which must be ours to kill."""
    path = os.environ.get("NARUMQ_BIN")
    if not path:
        pytest.skip("needs NARUMQ_BIN: the broker must be ours to kill")
    return path


class ForgetfulBroker(OwnBroker):
    """Its third run begins with the directory as the second one found it: a disk that lost what it had taken."""

    runs = 0

    def start(self):
        """Keeps a copy of the directory, or puts it back."""
        self.runs += 1
        kept = self.home / "kept"
        if self.runs == 2:
            shutil.copytree(self.data_dir, kept)
        if self.runs == 3:
            shutil.rmtree(self.data_dir)
            shutil.move(kept, self.data_dir)
        return super().start()


def promises_are_kept(course, plan, broker) -> None:
    """Runs a soak in which every promise must be kept, and enough must happen."""
    report = course(plan, broker).run()
    assert not report.violations, f"{report.text()}\n{broker.log()[-4000:]}"
    assert report.stops >= 3, report.text()
    assert all(report.counters.values()), report.text()


@pytest.fixture
def forgetful_report(binary, tmp_path, monkeypatch):
    """Runs a soak whose broker has a disk that forgets."""
    def report(course, plan_of, door: str, seed: int):
        monkeypatch.setattr(killer, "KILLED_AGAIN", 0)  # so that each run has work to undo
        broker = ForgetfulBroker(binary, tmp_path / "broker", {door: 0})
        return course(plan_of(home=tmp_path / "soak", seed=seed, seconds=3, pause=(1, 1.4)), broker).run()

    return report
