"""SAHI with Ultralytics: each photo in slices, merged as SAHI does by default."""

import torch
from sahi import AutoDetectionModel
from sahi.predict import get_sliced_prediction
from stopwatch import measure, settings

loaded = []


def count_all(photos):
    if not loaded:
        loaded.append(
            AutoDetectionModel.from_pretrained(
                model_type="ultralytics",
                model_path=settings["model"],
                confidence_threshold=settings["confidence"],
                image_size=settings["imageSize"],
                device="cpu",
            )
        )
    return [len(predict(photo).object_prediction_list) for photo in photos]


def predict(photo):
    return get_sliced_prediction(
        photo,
        loaded[0],
        slice_height=settings["slice"],
        slice_width=settings["slice"],
        overlap_height_ratio=0.2,
        overlap_width_ratio=0.2,
        perform_standard_pred=False,
        verbose=0,
    )


def set_threads():
    if "threads" in settings:
        torch.set_num_threads(settings["threads"])


measure(count_all, after_first=set_threads)
