"""The time of a validation, from one image."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
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


@pytest.mark.parametrize(("at_most", "steps"), [(1000.0, 11), (12.0, 6), (0.0, 2)])
def test_slow_steps_are_timed_less_often(
    at_most: float, steps: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first step takes 7 s, the others 1 s each."""
    clock = [0.0]

    class SlowTrainer:
        share = None
        accelerator = SimpleNamespace(num_processes=1, device=torch.device("cpu"))
        steps = 0

        def __init__(self, *_: object) -> None:
            """Takes what a trainer takes."""

        def start(self) -> None:
            """Nothing to prepare."""

        def train_step(self, batch: object) -> None:
            clock[0] += 1 if SlowTrainer.steps else 7
            SlowTrainer.steps += 1

    recipe = SimpleNamespace(early_split=1, replace=lambda steps: SimpleNamespace(steps=steps))
    config: Any = SimpleNamespace(recipe=recipe, task="semantic", seed=0)
    for name, value in (
        ("Trainer", SlowTrainer),
        ("build_pipeline", lambda *_, **__: None),
        ("batch_at", lambda *_: None),
        ("open_feed", lambda *_: None),
        ("_other_seconds", lambda *_: (0.0, 0.0)),
    ):
        monkeypatch.setattr(measurement, name, value)
    monkeypatch.setattr(measurement.time, "perf_counter", lambda: clock[0])
    cost = measurement.measure_cost(config, SampleStore.__new__(SampleStore), SampleStore.__new__(SampleStore), at_most)
    assert SlowTrainer.steps == steps
    assert cost.step == pytest.approx(1.05)
