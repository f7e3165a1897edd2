"""The usual worker of Python: Celery's solo pool, and a model that stays loaded."""

import json
import os

import torch
from celery import Celery
from ultralytics import YOLO

settings = json.loads(os.environ["PEER_SETTINGS"])
app = Celery("peers", broker=settings["redis"], backend=settings["redis"])
app.conf.update(
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
)
loaded = []


@app.task
def count(photo):
    if not loaded:
        loaded.append(YOLO(settings["model"], task="detect"))
    found = loaded[0].predict(
        photo,
        imgsz=settings["imageSize"],
        conf=settings["confidence"],
        device="cpu",
        verbose=False,
    )
    if "threads" in settings:
        torch.set_num_threads(settings["threads"])
    return len(found[0].boxes)
