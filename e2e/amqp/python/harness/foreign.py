"""A broker of AMQP 0-9-1 that runs already: NARUMQ_E2E_AMQP, and NARUMQ_E2E_HTTP for its management API."""

import os
from urllib.parse import urlsplit

import pika

from support import broker as brokers

#: The set of answers that RabbitMQ 3.10 gives.
RABBITMQ310 = "rabbitmq310"


class ForeignBroker(brokers.ForeignBroker):
    """One whose kind is told by its server properties, when NARUMQ_E2E_KIND does not say it."""

    def __init__(self):
        self.url = os.environ.get("NARUMQ_E2E_AMQP")
        if not self.url:
            raise brokers.BrokerFailure(
                "set NARUMQ_BIN=<path of narumq> or NARUMQ_E2E_AMQP=amqp://user:password@host:port/%2F")
        parts = urlsplit(self.url)
        super().__init__(f"{parts.hostname}:{parts.port or 5672}")
        self.amqp_port = self.address[1]
        self.management = os.environ.get("NARUMQ_E2E_HTTP")
        self.kind = os.environ.get("NARUMQ_E2E_KIND") or self._recognise()

    def _recognise(self) -> str:
        connection = pika.BlockingConnection(pika.URLParameters(self.url))
        told = connection._impl.server_properties
        connection.close()
        version = str(told.get("version", ""))
        if told.get("product") == "RabbitMQ" and "actual_product" not in told and version.startswith("3."):
            return RABBITMQ310
        return brokers.NARUMQ
