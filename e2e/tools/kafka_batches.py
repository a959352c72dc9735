"""Writes the record batches of Kafka clients that `crates/kafka/tests/records_golden.rs` reads.

    python e2e/tools/kafka_batches.py crates/kafka/tests/golden_batches

With the packages `kafka-python lz4 python-snappy zstandard` it writes the batches of that kafka-python (run it with 3.0.12
and with 2.0.2), with `confluent-kafka` those of librdkafka, which produces to a broker of a hundred lines in here.
`KafkaBatches.java` beside it writes those of the Java client. One batch a file, `<client>-<codec>-<records>.batch`:

    # librdkafka 2.16.0
    h codec=3 transactional=0 producer=4001 epoch=3 sequence=0
    b 0000000000000000…                      the batch in hex, on as many lines as it needs

and what was produced in `<records>.records`, a line a record: timestamp, key, value, headers in their order; - is null, x
is hex, *n that it comes n times:

    1700000000000 x6b x30*600 x68:- x68:x31
"""

import importlib.metadata
import socket
import struct
import sys
import threading
from pathlib import Path

CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
T = 1_700_000_000_000

CASES = {
    "edges": [
        (T, b"key", b"value", []),
        (T - 5, None, b"no key, and earlier than the first", []),
        (T + 100_000, b"tombstone", None, [("why", b"gone")]),
        (T + 1, b"", b"", []),
        (T + 2, "Schlüssel".encode(), bytes(range(256)), [("h", b"1"), ("h", b"2"), ("null", None), ("h", b""), ("ü", b"\xff")]),
        (T + 3, None, None, [("only", b"headers")]),
        (T + 4, b"k" * 63, b"v" * 64, []),
    ],
    "many": [(T + i // 10, b"%d" % (i % 7), b"{'number': %d, 'text': 'lorem ipsum dolor sit amet'}" % i, []) for i in range(70)],
    "blocks": [(T + i * 200, None, b"%05d" % i * 1600, []) for i in range(9)],
    "one": [(T, None, b"x", [])],
    "negative": [(-62_135_596_800_000, b"year", b"1", []), (-2, b"year", b"1969", []), (0, b"year", b"1970", [])],
}


def text(part):
    """As it stands in a `.records` file."""
    if part is None:
        return "-"
    for length in (1, 5):
        if len(part) > 20 and part == part[:length] * (len(part) // length):
            return f"x{part[:length].hex()}*{len(part) // length}"
    return "x" + part.hex()


def write_records(folder):
    for case, records in CASES.items():
        lines = []
        for timestamp, key, value, headers in records:
            shown = "".join(f" {text(k.encode())}:{text(v)}" for k, v in headers)
            lines.append(f"{timestamp} {text(key)} {text(value)}{shown}\n")
        (folder / f"{case}.records").write_text("".join(lines))


def write(folder, client, case, codec, batch, producer=(-1, -1, -1), transactional=False):
    lines = [f"# {client}", f"h codec={CODECS[codec]} transactional={int(transactional)} "
             f"producer={producer[0]} epoch={producer[1]} sequence={producer[2]}"]
    lines += [f"b {batch[at:at + 58].hex()}" for at in range(0, len(batch), 58)]
    name = f"{client.replace(' ', '-')}-{codec}-{case}.batch"
    (folder / name).write_text("\n".join(lines) + "\n")
    print(name, len(batch))


def wanted(case, codec):
    """Which combinations are worth their bytes."""
    compressed = codec != "none"
    return {"edges": codec in ("none", "lz4"), "many": compressed, "blocks": compressed}.get(case, not compressed)


def kafka_python(folder):
    from kafka.record.default_records import DefaultRecordBatchBuilder

    client = "kafka-python " + importlib.metadata.version("kafka-python")
    for case, records in CASES.items():
        for codec, number in CODECS.items():
            if not wanted(case, codec) or case == "blocks" and codec in ("gzip", "zstd"):
                continue
            producer = (4001, 3, 2**31 - 1) if case == "edges" and codec == "lz4" else (-1, -1, -1)
            builder = DefaultRecordBatchBuilder(2, number, producer[0] >= 0, *producer, 1 << 20)
            for offset, (timestamp, key, value, headers) in enumerate(records):
                assert builder.append(offset, timestamp, key, value, headers) is not None
            write(folder, client, case, codec, bytes(builder.build()), producer, producer[0] >= 0)


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        values = struct.unpack_from(">" + form, self.data, self.at)
        self.at += struct.calcsize(">" + form)
        return values[0]

    def bytes(self, form):
        length = self.take(form)
        if length < 0:
            return None
        self.at += length
        return self.data[self.at - length : self.at]


class Broker:
    """One partition of one topic, `t`; keeps what is produced to it."""

    VERSIONS = {0: 7, 1: 11, 2: 1, 3: 1, 10: 0, 18: 0, 22: 0}

    def __init__(self):
        self.batches = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        stream = connection.makefile("rb")
        while head := stream.read(4):
            request = Reader(stream.read(struct.unpack(">i", head)[0]))
            key, version, correlation = request.take("h"), request.take("h"), request.take("i")
            request.bytes("h")
            answer = struct.pack(">i", correlation) + self.answer(key, version, request)
            connection.sendall(struct.pack(">i", len(answer)) + answer)

    def answer(self, key, version, request):
        host, topic = b"127.0.0.1", struct.pack(">h", 1) + b"t"
        if key == 18:
            known = b"".join(struct.pack(">hhh", k, 0, v) for k, v in self.VERSIONS.items())
            return struct.pack(">hi", 0 if version == 0 else 35, len(self.VERSIONS)) + known
        if key == 3:
            broker = struct.pack(">iih", 1, 0, len(host)) + host + struct.pack(">ih", self.port, -1)
            partition = struct.pack(">ihiiiiii", 1, 0, 0, 0, 1, 0, 1, 0)
            return broker + struct.pack(">iih", 0, 1, 0) + topic + b"\0" + partition
        if key == 22:
            return struct.pack(">ihqh", 0, 0, 4001, 3)
        assert key == 0, key
        request.bytes("h"), request.take("h"), request.take("i")
        assert (request.take("i"), request.bytes("h"), request.take("i"), request.take("i")) == (1, b"t", 1, 0)
        self.batches.append(request.bytes("i"))
        return struct.pack(">i", 1) + topic + struct.pack(">iihqqqi", 1, 0, 0, 0, -1, 0, 0)


def librdkafka(folder):
    import confluent_kafka

    client = "librdkafka " + confluent_kafka.libversion()[0]
    for case, records in CASES.items():
        for codec in CODECS:
            if not wanted(case, codec) or case == "negative":
                continue
            broker, idempotent = Broker(), case == "edges" and codec == "lz4"
            settings = {"bootstrap.servers": f"127.0.0.1:{broker.port}", "linger.ms": 2000, "compression.type": codec}
            producer = confluent_kafka.Producer(settings | {"enable.idempotence": idempotent})
            for timestamp, key, value, headers in records:
                producer.produce("t", value, key, 0, timestamp=timestamp, headers=headers)
            assert producer.flush(30) == 0 and len(broker.batches) == 1
            write(folder, client, case, codec, broker.batches[0], (4001, 3, 0) if idempotent else (-1, -1, -1))


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    write_records(target)
    for package, clients in (("kafka-python", kafka_python), ("confluent-kafka", librdkafka)):
        try:
            importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            print(f"{package} is not installed")
        else:
            clients(target)
