"""The broker under test: a `narumq` process of our own, or one that already runs elsewhere.

`OwnBroker` starts a binary on free loopback ports with a fresh data directory, and can stop it, kill it and start it
again in place. A `ForeignBroker` only knows an address; whoever started it owns it. Both answer the same questions, so a
test need not know which one it has.
"""

import http.client
import os
import random
import shlex
import signal
import socket
import subprocess
import time
from pathlib import Path

#: Every door of `narumq serve`; those that nobody asks for are shut.
DOORS = ("amqp", "kafka")
#: The set of expected answers that is ours; each suite names that of the broker it compares with.
NARUMQ = "narumq"
#: Seconds a broker may take until it answers 200 on /readyz, and to end after SIGTERM.
READY_WITHIN, STOP_WITHIN = 20.0, 10.0
#: The same of another broker behind our command line.
OTHERS_READY_WITHIN, OTHERS_STOP_WITHIN = 60.0, 20.0

_given = set()


class BrokerFailure(AssertionError):
    """The broker process did not do what a start, stop or restart asks of it."""


def free_port() -> int:
    """A free TCP port of 127.0.0.1, below the range the kernel hands out for outgoing connections; never the same again.

    While the broker is down between kill and restart, no client socket of this machine can be given its port.
    """
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in _given:
            _given.add(port)
            return port


def listens(port: int) -> bool:
    """Whether someone accepts connections on this port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class OwnBroker:
    """A `narumq serve` process, its data directory and its log.

    `doors` are those it opens, each with its port, 0 for a free one. `prefix` is put before the command line (for
    instance `nsenter …`), and `dial` opens a socket to one of the broker's ports, so that a broker inside a network
    namespace can be watched from outside. `arguments` are further ones of `narumq serve`.
    """

    restartable = True

    def __init__(self, binary: str, home: Path, doors: dict, *, prefix=(), dial=None, arguments=()):
        self.binary = os.path.abspath(binary)
        self.home = Path(home)
        self.kind = os.environ.get("NARUMQ_E2E_KIND") or NARUMQ
        self.data_dir = self.home / "data"
        self.log_path = self.home / "narumq.log"
        self.ports = {door: port or free_port() for door, port in doors.items()}
        self.http_port = free_port()
        self.prefix, self.arguments = list(prefix), list(arguments)
        self.dial = dial or (lambda port: socket.create_connection(("127.0.0.1", port), timeout=2))
        self.process = None

    @property
    def url(self) -> str:
        """The AMQP URL of the default virtual host."""
        return f"amqp://guest:guest@127.0.0.1:{self.amqp_port}/%2F"

    @property
    def amqp_port(self) -> int:
        """The port of the AMQP door."""
        return self.ports["amqp"]

    @property
    def kafka_address(self) -> tuple:
        """Host and port of the Kafka door."""
        return "127.0.0.1", self.ports["kafka"]

    @property
    def bootstrap(self) -> str:
        """What Kafka's clients call bootstrap.servers."""
        return "%s:%d" % self.kafka_address

    @property
    def management(self) -> str:
        """The base URL of the management HTTP API."""
        return f"http://127.0.0.1:{self.http_port}"

    def command(self) -> list:
        """The command line that starts the broker."""
        doors = {door: f"127.0.0.1:{self.ports[door]}" if door in self.ports else "off" for door in DOORS}
        return [
            *self.prefix, self.binary, "serve",
            "--data-dir", str(self.data_dir),
            *(word for door, address in doors.items() for word in (f"--{door}", address)),
            "--http", f"127.0.0.1:{self.http_port}",
            *shlex.split(os.environ.get("NARUMQ_E2E_ARGS", "")),
            *self.arguments,
        ]

    def start(self) -> "OwnBroker":
        """Starts the process and returns once /readyz answers 200."""
        within = READY_WITHIN if self.kind == NARUMQ else OTHERS_READY_WITHIN
        if self.process is not None:
            raise BrokerFailure("the broker is already running")
        self.data_dir.mkdir(parents=True, exist_ok=True)
        with open(self.log_path, "ab") as log:
            log.write(f"--- {' '.join(self.command())}\n".encode())
            log.flush()
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + within
        while not self._ready():
            try:
                # Waiting for the exit is the pause between two looks: a broker that
                # dies at once is noticed at once.
                code = self.process.wait(timeout=0.02)
            except subprocess.TimeoutExpired:
                code = None
            if code is not None:
                self.process = None
                raise BrokerFailure(f"the broker ended with {code} while starting\n{self.log()}")
            if time.monotonic() > deadline:
                self.kill()
                raise BrokerFailure(f"the broker was not ready within {within} s\n{self.log()}")
        return self

    def _ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=2)
        try:
            connection.sock = self.dial(self.http_port)
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def terminate(self) -> int:
        """Sends SIGTERM and returns the exit code."""
        self.send_signal(signal.SIGTERM)
        return self.wait()

    def send_signal(self, number: int) -> None:
        """Sends a signal and does not wait for its effect."""
        if self.process is None:
            raise BrokerFailure("the broker is not running")
        self.process.send_signal(number)

    def wait(self) -> int:
        """Waits for the end of the process and returns the exit code."""
        within = STOP_WITHIN if self.kind == NARUMQ else OTHERS_STOP_WITHIN
        try:
            code = self.process.wait(timeout=within)
        except subprocess.TimeoutExpired:
            self.kill()
            raise BrokerFailure(f"the broker did not end within {within} s\n{self.log()}") from None
        self.process = None
        return code

    def kill(self) -> None:
        """Ends the process with SIGKILL, as a crash would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def restart(self) -> None:
        """Clean stop and start on the same directory and ports."""
        code = self.terminate()
        if code != 0:
            raise BrokerFailure(f"the broker ended with {code} after SIGTERM\n{self.log()}")
        self.start()

    def crash_and_restart(self) -> None:
        """SIGKILL and start on the same directory and ports."""
        self.kill()
        self.start()

    def log(self) -> str:
        """Everything the process printed so far."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""


class ForeignBroker:
    """A broker at `host:port` that someone else started; it can be talked to, not restarted."""

    restartable = False

    def __init__(self, address: str):
        host, port = address.rsplit(":", 1)
        self.address = host, int(port)

    def kill(self) -> None:
        """Nothing: the process is not ours."""

    def log(self) -> str:
        """Nothing: the log is not ours."""
        return ""
