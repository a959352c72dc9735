"""A broker of Kafka's protocol that runs already: NARUMQ_E2E_KAFKA."""

import os

from support import broker as brokers

#: The set of answers that Apache Kafka 4.1 gives.
KAFKA41 = "kafka41"


class ForeignBroker(brokers.ForeignBroker):
    """One that is taken for Apache Kafka, when NARUMQ_E2E_KIND does not say what it is."""

    def __init__(self):
        self.bootstrap = os.environ.get("NARUMQ_E2E_KAFKA")
        if not self.bootstrap:
            raise brokers.BrokerFailure("set NARUMQ_BIN=<path of narumq> or NARUMQ_E2E_KAFKA=host:port")
        super().__init__(self.bootstrap)
        self.kafka_address = self.address
        self.kind = os.environ.get("NARUMQ_E2E_KIND") or KAFKA41
