"""The public face as type checkers see it, from a file of a user's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pixelwise

CLIENT = """
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
"""


def check_types(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run mypy on a file with this text, as a user would who has pixelwise installed."""
    client = folder / "client.py"
    client.write_text(text)
    line = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--ignore-missing-imports"]
    line += ["--config-file", os.devnull, "--cache-dir", str(folder / "cache"), str(client)]
    environment = os.environ | {"MYPYPATH": str(Path(pixelwise.__file__).parents[1])}
    return subprocess.run(line, capture_output=True, text=True, env=environment, timeout=300)


def test_a_client_file_passes_and_a_wrong_type_does_not(tmp_path: Path) -> None:
    done = check_types(CLIENT, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    done = check_types('import pixelwise as pw\nmodel: pw.Predictor = pw.open_dataset("photos")\n', tmp_path)
    assert 'Incompatible types in assignment (expression has type "Dataset"' in done.stdout
