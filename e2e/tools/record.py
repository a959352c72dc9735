"""Records what clients and a broker say to each other: the transcripts that `crates/amqp/tests/transcripts.rs` replays.

    python e2e/tools/record.py amqp://127.0.0.1:5672 pika amqplib …   (all clients when none is named)

A proxy stands between each client, which runs the session of the transcripts in its own words, and the broker, whose
answers are taken as the right ones. One frame a line, in the order in which they came by:

    # Queue.DeclareOk queue='t.queue' message_count=0 consumer_count=0
    S 01 0001 00000014 0032000b 07742e7175657565 00000000 00000000 ce

C is the client, S the broker, of whose connection.start only the capabilities are kept; a line that begins with two
spaces goes on with the one before. The broker must know neither `t.queue` nor `t.exchange`.
"""

import argparse
import os
import re
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pamqp.frame
import pamqp.header
import pamqp.heartbeat
import pamqp.body

ROOT = Path(__file__).resolve().parents[2]
TRANSCRIPTS = ROOT / "crates/amqp/tests/transcripts"
PROTOCOL_HEADER = b"AMQP\x00\x00\x09\x01"
CLIENTS = ROOT / "e2e/amqp"
#: Hexadecimal digits of one line.
WIDTH = 112


class Client:
    """How a client's session is run, and where the version stands that its pinned requirements name."""

    def __init__(self, folder: str, command: list, pin: str, version: str):
        self.folder = CLIENTS / folder
        self.command = command
        found = re.search(version, (self.folder / pin).read_text())
        self.version = found.group(1)


def clients() -> dict:
    """All clients by name."""
    python = [sys.executable]
    return {
        "pika": Client("python", [*python, "transcript/with_pika.py"], "requirements.txt", r"(?m)^pika==(.+)$"),
        "aio-pika": Client(
            "python", [*python, "transcript/with_aio_pika.py"], "requirements.txt", r"(?m)^aio-pika==(.+)$"),
        "amqplib": Client("node", ["node", "transcript/with-amqplib.js"], "package.json", r'"amqplib": "(.+)"'),
        "java": Client("java", ["mvn", "-q", "-B", "test", "-Dtest=TranscriptSession"], "pom.xml",
                       r"<artifactId>amqp-client</artifactId>\s*<version>(.+)</version>"),
        "amqp091-go": Client("go", ["go", "run", "./transcript"], "go.mod", r"amqp091-go v(\S+)"),
        "lapin": Client("rust", ["cargo", "run", "-q", "--locked", "--example", "transcript"], "Cargo.toml",
                        r'lapin = \{ version = "=([^"]+)"'),
    }


class Recorder:
    """A proxy for one connection that notes each frame."""

    def __init__(self, broker):
        self._broker = broker
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self.frames = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        client, _ = self._listener.accept()
        self._listener.close()
        broker = socket.create_connection(self._broker)
        for end in (client, broker):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        back = threading.Thread(target=self._pump, args=("S", broker, client), daemon=True)
        back.start()
        self._pump("C", client, broker)
        back.join()

    def _pump(self, who, source, target):
        pending = b""
        try:
            while data := source.recv(65536):
                pending += data
                # Noted before it is passed on: an answer can then never stand before what it answers.
                with self._lock:
                    while frame := _front(pending):
                        pending = pending[len(frame):]
                        self.frames.append((who, frame))
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # one end was faster to leave
        assert not pending, f"{who} ended inside a frame: {pending.hex()}"

    def finish(self):
        """Waits for the end of the connection and gives the frames."""
        self._thread.join(timeout=20)
        return self.frames


def _front(data: bytes) -> bytes:
    """The first whole frame, if there is one."""
    if data[:4] == b"AMQP":
        return data[:8] if len(data) >= 8 else b""
    if len(data) < 7 or len(data) < 8 + struct.unpack(">I", data[3:7])[0]:
        return b""
    return data[:8 + struct.unpack(">I", data[3:7])[0]]


def _words(frame: bytes) -> str:
    """A frame as a person reads it."""
    if frame == PROTOCOL_HEADER:
        return "protocol header"
    _, _, value = pamqp.frame.unmarshal(frame)
    if isinstance(value, pamqp.heartbeat.Heartbeat):
        return "heartbeat"
    if isinstance(value, pamqp.header.ContentHeader):
        return f"header of {value.body_size}: " + _fields(value.properties)
    if isinstance(value, pamqp.body.ContentBody):
        return f"body {value.value!r}"
    return f"{value.name} {_fields(value)}".rstrip()


def _fields(values) -> str:
    return " ".join(f"{name}={value!r}" for name, value in values if value not in (None, {}, "", False))


def _spaced(frame: bytes) -> str:
    """Hexadecimal, with the parts of the frame apart."""
    if frame == PROTOCOL_HEADER:
        return frame.hex()
    return " ".join((frame[:1].hex(), frame[1:3].hex(), frame[3:7].hex(), frame[7:-1].hex(), frame[-1:].hex()))


def shorten(start: bytes):
    """What a broker says of itself, and its connection.start with nothing of it but what it can do."""
    method = pamqp.frame.unmarshal(start)[2]
    told = method.server_properties
    method.server_properties = {"capabilities": told["capabilities"]}
    return told, pamqp.frame.marshal(method, 0)


def write(path: Path, title: str, frames) -> None:
    """Writes a transcript."""
    lines = [f"# {title}"]
    for who, frame in frames:
        words = _words(frame)
        lines.append("# " + (words if len(words) <= WIDTH else words[:WIDTH] + "…"))
        text = f"{who} {_spaced(frame)}"
        lines.append(text[:WIDTH])
        lines += [f"  {text[at:at + WIDTH]}" for at in range(WIDTH, len(text), WIDTH)]
    path.write_text("\n".join(lines) + "\n")


def main() -> None:
    """Records the clients that are named."""
    known = clients()
    parser = argparse.ArgumentParser(description="Records sessions of clients with a broker.")
    parser.add_argument("broker", help="the broker's URL")
    parser.add_argument("client", nargs="*", choices=[*known, []], help="pika, amqplib, …; all when none is named")
    arguments = parser.parse_args()
    url = urlsplit(arguments.broker)
    for name in arguments.client or known:
        client = known[name]
        recorder = Recorder((url.hostname, url.port or 5672))
        own = f"amqp://guest:guest@127.0.0.1:{recorder.port}/%2F"
        subprocess.run(client.command, cwd=client.folder, env={**os.environ, "TRANSCRIPT_URL": own}, check=True,
                       stdin=subprocess.DEVNULL, timeout=600)
        frames = recorder.finish()
        start = next(at for at, (who, _) in enumerate(frames) if who == "S")
        told, short = shorten(frames[start][1])
        frames[start] = ("S", short)
        title = f"{name} {client.version} and {told['product']} {told['version']}"
        write(TRANSCRIPTS / f"{name}.txt", title, frames)
        print(f"{title}: {len(frames)} frames")


if __name__ == "__main__":
    main()
