"""The broker under test: a `narumq` process of our own, or one that already runs elsewhere.

`OwnBroker` starts the binary named by NARUMQ_BIN on free loopback ports with a
fresh data directory, and can stop it, kill it and start it again in place.
`ForeignBroker` only knows an address (NARUMQ_E2E_AMQP); whoever started it owns it.
Both answer the same questions, so a test need not know which one it has.
"""

import http.client
import os
import shlex
import signal
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

import pika

#: Seconds a broker may take until it answers 200 on /readyz.
READY_WITHIN = 20.0
#: Seconds a broker may take to end after SIGTERM.
STOP_WITHIN = 10.0
#: Names of the two sets of expected answers.
NARUMQ, RABBITMQ310 = "narumq", "rabbitmq310"


class BrokerFailure(AssertionError):
    """The broker process did not do what a start, stop or restart asks of it."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port: int) -> bool:
    """Whether someone accepts connections on this port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class OwnBroker:
    """A `narumq serve` process, its data directory and its log.

    `prefix` is put before the command line (for instance `nsenter …`), and
    `dial` opens a socket to one of the broker's ports, so that a broker inside
    a network namespace can be watched from outside. `arguments` are further
    ones of `narumq serve`.
    """

    kind = NARUMQ
    restartable = True

    def __init__(self, binary: str, home: Path, *, amqp_port=None, prefix=(), dial=None, arguments=()):
        self.binary = os.path.abspath(binary)
        self.home = Path(home)
        self.data_dir = self.home / "data"
        self.log_path = self.home / "narumq.log"
        self.amqp_port = amqp_port or free_port()
        self.http_port = free_port()
        self.prefix = list(prefix)
        self.arguments = list(arguments)
        self.dial = dial or (lambda port: socket.create_connection(("127.0.0.1", port), timeout=2))
        self.process = None

    @property
    def url(self) -> str:
        """The AMQP URL of the default virtual host."""
        return f"amqp://guest:guest@127.0.0.1:{self.amqp_port}/%2F"

    @property
    def management(self) -> str:
        """The base URL of the management HTTP API."""
        return f"http://127.0.0.1:{self.http_port}"

    def command(self) -> list:
        """The command line that starts the broker."""
        return [
            *self.prefix, self.binary, "serve",
            "--data-dir", str(self.data_dir),
            "--amqp", f"127.0.0.1:{self.amqp_port}",
            "--http", f"127.0.0.1:{self.http_port}",
            *shlex.split(os.environ.get("NARUMQ_E2E_ARGS", "")),
            *self.arguments,
        ]

    def start(self, within: float = READY_WITHIN) -> "OwnBroker":
        """Starts the process and returns once /readyz answers 200."""
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

    def terminate(self, within: float = STOP_WITHIN) -> int:
        """Sends SIGTERM and returns the exit code."""
        self.send_signal(signal.SIGTERM)
        return self.wait(within)

    def send_signal(self, number: int) -> None:
        """Sends a signal and does not wait for its effect."""
        if self.process is None:
            raise BrokerFailure("the broker is not running")
        self.process.send_signal(number)

    def wait(self, within: float = STOP_WITHIN) -> int:
        """Waits for the end of the process and returns the exit code."""
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
    """A broker that someone else started; it can be talked to, not restarted."""

    restartable = False

    def __init__(self, url: str, management: str | None):
        self.url = url
        self.management = management
        self.amqp_port = urlsplit(url).port or 5672
        self.kind = os.environ.get("NARUMQ_E2E_KIND") or self._recognise()

    def _recognise(self) -> str:
        connection = pika.BlockingConnection(pika.URLParameters(self.url))
        told = connection._impl.server_properties
        connection.close()
        version = str(told.get("version", ""))
        if told.get("product") == "RabbitMQ" and "actual_product" not in told and version.startswith("3."):
            return RABBITMQ310
        return NARUMQ

    def kill(self) -> None:
        """Nothing: the process is not ours."""

    def log(self) -> str:
        """Nothing: the log is not ours."""
        return ""


def from_environment(home: Path):
    """The broker that the environment asks for: NARUMQ_BIN, or else NARUMQ_E2E_AMQP."""
    binary = os.environ.get("NARUMQ_BIN")
    if binary:
        return OwnBroker(binary, home).start()
    url = os.environ.get("NARUMQ_E2E_AMQP")
    if url:
        return ForeignBroker(url, os.environ.get("NARUMQ_E2E_HTTP"))
    raise BrokerFailure("set NARUMQ_BIN=<path of narumq> or NARUMQ_E2E_AMQP=amqp://user:password@host:port/%2F")
