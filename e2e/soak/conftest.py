"""The soak of Kafka's clients has settings, and an environment with those clients, of its own."""

collect_ignore = ["kafka"]
