"""Tutorial 6, server: answers a number with its square."""

import pika
from common import connect


def answer(channel, method, properties, body):
    """Sends the square to the queue the request names."""
    channel.basic_publish(exchange="", routing_key=properties.reply_to, body=str(int(body) ** 2),
                          properties=pika.BasicProperties(correlation_id=properties.correlation_id))
    channel.basic_ack(method.delivery_tag)


channel = connect().channel()
channel.queue_declare(queue="squares")
channel.basic_qos(prefetch_count=1)
channel.basic_consume(queue="squares", on_message_callback=answer)
print("ready")
channel.start_consuming()
