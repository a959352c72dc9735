"""The checker itself: histories that keep every promise, and histories that break just one."""

import pytest

from soak.checker import KINDS, judge
from soak.history import History
from soak.topology import ALL, DEAD, DIRECT, FAN_A, FAN_B, LEDGER, LOW, QUEUES, RECEIPTS, WORK
from soak.violation import Violation, tally

TO_DIRECT, TO_FAN, TO_LOW, TO_WORK, TO_LEDGER = 0, 1, 2, 4, 5


def violations(strict=True, **clients):
    """The kinds of violation that the checker finds in these clients' lines."""
    history = History()
    for client, lines in clients.items():
        history.lines(client, [line.strip() for line in lines.strip().splitlines()])
    return sorted(violation.kind for violation in judge(history, strict))


def delivered(queue, sequence, time, *, session=1, channel=1, redelivered=0, producer=1):
    """A line of a delivery."""
    return f"D {session} {channel} {QUEUES.index(queue)} {producer} {sequence} {redelivered} {time}\n"


def confirmed(target, *sequences, session="s 1 1\n"):
    """The lines of a producer with confirms."""
    return session + "".join(f"P {one} {target} 0\nC {one}\n" for one in sequences)


def end(session=1, how="closed", time=900, text="-"):
    """The line of a connection's end."""
    return f"e {session} {how} {time} {text}\n"


KILLED = "G 1 kill 500\n"
LOST = end(how="lost", time=501)


def test_nothing_wrong():
    """Acked, rejected and acked among the dead, returned and acked, unconfirmed and never seen."""
    consumer = ("s 1 1\n" + delivered(DIRECT, 1, 10) + "A 0\n" + delivered(WORK, 2, 20) + "J 1\n"
                + delivered(DEAD, 2, 30) + "A 2\n" + delivered(DIRECT, 3, 40) + "Q 3\n"
                + delivered(DIRECT, 3, 50, redelivered=1) + "A 4\nB 1\n" + end())
    producer = "s 1 1\nP 1 0 0\nC 1\nP 2 4 0\nC 2\nP 3 0 0\nC 3\nP 4 0 0\n" + end()
    assert violations(p1=producer, c2=consumer) == []


def test_lost_in_one_of_two_queues():
    """A copy is owed by each queue of a fanout."""
    consumer = "s 1 1\n" + delivered(FAN_A, 1, 10) + "A 0\n"
    assert violations(p1=confirmed(TO_FAN, 1), c2=consumer) == ["lost"]
    both = consumer + delivered(FAN_B, 1, 20) + "A 1\n"
    assert violations(p1=confirmed(TO_FAN, 1), c2=both) == []


@pytest.mark.parametrize("fate", ["", "Q 0\n"])
def test_delivered_but_not_settled_is_lost(fate):
    """A message that was seen, not acked, and never came again is lost."""
    assert violations(p1=confirmed(TO_DIRECT, 1), c2="s 1 1\n" + delivered(DIRECT, 1, 10) + fate) == ["lost"]


def test_unconfirmed_or_refused_may_be_lost():
    """Nothing is owed for a publish without a confirm or with a nack."""
    assert violations(p1="s 1 1\nP 1 0 0\nP 2 0 0\nN 2\n") == []


def test_lost_on_the_way_to_the_dead():
    """A rejected message must come out of the queue of the dead."""
    consumer = "s 1 1\n" + delivered(WORK, 1, 10) + "J 0\n"
    assert violations(p1=confirmed(TO_WORK, 1), c2=consumer) == ["lost"]
    seen = consumer + delivered(DEAD, 1, 20)
    assert violations(p1=confirmed(TO_WORK, 1), c2=seen) == ["lost"]


def test_committed_is_owed():
    """tx.commit-ok is a promise like a confirm, and an unanswered commit is none."""
    assert violations(p1="s 1 1\nP 1 5 1\nm 1\nk 1\n") == ["lost"]
    assert violations(p1="s 1 1\nP 1 5 1\nm 1\n") == []


