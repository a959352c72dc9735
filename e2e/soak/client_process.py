"""What a client is that runs in a process of its own, whatever it speaks."""

import random
import time
from dataclasses import dataclass
from typing import Any

from soak.history import Writer

#: Seconds a client that was asked to finish waits for what it still misses.
PATIENCE = 40.0
#: Columns of the shared counters; each kind of client has a fourth of its own.
PUBLISHED, CONFIRMED, DELIVERED, FOURTH = COLUMNS = range(4)


@dataclass
class Shared:
    """What the processes share: the address, the run of the broker, the wish to stop, counters."""

    address: str
    generation: Any
    stop: Any
    counters: Any
    seed: int


class ClientProcess:
    """One client; the seed decides what it does, and its file keeps what it saw."""

    def __init__(self, shared: Shared, name: str, number: int, path):
        self.shared, self.name, self.number = shared, name, number
        self.random = random.Random(f"{shared.seed}/{name}")
        self.writer = Writer(path)
        self.stop_since = None

    def count(self, what: int, more: int = 1) -> None:
        """Adds to a counter that only this client writes."""
        self.shared.counters[self.number * len(COLUMNS) + what] += more

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

    def run(self) -> None:
        """All that it does."""
        raise NotImplementedError
