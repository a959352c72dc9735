import pika

connection = pika.BlockingConnection(pika.ConnectionParameters('localhost'))
channel = connection.channel()

# 큐 선언
channel.queue_declare(queue='task_queue', durable=True)

message = "Hello, P2P!"
channel.basic_publish(
    exchange='',
    routing_key='task_queue',
    body=message,
    properties=pika.BasicProperties(
        delivery_mode=2,  # 메시지를 영구적으로 저장
    ))
print(" [x] Sent %r" % message)

connection.close()
