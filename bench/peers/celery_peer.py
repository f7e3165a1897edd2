"""A Celery worker as a process of its own, and the program that adds tasks and waits for them."""

import json
import os
import subprocess
import sys

from stopwatch import measure, own_cpu_ms, settings

os.environ["PEER_SETTINGS"] = json.dumps(settings)
celery = [
    *(sys.executable, "-m", "celery", "-A", "celery_tasks", "worker"),
    *("--pool=solo", "--loglevel=ERROR", "--without-mingle", "--without-gossip"),
]
worker = subprocess.Popen(
    # Another worker may serve the app.
    settings.get("worker", celery),
    cwd=os.path.dirname(os.path.abspath(__file__)),
    stdout=sys.stderr,
)
from celery import Celery  # noqa: E402, the worker starts meanwhile

app = Celery("peers", broker=settings["redis"], backend=settings["redis"])


def count_all(photos):
    sent = [app.send_task("celery_tasks.count", [photo]) for photo in photos]
    return [result.get(timeout=600) for result in sent]


def worker_usage():
    (stats,) = app.control.inspect(timeout=60, limit=1).stats().values()
    return stats["rusage"]


def cpu_ms():
    usage = worker_usage()
    return own_cpu_ms() + 1000 * (usage["utime"] + usage["stime"])


def peak_bytes():
    peak = worker_usage()["maxrss"]
    return peak if sys.platform == "darwin" else 1024 * peak


try:
    measure(count_all, cpu_ms=cpu_ms, peak_bytes=peak_bytes)
finally:
    worker.terminate()
    worker.wait()
