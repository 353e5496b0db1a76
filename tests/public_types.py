"""A file of a user's, which `make lint` checks by mypy's strict rules: the public face has types. It is never run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

import pixelwise as pw

data: pw.Dataset = pw.open_dataset("photos")
problems: list[str] = [problem.message for problem in pw.check(data).problems]
remarks: list[str] = list(pw.convert(data, "coco", "photos-coco").remarks)
run: pw.Run = pw.train(data, out="runs/photos", minutes=10.0)
model: pw.Predictor = pw.load(run.path)
result: pw.Result = model.predict("photo.jpg")
label_map: npt.NDArray[np.uint8] = result.label_map
from_array: pw.Result = model.predict(np.zeros((4, 5)), pw.MonteCarloDropout(passes=20), probabilities=True)
several: list[pw.Result] = list(model.predict(["a.jpg", "b.jpg"])) + list(model.predict_each("photos"))
masks: npt.NDArray[np.bool_] = result.masks
boxes: npt.NDArray[np.int64] = result.boxes_xyxy
saved: Path = result.save("photo.png", as_="overlay")
features: object = result.to_geojson()["features"]
names: tuple[str, ...] = model.classes.names
file: Path = pw.export(run, "photos.onnx", fast=True)
images: int = pw.evaluate(model, data, "val").images
try:
    net = pw.models.build("fpn", num_classes=2)
except pw.OptionError as error:
    remedy: str = error.remedy
version: str = pw.__version__
ignored: int = pw.IGNORE_INDEX

wrong: pw.Predictor = pw.open_dataset("photos")  # type: ignore[assignment]  # a mistake that mypy must see
