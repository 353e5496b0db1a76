"""Whether predictions agree: of onnxruntime with torch, and of tiles with the whole image. A part of `lab.predict`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from PIL import Image

from lab.predict_bench import SAMPLE, Bench, Rows
from pixelwise.inference.engines.registry import open_engine
from pixelwise.inference.loading import load
from pixelwise.inference.predictor import Predictor
from pixelwise.raster.image import read_image
from pixelwise.training.torch_engine import TorchEngine
from pixelwise.training.weights import load_run

UInt8 = npt.NDArray[np.uint8]


def compare_torch(bench: Bench) -> Rows:
    """Compare the labels of onnxruntime with those of torch on every photo."""
    predictor = load(bench.model)
    other = Predictor(TorchEngine(load_run(bench.run)[0]), predictor.info)
    images = [read_image(photo) for photo in bench.photos[:: max(1, len(bench.photos) // SAMPLE)]]
    same = share_of_same_labels(predictor, other, images)
    return [(f"onnxruntime against torch, {len(images)} photos", f"same label on {100 * same:.4f} % of pixels")]


def compare_tiles(bench: Bench) -> Rows:
    """Compare the labels of blended tiles with those of one pass over a whole image."""
    predictor = load(bench.model)
    height, width = bench.large
    side = -(-max(bench.large) // predictor.info.stride) * predictor.info.stride
    whole = Predictor(open_engine(bench.model, "onnxruntime"), replace(predictor.info, tile=side, overlap=0))
    rows = []
    for name, image in {"a photo enlarged": enlarge_photo(bench), "photos side by side": make_mosaic(bench)}.items():
        same = share_of_same_labels(predictor, whole, [image])
        title = f"tiles of {predictor.info.tile} against whole, {name}, {height}x{width}"
        rows.append((title, f"same label on {100 * same:.3f} % of pixels"))
    return rows


def make_mosaic(bench: Bench) -> UInt8:
    """Return photos side by side and one above the other, cut to the large size."""
    images = [read_image(photo) for photo in bench.photos[::5]]
    height, width = images[0].shape[:2]
    columns, rows = -(-bench.large[1] // width), -(-bench.large[0] // height)
    grid = [[images[(r * columns + c) % len(images)] for c in range(columns)] for r in range(rows)]
    return np.vstack([np.hstack(row) for row in grid])[: bench.large[0], : bench.large[1]]


def enlarge_photo(bench: Bench) -> UInt8:
    """Return a photo at the large size."""
    photo = Image.fromarray(read_image(bench.photos[0]))
    return np.asarray(photo.resize(bench.large[::-1], Image.Resampling.BICUBIC))


def share_of_same_labels(one: Predictor, other: Predictor, images: Iterable[UInt8]) -> float:
    """Return the share of the pixels that both give the same label."""
    return float(np.mean([(one.label_map(image) == other.label_map(image)).mean() for image in images]))
