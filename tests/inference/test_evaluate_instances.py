"""Scores of an instance model on a split."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from pixelwise.core.classes import ClassMap
from pixelwise.core.errors import DataError
from pixelwise.data.dataset import Dataset, Item, Labels
from pixelwise.inference.evaluate import evaluate
from pixelwise.inference.loading import load
from pixelwise.metrics.instances import InstanceScores

if TYPE_CHECKING:
    from tests.inference.conftest import Int32, UInt8


def test_objects_are_scored_against_those_of_the_data(
    blob_file: Path, blob_image: UInt8, blob_map: Int32, tmp_path: Path
) -> None:
    """Of the truth one object is as predicted, and one is twice as large: half of it is IoU 0.5."""
    Image.fromarray(blob_image).save(tmp_path / "a.png")
    truth = blob_map.copy()
    truth[truth == 3] = 0
    truth[0:5, 58:64] = truth[1:4, 58:70] = 2  # 42 pixels, of which 18 are predicted
    item = Item("a", tmp_path / "a.png", tmp_path / "a.png", tmp_path / "a.png")
    labels = Labels((truth > 0).astype(np.uint8), truth)
    classes = ClassMap(("background", "blob"), ((0, 0, 0), (200, 0, 0)))
    dataset = Dataset(tmp_path, "test", classes, {"test": (item,)}, lambda item: labels)
    scores = evaluate(load(blob_file), dataset)
    assert isinstance(scores, InstanceScores)
    assert scores.dsb["0.5"] == 1 / (1 + 1 + 2)  # one match, one missed, two invented
    assert (scores.images, scores.objects) == (1, 2)
    bare = dataclasses.replace(dataset, read_labels=lambda item: Labels(labels.label_map))
    with pytest.raises(DataError, match="no instance map"):
        evaluate(load(blob_file), bare)


def test_what_is_found_in_a_group_does_not_count(
    blob_file: Path, blob_image: UInt8, blob_map: Int32, tmp_path: Path
) -> None:
    """The truth has the first blob alone as an object; the others are blobs that were not told apart."""
    Image.fromarray(blob_image).save(tmp_path / "a.png")
    item = Item("a", tmp_path / "a.png", tmp_path / "a.png", tmp_path / "a.png")
    labels = Labels((blob_map > 0).astype(np.uint8), np.where(blob_map == 1, 1, 0).astype(np.int32))
    classes = ClassMap(("background", "blob"), ((0, 0, 0), (200, 0, 0)))
    scores = evaluate(load(blob_file), Dataset(tmp_path, "test", classes, {"test": (item,)}, lambda item: labels))
    assert isinstance(scores, InstanceScores)
    assert (scores.ap, scores.pq, scores.dsb["0.9"], scores.objects) == (1, 1, 1, 1)
