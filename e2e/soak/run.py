"""One soak: starts broker and clients, lets the killer loose, drains, and has the history judged."""

import multiprocessing
import time
from dataclasses import dataclass, field
from pathlib import Path

import pika

from soak.checker import KINDS, judge
from soak.client import ANSWERED, DELIVERED, PATIENCE, PUBLISHED, REDELIVERED, Shared
from soak.consumer import Consumer
from soak.drain import Drain
from soak.history import TERM, History
from soak.killer import Killer
from soak.producer import ConfirmProducer, TransactionProducer
from soak.topology import declare
from soak.violation import BROKER, Violation, tally
from support.broker import BrokerFailure

#: Clients may start slowly on a busy machine; the first kill waits for the first answers, but not longer than this.
FIRST_ANSWER = 20.0


@dataclass
class Plan:
    """What to do; the seed decides what the clients and the killer do, not when the system lets them.

    `pause` is seconds between two stops, `rate` messages a second of one producer, `cuts` how often
    a second each consumer cuts its connection.
    """

    home: Path
    seed: int = 1
    seconds: float = 10.0
    mode: str = "kill"
    pause: tuple = (0.3, 2.0)
    producers: int = 2
    transactional: int = 1
    consumers: int = 2
    rate: float = 600.0
    window: int = 200
    cuts: float = 0.0
    strict: bool = True
    queue_arguments: dict = field(default_factory=dict)

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
        counts = {**self.counters, "kills" if self.plan.mode == "kill" else "stops": self.stops,
                  **tally(self.violations, KINDS)}
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
        self.clients = plan.producers + plan.transactional + plan.consumers
        self.generation = self.context.Value("i", 1, lock=False)
        self.array = self.context.Array("q", self.clients * 4, lock=False)
        self.stop_producing, self.stop_consuming = self.context.Event(), self.context.Event()
        self.producers, self.consumers = [], []
        self.killer = Killer(broker, self.generation, plan.histories / "killer",
                             seed=plan.seed, mode=plan.mode, pause=plan.pause)
        self.failures = []

    def shared(self, stop=None) -> Shared:
        """What a client gets."""
        return Shared(self.broker.url, self.generation, stop, self.array, self.plan.seed)

    def counters(self) -> dict:
        """The sums over all clients."""
        columns = {"published": PUBLISHED, "confirmed": ANSWERED, "delivered": DELIVERED, "redelivered": REDELIVERED}
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
        except pika.exceptions.AMQPError as failure:
            self.failures.append(Violation(BROKER, f"the drain ended with {failure!r}"))
        finally:
            for process in (*self.producers, *self.consumers):
                process.kill()
                process.join()
            self.broker.kill()
        return Report(self.plan, self.counters(), self.killer.stops, self.failures + self.judge())

    def prepare(self) -> None:
        """Declares the queues."""
        connection = pika.BlockingConnection(pika.URLParameters(self.broker.url))
        declare(connection.channel(), self.plan.queue_arguments)
        connection.close()

    def start_clients(self) -> None:
        """Starts every client in a process of its own. Number 0 is no producer's, so that no body begins with it."""
        plan, number = self.plan, 0
        kinds = ([("p", ConfirmProducer, (plan.rate, plan.window))] * plan.producers
                 + [("t", TransactionProducer, (plan.rate,))] * plan.transactional
                 + [("c", Consumer, (plan.cuts,))] * plan.consumers)
        for letter, kind, more in kinds:
            stop, group = ((self.stop_consuming, self.consumers) if kind is Consumer
                           else (self.stop_producing, self.producers))
            name = f"{letter}{number}"
            arguments = (kind, self.shared(stop), name, number, plan.histories / name, *more)
            group.append(self.context.Process(target=_client, args=arguments, name=name, daemon=True))
            group[-1].start()
            number += 1

    def load(self) -> None:
        """Lets the killer strike again and again."""
        self.wait(FIRST_ANSWER, lambda: all(self.counters().values()) or self.counters()["delivered"])
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
        """Lets the clients finish, stops the broker once more, drains, and stops it again."""
        for stop, group in ((self.stop_producing, self.producers), (self.stop_consuming, self.consumers)):
            stop.set()
            self.wait(PATIENCE + 10, lambda members=group: not any(one.is_alive() for one in members))
            for process in group:
                if process.is_alive():
                    self.failures.append(Violation(BROKER, f"client {process.name} cannot finish: no answer"))
            self.look_after_clients()
        self.killer.strike(again=False)
        drain = Drain(self.shared(), self.plan.histories / "drain")
        drain.take_all()
        self.killer.strike(again=False)
        drain.expect_nothing()
        if TERM in self.killer.ways:
            self.killer.stop(TERM)

    def judge(self) -> list:
        """Reads what everyone wrote and judges it."""
        self.killer.writer.close()
        history = History()
        for path in sorted(self.plan.histories.iterdir()):
            history.read(path)
        return judge(history, self.plan.strict)


def _client(kind, shared, name, number, path, *more):
    """The main function of a client's process."""
    kind(shared, name, number, path, *more).run()
