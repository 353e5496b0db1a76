"""Recipes and configurations for tests that need any."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pixelwise.training.config import Recipe, RunConfig


@pytest.fixture
def recipe() -> Recipe:
    """Four whole images of 32x64 a step, three epochs of six images in all, nothing augmented but flips."""
    return Recipe(
        crop=(32, 64),
        scale=(1.0, 1.0),
        color=0.0,
        batch=4,
        steps=9,
        warmup_steps=1,
        learning_rate=0.01,
        encoder_factor=0.5,
        weight_decay=0.02,
        ema_decay=0.9,
        reduction="mean",
        class_weights=(1.0, 0.1 + 0.2, 1 / 3),
        evaluations=2,
        tile=64,
        overlap=16,
    )


@pytest.fixture
def config_of(recipe: Recipe) -> Callable[..., RunConfig]:
    """A function from class names to a configuration."""

    def make(*names: str) -> RunConfig:
        return RunConfig(
            version="0.1.0",
            data="some/data",
            format="folders",
            fingerprint="0" * 64,
            classes=tuple({"name": name, "color": (10 * i, 20, 255)} for i, name in enumerate(names)),
            model="segnet",
            encoder=None,
            width=0.25,
            pretrained=False,
            task="semantic",
            seed=3,
            start_from=None,
            skip_bad=True,
            command="pixelwise train 'some data' --out runs/a",
            recipe=recipe.model_copy(update={"class_weights": tuple(1 / (3 + i) for i in range(len(names)))}),
        )

    return make
