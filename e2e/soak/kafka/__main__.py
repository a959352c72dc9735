"""The long soak of the Kafka door: `python -m soak.kafka --minutes 10 --seed 7`; exit code 1 when a promise was broken."""

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "support" / "python"))

from support.broker import OwnBroker  # noqa: E402

from soak.kafka.run import Plan, soak  # noqa: E402
from soak.killer import MODES  # noqa: E402


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m soak.kafka", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="of load; reading and judging come on top")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mode", choices=MODES, default="mixed", help="how the broker is stopped")
    parser.add_argument("--idempotent", type=int, default=2, help="idempotent producers")
    parser.add_argument("--plain", type=int, default=1, help="producers with acks=all that are not")
    parser.add_argument("--consumers", type=int, default=2, help="members of the group")
    parser.add_argument("--rate", type=float, default=600, help="records a second of one producer")
    parser.add_argument("--window", type=int, default=200, help="unanswered records of one producer")
    parser.add_argument("--leaves", type=float, default=0.1, help="how often a second each member leaves and comes back")
    parser.add_argument("--pause", type=float, nargs=2, default=(0.3, 5), metavar=("LEAST", "MOST"),
                        help="seconds between two stops")
    parser.add_argument("--home", type=Path, help="an empty or new directory for data, log and histories; kept")
    return parser.parse_args()


def main() -> int:
    """Runs one soak on NARUMQ_BIN and prints its report."""
    given = arguments()
    binary = os.environ.get("NARUMQ_BIN")
    if not binary:
        print("set NARUMQ_BIN=<path of narumq>", file=sys.stderr)
        return 2
    home = given.home or Path(tempfile.mkdtemp(prefix="narumq-soak-kafka-"))
    plan = Plan(home, given.seed, given.minutes * 60, given.mode, tuple(given.pause), given.idempotent, given.plain,
                given.consumers, given.rate, given.window, given.leaves)
    report = soak(plan, OwnBroker(binary, home, {"kafka": 0}))
    print(report.text())
    if not report.violations and not given.home:
        shutil.rmtree(home)
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main())
