"""Classic groups byte for byte: joins, rebalances, generations, static members, commits."""

import pytest

UNKNOWN_TOPIC, METADATA_TOO_LARGE, ILLEGAL_GENERATION, INCONSISTENT, INVALID_GROUP = 3, 12, 22, 23, 24
UNKNOWN_MEMBER, INVALID_SESSION, REBALANCE, MEMBER_ID_REQUIRED, FENCED_INSTANCE = 25, 26, 27, 79, 82


@pytest.fixture
def group(name):
    """A group of a test's own."""
    return name("group")


@pytest.fixture
def alone(member, group):
    """A group whose only member has its assignment."""
    only = member(group)
    assert only.join().error == 0
    assert only.sync({only.id: b"all"}) == (0, b"all")
    return only


def pair(member, group, *, instance=None):
    """Two members of one generation; the first leads."""
    first, second = member(group), member(group, instance)
    assert first.join().error == 0
    first.sync({first.id: b"all"})
    second.send_join()
    answer = None
    if instance is None:  # the id comes first, the waiting after
        assert second.joined().error == MEMBER_ID_REQUIRED
        second.send_join()
    while first.heartbeat() != REBALANCE:
        pass
    answer = first.join()
    assert second.joined().error == 0
    assert answer.leads and len(answer.members) == 2
    first.send_sync({first.id: b"one", second.id: b"two"})
    assert second.sync() == (0, b"two")
    assert first.synced() == (0, b"one")
    return first, second


def test_a_new_member_is_told_its_id_first(member, group):
    new = member(group)
    new.send_join()
    answer = new.joined()
    assert answer.error == MEMBER_ID_REQUIRED and answer.member and answer.members == []
    new.send_join()
    answer = new.joined()
    assert (answer.error, answer.generation, answer.protocol, answer.leads) == (0, 1, "range", True)
    assert answer.members == [(new.id, b"meta")]


def test_before_version_4_a_new_member_joins_at_once(member, group):
    """As kafka-python 2.0.2 does."""
    new = member(group)
    new.send_join(version=2)
    assert new.joined().error == 0


def test_two_members_share(member, group):
    first, second = pair(member, group)
    assert first.generation == second.generation == 2
    error, state, kind, protocol, members = first.state()
    assert (error, state, kind, protocol) == (0, "Stable", "consumer", "range")
    assert sorted(members) == sorted([first.id, second.id])


def test_the_protocol_is_one_that_all_speak(member, group):
    first, second = member(group), member(group)
    first.join("new", "old")
    first.sync({first.id: b""})
    second.send_join("old", "older")
    second.joined()
    second.send_join("old", "older")
    while first.heartbeat() != REBALANCE:
        pass
    assert first.join("new", "old").protocol == "old"
    assert second.joined().protocol == "old"


def test_no_common_protocol(member, alone, group):
    other = member(group)
    assert other.join("sticky").error == INCONSISTENT
    assert other.join("range", kind="connect").error == INCONSISTENT


def test_no_protocol_at_all(member, group):
    new = member(group)
    new.send_join(kind="")
    assert new.joined().error == INCONSISTENT


def test_any_kind_of_group_is_taken(member, group):
    """Kafka Connect and the schema registry have groups of their own kinds."""
    worker = member(group)
    assert worker.join("sessioned", kind="connect").error == 0
    worker.sync({worker.id: b"\0\1\2"})
    assert worker.state()[1:4] == ("Stable", "connect", "sessioned")


@pytest.mark.parametrize("session", [0, 100, 5_999, 1_800_001, -1])
def test_session_timeouts_out_of_bounds(member, group, session):
    assert member(group).join(session=session).error == INVALID_SESSION


def test_a_group_needs_a_name(member, name):
    nameless = member(name("group"))
    nameless.group = ""
    assert nameless.join().error == INVALID_GROUP


def test_unknown_members(member, alone, group, topic):
    stranger = member(group)
    assert stranger.join(member="nobody-1").error == UNKNOWN_MEMBER
    assert stranger.heartbeat(generation=1, member="nobody-1") == UNKNOWN_MEMBER
    assert stranger.leave(member="nobody-1") == UNKNOWN_MEMBER
    stranger.id, stranger.generation = "nobody-1", 1
    assert stranger.sync()[0] == UNKNOWN_MEMBER
    assert stranger.commit(topic(), 1) == UNKNOWN_MEMBER


def test_unknown_groups(member, name):
    stranger = member(name("group"))
    assert stranger.heartbeat(generation=1, member="nobody-1") == UNKNOWN_MEMBER
    assert stranger.leave(member="nobody-1") == UNKNOWN_MEMBER
    assert stranger.join(member="nobody-1").error == UNKNOWN_MEMBER
    assert stranger.state()[1] == "Dead"


