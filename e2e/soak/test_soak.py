"""The short soak: a fixed list of seeds, each some seconds of load with kills or clean stops."""

import pytest

from soak.fixtures import binary, forgetful_report, promises_are_kept  # noqa: F401: pytest finds fixtures by their names
from soak.run import Course, Plan
from support.broker import OwnBroker

pytestmark = [pytest.mark.narumq_only, pytest.mark.timeout(180)]


@pytest.mark.parametrize(("mode", "seed", "cuts"), [("kill", 11, 0), ("kill", 12, 0.5), ("term", 13, 0), ("mixed", 14, 0)])
def test_every_promise_is_kept(binary, mode, seed, cuts, tmp_path):
    """What was confirmed is there, once, in order and marked as it should be, whenever the broker ended."""
    plan = Plan(home=tmp_path / "soak", seed=seed, seconds=6, mode=mode, pause=(0.3, 1.5), cuts=cuts)
    promises_are_kept(Course, plan, OwnBroker(binary, tmp_path / "broker", {"amqp": 0}))


def test_a_disk_that_forgets_is_noticed(forgetful_report):
    """The soak can fail: with a run's work undone, confirmed messages are lost and settled ones come back."""
    report = forgetful_report(Course, Plan, "amqp", seed=15)
    assert report.tally["lost"] and report.tally["resurrected"], report.text()
