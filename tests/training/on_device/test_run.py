"""A whole training through the path of a GPU, on a CPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pixelwise.inference.loading import load
from pixelwise.training import finish, loop, session
from pixelwise.training.callbacks import Callback
from pixelwise.training.on_device.batches import DeviceFeed
from pixelwise.training.planning import measurement
from pixelwise.training.run import train
from pixelwise_scenes import write_scenes


class Steps(Callback):
    def __init__(self) -> None:
        self.steps: list[int] = []
        self.losses: list[float] = []

    def on_step(self, step: int, loss: float) -> None:
        self.steps.append(step)
        self.losses.append(loss)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train as on a GPU, with the tensors of a CPU."""
    for module in (session, measurement):
        monkeypatch.setattr(module, "open_feed", lambda store, device: DeviceFeed(store, device))
    monkeypatch.setattr(loop.Trainer, "unread_losses", 16)
    monkeypatch.setattr(finish, "scores_on_device", lambda device: True)


@pytest.mark.usefixtures("gpu", "one_thread")
def test_a_run_ends_with_a_model_and_every_loss_is_told(tmp_path: Path) -> None:
    write_scenes(tmp_path / "data", 0, {"train": 6, "val": 2}, (48, 64))
    watcher = Steps()
    options = {"model": "segnet_basic", "width": 1 / 16, "quiet": True, "callbacks": (watcher,)}
    run = train(tmp_path / "data", out=tmp_path / "run", minutes=0.05, seed=1, **options)  # type: ignore[arg-type]
    assert watcher.steps == list(range(1, len(watcher.steps) + 1))
    assert np.isfinite(watcher.losses).all()
    image = np.zeros((48, 64, 3), np.uint8)
    assert load(run.path).predict(image).label_map.shape == (48, 64)
    again = train(tmp_path / "data", out=tmp_path / "again", config=run.path / "config.yaml", **options)  # type: ignore[arg-type]
    assert watcher.steps[len(watcher.steps) // 2 :] == watcher.steps[: len(watcher.steps) // 2]
    first, second = (torch.tensor(part) for part in np.split(np.array(watcher.losses), 2))
    assert torch.equal(first, second)
    assert again.val_score == run.val_score
