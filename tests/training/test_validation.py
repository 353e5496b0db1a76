"""The score of a model in training: that of its task, over the validation images."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.data.dataset import Dataset, Item, Labels
from pixelwise.inference.engines.base import Engine
from pixelwise.inference.predictor import Predictor
from pixelwise.instances.grouping_parameters import GroupingParameters
from pixelwise.modelfile.info import ModelInfo
from pixelwise.training import distributed
from pixelwise.training.samples import SampleStore
from pixelwise.training.validation import validation_score

CLASSES = ClassMap.from_names(["background", "cell"])
SEMANTIC = ModelInfo("red", None, "semantic", CLASSES, (0.0,) * 3, (1.0,) * 3, 1, 64, 32)
INSTANCE = dataclasses.replace(SEMANTIC, task="instance", grouping=GroupingParameters((1,), radius=2, least_area=1))


class Red(Engine):
    """Foreground where red is above 100; for objects the heat is green over 255, and no pixel leads elsewhere."""

    def __init__(self, channels: int) -> None:
        self.channels = channels

    def __call__(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        red, green, _ = np.moveaxis(images.astype(np.float32), -1, 0)
        return np.stack([np.full_like(red, 100.0), red, green / 255, 0 * red, 0 * red], axis=1)[:, : self.channels]


@pytest.fixture
def store(tmp_path: Path) -> SampleStore:
    """Of two true objects of four columns the first is found in three of them and the second not at all."""
    image, instance_map = np.zeros((2, 20, 3), np.uint8), np.zeros((2, 20), np.int32)
    image[:, 2:5, 0] = image[1, 3, 1] = 255
    instance_map[:, 2:6], instance_map[:, 10:14] = 1, 2
    Image.fromarray(image).save(tmp_path / "a.png")
    item = Item("a", tmp_path / "a.png", tmp_path / "a.png")
    labels = Labels((instance_map > 0).astype(np.uint8), instance_map)
    return SampleStore(Dataset(tmp_path, "test", CLASSES, {"val": (item,)}, lambda item: labels), [item])


def test_a_semantic_model_has_a_mean_iou(store: SampleStore) -> None:
    """24 pixels of background, all found, of 34 called so; 6 of 16 of cells."""
    score = validation_score(Predictor(Red(2), SEMANTIC), store, distributed.join_processes())
    assert score == pytest.approx((24 / 34 + 6 / 16) / 2)


def test_an_instance_model_has_an_average_precision(store: SampleStore) -> None:
    """Half of the objects at IoU 0.75: 51 of 101 recalls at six of ten thresholds."""
    score = validation_score(Predictor(Red(5), INSTANCE), store, distributed.join_processes())
    assert score == pytest.approx(0.6 * 51 / 101)


def test_nothing_to_score(store: SampleStore) -> None:
    empty = Labels(np.full((2, 20), IGNORE_INDEX, np.uint8), np.zeros((2, 20), np.int32))
    dataset = dataclasses.replace(store.dataset, read_labels=lambda item: empty)
    store = SampleStore(dataset, store.items)
    assert validation_score(Predictor(Red(2), SEMANTIC), store, distributed.join_processes()) is None
    assert validation_score(Predictor(Red(5), INSTANCE), store, distributed.join_processes()) is None
