"""The tasks of the matrix as a worker of Python has them; `canvas-tasks.ts` has the same."""

import os
import time

from celery import Celery
from celery.exceptions import SoftTimeLimitExceeded

queue = os.environ["MATRIX_QUEUE"]
broker = os.environ["MATRIX_REDIS"]
app = Celery("matrix", broker=broker, backend=broker)
app.conf.update(
    task_default_queue=queue,
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
)


def task(run):
    return app.task(name=f"matrix.{run.__name__}")(run)


@task
def identity(x):
    return x


@task
def add(x, y, z=0):
    return x + y + z


@task
def tsum(numbers):
    return sum(numbers)


@task
def fail(*_args):
    raise TypeError("meant to fail")


@task
def note(text, key):
    app.backend.client.rpush(key, str(text))
    return text


@task
def failed(task_id):
    """An errback in the old style: it gets the id alone."""
    app.backend.client.rpush(f"{queue}:failed", task_id)


@task
def guarded(seconds):
    try:
        time.sleep(seconds)
    except SoftTimeLimitExceeded:
        return "in time"
    return "late"


@task
def wait(seconds):
    time.sleep(seconds)
    return seconds


@task
def who(number):
    """Notes that this worker did a number."""
    app.backend.client.rpush(f"{queue}:python", number)
    return number * number
