"""The soak of AMQP clients: producers with confirms and with transactions, and consumers."""

from dataclasses import dataclass, field

import pika

from soak import course
from soak.checker import KINDS, judge
from soak.consumer import Consumer
from soak.drain import Drain
from soak.history import History
from soak.producer import ConfirmProducer, TransactionProducer
from soak.topology import declare


@dataclass(kw_only=True)
class Plan(course.Plan):
    """`producers` have confirms, `cuts` is how often a second each consumer cuts its connection."""

    producers: int = 2
    transactional: int = 1
    cuts: float = 0.0
    strict: bool = True
    queue_arguments: dict = field(default_factory=dict)


class Course(course.Course):
    """One soak."""

    kinds, fourth, failure, grace = KINDS, "redelivered", pika.exceptions.AMQPError, 10

    def address(self):
        return self.broker.url

    def prepare(self):
        connection = pika.BlockingConnection(pika.URLParameters(self.broker.url))
        declare(connection.channel(), self.plan.queue_arguments)
        connection.close()

    def clients(self):
        plan = self.plan
        return ([("p", ConfirmProducer, (plan.rate, plan.window))] * plan.producers
                + [("t", TransactionProducer, (plan.rate,))] * plan.transactional
                + [("c", Consumer, (plan.cuts,))] * plan.consumers)

    def is_under_way(self):
        return self.counters()["delivered"] > 0  # a redelivery needs a stop

    def drain(self, restart):
        restart()
        drain = Drain(self.shared(), self.plan.histories / "drain")
        drain.take_all()
        restart()
        drain.expect_nothing()

    def judge(self):
        return judge(History.of(self.plan.histories), self.plan.strict)
