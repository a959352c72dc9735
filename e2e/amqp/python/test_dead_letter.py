"""Dead lettering: when, whereto, and what x-death tells."""

import datetime

import pytest

from harness.clients import bodies, drain, get, publish, ready, store, wait_ready
from support.broker import NARUMQ


class Dead:
    """A queue whose dead letters go, through an exchange, to a grave."""

    def __init__(self, channel, name):
        self.channel, self.name = channel, name
        self.exchange, self.grave, self.queue = name("dlx"), name("grave"), name("q")
        channel.exchange_declare(self.exchange, exchange_type="fanout")
        channel.queue_declare(self.grave)
        channel.queue_bind(self.grave, self.exchange)

    def declare(self, **arguments):
        """Declares the queue with the dead letter exchange and more x- arguments."""
        named = {key.replace("_", "-"): value for key, value in arguments.items()}
        self.channel.queue_declare(self.queue, arguments={"x-dead-letter-exchange": self.exchange} | named)

    def buried(self, queue=None):
        """Waits for one message in the grave and takes it."""
        wait_ready(self.channel, queue or self.grave, 1)
        return get(self.channel, queue or self.grave, auto_ack=True)


@pytest.fixture
def dead(channel, name):
    """The scene of dead lettering."""
    return Dead(channel, name)


def only_death(delivery):
    """The single entry of x-death."""
    deaths = delivery.headers["x-death"]
    assert len(deaths) == 1
    return deaths[0]


def test_rejected(dead, channel, kind):
    """A reject without requeue dead-letters; x-death says what, where and how often."""
    dead.declare()
    publish(channel, dead.queue, "m", headers={"mine": 1}, message_id="id")
    channel.basic_reject(get(channel, dead.queue).tag, requeue=False)
    delivery = dead.buried()
    assert (delivery.body, delivery.exchange, delivery.routing_key) == (b"m", dead.exchange, dead.queue)
    assert (delivery.redelivered, delivery.properties.message_id) == (False, "id")
    death = only_death(delivery)
    assert isinstance(death.pop("time"), datetime.datetime)
    assert death == {"count": 1, "reason": "rejected", "queue": dead.queue, "exchange": "",
                     "routing-keys": [dead.queue]}
    headers = {key: value for key, value in delivery.headers.items() if key != "x-death"}
    first = {"x-first-death-reason": "rejected", "x-first-death-queue": dead.queue, "x-first-death-exchange": ""}
    last = {key.replace("first", "last"): value for key, value in first.items()} if kind == NARUMQ else {}
    assert headers == {"mine": 1} | first | last


def test_nack_multiple(dead, channel):
    """nack multiple without requeue dead-letters all, in order."""
    dead.declare()
    publish(channel, dead.queue, *range(4))
    for _ in range(3):
        get(channel, dead.queue)
    channel.basic_nack(3, multiple=True, requeue=False)
    wait_ready(channel, dead.grave, 3)
    assert bodies(drain(channel, dead.grave)) == ["0", "1", "2"]


def test_expired_by_the_queue(dead, channel):
    """reason expired; no original-expiration, for the message had none."""
    dead.declare(x_message_ttl=50)
    publish(channel, dead.queue, "m")
    death = only_death(dead.buried())
    assert (death["reason"], death["count"]) == ("expired", 1)
    assert "original-expiration" not in death


def test_expired_by_its_own_time(dead, channel):
    """The expiration is taken off, so that it does not expire again, and told in x-death."""
    dead.declare()
    publish(channel, dead.queue, "m", expiration="50")
    delivery = dead.buried()
    death = only_death(delivery)
    assert (death["reason"], death["original-expiration"]) == ("expired", "50")
    assert delivery.properties.expiration is None


def test_dropped_for_length(dead, channel):
    """reason maxlen, for the oldest message."""
    dead.declare(x_max_length=2)
    publish(channel, dead.queue, *range(3))
    delivery = dead.buried()
    assert (delivery.body, only_death(delivery)["reason"]) == (b"0", "maxlen")
    assert bodies(drain(channel, dead.queue)) == ["1", "2"]


