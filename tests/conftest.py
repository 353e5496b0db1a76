"""What tests of several rooms need."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # tests import onnxruntime themselves, and it would report that

if TYPE_CHECKING:
    from torch import nn

    from pixelwise.training.config import Recipe, RunConfig


@pytest.fixture(scope="session", autouse=True)
def float32() -> Iterator[None]:
    """Train in float32 on every machine: what is compared with numbers worked out by hand is so."""
    from pixelwise.training import distributed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distributed, "has_bfloat16_unit", lambda: False)
        yield


@pytest.fixture(autouse=True)
def _registrations_end_with_the_test(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Take back what a test adds to the registries."""
    from pixelwise.core.registry import Registry

    register = Registry.register
    added: list[tuple[Registry[object], str]] = []

    def register_and_note(self: Registry[object], name: str, entry: object, **options: bool) -> None:
        is_new = name not in self._entries
        register(self, name, entry, **options)
        if is_new:
            added.append((self, name))

    monkeypatch.setattr(Registry, "register", register_and_note)
    yield
    for registry, name in added:
        registry._entries.pop(name, None)
        registry._imported.pop(name, None)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Keep torch on one core: small tensors gain nothing from more, and wait long where others use those cores."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Run `pixelwise ...` in this process and return its exit code."""
    from pixelwise.cli.app import main

    def run(*arguments: str | Path) -> int:
        monkeypatch.setattr(sys, "argv", ["pixelwise", *map(str, arguments)])
        with warnings.catch_warnings(), pytest.raises(SystemExit) as end:
            main()
        return int(end.value.code or 0)

    return run


@dataclass(frozen=True)
class Outcome:
    """What a command leaves: its exit code, standard output and standard error."""

    code: int
    out: str
    err: str


@pytest.fixture
def cli(run: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run `pixelwise ...` in this process, as a user does, and return what it leaves."""

    def cli(*arguments: str | Path) -> Outcome:
        capsys.readouterr()
        code = run(*arguments)
        return Outcome(code, *capsys.readouterr())

    return cli


@pytest.fixture
def settle() -> Callable[[nn.Module], None]:
    """Give a net's batch norms statistics and scales that are not those of new layers."""
    import torch
    from torch import nn

    def settle(net: nn.Module) -> None:
        torch.manual_seed(0)
        for layer in net.modules():
            if isinstance(layer, nn.BatchNorm2d):
                for values in (layer.running_mean, layer.bias):
                    nn.init.normal_(values)
                for values in (layer.running_var, layer.weight):
                    nn.init.uniform_(values, 0.5, 2)

    return settle


@pytest.fixture
def recipe() -> Recipe:
    """Four whole images of 32x64 a step, three epochs of six images in all, nothing augmented but flips."""
    from pixelwise.training.config import Recipe

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
    from pixelwise.training.config import RunConfig
    from pixelwise.training.recipe import RECIPE_VERSION

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
            recipe=recipe.replace(version=RECIPE_VERSION, class_weights=tuple(1 / (3 + i) for i in range(len(names)))),
        )

    return make
