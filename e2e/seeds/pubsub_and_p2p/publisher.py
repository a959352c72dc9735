import pika

connection = pika.BlockingConnection(pika.ConnectionParameters('localhost'))
channel = connection.channel()

# 주제(Topic) 교환기 선언
channel.exchange_declare(exchange='logs', exchange_type='fanout')

message = "Hello, Pub/Sub!"
channel.basic_publish(exchange='logs', routing_key='', body=message)
print(" [x] Sent %r" % message)

connection.close()
