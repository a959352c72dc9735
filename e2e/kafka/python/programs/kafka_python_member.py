"""A consumer that says what it has and never leaves: bootstrap, topic, group [, commit]."""

import sys

from kafka import KafkaConsumer

bootstrap, topic, group = sys.argv[1:4]
consumer = KafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=group, auto_offset_reset="earliest",
                         session_timeout_ms=6000, heartbeat_interval_ms=500, enable_auto_commit=False)
told = None
while True:
    for records in consumer.poll(timeout_ms=400).values():
        for record in records:
            print("record", record.partition, record.offset)
    has = sorted(one.partition for one in consumer.assignment())
    if has != told:
        print("has", *has)
        told = has
