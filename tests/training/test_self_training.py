"""Self-training: what the model is sure of, in rounds, and the same to the last bit after a kill."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from numpy.testing import assert_array_equal
from PIL import Image

from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.inference.engines.base import Engine
from pixelwise.inference.predictor import Predictor
from pixelwise.modelfile.info import ModelInfo
from pixelwise.training import loop, self_training
from pixelwise.training.callbacks import Callback
from pixelwise.training.checkpoint import load_tensors
from pixelwise.training.config import Recipe, RunConfig
from pixelwise.training.run import train
from pixelwise.training.schedule import extend
from pixelwise.training.self_training import choose_images, confidence_thresholds, label_images, round_steps
from pixelwise_scenes import write_scenes

SMALL: dict[str, Any] = {"model": "segnet", "width": 0.06, "epochs": 8, "quiet": True}


class RedIsTheMargin(Engine):
    """Two classes; the logit of the second over the first is a fiftieth of an image's red channel, less 2.5."""

    def __call__(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        red = images[..., 0].astype(np.float32) / 50 - 2.5
        return np.stack([np.zeros_like(red), red], axis=1)


@pytest.fixture
def predictor() -> Predictor:
    info = ModelInfo("red", None, "semantic", ClassMap.from_names(["a", "b"]), (0.0,) * 3, (1.0,) * 3, 2, 64, 32)
    return Predictor(RedIsTheMargin(), info)


def test_thresholds_lie_between_the_two_limits() -> None:
    """255ths: of the first class half the pixels reach 200, of the second 250, of the third 100, the last has none."""
    counts = np.zeros((4, 256), np.int64)
    counts[0, [180, 200, 240]] = 5, 3, 2
    counts[1, [130, 250]] = 10, 90
    counts[2, [90, 100]] = 50, 50
    assert_array_equal(confidence_thresholds(counts, (0.5, 0.9), 0.5), [200, 230, 128, 230])
    assert_array_equal(confidence_thresholds(counts, (0.0, 1.0), 0.9), [180, 250, 90, 255])


def test_images_are_labelled_where_the_model_is_sure(predictor: Predictor, recipe: Recipe) -> None:
    """By hand: red 250 has the logit 2.5, 0.92 for the second class; 200 has 1.5, 0.82; 150 has 0.5, 0.62."""
    image = np.zeros((8, 30, 3), np.uint8)
    image[..., 0] = np.repeat([250, 200, 150], 10)
    sure = recipe.replace(class_weights=(1.0, 1.0), confidence=(0.8, 0.8))
    (labels,) = label_images(predictor, iter([lambda: image]), sure, lambda: False)
    assert_array_equal(labels, np.tile(np.repeat([1, 1, IGNORE_INDEX], 10), (8, 1)))
    # logit adjustment by half of a weight of e^2 lowers the second class's logit by 1: 0.82, 0.62 and 0.38
    weighted = sure.replace(class_weights=(1.0, float(np.exp(2))), pseudo_adjustment=0.5, confidence=(0.6, 0.6))
    (labels,) = label_images(predictor, iter([lambda: image]), weighted, lambda: False)
    assert_array_equal(labels, np.tile(np.repeat([1, 1, 0], 10), (8, 1)))


def test_labelling_ends_where_the_run_is_to_stop(predictor: Predictor, recipe: Recipe) -> None:
    weighted = recipe.replace(class_weights=(1.0, 1.0))
    answers = iter([False, True])
    images = iter([lambda: np.zeros((8, 8, 3), np.uint8)] * 3)
    assert label_images(predictor, images, weighted, lambda: next(answers)) == []


def test_rounds_are_shares_of_the_steps_and_an_extended_part_begins_with_one(recipe: Recipe) -> None:
    rounds = recipe.replace(steps=20, pseudo_rounds=(0.25, 0.5))
    assert round_steps(rounds) == [5, 10]
    assert round_steps(recipe) == []
    assert round_steps(extend(rounds).replace(steps=60)) == [5, 10, 20, 30, 40]
    assert round_steps(rounds.replace(teacher_lead=0.5)) == [0, 5, 10]
    assert round_steps(recipe.replace(teacher_lead=0.5)) == [0]


def test_of_many_images_some_are_labelled() -> None:
    assert choose_images(5, 9, (0, 1)) == [0, 1, 2, 3, 4]
    chosen = choose_images(100, 20, (0, 1))
    assert len(set(chosen)) == 20
    assert chosen == sorted(chosen) == choose_images(100, 20, (0, 1))
    assert chosen != choose_images(100, 20, (0, 2))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scenes of 64x96, of which one pixel in 40 has a label in the first six; three have no mask, two of 255 alone."""
    path = tmp_path_factory.mktemp("scenes") / "data"
    write_scenes(path, 0, {"train": 11, "val": 3}, size=(64, 96))
    for number, mask in enumerate(sorted((path / "train" / "masks").iterdir())):
        stored = Image.open(mask)
        labels = np.array(stored)
        is_labelled = np.random.default_rng(number).random(labels.shape) < (1 / 40 if number < 6 else 0)
        sparse = Image.fromarray(np.where(is_labelled, labels, IGNORE_INDEX).astype(np.uint8))
        sparse.save(mask)
        if number >= 8:
            mask.unlink()
    for instances in path.glob("*/instances"):
        for file in instances.iterdir():
            file.unlink()
        instances.rmdir()
    return path


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_tensors(run / "checkpoints" / "last.ckpt")[0]


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "whole"
    train(data, out=run, **SMALL)
    return run


@pytest.mark.parametrize("number", [0, 1])
def test_a_run_on_sparse_labels_that_is_stopped_in_a_round_goes_on_to_the_same_bits(
    data: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Stopped at the step after the live head's labels or those of the model, with a checkpoint at every step."""
    recipe = RunConfig.load(whole / "config.yaml").recipe
    assert (recipe.label_points > 0, recipe.pseudo_images) == (True, 11)
    assert recipe.unlabelled_share == pytest.approx(5 / 11)
    rounds = round_steps(recipe)
    assert (len(rounds), rounds[0]) == (2, 0)
    first = rounds[number]
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)

    class Kill(Callback):
        def on_step(self, step: int, loss: float) -> None:
            if step == first + 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(data, out=tmp_path / "killed", callbacks=[Kill()], **SMALL)
    assert len(list((tmp_path / "killed" / "checkpoints").glob("pseudo-labels-*"))) == number + 1
    monkeypatch.setattr(self_training, "Teacher", None)  # the round is not made again
    if number:
        monkeypatch.setattr(self_training, "label_images", None)
    train(data, out=tmp_path / "killed", resume=True, **SMALL)
    in_one, killed = weights(whole), weights(tmp_path / "killed")
    assert all(torch.equal(in_one[name], killed[name]) for name in in_one)
    for run in (whole, tmp_path / "killed"):
        assert [file.name for file in (run / "checkpoints").iterdir()] == ["last.ckpt"]


