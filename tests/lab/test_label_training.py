"""The suite that trains on strokes and on images without a label."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lab import label_training
from lab.labels import Budget
from lab.store import Places, Store
from pixelwise.data import open_dataset
from pixelwise.data.dataset import Item
from pixelwise_scenes import write_scenes


def test_a_training_sees_the_strokes_and_images_without_a_label(
    tmp_path: Path, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of three images one has strokes; the net that always answers the first class is scored on two test images."""
    monkeypatch.setattr(label_training, "BUDGET", Budget(1))
    scenes = tmp_path / "scenes"
    write_scenes(scenes, 0, {"train": 4, "test": 3}, size=(64, 96))
    data = open_dataset(scenes)

    def train(drawn: Path, run: Path, minutes: float, seed: int) -> Callable[[Item], np.ndarray]:
        written = open_dataset(drawn)
        assert list(written.splits) == ["train"]
        shares = sorted(float((written.read(item).label_map != 255).mean()) for item in written.splits["train"])
        assert (len(shares), shares[:2], minutes, seed) == (3, [0, 0], 1.0, 5)
        assert 0 < shares[2] < 0.9
        assert run.name == "2-unlabelled-1-minutes-seed-5"
        return lambda item: np.zeros((64, 96), np.uint8)

    arguments = [str(scenes), str(tmp_path / "out"), "--unlabelled", "2", "--seeds", "5", "--images", "2"]
    label_training.main(arguments, places, train)
    store = Store("label_training", places)
    assert list(store) == ["live, seed 5", "trained, 2 unlabelled, 1 minutes, seed 5"]
    truths = [data.read(data.splits["test"][place]).label_map for place in (0, 2)]
    pixels = np.concatenate([truth.ravel() for truth in truths])
    expected = (pixels == 0).mean() / len(np.unique(pixels))
    assert store["trained, 2 unlabelled, 1 minutes, seed 5"]["miou"] == pytest.approx(expected)
    assert store["live, seed 5"]["miou"] > expected
    assert f"| trained | 2 | 1 | {expected:.3f} | {expected:.3f} |" in (places.pages / "label_training.md").read_text()
