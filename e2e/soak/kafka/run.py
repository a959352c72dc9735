"""The soak of Kafka's clients: producers, idempotent and not, and the members of a group."""

from dataclasses import dataclass

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from soak import course
from soak.client_process import PATIENCE
from soak.kafka.checker import KINDS, judge
from soak.kafka.client import PARTITIONS, SETTINGS, TOPIC
from soak.kafka.consumer import Consumer
from soak.kafka.drain import Drain
from soak.kafka.history import History
from soak.kafka.producer import Producer


@dataclass(kw_only=True)
class Plan(course.Plan):
    """`leaves` is how often a second each member of the group leaves it for a new one."""

    idempotent: int = 2
    plain: int = 1
    leaves: float = 0.0


class Course(course.Course):
    """One soak."""

    kinds, fourth, failure, grace = KINDS, "commits", KafkaException, 20

    def address(self):
        return self.broker.bootstrap

    def prepare(self):
        admin = AdminClient({"bootstrap.servers": self.broker.bootstrap, **SETTINGS})
        admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1)])[TOPIC].result(PATIENCE)

    def clients(self):
        plan = self.plan
        return ([("i", Producer, (True, plan.rate, plan.window))] * plan.idempotent
                + [("p", Producer, (False, plan.rate, plan.window))] * plan.plain
                + [("c", Consumer, (plan.leaves,))] * plan.consumers)

    def drain(self, restart):
        drain = Drain(self.broker.bootstrap, self.plan.histories / "drain")
        for _ in range(2):
            restart()
            drain.read_all()

    def judge(self):
        return judge(History.of(self.plan.histories))
