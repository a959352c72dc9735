"""Direct reply-to: answers without a queue."""

import os
import subprocess
import urllib.error
import urllib.request

import pika
import pytest

from harness.clients import Inbox, get, publish
from support.broker import NARUMQ

PSEUDO = "amq.rabbitmq.reply-to"


@pytest.fixture
def requests(channel, name):
    """The queue a server takes requests from."""
    queue = name("requests")
    channel.queue_declare(queue)
    return queue


def test_request_and_answer(connect, channel, requests):
    """The server sees an address of its own making and answers through the default exchange."""
    client = connect().channel()
    answers = Inbox(client, PSEUDO, auto_ack=True)
    publish(client, requests, "ping", reply_to=PSEUDO, correlation_id="c-1")
    client.basic_qos(prefetch_count=0)
    request = get(channel, requests, auto_ack=True)
    assert request.properties.reply_to.startswith(PSEUDO + ".")
    assert request.properties.reply_to != PSEUDO
    publish(channel, request.properties.reply_to, "pong", correlation_id=request.properties.correlation_id)
    answer = answers.one()
    assert (answer.body, answer.properties.correlation_id, answer.redelivered) == (b"pong", "c-1", False)
    assert (answer.exchange, answer.routing_key) == ("", request.properties.reply_to)


def test_many_answers(connect, channel, requests):
    """Several answers to one request, in order."""
    client = connect().channel()
    answers = Inbox(client, PSEUDO, auto_ack=True)
    publish(client, requests, "ping", reply_to=PSEUDO)
    client.basic_qos(prefetch_count=0)
    address = get(channel, requests, auto_ack=True).properties.reply_to
    publish(channel, address, *range(20))
    assert [answer.body for answer in answers.take(20)] == [str(n).encode() for n in range(20)]


def test_declaring_the_address_asks_whether_the_client_is_there(connect, channel, requests):
    """A passive declare of the address succeeds while the client consumes, and fails after."""
    client = connect()
    asking = client.channel()
    Inbox(asking, PSEUDO, auto_ack=True)
    publish(asking, requests, "ping", reply_to=PSEUDO)
    asking.basic_qos(prefetch_count=0)
    address = get(channel, requests, auto_ack=True).properties.reply_to
    told = channel.queue_declare(address, passive=True).method
    assert (told.queue, told.message_count, told.consumer_count) == (address, 0, 1)
    client.close()
    with pytest.raises(pika.exceptions.ChannelClosedByBroker) as caught:
        channel.queue_declare(address, passive=True)
    assert caught.value.reply_code == 404


def test_answer_to_a_client_that_is_gone(connect, channel, requests):
    """The answer is unroutable: dropped, or returned when mandatory."""
    client = connect()
    asking = client.channel()
    Inbox(asking, PSEUDO, auto_ack=True)
    publish(asking, requests, "ping", reply_to=PSEUDO)
    asking.basic_qos(prefetch_count=0)
    address = get(channel, requests, auto_ack=True).properties.reply_to
    client.close()
    channel.confirm_delivery()
    publish(channel, address, "pong")
    with pytest.raises(pika.exceptions.UnroutableError):
        publish(channel, address, "pong", mandatory=True)


def test_cancel_and_consume_again(channel, requests):
    """After cancel the channel may consume answers anew."""
    first = Inbox(channel, PSEUDO, auto_ack=True)
    channel.basic_cancel(first.tag)
    second = Inbox(channel, PSEUDO, auto_ack=True)
    publish(channel, requests, "ping", reply_to=PSEUDO)
    publish(channel, get(channel, requests, auto_ack=True).properties.reply_to, "pong")
    assert second.one().body == b"pong"


def test_the_address_is_in_no_listing(broker, management, connect, channel, requests):
    """Neither the management API nor the command line shows what stands behind the pseudo queue."""
    client = connect().channel()
    Inbox(client, PSEUDO, auto_ack=True)
    publish(client, requests, "ping", reply_to=PSEUDO)
    client.basic_qos(prefetch_count=0)
    address = get(channel, requests, auto_ack=True).properties.reply_to
    for listing in ("queues", "bindings", "consumers"):
        assert PSEUDO not in str(management.call("GET", listing))
    with pytest.raises(urllib.error.HTTPError) as caught:
        management.call("GET", "queues", "/", address)
    assert caught.value.code == 404
    queues = [queue["name"] for queue in management.call("GET", "queues")]
    assert requests in queues
    if broker.kind != NARUMQ:
        return
    with urllib.request.urlopen(f"{broker.management}/metrics") as answer:
        assert f"\nrabbitmq_queues {len(queues)}\n" in answer.read().decode()
    if binary := os.environ.get("NARUMQ_BIN"):
        command = [binary, "ctl", "--http", broker.management, "-q", "list_queues", "name", "--no-table-headers"]
        listed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=10).stdout
        assert sorted(listed.split()) == sorted(queues)
