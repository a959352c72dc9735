"""What every Kafka test of this suite stands on: the broker, the wire, waiting for events."""
