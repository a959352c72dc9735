"""What every client of the soak shares: the topic, the counters, the patience of librdkafka."""

import random
import time
from dataclasses import dataclass
from typing import Any

from soak.history import Writer

TOPIC, GROUP, PARTITIONS = "soak", "soak", 4
#: Seconds a client that was asked to finish waits for what it still misses.
PATIENCE = 20.0
#: Columns of the shared counters.
PUBLISHED, CONFIRMED, DELIVERED, COMMITTED = range(4)
#: A broker that was killed is back soon: ask often, give up late, say nothing of it.
SETTINGS = {"reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 100, "retry.backoff.ms": 20,
            "retry.backoff.max.ms": 100, "socket.timeout.ms": 10_000, "log_level": 0, "error_cb": lambda error: None}


@dataclass
class Shared:
    """What the processes share: the address, the wish to stop, counters."""

    bootstrap: str
    stop: Any
    counters: Any
    seed: int


class Client:
    """One process; the seed decides what it does, and its file keeps what it saw."""

    def __init__(self, shared: Shared, name: str, number: int, path):
        self.shared, self.name, self.number = shared, name, number
        self.random = random.Random(f"{shared.seed}/{name}")
        self.writer = Writer(path)
        self.stop_since = None

    def count(self, what: int, more: int = 1) -> None:
        """Adds to a counter that only this client writes."""
        self.shared.counters[self.number * 4 + what] += more

    def settings(self, **more) -> dict:
        """Of librdkafka; _ stands for the point in the names of `more`."""
        own = {name.replace("_", "."): value for name, value in more.items()}
        return {"bootstrap.servers": self.shared.bootstrap, **SETTINGS, **own}

    @property
    def stopping(self) -> bool:
        """Whether it is to finish."""
        if self.stop_since is None and self.shared.stop.is_set():
            self.stop_since = time.monotonic()
        return self.stop_since is not None

    @property
    def patience_ended(self) -> bool:
        """Whether the wish to stop is so old that it is to finish whatever it misses."""
        return self.stopping and time.monotonic() - self.stop_since > PATIENCE
