"""Puts the broker's log beside a failed test: what a fixture gives whose name ends in `broker` has one."""

import pytest

#: How much of the end of a log is shown.
SHOWN = 8000


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Adds what each broker of a failed test printed to its report."""
    report = yield
    if report.failed:
        for fixture, used in getattr(item, "funcargs", {}).items():
            text = used.log() if fixture.endswith("broker") else ""
            if text:
                report.sections.append((f"log of {fixture}", text[-SHOWN:]))
    return report
