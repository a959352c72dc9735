"""What the soak declares, what a publish is routed to, and what the bodies look like.

Every message is known by its producer and that producer's sequence number, and
the body says both, followed by filling that follows from them: whoever gets a
message can tell whether it is whole, and where it ought to be.
"""

import zlib
from typing import NamedTuple

DIRECT, FAN_A, FAN_B, LOW, ALL = "soak.direct", "soak.fan-a", "soak.fan-b", "soak.topic-low", "soak.topic-all"
WORK, DEAD, LEDGER, RECEIPTS, KEPT = "soak.work", "soak.dead", "soak.ledger", "soak.receipts", "soak.kept"
FANOUT, TOPIC, GRAVE = "soak.fanout", "soak.topic", "soak.grave"

#: Every queue; a history names a queue by its place here.
QUEUES = (DIRECT, FAN_A, FAN_B, LOW, ALL, WORK, DEAD, LEDGER, RECEIPTS, KEPT)
#: Queues that nobody consumes before the end: what they hold lives through every kill.
UNTOUCHED = (KEPT,)
#: Where a queue's rejected messages go.
GRAVES = {WORK: DEAD}
#: Where consumers publish, in the transaction of the ack, each message again that they took from a queue.
PASSED_ON = {LEDGER: RECEIPTS}


class Target(NamedTuple):
    """One way to publish: where to, which queues get a copy, and how often it is taken."""

    exchange: str
    key: str
    queues: tuple
    weight: int


#: Every way to publish; a history names a target by its place here.
TARGETS = (
    Target("", DIRECT, (DIRECT,), 4),
    Target(FANOUT, "", (FAN_A, FAN_B), 3),
    Target(TOPIC, "a.low", (LOW, ALL), 2),
    Target(TOPIC, "a.high", (ALL,), 2),
    Target("", WORK, (WORK,), 4),
    Target("", LEDGER, (LEDGER,), 3),
    Target("", KEPT, (KEPT,), 1),
)
WEIGHTS = [target.weight for target in TARGETS]

_FILLING = bytes(range(256)) * 1200


def declare(channel, arguments: dict | None = None) -> None:
    """Declares all of it, durable; `arguments` are further arguments of every queue."""
    channel.exchange_declare(FANOUT, exchange_type="fanout", durable=True)
    channel.exchange_declare(TOPIC, exchange_type="topic", durable=True)
    channel.exchange_declare(GRAVE, exchange_type="direct", durable=True)
    for queue in QUEUES:
        more = {"x-dead-letter-exchange": GRAVE, "x-dead-letter-routing-key": "dead"} if queue in GRAVES else {}
        channel.queue_declare(queue, durable=True, arguments={**(arguments or {}), **more})
    for queue, exchange, key in (
        (FAN_A, FANOUT, ""), (FAN_B, FANOUT, ""), (LOW, TOPIC, "*.low"), (ALL, TOPIC, "#"), (DEAD, GRAVE, "dead"),
    ):
        channel.queue_bind(queue, exchange, key)


def size_of(producer: int, sequence: int) -> int:
    """Bytes of filling: mostly a few hundred, now and then 20 KB, rarely more than a frame holds."""
    dice = zlib.crc32(b"%d/%d" % (producer, sequence))
    if dice % 1000 < 2:
        return 150_000 + dice // 1000 % 100_000
    if dice % 1000 < 20:
        return 10_000 + dice // 1000 % 20_000
    return dice // 1000 % 400


def make_body(producer: int, sequence: int) -> bytes:
    """The body of this message."""
    start = (producer * 31 + sequence) % 251
    return b"%d %d " % (producer, sequence) + _FILLING[start:start + size_of(producer, sequence)]


def read_body(body: bytes) -> tuple | None:
    """Producer and sequence number; None when no producer could have written it."""
    try:
        producer, sequence, _ = body.split(b" ", 2)
        known = int(producer), int(sequence)
    except ValueError:
        return None
    return known if body == make_body(*known) else None
