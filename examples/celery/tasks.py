"""A Celery app, and the worker in Python that it has had so far: one set of models for a process.

Programs that send tasks import this file. They need neither Ultralytics nor a model: only a worker
of Python loads these. See docs/from-celery.md.
"""
import gc
import os
import threading

from celery import Celery, Task

url = os.environ.get("REDIS_URL", "redis://localhost:6379/0")
app = Celery("tasks", broker=url, backend=url)
app.conf.update(
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
)


class ModelCache:
    """The models of a process, each loaded when it is first needed."""

    _instance = None
    _lock = threading.Lock()

    def __new__(cls):
        with cls._lock:
            if cls._instance is None:
                cls._instance = super().__new__(cls)
                cls._instance._models = {}
            return cls._instance

    def get(self, file, task):
        with self._lock:
            if file not in self._models:
                from ultralytics import YOLO

                self._models[file] = YOLO(file, task=task)
            return self._models[file]


class ModelSingletonTask(Task):
    """A task with the models of its process, which cleans up after every 100 tasks."""

    abstract = True
    done = 0

    @property
    def seg_model(self):
        return ModelCache().get(os.environ["SEGMENT_MODEL"], "segment")

    @property
    def det_model(self):
        return ModelCache().get(os.environ["DETECT_MODEL"], "detect")

    @property
    def device(self):
        """The GPU that the worker's name has: 0 of celery@gpu0."""
        node = self.request.hostname.partition("@")[2]
        return f"cuda:{node.removeprefix('gpu')}" if node.startswith("gpu") else "cpu"

    def after_return(self, *_args):
        ModelSingletonTask.done += 1
        if ModelSingletonTask.done % 100 == 0:
            import torch

            gc.collect()
            torch.cuda.empty_cache()


@app.task(bind=True, base=ModelSingletonTask)
def count(self, photo):
    """Counts the beds and the plants on a photo."""
    settings = {"device": self.device, "max_det": 2000, "verbose": False}
    beds = self.seg_model.predict(photo, **settings)[0]
    plants = self.det_model.predict(photo, **settings)[0]
    return {"beds": len(beds), "plants": len(plants)}
