"""The soak of the Kafka door: killed under load, again and again, and every promise to producers and groups checked."""
