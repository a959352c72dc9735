"""Tutorial 1, sender: one message into a named queue."""

from common import connect

with connect() as connection:
    channel = connection.channel()
    channel.queue_declare(queue="hello")
    channel.basic_publish(exchange="", routing_key="hello", body="Hello, ferry!")
    print("sent")
