"""Writes the golden messages that `crates/kafka/tests/codec_golden.rs` decodes: `crates/kafka/tests/golden/*.txt`.

    python e2e/tools/kafka_golden.py        (needs kafka-python==3.0.12, which brings its own encoder and its own table)

One file an API; in it, for each version, whole requests and responses with size and header, in hexadecimal digits:

    request 9 0000002a 0000 0009 ...
    value { transactional_id: None, acks: -1, ...

The second line stands below some messages and says what is in them. It names every field of the API, also those that
the version does not have: they have their defaults.
"""

import random
import sys
import uuid
from pathlib import Path

import kafka
from kafka.protocol.api_message import ApiMessage

PINNED = "3.0.12"
GOLDEN = Path(__file__).resolve().parents[2] / "crates/kafka/tests/golden"

#: The versions that are written, by API. Those below the lowest that kafka-python speaks itself it can still encode.
VERSIONS = {
    "Produce": (3, 13),
    "Fetch": (4, 18),
    "ListOffsets": (0, 11),
    "Metadata": (0, 13),
    "OffsetCommit": (0, 10),
    "OffsetFetch": (0, 10),
    "FindCoordinator": (0, 6),
    "JoinGroup": (0, 9),
    "Heartbeat": (0, 4),
    "LeaveGroup": (0, 5),
    "SyncGroup": (0, 5),
    "DescribeGroups": (0, 6),
    "ListGroups": (0, 5),
    "SaslHandshake": (0, 1),
    "ApiVersions": (0, 4),
    "CreateTopics": (0, 7),
    "DeleteTopics": (0, 6),
    "DeleteRecords": (0, 2),
    "InitProducerId": (0, 5),
    "OffsetForLeaderEpoch": (0, 4),
    "DescribeAcls": (0, 3),
    "DescribeConfigs": (0, 4),
    "AlterConfigs": (0, 2),
    "DescribeLogDirs": (0, 4),
    "SaslAuthenticate": (0, 2),
    "CreatePartitions": (0, 3),
    "DeleteGroups": (0, 2),
    "IncrementalAlterConfigs": (0, 1),
    "OffsetDelete": (0, 0),
    "DescribeCluster": (0, 2),
    "DescribeTopicPartitions": (0, 0),
}

BITS = {"int8": 8, "int16": 16, "int32": 32, "int64": 64}
STRINGS = ["orders", "größe", "成", "consumer-1-5f2c", "range", "x" * 130, ""]
NULL_DEFAULTS = {"string", "bytes", "records"}


def is_array(field):
    return field["type"].startswith("[]")


def scalar_type(field):
    return field["type"].removeprefix("[]")


def within(versions, version):
    """Whether a range like `3+`, `0-12` or `7` has the version."""
    if versions in (None, "none"):
        return False
    low, _, high = versions.partition("-")
    if low.endswith("+"):
        return version >= int(low[:-1])
    return int(low) <= version <= int(high or low)


class Shape:
    """How the values of one message are chosen: full, sparse (nulls, empty arrays, nothing tagged), or anything."""

    def __init__(self, kind, seed):
        self.kind = kind
        self.random = random.Random(seed)

    def is_null(self):
        return self.kind == "sparse" or self.kind == "any" and self.random.random() < 0.3

    def is_default(self):
        return self.kind == "sparse" or self.kind == "any" and self.random.random() < 0.5

    def length(self):
        return {"full": 2, "sparse": 0}.get(self.kind, self.random.randrange(4))

    def scalar(self, name):
        if name in BITS:
            top = 1 << (BITS[name] - 1)
            small = self.random.randrange(1, 100)
            return self.random.choice([small, -small, top - small, -top]) if self.kind == "any" else small
        if name == "bool":
            return self.random.random() < 0.5
        if name == "uuid":
            return uuid.UUID(int=self.random.getrandbits(128))
        if name == "string":
            return self.random.choice(STRINGS[:4] if self.kind == "full" else STRINGS)
        if name in ("bytes", "records"):
            return self.random.randbytes(self.random.choice([3, 8] if self.kind == "full" else [0, 3, 140]))
        raise ValueError(name)


