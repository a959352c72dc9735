"""The broker under test: a `narumq` process of our own, or one that already runs elsewhere.

`OwnBroker` starts the binary named by NARUMQ_BIN on free loopback ports with a fresh data directory, and can stop it,
kill it and start it again in place. `ForeignBroker` only knows an address (NARUMQ_E2E_KAFKA); whoever started it owns
it. Both answer the same questions, so a test need not know which one it has.
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

#: Seconds a broker may take until it answers 200 on /readyz.
READY_WITHIN = 60.0
#: Seconds a broker may take to end after SIGTERM.
STOP_WITHIN = 20.0
#: Names of the two sets of expected answers.
NARUMQ, KAFKA41 = "narumq", "kafka41"


class BrokerFailure(AssertionError):
    """The broker process did not do what a start, stop or restart asks of it."""


def free_port() -> int:
    """A free TCP port of 127.0.0.1, below the range the kernel hands out for outgoing connections.

    While the broker is down between kill and restart, no client socket of this machine can be given its port.
    """
    while True:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", random.randrange(20_000, 32_000)))
                return probe.getsockname()[1]
            except OSError:
                continue


class OwnBroker:
    """A `narumq serve` process, its data directory and its log.

    `prefix` is put before the command line (for instance `nsenter …`), and `dial` opens a socket to one of the
    broker's ports, so that a broker inside a network namespace can be watched from outside. `arguments` are further
    ones of `narumq serve`.
    """

    restartable = True

    def __init__(self, binary: str, home: Path, *, kafka_port=None, prefix=(), dial=None, arguments=()):
        self.binary = os.path.abspath(binary)
        self.home = Path(home)
        self.kind = os.environ.get("NARUMQ_E2E_KIND") or NARUMQ
        self.log_path = self.home / "narumq.log"
        self.host, self.port = "127.0.0.1", kafka_port or free_port()
        self.http_port = free_port()
        self.prefix, self.arguments = list(prefix), list(arguments)
        self.dial = dial or (lambda port: socket.create_connection(("127.0.0.1", port), timeout=2))
        self.process = None

    @property
    def bootstrap(self) -> str:
        """What clients call bootstrap.servers."""
        return f"{self.host}:{self.port}"

    def command(self) -> list:
        """The command line that starts the broker."""
        return [
            *self.prefix, self.binary, "serve",
            "--data-dir", str(self.home / "data"),
            "--amqp", "off",
            "--kafka", f"127.0.0.1:{self.port}",
            "--http", f"127.0.0.1:{self.http_port}",
            *shlex.split(os.environ.get("NARUMQ_E2E_ARGS", "")),
            *self.arguments,
        ]

    def start(self, within: float = READY_WITHIN) -> "OwnBroker":
        """Starts the process and returns once /readyz answers 200."""
        if self.process is not None:
            raise BrokerFailure("the broker is already running")
        (self.home / "data").mkdir(parents=True, exist_ok=True)
        with open(self.log_path, "ab") as log:
            log.write(f"--- {' '.join(self.command())}\n".encode())
            log.flush()
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )
        deadline = time.monotonic() + within
        while not self._ready():
            try:
                # Waiting for the exit is the pause between two looks: a broker that dies at once is noticed at once.
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

    def send_signal(self, number: int) -> None:
        """Sends a signal and does not wait for its effect."""
        self.process.send_signal(number)

    def terminate(self, within: float = STOP_WITHIN) -> int:
        """Sends SIGTERM and returns the exit code."""
        self.send_signal(signal.SIGTERM)
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

    def __init__(self, bootstrap: str):
        self.bootstrap = bootstrap
        host, port = bootstrap.rsplit(":", 1)
        self.host, self.port = host, int(port)
        self.kind = os.environ.get("NARUMQ_E2E_KIND") or KAFKA41

    def kill(self) -> None:
        """Nothing: the process is not ours."""

    def log(self) -> str:
        """Nothing: the log is not ours."""
        return ""


def from_environment(home: Path):
    """The broker that the environment asks for: NARUMQ_BIN, or else NARUMQ_E2E_KAFKA."""
    binary = os.environ.get("NARUMQ_BIN")
    if binary:
        return OwnBroker(binary, home).start()
    bootstrap = os.environ.get("NARUMQ_E2E_KAFKA")
    if bootstrap:
        return ForeignBroker(bootstrap)
    raise BrokerFailure("set NARUMQ_BIN=<path of narumq> or NARUMQ_E2E_KAFKA=host:port")
