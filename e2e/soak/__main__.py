"""The long soak: `python -m soak --minutes 10 --seed 7`; exit code 1 when a promise was broken."""

import sys

from soak.command import main, parser
from soak.run import Course, Plan

if __name__ == "__main__":
    options = parser("python -m soak", __doc__)
    options.add_argument("--producers", type=int, default=2, help="with confirms")
    options.add_argument("--transactional", type=int, default=1, help="producers with transactions")
    options.add_argument("--cuts", type=float, default=0, help="connections a second that each consumer cuts")
    sys.exit(main(options, Plan, Course, "amqp"))
