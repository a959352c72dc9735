"""Deletes the topic of the articles' programs and waits until it is gone; runs where they run, with their client."""

import time

from kafka.admin import KafkaAdminClient
from kafka.errors import UnknownTopicOrPartitionError

TOPIC = "test_topic"

admin = KafkaAdminClient(bootstrap_servers="localhost:9092")
try:
    admin.delete_topics([TOPIC])
except UnknownTopicOrPartitionError:
    pass  # nobody made it
deadline = time.monotonic() + 20
while TOPIC in admin.list_topics():
    assert time.monotonic() < deadline, f"{TOPIC} is still there"
    time.sleep(0.02)
admin.close()
