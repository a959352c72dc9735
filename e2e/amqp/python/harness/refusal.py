"""Provoking a refusal and comparing it, to the letter, with what the broker should say.

A `Case` is one row of the table of exceptions: what to do, whether the channel
or the connection closes, with which code and text. Texts may use {queue},
{exchange} and {other}: names of this run that nobody declared before.
"""

from dataclasses import dataclass, field
from typing import Callable

import pika
import pytest

from harness.foreign import RABBITMQ310
from support.broker import NARUMQ

CHANNEL, CONNECTION = "channel", "connection"


@dataclass
class Refusal:
    """A close that came from the broker."""

    scope: str
    code: int
    text: str


@dataclass
class Case:
    """One situation and the refusal it must get; `differs` replaces it for one broker."""

    name: str
    act: Callable
    scope: str
    code: int
    text: str
    differs: dict = field(default_factory=dict)

    def expected(self, kind: str, names: dict) -> Refusal:
        """The refusal this broker must answer with."""
        scope, code, text = self.differs.get(kind, (self.scope, self.code, self.text))
        return Refusal(scope, code, text.format(**names))


class Scene:
    """The things a case works with: a channel, names, further connections."""

    def __init__(self, connect, name):
        self.connect = connect
        self.queue, self.exchange, self.other = name("q"), name("x"), name("o")
        self.connection = connect()
        self.channel = self.connection.channel()

    @property
    def names(self) -> dict:
        """The names for the expected texts."""
        return {"queue": self.queue, "exchange": self.exchange, "other": self.other}

    def elsewhere(self):
        """A channel on another connection."""
        return self.connect().channel()

    def declare(self, **arguments):
        """Declares the scene's queue."""
        return self.channel.queue_declare(self.queue, **arguments)

    def consume(self, channel=None, **arguments):
        """Starts a consumer on the scene's queue that does nothing."""
        return (channel or self.channel).basic_consume(self.queue, lambda *_: None, **arguments)

    def publish(self, exchange="", key=None, body=b"m", mandatory=False, **properties):
        """Publishes one message, by default to the scene's queue."""
        key = self.queue if key is None else key
        self.channel.basic_publish(exchange, key, body, pika.BasicProperties(**properties), mandatory=mandatory)


def provoke(act: Callable, scene: Scene) -> Refusal:
    """Does it, waits for what the broker says, and returns the refusal."""
    try:
        act(scene)
        # Some failures are only told later (publish, ack); a question that needs
        # an answer brings them in.
        scene.channel.basic_qos(prefetch_count=0)
    except pika.exceptions.ChannelClosedByBroker as closed:
        return Refusal(CHANNEL, closed.reply_code, closed.reply_text)
    except pika.exceptions.ConnectionClosedByBroker as closed:
        return Refusal(CONNECTION, closed.reply_code, closed.reply_text)
    pytest.fail("the broker accepted it")


def check(case: Case, connect, name, kind: str) -> None:
    """Runs one row of the table, and sees that only what should close has closed."""
    scene = Scene(connect, name)
    expected = case.expected(kind, scene.names)
    assert provoke(case.act, scene) == expected
    if expected.scope == CHANNEL:
        assert scene.connection.is_open
        scene.connection.channel().close()
    else:
        assert not scene.connection.is_open


def table(cases: list):
    """The cases as pytest parameters, named by what they do."""
    return pytest.mark.parametrize("case", cases, ids=[case.name for case in cases])


__all__ = ["CHANNEL", "CONNECTION", "NARUMQ", "RABBITMQ310", "Case", "Refusal", "Scene", "check", "provoke", "table"]
