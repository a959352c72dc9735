"""The session of the transcripts, by pika."""

import os

import pika

connection = pika.BlockingConnection(pika.URLParameters(os.environ["TRANSCRIPT_URL"]))
channel = connection.channel()
channel.exchange_declare("t.exchange", "topic", durable=True)
channel.queue_declare("t.queue", durable=True, arguments={"x-max-length": 10})
channel.queue_bind("t.queue", "t.exchange", "a.*")
channel.confirm_delivery()
properties = pika.BasicProperties(
    content_type="text/plain", delivery_mode=2, priority=3, correlation_id="c-1", message_id="m-1",
    headers={"text": "t", "number": 7, "flag": True},
)
channel.basic_publish("t.exchange", "a.b", b"hello", properties)
try:
    channel.basic_publish("t.exchange", "nobody", b"lost", mandatory=True)
    raise SystemExit("it was not returned")
except pika.exceptions.UnroutableError:
    pass
channel.queue_declare("", exclusive=True)
channel.basic_qos(prefetch_count=2)
for method, _, _ in channel.consume("t.queue"):
    channel.basic_ack(method.delivery_tag)
    break
channel.cancel()
assert channel.basic_get("t.queue") == (None, None, None)
channel.queue_delete("t.queue")
channel.exchange_delete("t.exchange")
try:
    channel.queue_declare("t.absent", passive=True)
    raise SystemExit("it was found")
except pika.exceptions.ChannelClosedByBroker:
    pass
connection.close()
