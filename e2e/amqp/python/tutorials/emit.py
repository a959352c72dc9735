"""Tutorials 3 to 5, sender: emit.py EXCHANGE TYPE ROUTING_KEY MESSAGE."""

import sys

from common import connect

exchange, kind, key, message = sys.argv[1:]
with connect() as connection:
    channel = connection.channel()
    channel.exchange_declare(exchange=exchange, exchange_type=kind)
    channel.basic_publish(exchange=exchange, routing_key=key, body=message)
    print("sent")
