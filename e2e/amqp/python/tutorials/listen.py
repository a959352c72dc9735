"""Tutorials 3 to 5, receiver: listen.py EXCHANGE TYPE BINDING_KEY..."""

import sys

from common import connect

exchange, kind, *keys = sys.argv[1:]
channel = connect().channel()
channel.exchange_declare(exchange=exchange, exchange_type=kind)
queue = channel.queue_declare(queue="", exclusive=True).method.queue
for key in keys:
    channel.queue_bind(queue=queue, exchange=exchange, routing_key=key)
channel.basic_consume(
    queue=queue, auto_ack=True,
    on_message_callback=lambda ch, method, properties, body: print("got", method.routing_key, body.decode()))
print("ready")
channel.start_consuming()
