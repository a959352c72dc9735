"""What is collected here depends on the clients of the environment; the fixtures stand in `harness/fixtures.py`."""

import importlib.util

import pytest

pytest.register_assert_rewrite("harness.requests", "harness.groups", "harness.raw", "harness.members", "harness.fixtures")

#: The environment with the old kafka-python has no other client; the tests of the wire need none and run once.
collect_ignore_glob = []
if importlib.util.find_spec("confluent_kafka") is None:
    collect_ignore_glob += ["test_confluent_*.py", "test_raw_*.py"]

from harness.fixtures import *  # noqa: F401,F403: pytest finds fixtures and hooks by their names here
