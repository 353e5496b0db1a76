"""The loop: what a step changes, and what it leaves alone."""

from __future__ import annotations

import pytest
import torch

from pixelwise.export.pipeline import IMAGENET_MEAN, IMAGENET_STD, Pipeline
from pixelwise.models import build
from pixelwise.training.config import Recipe
from pixelwise.training.data import Batch
from pixelwise.training.loop import Trainer

pytestmark = pytest.mark.usefixtures("one_thread")


def test_frozen_layers_and_their_average_stay_as_they_are(recipe: Recipe) -> None:
    """Neither steps, nor weight decay, nor batch statistics reach them; the layers behind them learn."""
    torch.manual_seed(0)
    pipeline = Pipeline(build("fpn", 3, encoder="test_resnet"), IMAGENET_MEAN, IMAGENET_STD)
    trainer = Trainer(pipeline, recipe.model_copy(update={"frozen_stride": 4}), seed=0)
    frozen = tuple(f"model.encoder.net.{name}" for name in ("conv1", "bn1", "layer1"))  # up to stride 4
    before = {name: value.clone() for name, value in pipeline.state_dict().items()}
    trainer.pipeline.train()
    rng = torch.Generator().manual_seed(1)
    for _ in range(2):
        images = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8, generator=rng)
        trainer.train_step(Batch(images, torch.randint(0, 3, (2, 64, 64), generator=rng), None))
    for after in (pipeline.state_dict(), trainer.averaged_pipeline().state_dict()):
        kept = {name for name, value in after.items() if torch.equal(value, before[name])}
        assert {name for name in before if name.startswith(frozen)} <= kept
        assert kept - {"scale", "shift"} == {name for name in before if name.startswith(frozen)}
