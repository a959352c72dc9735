"""Puts the broker's log beside a failed test."""

#: How much of the end of a log is shown.
SHOWN = 8000


def attach_broker_log(item, report) -> None:
    """Adds the log of each broker the test used to a failed report."""
    if not report.failed:
        return
    for fixture in ("broker", "own_broker"):
        used = getattr(item, "funcargs", {}).get(fixture)
        text = used.log() if used is not None else ""
        if text:
            report.sections.append((f"log of {fixture}", text[-SHOWN:]))
