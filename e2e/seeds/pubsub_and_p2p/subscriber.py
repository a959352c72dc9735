import pika

connection = pika.BlockingConnection(pika.ConnectionParameters('localhost'))
channel = connection.channel()

# 교환기 선언
channel.exchange_declare(exchange='logs', exchange_type='fanout')

# 임시 큐 생성
result = channel.queue_declare(queue='', exclusive=True)
queue_name = result.method.queue

# 큐를 교환기에 바인딩
channel.queue_bind(exchange='logs', queue=queue_name)

print(' [*] Waiting for logs. To exit press CTRL+C')

def callback(ch, method, properties, body):
    print(" [x] Received %r" % body)

channel.basic_consume(queue=queue_name, on_message_callback=callback, auto_ack=True)

channel.start_consuming()
