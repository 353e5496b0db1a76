"""What prediction from a trained run is worth: start-up, equality with torch, equality of tiles and whole.

    python benchmarks/predict.py RUN CAMVID

Prints one line a measurement. RUN is a directory that `pixelwise train` filled, CAMVID a data set with a test split.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from pixelwise.formats import open_dataset
from pixelwise.predict.predictor import Predictor, load
from pixelwise.raster.image import read_image
from pixelwise.training.engine import TorchEngine
from pixelwise.training.weights import load_run

COLD_RUNS = 7
LARGE = (2048, 3072)


def cold_start(run: Path, photo: Path) -> None:
    """Time whole processes of `pixelwise predict` on one photo, and list whether they load torch."""
    with tempfile.TemporaryDirectory() as folder:
        line = [sys.executable, "-m", "pixelwise", "predict", str(run), str(photo), "--out", folder]
        seconds = []
        for _ in range(COLD_RUNS):
            started = time.perf_counter()
            subprocess.run(line, check=True, capture_output=True)
            seconds.append(time.perf_counter() - started)
        shown = subprocess.run([line[0], "-X", "importtime", *line[1:]], check=True, capture_output=True, text=True)
    loaded = "torch" in {entry.rpartition("|")[2].strip() for entry in shown.stderr.splitlines()}
    print(
        f"predict one photo, whole process: median {statistics.median(seconds):.2f} s, first {seconds[0]:.2f} s, "
        f"slowest {max(seconds):.2f} s; torch loaded: {loaded}"
    )


def against_torch(predictor: Predictor, torch_predictor: Predictor, photos: list[Path]) -> None:
    """Compare the labels of onnxruntime with those of torch on every photo."""
    same = total = 0
    for photo in photos:
        image = read_image(photo)
        labels, torch_labels = predictor.label_map(image), torch_predictor.label_map(image)
        same += int((labels == torch_labels).sum())
        total += labels.size
    print(f"ONNX against torch, {len(photos)} images: same label on {100 * same / total:.4f} % of pixels")


def tiled_against_whole(predictor: Predictor, name: str, image: np.ndarray) -> None:
    """Compare the labels of blended tiles with those of one pass over the whole image."""
    height, width = image.shape[:2]
    side = -(-max(height, width) // predictor.info.stride) * predictor.info.stride
    whole = Predictor(predictor._engine, replace(predictor.info, tile=side))
    started = time.perf_counter()
    tiles = predictor.label_map(image)
    between = time.perf_counter()
    same = (tiles == whole.label_map(image)).mean()
    ended = time.perf_counter()
    print(
        f"tiled against whole, {name} of {height}x{width}: same label on {100 * same:.3f} % of pixels "
        f"({between - started:.1f} s in tiles of {predictor.info.tile}, {ended - between:.1f} s whole)"
    )


def mosaic(photos: list[Path]) -> np.ndarray:
    """Return photos side by side and one above the other, cut to `LARGE`."""
    images = [read_image(photo) for photo in photos]
    height, width = images[0].shape[:2]
    columns, rows = -(-LARGE[1] // width), -(-LARGE[0] // height)
    grid = [[images[(r * columns + c) % len(images)] for c in range(columns)] for r in range(rows)]
    return np.vstack([np.hstack(row) for row in grid])[: LARGE[0], : LARGE[1]]


def enlarged(photo: Path) -> np.ndarray:
    """Return a photo at `LARGE`."""
    return np.asarray(Image.fromarray(read_image(photo)).resize(LARGE[::-1], Image.Resampling.BICUBIC))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("data", type=Path)
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        sys.exit(f"{arguments.data}: no such directory; this benchmark needs a data set")
    photos = [item.image for item in open_dataset(arguments.data).splits["test"]]
    predictor = load(arguments.run)
    pipeline, _ = load_run(arguments.run)
    cold_start(arguments.run, photos[0])
    against_torch(predictor, Predictor(TorchEngine(pipeline), predictor.info), photos)
    tiled_against_whole(predictor, "a photo enlarged", enlarged(photos[0]))
    tiled_against_whole(predictor, "a mosaic of photos", mosaic(photos[::5]))


if __name__ == "__main__":
    main()
