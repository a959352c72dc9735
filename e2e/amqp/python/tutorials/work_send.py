"""Tutorial 2, sender: each argument is one persistent task."""

import sys

import pika
from common import connect

with connect() as connection:
    channel = connection.channel()
    channel.queue_declare(queue="work", durable=True)
    for task in sys.argv[1:]:
        channel.basic_publish(exchange="", routing_key="work", body=task,
                              properties=pika.BasicProperties(delivery_mode=pika.DeliveryMode.Persistent))
    print("sent", len(sys.argv) - 1)