def test_other_generations(member, alone, topic):
    name = topic()
    assert alone.heartbeat() == 0
    for generation in (0, 2, -1):
        assert alone.heartbeat(generation=generation) == ILLEGAL_GENERATION
    assert alone.commit(name, 1, generation=2) == ILLEGAL_GENERATION
    alone.generation = 7
    assert alone.sync()[0] == ILLEGAL_GENERATION


def test_a_member_that_leaves_makes_room(member, group):
    first, second = pair(member, group)
    assert second.leave() == 0
    while (error := first.heartbeat()) == 0:
        pass
    assert error == REBALANCE
    answer = first.join()
    assert (answer.generation, len(answer.members)) == (3, 1)
    assert second.heartbeat() == UNKNOWN_MEMBER


def test_a_group_that_everyone_left_is_empty(alone):
    assert alone.leave() == 0
    assert alone.state()[1:2] == ("Empty",)


def test_a_closed_connection_is_no_leave(member, group, alone):
    """Only time removes a member: the client may come back on another connection."""
    alone.socket.close()
    again = member(group)
    again.id, again.generation = alone.id, alone.generation
    assert again.heartbeat() == 0


def test_a_crashed_member_is_forgotten_after_its_session(member, group):
    """The shortest session there is, six seconds."""
    crashed = member(group)
    assert crashed.join(session=6000).error == 0
    crashed.sync({crashed.id: b""})
    crashed.socket.close()
    heir = member(group)
    assert heir.join(rebalance=30_000).members == [(heir.id, b"meta")]


def test_commits_are_taken_in_a_rebalance(member, alone, group, topic):
    """So that a consumer can commit what it has done before it gives its partitions away."""
    name = topic()
    second = member(group)
    second.send_join()
    second.joined()
    second.send_join()
    while alone.heartbeat() != REBALANCE:
        pass
    assert alone.commit(name, 5) == 0
    assert alone.join().error == 0
    assert second.joined().error == 0
    assert alone.commit(name, 6) == REBALANCE  # nobody has an assignment yet
    assert alone.committed(name) == (0, 5, "")


def test_a_static_member_comes_back_without_a_rebalance(member, group):
    first, second = pair(member, group, instance="seat-2")
    second.socket.close()
    back = member(group, "seat-2")
    answer = back.join()
    assert (answer.error, answer.generation) == (0, second.generation)
    assert back.id != second.id
    assert back.sync() == (0, b"two")
    assert first.heartbeat() == 0


def test_a_static_members_double_is_fenced(member, group, topic):
    _, second = pair(member, group, instance="seat-2")
    assert member(group, "seat-2").join().error == 0
    assert second.heartbeat() == FENCED_INSTANCE
    assert second.commit(topic(), 1) == FENCED_INSTANCE


def test_a_static_member_keeps_its_seat_when_it_leaves_by_id(member, group):
    """Only an administrator removes it, naming the seat and no member id."""
    first, second = pair(member, group, instance="seat-2")
    assert second.leave(member="") == 0
    assert second.heartbeat() == UNKNOWN_MEMBER
    while first.heartbeat() == 0:
        pass


def test_simple_commits_need_no_member(member, group, topic):
    """assign() instead of subscribe(): generation -1 and no id, as long as nobody is in the group."""
    name, simple = topic(3), member(group)
    assert simple.commit(name, 42, metadata="what I did") == 0
    assert simple.commit(name, 7, partition=2) == 0
    assert simple.committed(name) == (0, 42, "what I did")
    assert simple.committed(name, 1) == (0, -1, "")
    assert simple.committed(None) == {(name, 0): (0, 42, "what I did"), (name, 2): (0, 7, "")}
    assert simple.state()[1] == "Empty"


def test_simple_commits_are_refused_while_there_are_members(member, alone, group, topic):
    simple = member(group)
    assert simple.commit(topic(), 1) == UNKNOWN_MEMBER


def test_nothing_committed_is_no_error(member, name, topic):
    """A group that does not exist: -1, and no error."""
    stranger, topic_name = member(name("group")), topic()
    assert stranger.committed(topic_name) == (0, -1, "")
    assert stranger.committed(None) == {}


def test_metadata_has_a_limit(member, group, topic):
    name, simple = topic(), member(group)
    assert simple.commit(name, 1, metadata="x" * 4096) == 0
    assert simple.commit(name, 2, metadata="x" * 4097) == METADATA_TOO_LARGE
    assert simple.committed(name)[1] == 1


def test_offsets_of_unknown_topics(member, group, name):
    assert member(group).commit(name(), 1) == UNKNOWN_TOPIC


def test_a_follower_waits_for_the_leader(member, group):
    first, second = member(group), member(group)
    first.join()
    first.sync({first.id: b""})
    second.send_join()
    second.joined()
    second.send_join()
    while first.heartbeat() != REBALANCE:
        pass
    first.join()
    second.joined()
    second.send_sync()
    assert first.heartbeat() == 0  # the generation is complete, its assignment is not
    assert first.sync({second.id: b"s"}) == (0, b"")
    assert second.synced() == (0, b"s")
    assert first.heartbeat() == 0
