"""Stops the broker at random moments and starts it again on the same ports and directory."""

import random
import signal
import threading
import time

from soak.history import HASTY, KILL, TERM, Writer, microseconds
from support.broker import BrokerFailure

#: Of a hundred kills so many are followed by another one while the broker recovers.
KILLED_AGAIN = 25
#: Seconds within which that other kill comes.
RECOVERY = 0.15
#: Seconds after SIGTERM within which a hasty stop kills.
HASTE = 0.05
#: The ways to stop.
MODES = {KILL: (KILL,), TERM: (TERM,), HASTY: (HASTY,), "mixed": (KILL, KILL, KILL, TERM, HASTY)}


class Killer:
    """Stops and starts one broker, and writes down which of its runs ended how."""

    def __init__(self, broker, generation, path, *, seed: int, mode: str, pause: tuple):
        self.broker, self.generation = broker, generation
        self.random = random.Random(f"{seed}/killer")
        self.ways, self.pause = MODES[mode], pause
        self.writer = Writer(path)
        self.stops = 0

    def next_pause(self) -> float:
        """Seconds until the next stop."""
        return self.random.uniform(*self.pause)

    def strike(self, again: bool = True) -> None:
        """Stops the broker in one of the ways and starts it again."""
        way = self.random.choice(self.ways)
        self.stop(way)
        if again and way == KILL and self.random.randrange(100) < KILLED_AGAIN:
            self.kill_in_recovery(self.random.uniform(0, RECOVERY))
        self.broker.start()

    def stop(self, way: str) -> None:
        """Ends the running broker; BrokerFailure when it does not end as it should."""
        self.stops += 1
        self.writer.line("G", self.generation.value, way, microseconds())
        self.writer.flush()
        if way == HASTY:
            self.broker.send_signal(signal.SIGTERM)
            time.sleep(self.random.uniform(0, HASTE))
        if way in (KILL, HASTY):
            self.broker.kill()
        else:
            code = self.broker.terminate()
            if code != 0:
                raise BrokerFailure(f"the broker ended with {code} after SIGTERM\n{self.broker.log()[-4000:]}")
        # Only now, while no broker lives: clients compare the number before and after their handshake.
        self.generation.value += 1

    def kill_in_recovery(self, after: float) -> None:
        """Starts the broker and kills it while it recovers, or soon after."""
        self.stops += 1
        struck = threading.Event()

        def strike():
            process = self.broker.process
            if process is not None:
                self.writer.line("G", self.generation.value, KILL, microseconds())
                struck.set()
                process.kill()

        timer = threading.Timer(after, strike)
        timer.start()
        try:
            self.broker.start()
        except BrokerFailure:
            if not struck.is_set():
                raise
        timer.join()
        if not struck.is_set():
            self.writer.line("G", self.generation.value, KILL, microseconds())
        self.broker.kill()
        self.generation.value += 1
