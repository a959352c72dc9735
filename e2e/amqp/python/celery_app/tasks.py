"""An application as people write them: nothing is set but where the broker is and, when asked for, the type of queue."""

import os

from celery import Celery

app = Celery("tasks", broker=os.environ["BROKER_URL"], backend="rpc://")
if os.environ.get("QUEUE_TYPE"):
    app.conf.task_default_queue_type = os.environ["QUEUE_TYPE"]
    app.conf.task_default_exchange_type = "topic"


@app.task
def add(x, y):
    """Adds."""
    return x + y
