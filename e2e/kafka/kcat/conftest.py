"""The fixtures of the Python suite."""

import pytest

pytest.register_assert_rewrite("harness.requests", "harness.fixtures")

from harness.fixtures import *  # noqa: F401,F403: pytest finds fixtures and hooks by their names here
