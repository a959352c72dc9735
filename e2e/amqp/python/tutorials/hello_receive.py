"""Tutorial 1, receiver: prints what comes into the queue."""

from common import connect

channel = connect().channel()
channel.queue_declare(queue="hello")
channel.basic_consume(queue="hello", auto_ack=True,
                      on_message_callback=lambda ch, method, properties, body: print("got", body.decode()))
print("ready")
channel.start_consuming()