@pytest.mark.parametrize(("producer", "queue"), [
    ("s 1 1\n", DIRECT),
    (confirmed(TO_FAN, 2), DIRECT),
    ("s 1 1\nP 1 5 1\n", LEDGER),
    ("s 1 1\nP 1 0 0\n", LEDGER),
    ("s 1 1\nP 1 4 0\n", DEAD),
], ids=["never published", "another one", "rolled back", "not routed", "not rejected"])
def test_phantom(producer, queue):
    """What nobody published, committed, routed or rejected there must not come."""
    consumer = "s 1 1\n" + delivered(queue, 1, 10) + "A 0\n"
    for place, name in enumerate((FAN_A, FAN_B), 1):
        if "P 2" in producer:
            consumer += delivered(name, 2, 10 + place) + f"A {place}\n"
    assert violations(p1=producer, c2=consumer) == ["phantom"]


def test_changed_body_is_a_phantom():
    """A body that no producer wrote."""
    assert violations(c2="s 1 1\nX 0 5 bytes b'1 7 x'\n") == ["phantom"]


def after_kill(*, redelivered=1, fate="A 0\n", barrier=""):
    """One message delivered before a kill and again after it."""
    first = "s 1 1\n" + delivered(DIRECT, 1, 10) + fate + barrier + LOST
    second = "s 2 2\n" + delivered(DIRECT, 1, 600, session=2, channel=2, redelivered=redelivered) + "A 1\n" + end(2)
    return {"p1": confirmed(TO_DIRECT, 1), "c2": first + second, "killer": KILLED}


def test_acked_may_come_back_after_a_kill():
    """An ack without a barrier may be lost with the broker."""
    assert violations(**after_kill()) == []
    assert violations(**after_kill(fate="")) == []


def test_acked_for_good_must_not_come_back():
    """Once close-ok or commit-ok followed, the ack stands."""
    assert violations(**after_kill(barrier="B 1\n")) == ["resurrected"]


def test_rejected_for_good_must_not_come_back():
    """The same for a rejection."""
    consumer = ("s 1 1\n" + delivered(WORK, 1, 10) + "J 0\nB 1\n" + LOST + "s 2 2\n"
                + delivered(WORK, 1, 600, session=2, channel=2, redelivered=1) + "A 1\n")
    assert violations(p1=confirmed(TO_WORK, 1), c2=consumer, killer=KILLED) == ["resurrected"]


def test_barrier_of_another_channel_says_nothing():
    """close-ok vouches for its own channel only."""
    assert violations(**after_kill(barrier="B 9\n")) == []


def test_duplicate_without_mark():
    """A second delivery must be marked, for the strict and for any other broker."""
    assert violations(**after_kill(redelivered=0)) == ["unmarked", "unmarked"]
    assert violations(False, **after_kill(redelivered=0)) == ["unmarked"]


def test_returned_without_mark():
    """Also within one run of the broker."""
    consumer = "s 1 1\n" + delivered(DIRECT, 1, 10) + "Q 0\n" + delivered(DIRECT, 1, 20) + "A 1\n"
    assert violations(p1=confirmed(TO_DIRECT, 1), c2=consumer) == ["unmarked"]


def test_mark_on_the_wrong_one():
    """Fresh after marked is wrong even if only one of them is fresh."""
    consumer = ("s 1 1\n" + delivered(DIRECT, 1, 10, redelivered=1) + "Q 0\n" + delivered(DIRECT, 1, 20) + "A 1\n")
    assert violations(p1=confirmed(TO_DIRECT, 1), c2=consumer) == ["spurious", "unmarked"]


def test_survivor_of_a_kill_without_mark():
    """Someone may have seen it; only the strict broker promises to say so."""
    clients = {"p1": confirmed(TO_DIRECT, 1), "killer": KILLED,
               "c2": "s 1 2\n" + delivered(DIRECT, 1, 600) + "A 0\n"}
    assert violations(**clients) == ["unmarked"]
    assert violations(False, **clients) == []


@pytest.mark.parametrize(("how", "found"), [("term", ["spurious"]), ("hasty", []), ("kill", [])])
def test_mark_without_a_delivery(how, found):
    """After a clean stop only what was delivered is marked; after a kill everything is."""
    consumer = "s 1 2\n" + delivered(DIRECT, 1, 600, redelivered=1) + "A 0\n"
    assert violations(p1=confirmed(TO_DIRECT, 1) + end(how="lost", time=501) if how == "kill"
                      else confirmed(TO_DIRECT, 1) + end(how="told", time=501),
                      c2=consumer, killer=f"G 1 {how} 500\n") == found


