"""The short soak: a fixed list of seeds, each some seconds of load with kills or clean stops."""

import pytest

from soak.fixtures import binary, forgetful_report, promises_are_kept  # noqa: F401: pytest finds fixtures by their names
from soak.kafka.run import Course, Plan
from support.broker import OwnBroker


@pytest.mark.parametrize(("mode", "seed", "leaves"), [("kill", 21, 0), ("kill", 22, 0.3), ("mixed", 23, 0.1)])
def test_every_promise_is_kept(binary, mode, seed, leaves, tmp_path):
    """What was acknowledged is there, once, where it was said to be; the group is where it said it was."""
    plan = Plan(home=tmp_path / "soak", seed=seed, seconds=6, mode=mode, pause=(0.3, 1.5), leaves=leaves)
    promises_are_kept(Course, plan, OwnBroker(binary, tmp_path / "broker", {"kafka": 0}))


def test_a_disk_that_forgets_is_noticed(forgetful_report):
    """The soak can fail: with a run's work undone, acknowledged records and commits are gone, and offsets given again."""
    report = forgetful_report(Course, Plan, "kafka", seed=24)
    assert report.tally["lost"] and report.tally["shared"] and report.tally["vanished"], report.text()
