"""The long soak: `python -m soak --minutes 10 --seed 7`; exit code 1 when a promise was broken."""

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support" / "python"))

from support.broker import OwnBroker  # noqa: E402

from soak.killer import MODES  # noqa: E402
from soak.run import Plan, soak  # noqa: E402


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="of load; draining and judging come on top")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mode", choices=MODES, default="mixed", help="how the broker is stopped")
    parser.add_argument("--producers", type=int, default=2, help="with confirms")
    parser.add_argument("--transactional", type=int, default=1, help="producers with transactions")
    parser.add_argument("--consumers", type=int, default=2)
    parser.add_argument("--rate", type=float, default=600, help="messages a second of one producer")
    parser.add_argument("--window", type=int, default=200, help="unconfirmed messages of one producer")
    parser.add_argument("--cuts", type=float, default=0, help="connections a second that each consumer cuts")
    parser.add_argument("--pause", type=float, nargs=2, default=(0.3, 5), metavar=("LEAST", "MOST"),
                        help="seconds between two stops")
    parser.add_argument("--home", type=Path, help="an empty or new directory for data, log and histories; kept")
    return parser.parse_args()


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


def main() -> int:
    """Runs one soak on NARUMQ_BIN and prints its report."""
    given = arguments()
    binary = os.environ.get("NARUMQ_BIN")
    if not binary:
        print("set NARUMQ_BIN=<path of narumq>", file=sys.stderr)
        return 2
    home = given.home or Path(tempfile.mkdtemp(prefix="narumq-soak-"))
    plan = Plan(home, given.seed, given.minutes * 60, given.mode, tuple(given.pause), given.producers,
                given.transactional, given.consumers, given.rate, given.window,
                given.cuts)
    progress = Progress()
    report = soak(plan, OwnBroker(binary, home, {"amqp": 0}), progress)
    progress.end()
    print(report.text())
    if not report.violations and not given.home:
        shutil.rmtree(home)
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main())
