"""The time of a validation, from one image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from pixelwise.data import open_dataset
from pixelwise.training.planning import measurement
from pixelwise.training.samples import SampleStore


class PredictorByArea:
    """A predictor that takes a microsecond a pixel, by its own clock."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def label_map(self, image: npt.NDArray[np.uint8]) -> None:
        self.seconds += 1e-6 * image.shape[0] * image.shape[1]


@pytest.mark.parametrize("sides", [(16, 32, 64), (64, 32, 16), (32, 32, 32)])
def test_a_validation_takes_as_long_as_all_its_pixels(
    sides: tuple[int, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("images", "masks"):
        (tmp_path / "val" / folder).mkdir(parents=True)
        (tmp_path / "train" / folder).mkdir(parents=True)
        for number, side in enumerate(sides):
            pixels = np.zeros((side, side), np.uint8)
            pixels[: side // 2] = 1
            Image.fromarray(pixels).save(tmp_path / "val" / folder / f"{number}.png")
            Image.fromarray(pixels).save(tmp_path / "train" / folder / f"{number}.png")
    dataset = open_dataset(tmp_path)
    predictor: Any = PredictorByArea()
    monkeypatch.setattr(measurement, "torch_predictor", lambda pipeline, config: predictor)
    monkeypatch.setattr(measurement.time, "perf_counter", lambda: predictor.seconds)
    nothing: Any = None
    seconds = measurement._validation_seconds(nothing, nothing, SampleStore(dataset, dataset.splits["val"], tmp_path))
    assert seconds == pytest.approx(1e-6 * sum(side * side for side in sides), rel=1e-9)
