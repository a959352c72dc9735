"""What a checker finds, and how it is counted."""

from collections import Counter
from typing import NamedTuple

#: The kind of what no checker needs to look for: the broker did not start, did not end as it should, or did not answer.
BROKER = "broker"


class Violation(NamedTuple):
    """One broken promise, with what was seen."""

    kind: str
    text: str


def tally(violations, kinds) -> dict:
    """How many violations of each kind, those of a checker in their order and then `broker`."""
    counts = Counter(violation.kind for violation in violations)
    return {kind: counts[kind] for kind in (*kinds, BROKER)}
