"""A task from another package: one class with a channel of its own, trained and predicted without other changes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
import torch.nn.functional as F

import pixelwise as pw
from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.core.errors import OptionError
from pixelwise.data.dataset import Sample
from pixelwise.inference.engines.base import Engine
from pixelwise.inference.predictor import Predictor
from pixelwise.modelfile.info import ModelInfo
from pixelwise.nn.models import build
from pixelwise.nn.pipeline import IMAGENET_MEAN, IMAGENET_STD, Pipeline
from pixelwise.tasks import TASKS
from pixelwise.tasks.base import LossContext, OptionRule
from pixelwise.tasks.semantic import SemanticTask
from pixelwise.training.loop import Trainer
from pixelwise.training.option_checks import check_options
from pixelwise.training.options import TrainOptions
from pixelwise.training.recipe import Recipe
from pixelwise.training.samples import Batch, augment_sample

pytestmark = pytest.mark.usefixtures("one_thread")
CLASSES = ClassMap.from_names(["background", "cell"])


class OutlineTask(SemanticTask):
    """Classes, and in a channel of its own whether a pixel lies beside another class."""

    channels = 1
    option_rules = (OptionRule("recipe", (), "Leave one of the two out."),)

    def target(self, label_map: npt.NDArray[np.uint8], instance_map: Any, recipe: Recipe) -> npt.NDArray[np.float32]:
        outline = np.zeros(label_map.shape, np.float32)
        outline[:, 1:] += label_map[:, 1:] != label_map[:, :-1]
        return outline[None]

    def loss_terms(
        self, logits: torch.Tensor, label_map: torch.Tensor, target: torch.Tensor, context: LossContext
    ) -> Sequence[torch.Tensor]:
        known = label_map != IGNORE_INDEX
        total = F.binary_cross_entropy_with_logits(logits[:, 0][known], target[:, 0][known], reduction="sum")
        return (total / context.total(known.sum()).clamp(min=1),)


@pytest.fixture
def task(monkeypatch: pytest.MonkeyPatch) -> OutlineTask:
    monkeypatch.setattr(TASKS, "_entries", dict(TASKS._entries))
    task = OutlineTask()
    pw.register_task("outline", task)
    return task


def test_its_target_is_made_of_the_crop(task: OutlineTask, recipe: Recipe) -> None:
    label_map = np.zeros((32, 64), np.uint8)
    label_map[:, 20:40] = 1
    sample = Sample(np.zeros((32, 64, 3), np.uint8), label_map)
    crop = augment_sample(sample, recipe, np.random.default_rng(0), task)
    assert crop.task_target is not None
    columns = np.flatnonzero(np.diff(crop.label_map[0].astype(int))) + 1
    expected = np.zeros((1, 32, 64), np.float32)
    expected[..., columns] = 1
    np.testing.assert_array_equal(crop.task_target, expected)


def test_its_loss_is_added_to_that_of_the_classes(task: OutlineTask, recipe: Recipe) -> None:
    torch.manual_seed(0)
    pipeline = Pipeline(build("fpn", 3, encoder="test_resnet"), IMAGENET_MEAN, IMAGENET_STD)
    trainer = Trainer(pipeline, recipe.replace(class_weights=(1.0, 1.0), learning_rate=1e-12), 0, task)
    rng = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8, generator=rng)
    targets = torch.randint(0, 2, (2, 64, 64), generator=rng)
    targets[0, :, 0] = IGNORE_INDEX
    outline = torch.randint(0, 2, (2, 1, 64, 64), generator=rng).float()
    trainer.pipeline.train()
    with torch.no_grad():
        logits = pipeline(images)
    known = targets != IGNORE_INDEX
    expected = F.cross_entropy(logits[:, :2], targets, ignore_index=IGNORE_INDEX)
    expected += F.binary_cross_entropy_with_logits(logits[:, 2][known], outline[:, 0][known])
    loss = trainer.train_step(Batch(images, targets, task_target=outline))
    assert loss == pytest.approx(expected.item(), rel=1e-5)


class Colors(Engine):
    """Scores of two classes and an outline: red, green and a blue that exceeds both. Coarse logits are of no use."""

    def __call__(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return images.transpose(0, 3, 1, 2).astype(np.float32)

    def coarse(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        raise AssertionError("their best channel may be the outline")


def test_a_prediction_takes_the_best_class_and_no_other_channel(task: OutlineTask) -> None:
    info = ModelInfo("by hand", None, "outline", CLASSES, (0.0,) * 3, (1.0,) * 3, 1, 64, 32, extra_channels=1)
    assert info.channels == 3
    image = np.array([[[9, 1, 99], [1, 9, 99]]], np.uint8)
    result = Predictor(Colors(), info).predict(image)
    assert result.label_map.tolist() == [[0, 1]]
    assert result.probabilities.shape == (2, 1, 2)
    assert result.overlay().shape == (1, 2, 3)
    assert dataclasses.replace(info, task="semantic").channels == 3


def test_options_that_do_not_go_with_it(task: OutlineTask) -> None:
    check_options(TrainOptions(task="outline"))
    with pytest.raises(OptionError, match="recipe: found unet with `task='outline'`; expected one of the two"):
        check_options(TrainOptions(task="outline", recipe="unet"))
    with pytest.raises(OptionError, match=r"task: found 'outlines' \(did you mean outline\?\)"):
        check_options(TrainOptions(task="outlines"))
