"""A network of one's own, where localhost:5672 is free whatever runs on this machine.

A holder process lives in a fresh network namespace (`unshare -n`) and hands
sockets made there to us over a Unix socket. A socket keeps the namespace it was
made in, so the test process can talk to both worlds at once.
"""

import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

HOLDER = Path(__file__).with_name("namespace_holder.py")


class Unavailable(Exception):
    """This machine does not let us make a network namespace."""


class Namespace:
    """A network namespace with nothing but a loopback interface."""

    def __init__(self):
        if not (shutil.which("unshare") and shutil.which("nsenter")):
            raise Unavailable("unshare and nsenter are not installed")
        as_root = os.geteuid() == 0
        self._control, theirs = socket.socketpair()
        self._lock = threading.Lock()
        self._holder = subprocess.Popen(
            ["unshare", "-n" if as_root else "-rn", sys.executable, str(HOLDER), str(theirs.fileno())],
            pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )
        theirs.close()
        self._control.settimeout(10)
        if self._control.recv(16) != b"up":
            raise Unavailable(self._holder.communicate()[1].decode(errors="replace").strip())
        user = [] if as_root else ["-U", "--preserve-credentials"]
        #: What a command line must begin with to run inside.
        self.prefix = ["nsenter", "-t", str(self._holder.pid), *user, "-n"]

    def _make(self, order: str) -> socket.socket:
        with self._lock:
            self._control.sendall(order.encode())
            answer, descriptors, _, _ = socket.recv_fds(self._control, 256, 1)
        if not descriptors:
            raise OSError(f"{order}: {answer.decode()}")
        made = socket.socket(fileno=descriptors[0])
        made.settimeout(10)
        return made

    def dial(self, port: int) -> socket.socket:
        """A connection to a port of the loopback interface inside."""
        made = self._make("socket")
        try:
            made.connect(("127.0.0.1", port))
        except OSError:
            made.close()
            raise
        return made

    def listen(self, port: int) -> socket.socket:
        """A listening socket on a port of the loopback interface inside."""
        return self._make(f"listen {port}")

    def close(self) -> None:
        """Ends the holder; the namespace goes with its last process and socket."""
        self._control.close()
        self._holder.wait(timeout=10)
        self._holder.stderr.close()


class Relay:
    """Hands each connection of a listening socket on to what `dial` opens, bytes unchanged."""

    def __init__(self, listener: socket.socket, dial):
        self._listener, self._dial = listener, dial
        self._listener.settimeout(None)
        self.port = listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = self._dial()
            except OSError:
                near.close()
                continue
            for side in (near, far):
                side.settimeout(None)
                side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            ends = threading.Semaphore(0)
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(source, target, ends), daemon=True).start()
            threading.Thread(target=self._close, args=(near, far, ends), daemon=True).start()

    @staticmethod
    def _pump(source, target, ends):
        try:
            while data := source.recv(65536):
                target.sendall(data)
        except OSError:
            pass  # a reset ends this direction as a close would
        try:
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the other side is gone already
        ends.release()

    @staticmethod
    def _close(near, far, ends):
        ends.acquire(), ends.acquire()
        near.close(), far.close()

    def close(self) -> None:
        """Takes no more connections."""
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # not every system shuts a listening socket down
        self._listener.close()


def who_listens(port: int) -> str:
    """Names the process that listens on a TCP port of this machine, as far as we may see."""
    wanted = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:] if Path(table).exists() else []:
            fields = line.split()
            if fields[3] == "0A" and int(fields[1].rsplit(":", 1)[1], 16) == port:
                wanted.add(f"socket:[{fields[9]}]")
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(descriptor) in wanted:
                process = descriptor.parts[2]
                command = Path("/proc", process, "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
                return f"process {process} ({command})"
        except OSError:
            continue  # ended meanwhile, or not ours to look into
    return "a process we may not look into" if wanted else "nobody"
