"""What every client of the soak shares: the topic, the counters, the patience of librdkafka."""

from soak.client_process import FOURTH, ClientProcess

TOPIC, GROUP, PARTITIONS = "soak", "soak", 4
#: The fourth column of the shared counters.
COMMITTED = FOURTH
#: A broker that was killed is back soon: ask often, give up late, say nothing of it.
SETTINGS = {"reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 100, "retry.backoff.ms": 20,
            "retry.backoff.max.ms": 100, "socket.timeout.ms": 10_000, "log_level": 0, "error_cb": lambda error: None}


class Client(ClientProcess):
    """A client of librdkafka."""

    def settings(self, **more) -> dict:
        """Of librdkafka; _ stands for the point in the names of `more`."""
        own = {name.replace("_", "."): value for name, value in more.items()}
        return {"bootstrap.servers": self.shared.address, **SETTINGS, **own}
