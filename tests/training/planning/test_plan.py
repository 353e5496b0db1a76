"""From options and data to a configuration, before anything is measured."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pixelwise.core.errors import OptionError, RunError
from pixelwise.data import open_dataset
from pixelwise.data.check import check
from pixelwise.nn.encoders.padding import SamePaddedConv2d
from pixelwise.training.config import Recipe, RunConfig
from pixelwise.training.options import TrainOptions
from pixelwise.training.planning import plan
from pixelwise.training.planning.plan import make_config
from pixelwise.training.recipe import Cost, flip_axes
from pixelwise.training.run_directory import RunDirectory
from pixelwise.training.samples import SampleStore
from pixelwise.training.weights import build_pipeline
from pixelwise_scenes import write_scenes


def planned(folder: Path, size: tuple[int, int] = (64, 96), *, long: bool = True, **options: Any) -> RunConfig:
    """Return the configuration for three images of `size`."""
    if not folder.exists():
        write_scenes(folder, 0, {"train": 2, "val": 1}, size=size)
    data = open_dataset(folder)
    return make_config(TrainOptions(**options), data, check(data), "", long=long)


def recipe_of(folder: Path, size: tuple[int, int] = (64, 96), **options: Any) -> Recipe:
    return planned(folder, size, **options).recipe


@pytest.mark.parametrize(
    ("options", "crop", "least", "magnifications"),
    [
        ({"long": False}, (64, 96), 0.667, (1.25,)),
        ({"minutes": 10.0}, (96, 160), 1.0005, (1.5,)),
        ({"minutes": 20.0}, (96, 160), 1.0005, (1.25, 1.75)),
        ({"epochs": 1}, (96, 160), 1.0005, (1.5,)),
        ({"model": "deeplabv3plus"}, (96, 160), 1.0005, (1.5,)),
        ({"model": "unet"}, (64, 96), 0.667, (1.0,)),  # its logits are as fine as the image
        ({"model": "unet", "recipe": "unet"}, (64, 96), 1.0, (1.0,)),
    ],
)
def test_long_runs_of_models_with_coarse_logits_see_small_images_enlarged(
    tmp_path: Path, options: dict[str, Any], crop: tuple[int, int], least: float, magnifications: tuple[float, ...]
) -> None:
    recipe = recipe_of(tmp_path / "data", **options)
    assert recipe.crop == crop
    assert recipe.scale[0] == pytest.approx(least)
    assert recipe.magnifications == magnifications


def test_large_crops_are_smaller_at_first(tmp_path: Path) -> None:
    """256x352 enlarged by 1.5 is 384x528."""
    long: dict[str, Any] = {"minutes": 10.0}
    runs = (long, {"long": False}, {"model": "segnet", "recipe": "segnet"})
    assert [recipe_of(tmp_path / "data", (256, 352), **options).early_split for options in runs] == [2, 1, 1]
    assert recipe_of(tmp_path / "small", **long).early_split == 1


def test_small_objects_are_enlarged_in_crops_no_larger_than_others(tmp_path: Path) -> None:
    """Each object is 11 pixels across; those of an image of 192 fill a large crop, which is smaller at first."""
    for side in (128, 192):
        small_objects(tmp_path / f"{side}", side)
    found = [recipe_of(tmp_path / f"{side}", task="instance", minutes=30.0) for side in (128, 192)]
    assert [recipe.magnifications for recipe in found] == [(2.0, 2.5), (2.0, 2.5)]
    assert [recipe.crop for recipe in found] == [(288, 288), (416, 384)]
    assert [recipe.early_split for recipe in found] == [1, 2]
    assert [recipe.color for recipe in found] == [0.0, 0.0]
    assert found[0].scale == pytest.approx((0.667 * 2.25, 2.0 * 2.25 / 1.5))
    for options in ({"long": False}, {"model": "unet"}):
        assert recipe_of(tmp_path / "128", task="instance", **options).crop == (128, 128)


def small_objects(root: Path, side: int) -> None:
    """Write two square images with objects of 10x10 pixels."""
    for folder, value in (("images", 90), ("instances", 0)):
        (root / "train" / folder).mkdir(parents=True)
        for index in range(2):
            pixels = np.full((side, side), value, np.uint16 if folder == "instances" else np.uint8)
            if folder == "instances":
                pixels[10:20, 10:20], pixels[50:60, 80:90] = 1, 2
            Image.fromarray(pixels).save(root / "train" / folder / f"{index}.png")


def test_predictions_are_of_both_ways_round_but_as_an_author_published_of_one(tmp_path: Path) -> None:
    assert recipe_of(tmp_path / "data").mirrored
    assert not recipe_of(tmp_path / "data", model="segnet", recipe="segnet").mirrored


def test_images_without_an_upper_side_are_predicted_upside_down_too(tmp_path: Path) -> None:
    cases: dict[tuple[int, ...], dict[str, Any]] = {
        (-1,): {},
        (-2, -1): {"rotate": True},
        (): {"rotate": True, "model": "segnet", "recipe": "segnet"},
    }
    for axes, options in cases.items():
        found = recipe_of(tmp_path / "data", **options)
        assert (flip_axes(found), found.rotate) == (axes, "rotate" in options)


def test_tiles_that_are_seen_twice_as_many_ways_round_are_half_as_large(tmp_path: Path) -> None:
    sides = [recipe_of(tmp_path / "data", long=False, rotate=rotate).tile for rotate in (None, True)]
    assert sides == [1408, 896]
    assert 896 * 1.25 * 2**0.5 <= 1792 < (896 + 128) * 1.25 * 2**0.5


def test_an_encoder_without_weights_learns_from_its_first_layer(tmp_path: Path) -> None:
    found = [recipe_of(tmp_path / "data", pretrained=pretrained) for pretrained in (True, False)]
    assert [(recipe.frozen_stride, recipe.color) for recipe in found] == [(32, 0.0), (0, 1.0)]


def test_classics_are_fine_tuned_and_what_is_frozen_can_be_named(tmp_path: Path) -> None:
    cases: dict[str, tuple[dict[str, Any], tuple[int, float]]] = {
        "an FCN": ({"model": "fcn8s"}, (0, 1.0)),
        "an FCN from random weights": ({"model": "fcn8s", "pretrained": False}, (0, 1.0)),
        "an FCN, frozen": ({"model": "fcn8s", "freeze_through": 32}, (32, 0.0)),
        "an FCN, partly frozen": ({"model": "fcn8s", "freeze_through": 8}, (8, 1.0)),
        "a net of its own layers": ({"model": "segnet"}, (0, 1.0)),
        "the default": ({}, (32, 0.0)),
        "the default, nothing frozen": ({"freeze_through": 0}, (0, 1.0)),
        "an author's recipe": ({"model": "fcn32s", "recipe": "fcn"}, (0, 0.0)),
        "an author's recipe, frozen": ({"model": "fcn32s", "recipe": "fcn", "freeze_through": 32}, (32, 0.0)),
    }
    for case, (options, expected) in cases.items():
        recipe = recipe_of(tmp_path / "data", **options)
        assert (recipe.frozen_stride, recipe.color) == expected, case


def test_random_layers_are_not_frozen(tmp_path: Path) -> None:
    for options, found in (
        ({"model": "segnet"}, "a model without an encoder"),
        ({"pretrained": False}, "random weights"),
    ):
        with pytest.raises(OptionError, match=f"freeze_through: found 8 with {found}; expected a pretrained encoder"):
            recipe_of(tmp_path / "data", freeze_through=8, **options)


def test_a_file_of_weights_is_one_source_of_them_and_exists(tmp_path: Path) -> None:
    (tmp_path / "w.pth").touch()
    for other, option in (({"pretrained": False}, "pretrained=False"), ({"start_from": Path("run")}, "start_from")):
        with pytest.raises(OptionError, match=f"encoder_weights: found `{option}` beside it"):
            plan.check_options(TrainOptions(encoder_weights=tmp_path / "w.pth", **other))
    with pytest.raises(OptionError, match=r"encoder_weights: found no file .*none\.pth"):
        plan.check_options(TrainOptions(encoder_weights=tmp_path / "none.pth"))
    with pytest.raises(OptionError, match="freeze_through: found 5; expected one of 0, 2, 4, 8, 16, 32"):
        plan.check_options(TrainOptions(freeze_through=5))
    for model in ("unet", "segnet"):
        with pytest.raises(OptionError, match=f"pretrained: found model {model}, which has no encoder"):
            plan.check_options(TrainOptions(model=model, pretrained=True))
        plan.check_options(TrainOptions(model=model, pretrained=False))


def test_long_runs_of_the_default_model_take_a_larger_encoder(tmp_path: Path) -> None:
    cases: dict[str, dict[str, Any]] = {
        "efficientnet_lite1": {},
        "efficientnet_lite0": {"long": False},
        "resnet18": {"encoder": "resnet18"},
    }
    for encoder, options in cases.items():
        assert planned(tmp_path / "data", **options).encoder == encoder
    assert planned(tmp_path / "data", pretrained=False).encoder == "efficientnet_lite0"
    assert planned(tmp_path / "data", model="deeplabv3plus").encoder == "efficientnet_lite0"
    assert planned(tmp_path / "data", model="unet").encoder is None


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
    monkeypatch.setattr(plan, "measure_cost", lambda *_: Cost(step_seconds, validation=0.0))
    found = plan.plan_run(TrainOptions(**options), data, check(data), "", train, val, time.perf_counter())
    assert found.encoder == encoder
    assert found.recipe.early_split == 1  # crops are small
    if "epochs" not in options:
        seconds = 60 * options.get("minutes", 10.0) - 27
        assert seconds - 2 < found.recipe.steps * step_seconds <= seconds


def test_a_run_that_starts_from_another_of_its_model_has_its_encoder(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "short")
    run.path.mkdir()
    planned(tmp_path / "data", long=False).save(run.config)
    run.weights.touch()
    begun: dict[str, Any] = {"start_from": run.path}
    assert planned(tmp_path / "data", **begun).encoder == "efficientnet_lite0"
    assert planned(tmp_path / "data", **begun, encoder="efficientnet_lite1").encoder == "efficientnet_lite1"
    assert planned(tmp_path / "data", **begun, model="unet").encoder is None
    run.weights.unlink()
    with pytest.raises(RunError):
        planned(tmp_path / "data", **begun)


def test_a_run_pads_as_the_one_it_starts_from_and_else_as_the_weights_were_trained(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "before")
    run.path.mkdir()
    new = planned(tmp_path / "data", long=False)
    assert new.encoder_padding == "trained"
    new.model_copy(update={"encoder_padding": "symmetric"}).save(run.config)
    run.weights.touch()
    begun: dict[str, Any] = {"start_from": run.path}
    assert planned(tmp_path / "data", **begun).encoder_padding == "symmetric"


@pytest.mark.parametrize(
    ("encoder", "padding", "symmetric"),
    [
        ("efficientnet_lite0", "trained", False),
        ("efficientnet_lite0", "symmetric", True),
        ("tf_mobilenetv3_small_minimal_100", "symmetric", False),  # never was
    ],
)
def test_the_net_pads_as_its_config_says(encoder: str, padding: str, symmetric: bool, tmp_path: Path) -> None:
    config = planned(tmp_path / "data", long=False, encoder=encoder, pretrained=False)
    pipeline = build_pipeline(config.model_copy(update={"encoder_padding": padding}), pretrained=False)
    layers = [layer for layer in pipeline.modules() if isinstance(layer, SamePaddedConv2d)]
    assert len(layers) == 5
    assert [layer.before == layer.after for layer in layers] == [symmetric] * 5


def test_tiles_are_those_of_what_the_model_sees(tmp_path: Path) -> None:
    """U-Net's logits are as fine as the image: it sees none enlarged."""
    cases: list[dict[str, Any]] = [{"long": False}, {"long": False, "model": "unet"}]
    found = [recipe_of(tmp_path / "data", **options) for options in cases]
    assert [(recipe.tile, recipe.overlap) for recipe in found] == [(1408, 384), (1536, 512)]
