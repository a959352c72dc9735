"""Waiting for events with a deadline."""

import time

#: Seconds an expected event may take before the test fails.
DEADLINE = 20.0


def wait_until(condition, within: float = DEADLINE, what: str = "the expected event", serve=None):
    """Calls `serve` (a client's poll, say) until `condition()` is true; returns its value."""
    deadline = time.monotonic() + within
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come within {within} s (last value {value!r})")
        if serve is None:
            time.sleep(0.01)
        else:
            serve()
