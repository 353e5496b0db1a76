"""A model, a loss, an augmentation and callbacks of a user, and a run that takes the place of another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from pixelwise.core.errors import OptionError, OutputError
from pixelwise.inference.loading import load
from pixelwise.nn.augment import AUGMENTATIONS
from pixelwise.nn.losses import cross_entropy
from pixelwise.training.callbacks import Callback
from pixelwise.training.config import RunConfig
from pixelwise.training.run import train
from pixelwise.training.weights import load_run
from pixelwise_scenes import write_scenes


class Net(nn.Module):
    """One convolution."""

    stride = 1

    def __init__(self, num_classes: int, in_channels: int = 3) -> None:
        super().__init__()
        self.head = nn.Conv2d(in_channels, num_classes, 3, padding=1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(image)
        return logits


class Course(Callback):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.start: tuple[int, int] | None = None
        self.losses: list[float] = []
        self.scores: list[tuple[int, float]] = []
        self.metrics: dict[str, Any] = {}

    def on_start(self, step: int, steps: int) -> None:
        assert not self.losses
        self.start = step, steps

    def on_step(self, step: int, loss: float) -> None:
        self.losses.append(loss)

    def on_validation(self, step: int, score: float) -> None:
        self.scores.append((step, score))

    def on_end(self, metrics: dict[str, Any]) -> None:
        self.metrics = metrics


class Dark:
    """An augmentation that leaves nothing of an image."""

    def draw(self, rng: np.random.Generator, size: tuple[int, int]) -> None:
        assert size == (32, 64)

    def on_image(self, image: np.ndarray, params: None) -> np.ndarray:
        return np.zeros_like(image)

    def on_label_map(self, label_map: np.ndarray, params: None) -> np.ndarray:
        return label_map

    def on_instance_map(self, instance_map: np.ndarray, params: None) -> np.ndarray:
        return instance_map


def doubled(logits: torch.Tensor, target: torch.Tensor, **keywords: Any) -> torch.Tensor:
    return 2 * cross_entropy(logits, target, **keywords)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scenes") / "data"
    write_scenes(path, 0, {"train": 4, "val": 2}, size=(32, 64))
    return path


@pytest.mark.usefixtures("one_thread")
def test_a_run_has_the_users_model_loss_and_callbacks(data: Path, tmp_path: Path) -> None:
    plain, double = Course(), Course()
    train(data, out=tmp_path / "plain", model=Net, epochs=2, callbacks=[plain], quiet=True)
    run = train(data, out=tmp_path / "run", model=Net, loss=doubled, epochs=2, callbacks=[double], quiet=True)
    assert len(double.losses) == RunConfig.load(run.path / "config.yaml").recipe.steps
    assert double.start == (0, len(double.losses))
    assert double.losses[0] == pytest.approx(2 * plain.losses[0])
    assert [step for step, _ in double.scores] == [len(double.losses) // 2, len(double.losses)]
    assert max(score for _, score in double.scores) == pytest.approx(run.val_score)
    assert double.metrics == json.loads((run.path / "metrics.json").read_text())
    assert load(run.path).predict(np.zeros((20, 30, 3), np.uint8)).label_map.shape == (20, 30)
    assert isinstance(load_run(run.path)[0].model, Net)


@pytest.mark.usefixtures("one_thread")
def test_a_registered_augmentation_changes_the_crops(data: Path, tmp_path: Path) -> None:
    AUGMENTATIONS.register("dark", Dark(), replace=True)
    courses = [Course(), Course()]
    for course, names in zip(courses, ((), ("dark",)), strict=True):
        train(data, out=tmp_path / f"{names}", model=Net, epochs=1, augmentations=names, callbacks=[course], quiet=True)
    assert courses[0].losses[0] != courses[1].losses[0]
    with pytest.raises(OptionError, match=r"augmentation: found 'drak' \(did you mean dark\?\)"):
        train(data, out=tmp_path / "no", augmentations=["drak"])


def test_an_error_in_a_callback_ends_the_run(data: Path, tmp_path: Path) -> None:
    class Broken(Callback):
        def on_step(self, step: int, loss: float) -> None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train(data, out=tmp_path / "run", model=Net, epochs=1, callbacks=[Broken()], quiet=True)


@pytest.mark.usefixtures("one_thread")
def test_a_run_is_overwritten_where_that_is_asked_for(data: Path, tmp_path: Path) -> None:
    train(data, out=tmp_path / "run", model=Net, epochs=1, quiet=True)
    (tmp_path / "run" / "notes.txt").touch()
    with pytest.raises(OutputError, match="a directory that holds files"):
        train(data, out=tmp_path / "run", model=Net, epochs=2, quiet=True)
    train(data, out=tmp_path / "run", model=Net, epochs=2, overwrite=True, quiet=True)
    assert RunConfig.load(tmp_path / "run" / "config.yaml").asked["epochs"] == 2
    assert (tmp_path / "run" / "notes.txt").is_file()
    with pytest.raises(OptionError, match="overwrite: found `resume`"):
        train(data, out=tmp_path / "run", overwrite=True, resume=True)


def test_what_is_no_run_is_never_overwritten(data: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(OutputError, match="a directory that holds files"):
        train(data, out=tmp_path, model=Net, epochs=1, overwrite=True)
    assert (tmp_path / "thesis.txt").is_file()
