"""Export of a run's model in 8 bits, as far as its accuracy allows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from pixelwise.core.errors import DataError, ModelFileError
from pixelwise.core.files import write_atomically
from pixelwise.core.temporary_files import temporary_path
from pixelwise.data import open_dataset
from pixelwise.data.dataset import Dataset
from pixelwise.inference.evaluate import evaluate
from pixelwise.inference.loading import load
from pixelwise.model_export.quantization import quantise
from pixelwise.training.config import RunConfig
from pixelwise.training.finish import export_run
from pixelwise.training.posthoc.class_bias import select_evenly
from pixelwise.training.run_directory import RunDirectory

MAX_SCORE_LOSS = 0.005
"""The largest loss of the score on the validation images against float."""
FLOAT_CONVOLUTIONS = (0, 1, 2, 4, 8, 16, 32, 64, 128)
"""Numbers of first convolutions that stay in float, in the order in which they are tried."""
CALIBRATION_IMAGES, SCORED_IMAGES = 16, 64
"""The most training images for the calibration, and the most validation images that are scored."""


@dataclass(frozen=True)
class Int8:
    """A model file in 8 bits: its score (see `RunConfig.measure`) on `images` validation images, the score in float,
    and how many of the first convolutions stay in float."""

    measure: str
    score: float
    float_score: float
    float_convolutions: int
    images: int


def export_int8(
    run: Path,
    out: Path,
    *,
    fast: bool = False,
    data: Path | None = None,
    on_try: Callable[[Int8], None] = lambda tried: None,
) -> Int8:
    """Write the model of a run directory in 8 bits to the .onnx file `out`, and return its scores.

    As many of the first convolutions stay in float as are needed to lose at most `MAX_SCORE_LOSS`. It is calibrated and
    scored with the data of the run, or those at `data`; `on_try` is called with each attempt. Raises `DataError` for
    data that are not there or hold no validation images, `ModelFileError` where every attempt loses more, and what
    reading the data raises.
    """
    config = RunConfig.load(RunDirectory(run).config)
    stored = partial(open_dataset, config.data, config.format, images_root=config.images_root)
    dataset = _select_images(stored() if data is None else open_dataset(data))
    dataset = replace(dataset, bands=config.bands, value_range=config.value_range)
    images = len(dataset.splits["val"])
    with write_atomically(out) as temporary, temporary_path(out) as whole:
        export_run(run, whole, fast=fast)
        in_float = _score(whole, dataset, config)
        for count in FLOAT_CONVOLUTIONS:
            calibrating = (dataset.read(item).image for item in dataset.splits["train"])
            if not quantise(whole, calibrating, temporary, count):
                break
            tried = Int8(config.measure, _score(temporary, dataset, config), in_float, count, images)
            on_try(tried)
            if tried.score >= in_float - MAX_SCORE_LOSS:
                return tried
        problem = f"a model that loses more than {MAX_SCORE_LOSS} {config.measure} in 8 bits"
        raise ModelFileError(run, problem, "one that does not", "Leave `int8` out.")


def _select_images(dataset: Dataset) -> Dataset:
    """Return the images for the calibration, and those that are scored."""
    train = select_evenly(dataset.splits.get("train", ()), CALIBRATION_IMAGES)
    val = select_evenly(dataset.splits.get("val", ()), SCORED_IMAGES)
    if not train or not val:
        remedy = "Name data with both with `data`."
        raise DataError(dataset.root, "no images for training or none for validation", "both", remedy)
    return replace(dataset, splits={"train": tuple(train), "val": tuple(val)})


def _score(path: Path, dataset: Dataset, config: RunConfig) -> float:
    """Return the score of a model file on the validation images; 0 where it finds nothing to score."""
    return float(evaluate(load(path), dataset, "val").to_json_dict()[config.measure] or 0.0)
