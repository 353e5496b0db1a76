"""The suite of objects from strokes: its classes, its corrections, and all of it in miniature."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from lab import label_objects
from lab.label_objects import classes_of, correct_objects
from lab.store import Places, Store
from pixelwise.data import open_dataset


def test_objects_have_an_interior_and_a_rim() -> None:
    """By eye; pixels within two steps of an object have no class."""
    objects = np.zeros((7, 13), np.int32)
    objects[2:6, :4], objects[2:6, 4:6] = 1, 2
    label_map = classes_of(objects)
    assert_array_equal(label_map[3], [1, 1, 1, 2, 2, 2, 255, 255, 0, 0, 0, 0, 0])
    assert_array_equal(label_map[2], [2, 2, 2, 2, 2, 2, 255, 255, 0, 0, 0, 0, 0])
    assert_array_equal(label_map[0, :9], [255, 255, 255, 255, 255, 255, 0, 0, 0])


def test_a_person_accepts_good_objects_and_outlines_the_others() -> None:
    true = np.zeros((4, 12), np.int32)
    true[:, :4], true[:, 5:8], true[:, 9:] = 3, 5, 9
    proposed = np.zeros((4, 12), np.int32)
    proposed[:, :3], proposed[:, 5:7], proposed[1, 9] = 1, 2, 4  # IoUs of 3/4, 2/3 and 1/12
    corrected, accepted, outlined = correct_objects(proposed, true)
    assert (accepted, outlined) == (1, 2)
    assert_array_equal(corrected[0], [1, 1, 1, 0, 0, 2, 2, 2, 0, 3, 3, 3])


def test_the_suite_in_miniature(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_objects, "FIT_STEPS", 60)
    rows, columns = np.mgrid[:64, :64]
    (tmp_path / "data/images").mkdir(parents=True)
    (tmp_path / "data/instances").mkdir()
    with (tmp_path / "data/index.csv").open("w", newline="") as file:
        index = csv.writer(file)
        index.writerow(["name", "kind", "split"])
        for number in range(6):
            rng = np.random.default_rng(number)
            ids = np.zeros((64, 64), np.uint16)
            for object_id, (row, column) in enumerate(rng.permutation(4)[:3, None] // [2, 1] % 2 * 30 + 17, start=1):
                ids[np.hypot(rows - row, columns - column) < 9] = object_id
            image = np.where(ids > 0, 190, 30) + rng.normal(0, 5, ids.shape)
            Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(tmp_path / f"data/images/{number}.png")
            Image.fromarray(ids).save(tmp_path / f"data/instances/{number}.png")
            index.writerow([number, "fluorescence", "test" if number > 4 else "train"])
    trained: list[tuple[Path, Sequence[str]]] = []

    def train(data: Path, run: Path, minutes: float, options: Sequence[str]) -> dict[str, Any]:
        trained.append((data, options))
        return {"dsb": {"0.5": 0.5}, "dsb_of_images": {"0.5": 0.25}}

    places = Places(tmp_path / "results", tmp_path)
    label_objects.main([str(tmp_path / "data"), str(tmp_path / "out"), "--seeds", "0", "--rounds", "0"], places, train)
    figures = Store("label_objects", places)["test, 0 rounds, 2 minutes, seed 0"]
    assert figures["live"] > 0.3
    assert figures["strokes"] == 55
    (data, options), *_ = trained
    assert "instance" in options
    assert {split: len(items) for split, items in open_dataset(data).splits.items()} == {
        "train": 4,
        "val": 1,
        "test": 1,
    }
    assert "0.500 (0.250)" in (tmp_path / "label_objects.md").read_text()