def test_own_routing_key(dead, channel, name):
    """x-dead-letter-routing-key replaces the key; x-death keeps the original."""
    target = name("direct")
    channel.queue_declare(target)
    channel.queue_declare(dead.queue, arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": target})
    publish(channel, dead.queue, "m")
    channel.basic_reject(get(channel, dead.queue).tag, requeue=False)
    delivery = dead.buried(target)
    assert (delivery.exchange, delivery.routing_key) == ("", target)
    assert only_death(delivery)["routing-keys"] == [dead.queue]


def test_exchange_and_keys_of_the_publish(dead, channel, name):
    """x-death names the exchange and all routing keys of the publish, CC among them, BCC not."""
    dead.declare()
    exchange = name("x")
    channel.exchange_declare(exchange, exchange_type="topic")
    channel.queue_bind(dead.queue, exchange, "a.#")
    publish(channel, "a.b", "m", exchange=exchange, headers={"CC": ["c.d"], "BCC": ["e.f"]})
    channel.basic_reject(get(channel, dead.queue).tag, requeue=False)
    death = only_death(dead.buried())
    assert (death["exchange"], death["routing-keys"]) == (exchange, ["a.b", "c.d"])


def test_missing_exchange_drops(channel, name):
    """Without the dead letter exchange the message is dropped and nothing closes."""
    queue = name()
    channel.queue_declare(queue, arguments={"x-dead-letter-exchange": name("never")})
    store(channel, queue, "m")
    channel.basic_reject(get(channel, queue).tag, requeue=False)
    assert ready(channel, queue) == 0
    assert channel.is_open


def test_deaths_are_counted(dead, channel):
    """The same queue and reason again raises the count; the entry stays one."""
    dead.declare()
    publish(channel, dead.queue, "m")
    for count in range(1, 4):
        channel.basic_reject(get(channel, dead.queue).tag, requeue=False)
        delivery = dead.buried()
        assert only_death(delivery)["count"] == count
        channel.basic_publish("", dead.queue, delivery.body, delivery.properties)


def test_newest_death_is_first(channel, name, kind):
    """Each queue has its entry, the latest death first; x-first-death stays the first."""
    last, second, first = name("last"), name("second"), name("first")
    channel.queue_declare(last)
    channel.queue_declare(second, arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": last})
    channel.queue_declare(first, arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": second})
    publish(channel, first, "m", expiration="20")
    wait_ready(channel, second, 1)
    channel.basic_reject(get(channel, second).tag, requeue=False)
    wait_ready(channel, last, 1)
    headers = get(channel, last, auto_ack=True).headers
    assert [(death["queue"], death["reason"]) for death in headers["x-death"]] == [
        (second, "rejected"), (first, "expired")]
    assert (headers["x-first-death-queue"], headers["x-first-death-reason"]) == (first, "expired")
    if kind == NARUMQ:
        assert (headers["x-last-death-queue"], headers["x-last-death-reason"]) == (second, "rejected")


def test_a_circle_of_expiry_ends(channel, name):
    """A message that would go round by expiry alone is dropped when it comes to a queue again."""
    one, two = name("one"), name("two")
    channel.queue_declare(one, arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": two,
                                          "x-message-ttl": 30})
    channel.queue_declare(two, arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": one,
                                          "x-message-ttl": 30})
    store(channel, one, "m")
    wait_ready(channel, two, 1)
    wait_ready(channel, two, 0)
    # Had it gone on, it would be in one or the other at every moment.
    assert (ready(channel, one), ready(channel, two)) == (0, 0)


def test_a_queue_that_dead_letters_to_itself_by_expiry(channel, name):
    """The smallest circle: the message is dropped."""
    queue = name()
    channel.queue_declare(queue, arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": queue,
                                            "x-message-ttl": 30})
    store(channel, queue, "m")
    wait_ready(channel, queue, 0)
    assert get(channel, queue) is None


def test_a_circle_with_a_reject_goes_on(channel, name):
    """Retry with delay: reject → wait queue → expiry → work queue, as often as one rejects."""
    work, wait = name("work"), name("wait")
    channel.queue_declare(work, arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": wait})
    channel.queue_declare(wait, arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": work,
                                           "x-message-ttl": 30})
    publish(channel, work, "m")
    for count in range(4):
        wait_ready(channel, work, 1)
        delivery = get(channel, work)
        counts = {(death["queue"], death["reason"]): death["count"] for death in delivery.headers.get("x-death", [])}
        assert counts == ({(work, "rejected"): count, (wait, "expired"): count} if count else {})
        channel.basic_reject(delivery.tag, requeue=False)


def test_purge_and_delete_do_not_dead_letter(dead, channel):
    """What is purged or goes with its queue is not dead-lettered."""
    dead.declare()
    publish(channel, dead.queue, "a")
    channel.queue_purge(dead.queue)
    publish(channel, dead.queue, "b")
    channel.queue_delete(dead.queue)
    assert ready(channel, dead.grave) == 0
