"""Tutorial 2, worker: one task at a time; a task named `hang` is never finished."""

import signal

from common import connect


def work(channel, method, properties, body):
    """Does one task and acknowledges it."""
    print("begin", body.decode(), "again" if method.redelivered else "new")
    if body == b"hang":
        signal.pause()
    channel.basic_ack(method.delivery_tag)
    print("done", body.decode())


channel = connect().channel()
channel.queue_declare(queue="work", durable=True)
channel.basic_qos(prefetch_count=1)
channel.basic_consume(queue="work", on_message_callback=work)
print("ready")
channel.start_consuming()