def value_of(field, shape, version):
    """A value for a field that the version has."""
    if within(field.get("nullableVersions"), version) and shape.is_null():
        return None
    one = lambda: fields_of(field, shape, version) if "fields" in field else shape.scalar(scalar_type(field))
    return [one() for _ in range(shape.length())] if is_array(field) else one()


def fields_of(message, shape, version):
    """Values for the fields of a structure that the version has, by name."""
    values = {}
    for field in message["fields"]:
        if within(field["versions"], version) and not ("tag" in field and shape.is_default()):
            values[field["name"]] = value_of(field, shape, version)
    return values


def filled(data_class, message, values, version):
    """The values as objects of kafka-python."""
    objects = {}
    by_name = {field._name: field for field in data_class._struct.fields.values()}
    for field in message["fields"]:
        if field["name"] not in values:
            continue
        known, value = by_name[field["name"]], values[field["name"]]
        if "fields" in field and value is not None:
            inner = lambda one: filled(known.data_class, field, one, version)
            value = [inner(one) for one in value] if is_array(field) else inner(value)
        objects[known.name] = value
    return data_class(version=version, **objects)


def default_of(field):
    if field.get("nullableVersions"):
        return None
    if is_array(field):
        return []
    if "fields" in field:
        return {}
    name, default = scalar_type(field), field.get("default")
    if name in BITS:
        return int(str(default or 0), 0)
    if name == "bool":
        return str(default).lower() == "true"
    return {"uuid": uuid.UUID(int=0), "string": default or "", "bytes": b"", "records": b""}[name]


def rendered_one(field, value, built, kind):
    if "fields" in field:
        return rendered(field, value, built, kind)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, bytes):
        return str(list(value))
    return value.hex if isinstance(value, uuid.UUID) else str(value)


def snake(name):
    parts = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).split()
    return "_".join(parts)


def rendered(message, values, built, kind):
    """A structure as text, with every field that any version of the API has."""
    lines = []
    for field in message["fields"]:
        if not any(within(field["versions"], version) for version in range(built[0], built[1] + 1)):
            continue
        value = values.get(field["name"], default_of(field))
        if value is None:
            text = "Null" if field["type"] == "records" and kind == "Response" else "None"
        else:
            one = lambda value: rendered_one(field, value, built, kind)
            text = "[" + ", ".join(map(one, value)) + "]" if is_array(field) else one(value)
            if field["type"] == "records" and kind == "Response":
                text = f"Here({text})"
            elif field.get("nullableVersions"):
                text = f"Some({text})"
        lines.append(f"{snake(field['name'])}: {text}")
    return "{ " + ", ".join(lines) + " }"


def messages_of(api, built):
    """The lines of one API."""
    for kind in ("Request", "Response"):
        # Classes of our own: those of kafka-python change fields of some messages for their users.
        message_class = type(ApiMessage)(api + kind, (ApiMessage,), {})
        if (api, kind) == ("ApiVersions", "Response"):
            message_class.encode_header = lambda self, flexible=False: self._header.encode(flexible=False)
        message = message_class._json
        for version in range(built[0], built[1] + 1):
            for number, shape_kind in enumerate(("full", "sparse", "any")):
                values = fields_of(message, Shape(shape_kind, f"{api} {kind} {version} {shape_kind}"), version)
                body = filled(message_class, message, values, version)
                correlation_id = version * 1000 + number
                body.with_header(correlation_id, None if shape_kind == "sparse" else "golden") if kind == "Request" \
                    else body.with_header(correlation_id)
                data = body.encode(header=True, framed=True)
                yield f"{kind.lower()} {version} {bytes(data).hex()}"
                if shape_kind == "full" and version in built or shape_kind == "any" and version == built[1]:
                    yield f"value {rendered(message, values, built, kind)}"


def main():
    if kafka.__version__ != PINNED:
        sys.exit(f"kafka-python is {kafka.__version__}: the golden messages are those of {PINNED}")
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for api, built in VERSIONS.items():
        lines = list(messages_of(api, built))
        (GOLDEN / f"{api}.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
