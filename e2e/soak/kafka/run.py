"""One soak: starts broker and clients, lets the killer loose, reads everything, and has the history judged."""

import multiprocessing
import time
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from soak.history import TERM
from soak.kafka.checker import KINDS, judge
from soak.kafka.client import COMMITTED, CONFIRMED, DELIVERED, PARTITIONS, PATIENCE, PUBLISHED, SETTINGS, TOPIC, Shared
from soak.kafka.consumer import Consumer
from soak.kafka.drain import Drain
from soak.kafka.history import History
from soak.kafka.producer import Producer
from soak.killer import Killer
from soak.violation import BROKER, Violation, tally
from support.broker import BrokerFailure

#: Clients may start slowly on a busy machine; the first kill waits for the first answers, but not longer than this.
FIRST_ANSWER = 20.0


@dataclass
class Plan:
    """What to do; the seed decides what the clients and the killer do, not when the system lets them.

    `pause` is seconds between two stops, `rate` records a second of one producer, `leaves` how often a second each
    member of the group leaves it for a new one.
    """

    home: Path
    seed: int = 1
    seconds: float = 10.0
    mode: str = "kill"
    pause: tuple = (0.3, 2.0)
    idempotent: int = 2
    plain: int = 1
    consumers: int = 2
    rate: float = 600.0
    window: int = 200
    leaves: float = 0.0

    @property
    def histories(self) -> Path:
        """Where the clients write."""
        return self.home / "history"


@dataclass
class Report:
    """What was done and what was found."""

    plan: Plan
    counters: dict
    stops: int
    violations: list

    def text(self, shown: int = 5) -> str:
        """Counts in one row each; of every kind of violation the first few."""
        counts = {**self.counters, "stops": self.stops, **tally(self.violations, KINDS)}
        rows = [f"seed {self.plan.seed}, {self.plan.mode}, {self.plan.seconds:g} s"]
        rows += [f"  {name:<12} {count}" for name, count in counts.items()]
        for kind, count in tally(self.violations, KINDS).items():
            these = [violation for violation in self.violations if violation.kind == kind]
            rows += [f"{kind}: {violation.text}" for violation in these[:shown]]
            rows += [f"{kind}: … and {count - shown} more"] if count > shown else []
        if self.violations:
            rows.append(f"evidence: {self.plan.home}")
        return "\n".join(rows)


def soak(plan: Plan, broker, progress=lambda counters, stops: None) -> Report:
    """Runs it; the broker must not be running yet, and does not run afterwards."""
    return _Run(plan, broker, progress).report()


class _Run:
    """The processes and counters of one soak."""

    def __init__(self, plan: Plan, broker, progress):
        self.plan, self.broker, self.progress = plan, broker, progress
        plan.histories.mkdir(parents=True)
        self.context = multiprocessing.get_context("spawn")
        # Number 0 is no producer's, so that no value begins with it.
        self.array = self.context.Array("q", (1 + plan.idempotent + plan.plain + plan.consumers) * 4, lock=False)
        self.stop_producing, self.stop_consuming = self.context.Event(), self.context.Event()
        self.producers, self.consumers = [], []
        self.killer = Killer(broker, self.context.Value("i", 1, lock=False), plan.histories / "killer",
                             seed=plan.seed, mode=plan.mode, pause=plan.pause)
        self.failures = []

    def counters(self) -> dict:
        """The sums over all clients."""
        columns = {"published": PUBLISHED, "confirmed": CONFIRMED, "delivered": DELIVERED, "commits": COMMITTED}
        return {name: sum(self.array[column::4]) for name, column in columns.items()}

    def report(self) -> Report:
        """All of it."""
        try:
            self.broker.start()
            self.prepare()
            self.start_clients()
            self.load()
            self.wind_down()
        except BrokerFailure as failure:
            self.failures.append(Violation(BROKER, str(failure)))
        except KafkaException as failure:
            self.failures.append(Violation(BROKER, f"what was asked at the end was not answered: {failure!r}"))
        finally:
            for process in (*self.producers, *self.consumers):
                process.kill()
                process.join()
            self.broker.kill()
        return Report(self.plan, self.counters(), self.killer.stops, self.failures + self.judge())

    def prepare(self) -> None:
        """Makes the topic."""
        admin = AdminClient({"bootstrap.servers": self.broker.bootstrap, **SETTINGS})
        admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1)])[TOPIC].result(PATIENCE)

    def start_clients(self) -> None:
        """Starts every client in a process of its own."""
        plan = self.plan
        kinds = ([("i", Producer, (True, plan.rate, plan.window))] * plan.idempotent
                 + [("p", Producer, (False, plan.rate, plan.window))] * plan.plain
                 + [("c", Consumer, (plan.leaves,))] * plan.consumers)
        for number, (letter, kind, more) in enumerate(kinds, start=1):
            stop, group = ((self.stop_consuming, self.consumers) if kind is Consumer
                           else (self.stop_producing, self.producers))
            shared = Shared(self.broker.bootstrap, stop, self.array, plan.seed)
            name = f"{letter}{number}"
            arguments = (kind, shared, name, number, plan.histories / name, *more)
            group.append(self.context.Process(target=_client, args=arguments, name=name, daemon=True))
            group[-1].start()

    def load(self) -> None:
        """Lets the killer strike again and again."""
        self.wait(FIRST_ANSWER, lambda: all(self.counters().values()))
        end = time.monotonic() + self.plan.seconds
        while (left := end - time.monotonic()) > 0:
            self.wait(min(left, self.killer.next_pause()))
            self.killer.strike()

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
        """Lets the clients finish, and reads everything twice, each time after another stop."""
        for stop, group in ((self.stop_producing, self.producers), (self.stop_consuming, self.consumers)):
            stop.set()
            self.wait(PATIENCE + 20, lambda members=group: not any(one.is_alive() for one in members))
            for process in group:
                if process.is_alive():
                    self.failures.append(Violation(BROKER, f"client {process.name} cannot finish: no answer"))
            self.look_after_clients()
        drain = Drain(self.broker.bootstrap, self.plan.histories / "drain")
        for _ in range(2):
            self.killer.strike(again=False)
            drain.read_all()
        if TERM in self.killer.ways:
            self.killer.stop(TERM)

    def judge(self) -> list:
        """Reads what everyone wrote and judges it."""
        self.killer.writer.close()
        history = History()
        for path in sorted(self.plan.histories.iterdir()):
            history.read(path)
        return judge(history)


def _client(kind, shared, name, number, path, *more):
    """The main function of a client's process."""
    kind(shared, name, number, path, *more).run()
