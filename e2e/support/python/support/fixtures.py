"""Fixtures of every suite: one broker for all tests, and one of its own for a test that stops it.

A suite says with a fixture `doors` of its own which doors its brokers open, and, if it can be run against a broker that
runs already, with `foreign_broker` how that one is found.
"""

import os

import pytest

from support.broker import BrokerFailure, OwnBroker
from support.report import pytest_runtest_makereport  # noqa: F401: pytest finds the hook by its name here


@pytest.fixture(scope="session")
def broker_started(doors, tmp_path_factory):
    """Starts brokers of our own, with further arguments of `narumq serve`; what still runs at the end is killed."""
    running = []

    def start(*arguments) -> OwnBroker:
        binary = os.environ.get("NARUMQ_BIN")
        if not binary:
            pytest.skip("needs NARUMQ_BIN: the broker must be ours to stop and start, and be told how to run")
        running.append(OwnBroker(binary, tmp_path_factory.mktemp("broker"), doors, arguments=arguments))
        return running[-1].start()

    yield start
    for one in running:
        one.kill()


@pytest.fixture(scope="session")
def foreign_broker():
    """The broker that runs already, where a suite can use one."""
    raise BrokerFailure("set NARUMQ_BIN=<path of narumq>")


@pytest.fixture(scope="session")
def broker(request):
    """The broker that most tests share."""
    if os.environ.get("NARUMQ_BIN"):
        return request.getfixturevalue("broker_started")()
    return request.getfixturevalue("foreign_broker")


@pytest.fixture(scope="session")
def kind(broker):
    """Which set of expected answers holds: `narumq`, or the name of the broker that the suite compares with."""
    return broker.kind


@pytest.fixture
def own_broker(broker_started):
    """A broker of this test alone, which it may stop, kill and start again."""
    running = broker_started()
    yield running
    running.kill()