def test_clean_stop_with_a_client_cut_off():
    """What was under way to a client that heard nothing of the stop may be marked."""
    consumer = "s 1 1\n" + LOST + "s 2 2\n" + delivered(DIRECT, 1, 600, session=2, redelivered=1) + "A 0\n"
    assert violations(p1=confirmed(TO_DIRECT, 1), c2=consumer, killer="G 1 term 500\n") == []


@pytest.mark.parametrize("fate", ["", "A 0\n"])
def test_handed_out_twice(fate):
    """In one run of the broker a message that was not returned does not go to another consumer."""
    first = "s 1 1\n" + delivered(DIRECT, 1, 10) + fate
    second = "s 1 1\n" + delivered(DIRECT, 1, 20, redelivered=1) + "A 0\n"
    assert violations(p1=confirmed(TO_DIRECT, 1), c2=first, c3=second) == ["doubled"]


def test_misordered():
    """First deliveries of one producer in one queue ascend at each consumer."""
    consumer = "s 1 1\n" + delivered(DIRECT, 2, 10) + "A 0\n" + delivered(DIRECT, 1, 20) + "A 1\n"
    assert violations(p1=confirmed(TO_DIRECT, 1, 2), c2=consumer) == ["misordered"]
    apart = {"c2": "s 1 1\n" + delivered(DIRECT, 2, 10) + "A 0\n", "c3": "s 1 1\n" + delivered(DIRECT, 1, 20) + "A 0\n"}
    assert violations(p1=confirmed(TO_DIRECT, 1, 2), **apart) == []


def test_order_of_two_producers_or_queues_is_free():
    """Order is owed to one producer in one queue."""
    consumer = "s 1 1\n" + delivered(DIRECT, 2, 10) + "A 0\n" + delivered(DIRECT, 1, 20, producer=2) + "A 1\n"
    assert violations(p1=confirmed(TO_DIRECT, 2), p2=confirmed(TO_DIRECT, 1), c3=consumer) == []
    topic = ("s 1 1\n" + delivered(LOW, 2, 10) + "A 0\n" + delivered(ALL, 1, 20) + "A 1\n" + delivered(ALL, 2, 30)
             + "A 2\n")
    assert violations(p1="s 1 1\nP 1 3 0\nC 1\nP 2 2 0\nC 2\n", c2=topic) == []


def test_returned_ones_come_again_out_of_order():
    """A redelivery may come whenever it likes."""
    consumer = ("s 1 1\n" + delivered(DIRECT, 1, 10) + "Q 0\n" + delivered(DIRECT, 2, 20) + "A 1\n"
                + delivered(DIRECT, 1, 30, redelivered=1) + "A 2\n")
    assert violations(p1=confirmed(TO_DIRECT, 1, 2), c2=consumer) == []


def test_misordered_after_a_kill():
    """What survived comes in the old order too; a broker with a queue of returns does not promise that."""
    consumer = ("s 1 2\n" + delivered(DIRECT, 2, 610, redelivered=1) + "A 0\n"
                + delivered(DIRECT, 1, 620, redelivered=1) + "A 1\n")
    clients = {"p1": confirmed(TO_DIRECT, 1, 2), "c2": consumer, "killer": KILLED}
    assert violations(**clients) == ["misordered"]
    assert violations(False, **clients) == []


def test_torn_transaction():
    """Of an unanswered commit either everything survives the kill or nothing."""
    producer = "s 1 1\nP 1 5 1\nP 2 5 1\nm 1\n"
    part = "s 1 2\n" + delivered(LEDGER, 1, 600, redelivered=1) + "A 0\n"
    assert violations(p1=producer, c2=part, killer=KILLED) == ["torn"]
    whole = part + delivered(LEDGER, 2, 610, redelivered=1) + "A 1\n"
    assert violations(p1=producer, c2=whole, killer=KILLED) == []
    acked_before = "s 1 1\n" + delivered(LEDGER, 2, 400) + "A 0\n"
    assert violations(p1=producer, c2=part, c3=acked_before, killer=KILLED) == []


