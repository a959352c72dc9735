"""kafka-python in groups: members share, come, leave and crash."""

import pytest
from kafka import TopicPartition

from harness.kafka_python import MODERN, Admin, Member, assignors, producer_of  # noqa: F401: `join` makes this Member
from harness.members import share
from support.waiting import wait_until


@pytest.fixture
def admin(broker):
    """An administration client."""
    client = Admin(broker.bootstrap)
    yield client
    client.client.close()


@pytest.mark.parametrize("strategy", sorted(assignors()))
def test_three_members_share(join, topic, name, broker, admin, strategy):
    """Six partitions, two each; every record goes to one member; one leaves and the others take over."""
    log, group = topic(6), name("group")
    sender = producer_of(broker.bootstrap)
    members = [join(log, group, partition_assignment_strategy=[assignors()[strategy]]) for _ in range(3)]
    assert [len(has) for has in share(members, log, 6)] == [2, 2, 2]
    assert admin.group(group) == ("Stable", "consumer", strategy, 3)
    for number in range(60):
        sender.send(log, b"%d" % number, partition=number % 6)
    sender.flush()
    wait_until(lambda: sum(len(one.records) for one in members) >= 60, what="all records")
    for one in members:
        assert {TopicPartition(log, record.partition) for record in one.records} == one.has
    assert sorted(int(record.value) for one in members for record in one.records) == list(range(60))
    for one in members:
        one.does(lambda consumer: consumer.commit())
    members[1].leave()
    stay = [members[0], members[2]]
    assert [len(has) for has in share(stay, log, 6)] == [3, 3]
    sender.send(log, b"60", partition=0)
    sender.close(timeout=5)
    wait_until(lambda: sum(len(one.records) for one in members) == 61, what="the record after the rebalance")


@pytest.mark.skipif(not MODERN, reason="kafka-python 2.0.2 knows no cooperative rebalance")
def test_a_cooperative_rebalance_keeps_what_stays(join, topic, name):
    """The first member never loses all: it is told only of the two that move."""
    log, group = topic(4), name("group")
    strategy = {"partition_assignment_strategy": [assignors()["cooperative-sticky"]]}
    first = join(log, group, **strategy)
    share([first], log, 4)
    second = join(log, group, **strategy)
    share([first, second], log, 4)
    assert [len(lost) for lost in first.revoked if lost] == [2]
    assert not [lost for lost in second.revoked if lost]


def test_more_members_than_partitions(join, topic, name):
    log, group = topic(1), name("group")
    members = [join(log, group) for _ in range(2)]
    wait_until(lambda: sorted(len(one.has) for one in members) == [0, 1], what="one member to have it")


def test_a_killed_member_is_replaced(join, topic, name, broker, program):
    """It cannot say goodbye: its session runs out after six seconds."""
    log, group = topic(2), name("group")
    victim = program("kafka_python_member.py", broker.bootstrap, log, group)
    victim.wait_for(lambda lines: "has 0 1" in lines)
    heir = join(log, group)
    victim.wait_for(lambda lines: lines[-1] in ("has 0", "has 1"))
    wait_until(lambda: len(heir.has) == 1, what="the second member to have one")
    victim.kill()
    share([heir], log, 2)


@pytest.mark.skipif(not MODERN, reason="kafka-python 2.0.2 knows no static members")
def test_a_static_member_comes_back(join, topic, name):
    """It keeps its seat while it is away; nobody else is troubled."""
    log, group = topic(4), name("group")
    stays = join(log, group, group_instance_id="seat-1")
    goes = join(log, group, group_instance_id="seat-2")
    before = share([stays, goes], log, 4)
    revoked = len(stays.revoked)
    goes.leave()
    back = join(log, group, group_instance_id="seat-2")
    assert share([stays, back], log, 4) == before
    assert len(stays.revoked) == revoked


def test_lag_is_told(join, topic, name, broker, admin):
    """What lag tools ask: the group's commits, and the ends of the log."""
    log, group = topic(2), name("group")
    sender = producer_of(broker.bootstrap)
    member = join(log, group)
    share([member], log, 2)
    for number in range(10):
        sender.send(log, b"v", partition=number % 2)
    sender.flush()
    wait_until(lambda: len(member.records) == 10, what="all records")
    member.does(lambda consumer: consumer.commit())
    for _ in range(3):
        sender.send(log, b"v", partition=0).get(10)
    sender.close(timeout=5)
    one, two = TopicPartition(log, 0), TopicPartition(log, 1)
    assert admin.offsets(group) == {one: 5, two: 5}
    ends = member.does(lambda consumer: consumer.end_offsets([one, two]))
    assert ends == {one: 8, two: 5}
    assert group in admin.groups()


def test_a_group_is_deleted_when_it_is_empty(join, topic, name, admin):
    log, group = topic(), name("group")
    member = join(log, group)
    share([member], log, 1)
    assert admin.delete_group(group) == "NonEmptyGroupError"
    member.does(lambda consumer: consumer.commit())
    member.leave()
    wait_until(lambda: admin.group(group)[0] == "Empty", what="the group to be empty")
    assert admin.delete_group(group) == "OK"
    assert group not in admin.groups()
    assert admin.delete_group(group) == "GroupIdNotFoundError"
