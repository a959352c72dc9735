"""The short soak: a fixed list of seeds, each some seconds of load with kills or clean stops."""

import os

import pytest
from harness.broker import OwnBroker

from soak.run import Plan, soak

pytestmark = pytest.mark.narumq_only


@pytest.mark.timeout(180)
@pytest.mark.parametrize(("mode", "seed"), [("kill", 11), ("kill", 12), ("term", 13), ("mixed", 14)])
def test_every_promise_is_kept(mode, seed, tmp_path):
    """What was confirmed is there, once, in order and marked as it should be, whenever the broker ended."""
    binary = os.environ.get("NARUMQ_BIN")
    if not binary:
        pytest.skip("needs NARUMQ_BIN: the broker must be ours to kill")
    broker = OwnBroker(binary, tmp_path / "broker")
    report = soak(Plan(tmp_path / "soak", seed, seconds=6, mode=mode, pause=(0.3, 1.5)), broker)
    assert not report.violations, f"{report.text()}\n{broker.log()[-4000:]}"
    assert report.stops >= 3
    assert all(report.counters.values()), report.text()
