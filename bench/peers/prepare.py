"""Makes the models of the peers where they are missing: random YOLO11, ONNX, OpenVINO, int8."""

import json
import os
import shutil
import sys

import cv2
import torch
from ultralytics import YOLO


def main():
    work = json.loads(sys.argv[1])
    folder = work["folder"]
    done = os.path.join(folder, "done")
    if os.path.exists(done):
        return
    # What an interrupted run left may be half a file.
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    checkpoint = os.path.join(folder, "model.pt")
    if "checkpoint" in work:
        shutil.copyfile(work["checkpoint"], checkpoint)
    else:
        save_random(work, checkpoint)
    size = {"imgsz": work["imageSize"]}
    YOLO(checkpoint).export(format="onnx", **size)
    YOLO(checkpoint).export(format="openvino", **size)
    YOLO(checkpoint).export(format="openvino", int8=True, data=write_data(work), **size)
    open(done, "w").close()


def save_random(work, checkpoint):
    """A network of seeded weights that finds a few objects on a photo, as a trained one does."""
    torch.manual_seed(1)
    yolo = YOLO(work["yaml"])
    network = yolo.model
    height, width = work["imageSize"]
    pictures = [cv2.resize(cv2.imread(photo), (width, height)) for photo in work["photos"]]
    batch = torch.stack(
        [torch.from_numpy(picture[..., ::-1].copy()).permute(2, 0, 1) / 255 for picture in pictures]
    )
    norms = [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    with torch.no_grad():
        # Without statistics of photos every place of a photo would score alike.
        for norm in norms:
            norm.momentum = None
            norm.reset_running_stats()
        network.train()(batch)
        for norm in norms:
            norm.momentum = 0.03
        best = network.eval()(batch)[0][:, 4:].amax(1).flatten().sort(descending=True).values
        # Ten scores a photo over 0.25.
        shift = torch.logit(torch.tensor(0.25)) - torch.logit(best[10 * len(pictures)])
        for branch in network.model[-1].cv3:
            branch[-1].bias += shift
    yolo.save(checkpoint)


def write_data(work):
    """A data set of the photos to calibrate on; exporting looks at no label."""
    folder = os.path.join(work["folder"], "calibration")
    for part in ("images", "labels"):
        os.makedirs(os.path.join(folder, part), exist_ok=True)
    for number, photo in enumerate(work["calibration"]):
        shutil.copyfile(photo, os.path.join(folder, "images", f"{number}.jpg"))
        with open(os.path.join(folder, "labels", f"{number}.txt"), "w") as label:
            label.write("0 0.5 0.5 0.1 0.1\n")
    names = YOLO(os.path.join(work["folder"], "model.pt")).names
    data = os.path.join(folder, "data.yaml")
    with open(data, "w") as file:
        json.dump({"path": folder, "train": "images", "val": "images", "names": names}, file)
    return data


main()