def test_the_first_pseudo_labels_are_those_of_a_live_head(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A head that gives all pixels the class 2, the left half of them with too small a lead."""

    class Constant:
        @classmethod
        def fit(cls, images: list[Any], num_classes: int, **_: object) -> Constant:
            labelled = [(label_map != IGNORE_INDEX).any() for _, label_map in (read() for read in images)]
            assert (labelled, num_classes) == ([True] * 6, 8)
            return cls()

        def label(self, image: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
            lead = np.where(np.arange(image.shape[1]) < 48, 127, 128).astype(np.uint8)
            return np.full(image.shape[:2], 2, np.uint8), np.broadcast_to(lead, image.shape[:2])

    class Stop(Callback):
        def on_step(self, step: int, loss: float) -> None:
            raise KeyboardInterrupt

    monkeypatch.setattr(self_training, "Teacher", Constant)
    with pytest.raises(KeyboardInterrupt):
        train(data, out=tmp_path / "run", callbacks=[Stop()], **SMALL)
    tensors, _ = load_tensors(tmp_path / "run" / "checkpoints" / "pseudo-labels-0.safetensors")
    assert len(tensors) == 11
    for labels in tensors.values():
        assert_array_equal(labels.numpy(), np.where(np.arange(96) < 48, IGNORE_INDEX, 2) + np.zeros((64, 1), int))
