"""The long soak of the Kafka door: `python -m soak.kafka --minutes 10 --seed 7`; exit code 1 when a promise was broken."""

import sys

from soak.command import main, parser
from soak.kafka.run import Course, Plan

if __name__ == "__main__":
    options = parser("python -m soak.kafka", __doc__)
    options.add_argument("--idempotent", type=int, default=2, help="idempotent producers")
    options.add_argument("--plain", type=int, default=1, help="producers with acks=all that are not")
    options.add_argument("--leaves", type=float, default=0.1, help="how often a second each member leaves and comes back")
    sys.exit(main(options, Plan, Course, "kafka"))
