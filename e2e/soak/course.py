"""The course of a soak: starts broker and clients, lets the killer loose, drains, and has the history judged.

What the clients are, what they need, and what is read at the end, says a class of each protocol.
"""

import multiprocessing
import time
from dataclasses import dataclass
from pathlib import Path

from soak.client_process import COLUMNS, PATIENCE, Shared
from soak.history import KILL, TERM
from soak.killer import Killer
from soak.violation import BROKER, Violation, tally
from support.broker import BrokerFailure

#: Clients may start slowly on a busy machine; the first kill waits for the first answers, but not longer than this.
FIRST_ANSWER = 20.0


@dataclass(kw_only=True)
class Plan:
    """What to do; the seed decides what the clients and the killer do, not when the system lets them.

    `pause` is seconds between two stops, `rate` messages a second of one producer, `window` how many of them may wait
    for an answer.
    """

    home: Path
    seed: int = 1
    seconds: float = 10.0
    mode: str = KILL
    pause: tuple = (0.3, 2.0)
    consumers: int = 2
    rate: float = 600.0
    window: int = 200

    @property
    def histories(self) -> Path:
        """Where the clients write."""
        return self.home / "history"


@dataclass
class Report:
    """What was done and what was found; `tally` counts the violations by kind."""

    plan: Plan
    counters: dict
    stops: int
    violations: list
    tally: dict

    def text(self, shown: int = 5) -> str:
        """Counts in one row each; of every kind of violation the first few."""
        counts = {**self.counters, "kills" if self.plan.mode == KILL else "stops": self.stops, **self.tally}
        rows = [f"seed {self.plan.seed}, {self.plan.mode}, {self.plan.seconds:g} s"]
        rows += [f"  {name:<12} {count}" for name, count in counts.items()]
        for kind, count in self.tally.items():
            these = [violation for violation in self.violations if violation.kind == kind]
            rows += [f"{kind}: {violation.text}" for violation in these[:shown]]
            rows += [f"{kind}: … and {count - shown} more"] if count > shown else []
        if self.violations:
            rows.append(f"evidence: {self.plan.home}")
        return "\n".join(rows)


class Course:
    """The processes and counters of one soak; the broker must not be running yet, and does not run afterwards."""

    #: The kinds of violation that the checker knows.
    kinds: tuple
    #: What is counted in the fourth column.
    fourth: str
    #: How the client that prepares and drains says that the broker does not answer.
    failure: type
    #: Seconds beyond their patience in which clients can end.
    grace: float

    def __init__(self, plan: Plan, broker, progress=lambda counters, stops: None):
        self.plan, self.broker, self.progress = plan, broker, progress
        plan.histories.mkdir(parents=True)
        self.context = multiprocessing.get_context("spawn")
        self.generation = self.context.Value("i", 1, lock=False)
        # Number 0 is no client's, so that no body begins with it.
        self.array = self.context.Array("q", (1 + len(self.clients())) * len(COLUMNS), lock=False)
        self.stop_producing, self.stop_consuming = self.context.Event(), self.context.Event()
        self.producers, self.consumers = [], []
        self.killer = Killer(broker, self.generation, plan.histories / "killer",
                             seed=plan.seed, mode=plan.mode, pause=plan.pause)
        self.failures = []

    # What each protocol says.

    def address(self) -> str:
        """Where the clients find the broker."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Makes what the clients use."""
        raise NotImplementedError

    def clients(self) -> list:
        """A letter, a class and its further arguments for each client; the letter of consumers is c."""
        raise NotImplementedError

    def drain(self, restart) -> None:
        """Reads what is there at the end; `restart()` stops the broker, in the way of the plan, and starts it again."""
        raise NotImplementedError

    def judge(self) -> list:
        """Reads what everyone wrote and judges it."""
        raise NotImplementedError

    # What is the same for all.

    def shared(self, stop=None) -> Shared:
        """What a client gets."""
        return Shared(self.address(), self.generation, stop, self.array, self.plan.seed)

    def counters(self) -> dict:
        """The sums over all clients."""
        names = ("published", "confirmed", "delivered", self.fourth)
        return {name: sum(self.array[column::len(COLUMNS)]) for name, column in zip(names, COLUMNS)}

    def run(self) -> Report:
        """All of it."""
        try:
            self.broker.start()
            self.prepare()
            self.start_clients()
            self.load()
            self.wind_down()
        except BrokerFailure as failure:
            self.failures.append(Violation(BROKER, str(failure)))
        except self.failure as failure:
            self.failures.append(Violation(BROKER, f"what was asked before or after the load was not answered: {failure!r}"))
        finally:
            for process in (*self.producers, *self.consumers):
                process.kill()
                process.join()
            self.broker.kill()
            self.killer.writer.close()
        violations = self.failures + self.judge()
        return Report(self.plan, self.counters(), self.killer.stops, violations, tally(violations, self.kinds))

    def start_clients(self) -> None:
        """Starts every client in a process of its own."""
        for number, (letter, kind, more) in enumerate(self.clients(), start=1):
            stop, group = ((self.stop_consuming, self.consumers) if letter == "c"
                           else (self.stop_producing, self.producers))
            name = f"{letter}{number}"
            arguments = (kind, self.shared(stop), name, number, self.plan.histories / name, *more)
            group.append(self.context.Process(target=_client, args=arguments, name=name, daemon=True))
            group[-1].start()

    def load(self) -> None:
        """Lets the killer strike again and again."""
        self.wait(FIRST_ANSWER, self.is_under_way)
        end = time.monotonic() + self.plan.seconds
        while (left := end - time.monotonic()) > 0:
            self.wait(min(left, self.killer.next_pause()))
            self.killer.strike()

    def is_under_way(self) -> bool:
        """Whether every kind of client has begun its work."""
        return all(self.counters().values())

    def wait(self, seconds: float, enough=lambda: False) -> None:
        """Waits, looks after the clients and shows how far they are."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not enough():
            time.sleep(min(left, 0.1))
            self.look_after_clients()
            self.progress(self.counters(), self.killer.stops)

    def look_after_clients(self) -> None:
        """A client that failed makes the whole soak worthless."""
        for process in (*self.producers, *self.consumers):
            if process.exitcode not in (None, 0):
                raise RuntimeError(f"client {process.name} ended with {process.exitcode}; see what it printed")

    def wind_down(self) -> None:
        """Lets the clients finish, and drains."""
        for stop, group in ((self.stop_producing, self.producers), (self.stop_consuming, self.consumers)):
            stop.set()
            self.wait(PATIENCE + self.grace, lambda members=group: not any(one.is_alive() for one in members))
            for process in group:
                if process.is_alive():
                    self.failures.append(Violation(BROKER, f"client {process.name} cannot finish: no answer"))
            self.look_after_clients()
        self.drain(lambda: self.killer.strike(again=False))
        if TERM in self.killer.ways:
            self.killer.stop(TERM)


def _client(kind, shared, name, number, path, *more):
    """The main function of a client's process."""
    kind(shared, name, number, path, *more).run()
