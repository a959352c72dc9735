"""A consumer of librdkafka that says what it has and never leaves: bootstrap, topic, group."""

import sys

from confluent_kafka import Consumer

bootstrap, topic, group = sys.argv[1:4]
consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "auto.offset.reset": "earliest",
                     "session.timeout.ms": 6000, "heartbeat.interval.ms": 500, "enable.auto.commit": False})
consumer.subscribe([topic])
told = None
while True:
    message = consumer.poll(0.1)
    if message is not None and not message.error():
        print("record", message.partition(), message.offset())
    has = sorted(one.partition for one in consumer.assignment())
    if has != told:
        print("has", *has)
        told = has
