"""The checker itself: histories that keep every promise, and histories that break just one."""

import pytest

from soak.kafka.checker import KINDS, judge
from soak.kafka.history import History
from soak.violation import Violation, tally


def violations(log=("1:1", "1:2"), high=None, committed=None, again=None, **clients):
    """The kinds of violation in these clients' lines, with `producer:sequence` at the offsets of partition 0.

    `again` is what the second reading found, the same if not given.
    """
    history = History()
    for client, lines in clients.items():
        history.lines(client, [line.strip() for line in lines.strip().splitlines()])
    drain = []
    for reading, records in enumerate((log, log if again is None else again), start=1):
        high_now = len(records) if high is None else high
        drain += [f"E {reading} 0 0 {high_now}", f"Q {reading} 0 {high_now if committed is None else committed}"]
        drain += [f"F {reading} 0 {offset} {record.replace(':', ' ')}" for offset, record in enumerate(records) if record]
    history.lines("drain", drain)
    return sorted({violation.kind for violation in judge(history)})


def sent(*answers, idempotent=1):
    """A producer's lines: records 1, 2, … to partition 0, each with its answer (`C 0`, `N why`, `U`, or nothing)."""
    lines = [f"I {idempotent}"]
    for sequence, answer in enumerate(answers, start=1):
        lines.append(f"P {sequence} 0")
        code, _, more = answer.partition(" ")
        lines += [f"{code} {sequence} {more}".rstrip()] if answer else []
    return "\n".join(lines)


BOTH = sent("C 0", "C 1")
READ = "S 0 0 10\nD 0 0 1 1\nD 0 1 1 2\nk 0 2 20\nK 0 2 21"


def test_nothing_wrong():
    """Sent, acknowledged, read and committed; also with members that take turns."""
    assert violations(i1=BOTH, c2=READ) == []
    first = "S 0 0 10\nD 0 0 1 1\nk 0 1 20\nK 0 1 21\nD 0 1 1 2\nV 0"
    assert violations(i1=BOTH, c2=first, c3="S 0 1 30\nD 0 1 1 2\nk 0 2 40\nK 0 2 41\nV 0") == []


def test_what_is_not_promised():
    """No answer yet, acknowledged without a place, and what a producer that is not idempotent sends twice."""
    last = "S 0 0 10\nD 0 0 1 1\nk 0 1 20\nK 0 1 21"
    assert violations(log=("1:1",), i1=sent("C 0", ""), c2=last) == []
    assert violations(i1=sent("C -1", "C -1"), c2=READ) == []
    twice = "S 0 0 10\nk 0 2 20\nK 0 2 21"
    assert violations(log=("1:1", "1:1"), p1=sent("C 1", idempotent=0), c2=twice) == []
    assert violations(log=("1:2", "1:1"), p1=sent("C 1", "C 0", idempotent=0), c2=twice) == []


def test_lost():
    """Acknowledged, and gone."""
    assert violations(log=("1:1",), i1=BOTH, c2="k 0 1 20\nK 0 1 21") == ["lost"]
    assert violations(log=("1:1",), i1=sent("C 0", "C -1"), c2="k 0 1 20\nK 0 1 21") == ["lost"]


def test_moved_and_shared():
    """Acknowledged at one offset, found at another; then two were told of one offset."""
    assert violations(i1=sent("C 0", "C 5"), c2=READ) == ["moved"]
    assert violations(i1=sent("C 0", "C 0"), c2=READ) == ["moved", "shared"]
    assert violations(log=("1:1", "1:3"), i1=sent("C 0", "", "C 1"), c2=READ) == ["shared", "vanished"]


def test_doubled_and_misordered():
    """Of an idempotent producer, acknowledged or not."""
    three = "k 0 3 20\nK 0 3 21"
    assert violations(log=("1:1", "1:2", "1:2"), i1=BOTH, c2=three) == ["doubled"]
    assert violations(log=("1:2", "1:1"), i1=sent("C 1", "C 0"), c2="k 0 2 20\nK 0 2 21") == ["misordered"]
    assert violations(log=("1:1", "1:2", "1:1"), i1=BOTH, c2=three) == ["doubled", "misordered"]


def test_phantom():
    """Nobody sent it, nobody sent it there, or it is not whole."""
    assert violations(log=("1:1", "1:2", "7:7"), i1=BOTH, c2="k 0 3 20\nK 0 3 21") == ["phantom"]
    assert violations(i1="I 1\nP 1 0\nC 1 0\nP 2 1", c2=READ) == ["phantom"]
    assert violations(i1=BOTH, c2=READ + "\nX 0 2 3 bytes b'abc'") == ["phantom"]


def test_read_too_early():
    """A member was given what a kill took back."""
    assert violations(i1=BOTH + "\nP 3 0", c2=READ + "\nD 0 2 1 3") == ["vanished"]


@pytest.mark.parametrize(("lines", "found"), [
    ("S 0 0 10\nD 0 1 1 2", "skipped"),
    ("S 0 0 10\nD 0 0 1 1\nD 0 0 1 1", "reread"),
    ("S 0 1 10\nD 0 0 1 1", "reread"),
    ("D 0 0 1 1", "skipped"),
    ("S 0 0 10\nD 0 0 1 1\nV 0\nD 0 1 1 2", "skipped"),
])
def test_each_offset_once(lines, found):
    """From where a member began on, until the partition is taken away."""
    commits = "k 0 1 1\nK 0 1 2\nk 0 2 20\nK 0 2 21"
    told = [found, "forgotten"] if lines.startswith("S 0 0") else [found]
    assert violations(i1=BOTH, c2=lines, c3=commits) == sorted(told)


def test_forgotten_commits():
    """A member is told less than was committed before it asked; or less is there at the end."""
    assert violations(i1=BOTH, c2=READ, c3="S 0 1 30\nk 0 1 40") == ["forgotten"]
    assert violations(i1=BOTH, c2=READ, c3="S 0 1 20\nk 0 1 40") == []
    assert violations(i1=BOTH, c2=READ, committed=-1) == ["behind", "forgotten"]


def test_commits_without_an_answer():
    """They may have come or not, but nothing else may."""
    open_ones = "k 0 1 5\nk 0 2 6"
    assert violations(i1=BOTH, c2=open_ones) == []
    assert violations(i1=BOTH, c2=open_ones, committed=1) == ["behind"]
    assert violations(i1=BOTH, c2="k 0 1 5") == ["invented"]


def test_whole_and_the_same():
    """A hole, a wrong end, and a stop that changed what is there."""
    assert violations(log=("1:1", None, "1:2"), i1=sent("C 0", "C 2"), c2="k 0 3 5") == ["miscounted"]
    assert violations(high=3, committed=3, i1=BOTH, c2="k 0 3 5") == ["miscounted"]
    assert violations(again=("1:1",), i1=BOTH, c2="k 0 1 5\nk 0 2 6") == ["changed"]


def test_producers_that_were_let_down():
    """Failed, or without an answer."""
    assert violations(i1=sent("C 0", "N it timed out"), c2=READ) == ["refused"]
    assert violations(i1=sent("C 0", "U"), c2=READ) == ["refused"]


def test_tally_names_every_kind():
    """The report has a row for what did not happen, too, and one for what the broker itself did not do."""
    counts = tally([Violation("shared", ""), Violation("broker", "")], KINDS)
    assert counts == dict.fromkeys(KINDS, 0) | {"shared": 1, "broker": 1}
