"""librdkafka in groups: the classic protocol with each of its strategies, static members, members that crash."""

import pytest

from harness.confluent import Member, producer_of, send  # noqa: F401: `join` makes this Member
from harness.members import share
from support.waiting import wait_until


@pytest.mark.parametrize("strategy", ["range", "roundrobin", "cooperative-sticky"])
def test_three_members_share(join, topic, name, broker, strategy):
    log, group = topic(6), name("group")
    members = [join(log, group, partition_assignment_strategy=strategy) for _ in range(3)]
    assert [len(has) for has in share(members, log, 6)] == [2, 2, 2]
    sender = producer_of(broker.bootstrap)
    for number in range(60):
        sender.produce(log, b"%d" % number, partition=number % 6)
    assert sender.flush(10) == 0
    wait_until(lambda: sum(len(one.messages) for one in members) >= 60, what="all messages")
    assert sorted(int(message.value()) for one in members for message in one.messages) == list(range(60))
    for one in members:
        one.does(lambda consumer: consumer.commit(asynchronous=False))
    members[1].leave()
    assert [len(has) for has in share([members[0], members[2]], log, 6)] == [3, 3]
    send(sender, log, [b"60"], partition=0)
    wait_until(lambda: sum(len(one.messages) for one in members) == 61, what="the message after the rebalance")


def test_a_cooperative_rebalance_keeps_what_stays(join, topic, name):
    log, group = topic(4), name("group")
    first = join(log, group, partition_assignment_strategy="cooperative-sticky")
    share([first], log, 4)
    second = join(log, group, partition_assignment_strategy="cooperative-sticky")
    share([first, second], log, 4)
    assert [len(gone) for gone in first.revoked] == [2]
    assert second.revoked == [] and first.lost == []


def test_a_killed_member_is_replaced(join, topic, name, broker, program):
    log, group = topic(2), name("group")
    victim = program("confluent_member.py", broker.bootstrap, log, group)
    victim.wait_for(lambda lines: "has 0 1" in lines)
    heir = join(log, group)
    wait_until(lambda: len(heir.has) == 1, what="the second member to have one")
    victim.kill()
    share([heir], log, 2)


def test_a_static_member_comes_back(join, topic, name):
    log, group = topic(4), name("group")
    stays = join(log, group, group_instance_id="seat-1")
    goes = join(log, group, group_instance_id="seat-2")
    before = share([stays, goes], log, 4)
    revoked = len(stays.revoked)
    goes.leave()
    back = join(log, group, group_instance_id="seat-2")
    assert share([stays, back], log, 4) == before
    assert len(stays.revoked) == revoked


def test_a_static_members_double_is_fenced(join, topic, name):
    """The older one has a fatal error; there can be only one on a seat."""
    log, group = topic(1), name("group")
    first = join(log, group, group_instance_id="seat-1")
    share([first], log, 1)
    second = join(log, group, group_instance_id="seat-1")
    wait_until(lambda: second.has, what="the second to have the seat")
    wait_until(lambda: first.does(lambda consumer: not consumer.assignment()) or first.failure, what="the fence")
