"""Ultralytics: a photo after another, with a .pt, an ONNX file or an OpenVINO folder."""

import torch
from stopwatch import measure, settings
from ultralytics import YOLO

loaded = []


def count_all(photos):
    if not loaded:
        loaded.append(YOLO(settings["model"], task="detect"))
    return [len(predict(photo)[0].boxes) for photo in photos]


def predict(photo):
    return loaded[0].predict(
        photo,
        imgsz=settings["imageSize"],
        conf=settings["confidence"],
        device="cpu",
        verbose=False,
    )


def set_threads():
    # The first prediction sets one thread less than there are cores.
    if "threads" in settings:
        torch.set_num_threads(settings["threads"])


measure(count_all, after_first=set_threads)
