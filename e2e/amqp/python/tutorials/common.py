"""The one thing the tutorial programs share: where the broker is."""

import os

import pika


def connect():
    """Opens a connection to the broker named by AMQP_URL."""
    return pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
