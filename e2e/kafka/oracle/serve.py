#!/usr/bin/env python3
"""Apache Kafka behind the command line of `narumq serve`, so that NARUMQ_BIN may name it.

    serve.py serve --data-dir DIR --kafka HOST:PORT --http HOST:PORT [--kafka-sasl HOST:PORT]

One broker and controller in one process, as plain as the recipe of its documentation, with 512 MiB of heap. /readyz
answers 200 once the broker answers requests. Its jars are fetched by Maven into NARUMQ_ORACLE_JARS (a folder beside
this file when not given) the first time. Needs `java`, `mvn` and `setpriv`.
"""

import argparse
import http.server
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
JARS = Path(os.environ.get("NARUMQ_ORACLE_JARS") or HERE / "jars")
#: Metadata v1 of no topic, without a client id; the answer begins with size, correlation id and the number of brokers.
METADATA = struct.pack(">ihhihi", 14, 3, 1, 1, -1, 0)

PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://{kafka},CONTROLLER://127.0.0.1:{controller}{sasl_listener}
advertised.listeners=PLAINTEXT://{kafka}{sasl_listener}
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL:SASL_PLAINTEXT
log.dirs={data}
num.partitions=1
num.network.threads=2
num.io.threads=4
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
controlled.shutdown.enable=false
broker.heartbeat.interval.ms=200
broker.session.timeout.ms=1500
"""
SASL = """
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="wonderland";
listener.name.sasl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
"""
#: Users that SCRAM knows from the first start on.
SCRAM_USERS = [f"--add-scram={mechanism}=[name=alice,password=wonderland]"
               for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")]
LOGGING = """
<Configuration><Appenders><Console name="out"><PatternLayout pattern="%d %p %m (%c{1})%n"/></Console></Appenders>
<Loggers><Root level="WARN"><AppenderRef ref="out"/></Root></Loggers></Configuration>
"""


def address(text: str):
    """Host and port of HOST:PORT."""
    host, port = text.rsplit(":", 1)
    return host, int(port)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fetch_jars() -> None:
    """Lets Maven copy the broker's jars, once."""
    if list(JARS.glob("kafka_*.jar")):
        return
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={JARS}"]
    subprocess.run(["mvn", "-q", "-B", "-f", str(HERE / "pom.xml"), *goal], check=True)


def java(options, *arguments) -> list:
    """A command line of the broker's JVM, which ends with us however we end."""
    return ["setpriv", "--pdeathsig", "KILL", "java", *options, "-Xshare:auto", "-Djava.awt.headless=true",
            "-cp", f"{JARS}/*", *arguments]


def wait_until_gone(pid_file: Path) -> None:
    """Waits for the JVM of a start before this one: it dies a moment after the process that was killed."""
    if not pid_file.exists():
        return
    process = Path("/proc", pid_file.read_text(), "cmdline")
    while process.exists() and b"kafka.Kafka" in process.read_bytes():
        time.sleep(0.01)


def prepare(options) -> Path:
    """Writes the settings, and formats the data directory when it is new."""
    home = Path(options.data_dir).absolute()
    home.mkdir(parents=True, exist_ok=True)
    settings = home / "server.properties"
    if settings.exists():
        return settings
    sasl_listener = f",SASL://{options.kafka_sasl}" if options.kafka_sasl else ""
    settings.write_text(PROPERTIES.format(kafka=options.kafka, controller=free_port(), data=home / "log",
                                          sasl_listener=sasl_listener) + (SASL if options.kafka_sasl else ""))
    (home / "log4j2.xml").write_text(LOGGING)
    format_it = ["kafka.tools.StorageTool", "format", "-t", "NaruMQ-oracle-cluster1", "-c", str(settings)]
    users = SCRAM_USERS if options.kafka_sasl else []
    subprocess.run(java(["-XX:TieredStopAtLevel=1", f"-Dlog4j2.configurationFile={home}/log4j2.xml"], *format_it, *users),
                   check=True)
    return settings


def answers(target) -> bool:
    """Whether the broker answers, and counts itself in: until the controller has let it, it serves no topic."""
    try:
        with socket.create_connection(target, timeout=1) as probe:
            probe.sendall(METADATA)
            return probe.recv(12, socket.MSG_WAITALL)[8:12] == b"\0\0\0\1"
    except OSError:
        return False


class Readiness(http.server.BaseHTTPRequestHandler):
    """Answers /readyz for the broker at `target`."""

    target = None
    ready = False

    def do_GET(self):
        """200 once the broker answers, 503 before."""
        Readiness.ready = Readiness.ready or answers(self.target)
        self.send_response(200 if Readiness.ready else 503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Nothing: the log is the broker's."""


def main() -> int:
    """Starts the broker, answers for it, and ends with it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("serve")
    for name in ("--data-dir", "--kafka", "--http"):
        parser.add_argument(name, required=True)
    parser.add_argument("--kafka-sasl")
    parser.add_argument("--amqp", help="understood and not served")
    options = parser.parse_args()
    fetch_jars()
    pid_file = Path(options.data_dir).absolute() / "java.pid"
    wait_until_gone(pid_file)
    settings = prepare(options)
    heap = ["-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", f"-Dlog4j2.configurationFile={settings.parent}/log4j2.xml"]
    process = subprocess.Popen(java(heap, "kafka.Kafka", str(settings)), stdin=subprocess.DEVNULL)
    pid_file.write_text(str(process.pid))
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    Readiness.target = address(options.kafka)
    server = http.server.ThreadingHTTPServer(address(options.http), Readiness)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    code = process.wait()
    return 0 if code in (0, 143, -signal.SIGTERM) else 1


if __name__ == "__main__":
    sys.exit(main())
