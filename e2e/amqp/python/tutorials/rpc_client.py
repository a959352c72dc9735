"""Tutorial 6, client: asks for the square of each argument and prints the answers."""

import sys
import uuid

import pika
from common import connect

connection = connect()
channel = connection.channel()
answers = {}
queue = channel.queue_declare(queue="", exclusive=True).method.queue
channel.basic_consume(queue=queue, auto_ack=True,
                      on_message_callback=lambda ch, method, properties, body: answers.update(
                          {properties.correlation_id: body.decode()}))
for number in sys.argv[1:]:
    request = str(uuid.uuid4())
    channel.basic_publish(exchange="", routing_key="squares", body=number,
                          properties=pika.BasicProperties(reply_to=queue, correlation_id=request))
    while request not in answers:
        connection.process_data_events(time_limit=1)
    print(number, answers[request])
connection.close()