def test_second_entry_among_the_dead():
    """A rejection lost in a kill happens again, and its copy is fresh again; without a second rejection it is not."""
    first = ("s 1 1\n" + delivered(WORK, 1, 10) + "J 0\n" + delivered(DEAD, 1, 20) + "A 1\n" + LOST + "s 2 2\n")
    again = delivered(WORK, 1, 600, session=2, redelivered=1) + "J 2\n" + delivered(DEAD, 1, 610, session=2) + "A 3\n"
    assert violations(p1=confirmed(TO_WORK, 1), c2=first + again, killer=KILLED) == []
    only_dead = delivered(DEAD, 1, 610, session=2) + "A 2\n"
    assert violations(p1=confirmed(TO_WORK, 1), c2=first + only_dead, killer=KILLED) == ["unmarked", "unmarked"]


def test_lost_on_the_way_on():
    """What was acked in a transaction that passed it on must come out where it was passed on to."""
    producer = "s 1 1\nP 1 5 1\nm 1\nk 1\n"
    consumer = "s 1 1\n" + delivered(LEDGER, 1, 10) + "A 0\nB 1\n"
    assert violations(p1=producer, c2=consumer) == ["lost"]
    assert violations(p1=producer, c2=consumer + delivered(RECEIPTS, 1, 20, channel=2) + "A 1\n") == []
    assert violations(p1=producer, drain="s 1 1\n" + delivered(LEDGER, 1, 10) + "Z 0\n") == []


def test_passed_on_and_yet_still_there():
    """Ack and passing on are one: the first commit cannot have left its receipt and not its ack."""
    first = ("s 1 1\n" + delivered(LEDGER, 1, 10) + "A 0\n" + delivered(RECEIPTS, 1, 20, channel=2) + "A 1\nB 2\n"
             + LOST + "s 2 2\n")
    again = (delivered(LEDGER, 1, 600, session=2, channel=3, redelivered=1) + "A 2\nB 3\n"
             + delivered(RECEIPTS, 1, 610, session=2, channel=4) + "A 3\n")
    clients = {"p1": "s 1 1\nP 1 5 1\nm 1\nk 1\n", "c2": first + again, "killer": KILLED}
    assert violations(**clients) == ["resurrected"]
    assert violations(**clients | {"c2": clients["c2"].replace("B 2\n", "")}) == []


def test_a_client_that_cut_its_connection():
    """Its unread deliveries come back marked and late, and its last acks may be lost, but no ack that was vouched for."""
    cut = "s 1 1\n" + delivered(DIRECT, 2, 10) + "A 0\n" + end(how="cut", time=15)
    other = ("s 1 1\n" + delivered(DIRECT, 2, 20, redelivered=1) + "A 0\n"
             + delivered(DIRECT, 1, 30, redelivered=1) + "A 1\n")
    clients = {"p1": confirmed(TO_DIRECT, 1, 2), "c2": cut, "c3": other}
    assert violations(**clients) == []
    assert violations(**clients | {"c2": cut.replace("A 0\n", "A 0\nB 1\n")}) == ["doubled"]
    fresh = other.replace(" 1 20", " 0 20")
    assert violations(**clients | {"c3": fresh}) == ["unmarked"]


def test_counts_and_answers():
    """Depths that do not agree, and publishes that were never answered."""
    assert violations(drain="s 1 1\nL 0 3 2 depth\nL 1 4 4 depth\n") == ["miscounted"]
    assert violations(p1="s 1 1\nP 1 0 0\nU 1\n") == ["unanswered"]


@pytest.mark.parametrize(("how", "time", "stop", "found"), [
    ("lost", 501, KILLED, []),
    ("told", 501, "G 1 term 500\n", []),
    ("told", 501, "G 1 hasty 500\n", []),
    ("cut", 100, KILLED, []),
    ("lost", 499, KILLED, ["dropped"]),
    ("told", 501, KILLED, ["dropped"]),
    ("refused", 501, KILLED, ["dropped"]),
    ("lost", 501, "G 2 kill 500\n", ["dropped"]),
])
def test_ends_of_connections(how, time, stop, found):
    """A connection ends only when the broker was signalled, and with words only when it could say them."""
    assert violations(p1="s 1 1\n" + end(how=how, time=time), killer=stop) == found


def test_tally_names_every_kind():
    """The report has a row for what did not happen, too, and one for what the broker itself did not do."""
    counts = tally([Violation("lost", ""), Violation("broker", ""), Violation("lost", "")], KINDS)
    assert counts == dict.fromkeys(KINDS, 0) | {"lost": 2, "broker": 1}
