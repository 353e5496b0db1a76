"""From options and data to a configuration, before anything is measured."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from pixelwise.core.errors import RunError
from pixelwise.data import open_dataset
from pixelwise.data.check import check
from pixelwise.nn.encoders.padding import SamePaddedConv2d
from pixelwise.training.config import RunConfig
from pixelwise.training.options import TrainOptions
from pixelwise.training.planning import plan
from pixelwise.training.planning.facts import Budget
from pixelwise.training.planning.length import Cost
from pixelwise.training.planning.plan import make_config
from pixelwise.training.run_directory import RunDirectory
from pixelwise.training.samples import SampleStore
from pixelwise.training.training_data import TrainingData
from pixelwise.training.weights import build_pipeline
from pixelwise_scenes import write_scenes


def configure(folder: Path, *, is_long: bool = True, **options: Any) -> RunConfig:
    """Return the configuration for three images of 64x96."""
    if not folder.exists():
        write_scenes(folder, 0, {"train": 2, "val": 1}, size=(64, 96))
    data = open_dataset(folder)
    asked = TrainOptions(**options)
    return make_config(asked, data, check(data), Budget(asked.minutes, is_long=is_long))


def test_long_runs_of_the_default_model_take_a_larger_encoder(tmp_path: Path) -> None:
    cases: dict[str, dict[str, Any]] = {
        "efficientnet_lite1": {},
        "efficientnet_lite0": {"is_long": False},
        "resnet18": {"encoder": "resnet18"},
    }
    for encoder, options in cases.items():
        assert configure(tmp_path / "data", **options).encoder == encoder
    assert configure(tmp_path / "data", pretrained=False).encoder == "efficientnet_lite0"
    assert configure(tmp_path / "data", model="deeplabv3plus").encoder == "efficientnet_lite0"
    assert configure(tmp_path / "data", model="unet").encoder is None


@pytest.mark.parametrize(
    ("step_seconds", "options", "encoder"),
    [
        (0.010, {"minutes": 10.0}, "efficientnet_lite1"),
        (0.015, {"minutes": 10.0}, "efficientnet_lite0"),
        (0.015, {"minutes": 15.0}, "efficientnet_lite1"),
        (0.010, {}, "efficientnet_lite1"),  # ten minutes
        (9.000, {"epochs": 40_000}, "efficientnet_lite0"),
        (9.000, {"epochs": 50_000}, "efficientnet_lite1"),  # as many steps: two crops of two images each
    ],
)
def test_a_run_is_long_where_the_machine_has_time_for_one(
    step_seconds: float, options: dict[str, Any], encoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two crops of 64x96 a step make 600 million pixels in 48,829 steps; 27 seconds are kept for the end."""
    write_scenes(tmp_path / "data", 0, {"train": 2, "val": 1}, size=(64, 96))
    data = open_dataset(tmp_path / "data")
    train, val = (SampleStore(data, data.splits[split]) for split in ("train", "val"))
    ready = TrainingData(data, check(data), [], train, val)
    monkeypatch.setattr(plan, "measure_cost", lambda *_: Cost(step_seconds, validation=0.0))
    config = plan.plan_run(TrainOptions(**options), ready, "", time.perf_counter())
    assert config.encoder == encoder
    assert config.recipe.early_split == 1  # crops are small
    if "epochs" not in options:
        seconds = 60 * options.get("minutes", 10.0) - 27
        assert seconds - 2 < config.recipe.steps * step_seconds <= seconds


def test_slow_preparation_leaves_half_of_the_time_to_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 120 s, 27 are kept for the end, and of the other 93 preparing counts for half at most."""
    write_scenes(tmp_path / "data", 0, {"train": 2, "val": 1}, size=(64, 96))
    data = open_dataset(tmp_path / "data")
    train, val = (SampleStore(data, data.splits[split]) for split in ("train", "val"))
    ready = TrainingData(data, check(data), [], train, val)
    monkeypatch.setattr(plan, "measure_cost", lambda *_: Cost(step=0.5, validation=0.0))
    for took, left in ((200.0, 46.5), (60.0, 46.5), (20.0, 73.0)):
        config = plan.plan_run(TrainOptions(minutes=2.0), ready, "", time.perf_counter() - took)
        assert left - 2 < 0.5 * config.recipe.steps <= left


def test_a_run_that_starts_from_another_of_its_model_has_its_encoder(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "short")
    run.path.mkdir()
    configure(tmp_path / "data", is_long=False).save(run.config)
    run.weights.touch()
    begun: dict[str, Any] = {"start_from": run.path}
    assert configure(tmp_path / "data", **begun).encoder == "efficientnet_lite0"
    assert configure(tmp_path / "data", **begun, encoder="efficientnet_lite1").encoder == "efficientnet_lite1"
    assert configure(tmp_path / "data", **begun, model="unet").encoder is None
    run.weights.unlink()
    with pytest.raises(RunError):
        configure(tmp_path / "data", **begun)


def test_a_run_pads_as_the_one_it_starts_from_and_else_as_the_weights_were_trained(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "before")
    run.path.mkdir()
    new = configure(tmp_path / "data", is_long=False)
    assert new.encoder_padding == "trained"
    new.replace(encoder_padding="symmetric").save(run.config)
    run.weights.touch()
    begun: dict[str, Any] = {"start_from": run.path}
    assert configure(tmp_path / "data", **begun).encoder_padding == "symmetric"


@pytest.mark.parametrize(
    ("encoder", "padding", "symmetric"),
    [
        ("efficientnet_lite0", "trained", False),
        ("efficientnet_lite0", "symmetric", True),
        ("tf_mobilenetv3_small_minimal_100", "symmetric", False),  # never was
    ],
)
def test_the_net_pads_as_its_config_says(encoder: str, padding: str, symmetric: bool, tmp_path: Path) -> None:
    config = configure(tmp_path / "data", is_long=False, encoder=encoder, pretrained=False)
    pipeline = build_pipeline(config.replace(encoder_padding=padding), pretrained=False)
    layers = [layer for layer in pipeline.modules() if isinstance(layer, SamePaddedConv2d)]
    assert len(layers) == 5
    assert [layer.before == layer.after for layer in layers] == [symmetric] * 5
