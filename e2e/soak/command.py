"""The command line of a long soak, and the line that shows how far it is."""

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from soak.killer import MODES
from support.broker import OwnBroker


def parser(program: str, description: str) -> argparse.ArgumentParser:
    """The options that every soak has; those of its own bear the names of its plan."""
    options = argparse.ArgumentParser(prog=program, description=description)
    options.add_argument("--minutes", type=float, default=10, help="of load; draining and judging come on top")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--mode", choices=MODES, default="mixed", help="how the broker is stopped")
    options.add_argument("--consumers", type=int, default=2)
    options.add_argument("--rate", type=float, default=600, help="messages a second of one producer")
    options.add_argument("--window", type=int, default=200, help="unanswered messages of one producer")
    options.add_argument("--pause", type=float, nargs=2, default=(0.3, 5), metavar=("LEAST", "MOST"),
                         help="seconds between two stops")
    options.add_argument("--home", type=Path, help="an empty or new directory for data, log and histories; kept")
    return options


class Progress:
    """One line that is written over, on a terminal; silent elsewhere."""

    def __init__(self):
        self.since = time.monotonic()
        self.last = 0.0

    def __call__(self, counters, stops):
        now = time.monotonic()
        if sys.stderr.isatty() and now - self.last >= 0.5:
            self.last = now
            counts = "  ".join(f"{name} {count}" for name, count in counters.items())
            print(f"\r{now - self.since:6.0f} s  {counts}  stops {stops} \033[K", end="", file=sys.stderr, flush=True)

    def end(self):
        """Leaves the line."""
        if sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def main(options: argparse.ArgumentParser, plan_of, course_of, door: str) -> int:
    """Runs one soak on NARUMQ_BIN and prints its report."""
    given = vars(options.parse_args())
    binary = os.environ.get("NARUMQ_BIN")
    if not binary:
        print("set NARUMQ_BIN=<path of narumq>", file=sys.stderr)
        return 2
    kept, seconds, pause = given.pop("home"), given.pop("minutes") * 60, tuple(given.pop("pause"))
    home = kept or Path(tempfile.mkdtemp(prefix="narumq-soak-"))
    progress = Progress()
    plan = plan_of(home=home, seconds=seconds, pause=pause, **given)
    report = course_of(plan, OwnBroker(binary, home, {door: 0}), progress).run()
    progress.end()
    print(report.text())
    if not report.violations and not kept:
        shutil.rmtree(home)
    return 1 if report.violations else 0
