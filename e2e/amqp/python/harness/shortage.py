"""A broker that runs short of memory or of disk space when a test wants it to.

Neither fills the machine: the broker is told of a small limit. Memory becomes
short by transient messages that wait, disk space by a file beside the data that
takes blocks and is never written.
"""

import os
import shutil
from pathlib import Path

import pika

from support.broker import OwnBroker

from .clients import wait_until

MIB = 1 << 20


class Shortage:
    """A broker of its own, and how to make it short of something."""

    #: What `connection.blocked` says.
    reason: str

    def __init__(self, binary: str, home: Path):
        self.broker = OwnBroker(binary, home, {"amqp": 0}, arguments=self._limit(home)).start()
        self._control = pika.BlockingConnection(pika.URLParameters(self.broker.url + "?heartbeat=0"))
        self._stock = self._control.channel().queue_declare("stock", durable=True).method.queue

    def _limit(self, home: Path) -> list:
        raise NotImplementedError

    def begin(self) -> None:
        """Returns once publishers are held back."""
        raise NotImplementedError

    def end(self) -> None:
        """Lifts the cause; who is held back is read again soon."""
        raise NotImplementedError

    def _hoard(self, size: int, delivery_mode: int) -> None:
        """Publishes messages of this size until it is held back itself."""
        parameters = pika.URLParameters(self.broker.url + "?heartbeat=0")
        hoarder = pika.BlockingConnection(parameters)
        blocked = []
        hoarder.add_on_connection_blocked_callback(lambda *_: blocked.append(True))
        channel, properties = hoarder.channel(), pika.BasicProperties(delivery_mode=delivery_mode)

        def held():
            if not blocked:
                channel.basic_publish("", self._stock, bytes(size), properties)
            return blocked

        wait_until(held, hoarder, what="the shortage")
        hoarder._impl._transport._sock.close()  # a close would wait for an answer that does not come now

    def close(self) -> None:
        """Ends the broker."""
        self.broker.kill()


class MemoryShortage(Shortage):
    """Waiting transient messages take more than the limit."""

    reason = "low on memory"

    def _limit(self, home):
        return ["--memory-limit", "2MiB"]

    def begin(self):
        self._hoard(MIB // 2, delivery_mode=1)

    def end(self):
        self._control.channel().queue_purge(self._stock)


class DiskShortage(Shortage):
    """Less is free than the reserve asks for."""

    reason = "low on disk"

    def _limit(self, home):
        home.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(home).free
        # Others use this disk, too: what they do to it meanwhile must not reach the middle.
        self._filler, self._size = home / "filler", min(free // 2, 8 << 30)
        return ["--disk-reserve", str(free - self._size // 2)]

    def begin(self):
        with open(self._filler, "wb") as filler:
            os.posix_fallocate(filler.fileno(), 0, self._size)
        # The broker looks at the disk when it uses it.
        self._hoard(MIB, delivery_mode=2)

    def end(self):
        self._filler.unlink(missing_ok=True)

    def close(self):
        super().close()
        self.end()


SHORTAGES = {"memory": MemoryShortage, "disk": DiskShortage}
