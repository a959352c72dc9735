"""What every AMQP test of this suite stands on: the broker, the clients, the wire."""
