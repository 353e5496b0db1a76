"""Batches for a device, on CPU tensors: the same crops, flips, scales, colours and targets as the path of a CPU."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.data.dataset import Sample
from pixelwise.instances.targets import centre_targets as centre_targets_in_numpy
from pixelwise.tasks.instance import INSTANCE
from pixelwise.tasks.semantic import SEMANTIC, SemanticTask
from pixelwise.training.on_device.batches import DeviceFeed, is_cut_on_device
from pixelwise.training.on_device.samples import load_samples
from pixelwise.training.on_device.targets import centre_targets, has_device_targets
from pixelwise.training.recipe import Recipe
from pixelwise.training.samples import Batch, SampleStore, batch_at

SIZES = ((40, 70), (64, 48), (33, 90), (50, 50))
CPU = torch.device("cpu")


def smooth_sample(number: int, size: tuple[int, int]) -> Sample:
    """Colours that change slowly, so that interpolation matters little; labels and objects in blocks."""
    rows, columns = np.mgrid[: size[0], : size[1]].astype(np.float64)
    waves = [np.sin((rows * (2 + band) + columns * (3 - band)) / 40 + number + band) for band in range(3)]
    image = np.stack([np.rint(128 + 100 * wave) for wave in waves], 2).astype(np.uint8)
    labels = ((rows // 9 + columns // 13) % 3).astype(np.uint8)
    labels[:4, :4] = IGNORE_INDEX
    blocks = (1 + rows // 10 * 20 + columns // 10) * ((rows % 10 > 2) & (columns % 10 > 3))
    return Sample(image, labels, blocks.astype(np.int32))


@pytest.fixture
def store() -> SampleStore:
    samples = {name: smooth_sample(name, size) for name, size in enumerate(SIZES)}
    dataset: Any = SimpleNamespace(channels=3, image_size=lambda item: SIZES[item], read=lambda item: samples[item])
    return SampleStore(dataset, list(samples))  # type: ignore[arg-type]


@pytest.fixture
def moving(recipe: Recipe) -> Recipe:
    """Everything that the path of a device augments, in crops of 32x64 with quarter turns."""
    return recipe.replace(scale=(0.75, 2.0), batch=8, rotate=True)


def difference(first: Batch, second: Batch) -> npt.NDArray[np.float64]:
    return np.abs(first.images.numpy().astype(float) - second.images.numpy())


@pytest.mark.parametrize("step", [0, 1, 5])
def test_crops_are_those_of_a_cpu(store: SampleStore, moving: Recipe, step: int) -> None:
    """Where images are magnified by 1 or more both interpolate alike, but for rounding."""
    larger = moving.replace(scale=(1.0, 2.0))
    expected, batch = batch_at(store, larger, 3, step), DeviceFeed(store, CPU).batch_at(larger, 3, step)
    assert (batch.images.dtype, batch.targets.dtype) == (torch.uint8, torch.int64)
    assert batch.images.shape == (8, 32, 64, 3)
    assert difference(batch, expected).max() <= 1
    assert (batch.targets != expected.targets).float().mean() < 2e-3
    assert batch.border is None
    assert batch.task_target is None


def test_smaller_crops_are_those_of_a_cpu_up_to_interpolation(store: SampleStore, moving: Recipe) -> None:
    smaller = moving.replace(scale=(0.5, 0.8), crop=(32, 32))
    for step in range(3):
        expected, batch = batch_at(store, smaller, 1, step), DeviceFeed(store, CPU).batch_at(smaller, 1, step)
        assert (batch.targets != expected.targets).float().mean() < 2e-3
        assert difference(batch, expected).mean() < 1.5
        filled = (expected.images == torch.tensor([124, 116, 104])).all(-1)
        assert 0.02 < filled.float().mean() < 0.9
        assert (batch.images[filled] == expected.images[filled]).float().mean() > 0.99


def test_colours_are_those_of_a_cpu(store: SampleStore, moving: Recipe) -> None:
    bright = moving.replace(color=1.5, scale=(1.0, 1.0), rotate=False)
    plain = batch_at(store, bright.replace(color=0.0), 2, 0)
    expected, batch = batch_at(store, bright, 2, 0), DeviceFeed(store, CPU).batch_at(bright, 2, 0)
    assert difference(plain, expected).mean() > 10
    assert difference(batch, expected).mean() < 0.5
    assert np.quantile(difference(batch, expected), 0.999) <= 3  # a gamma below 1 is steep near black


def test_elastic_deformation_is_that_of_a_cpu(store: SampleStore, moving: Recipe) -> None:
    bent = moving.replace(elastic=5.0, scale=(1.0, 1.5))
    straight = batch_at(store, bent.replace(elastic=0.0), 4, 0)
    expected, batch = batch_at(store, bent, 4, 0), DeviceFeed(store, CPU).batch_at(bent, 4, 0)
    assert difference(straight, expected).mean() > 3
    assert difference(batch, expected).mean() < 1
    assert (batch.targets != expected.targets).float().mean() < 5e-3


def test_targets_of_objects_are_those_of_a_cpu(store: SampleStore, moving: Recipe) -> None:
    larger = moving.replace(scale=(1.0, 1.5))
    expected = batch_at(store, larger, 5, 0, task=INSTANCE)
    batch = DeviceFeed(store, CPU).batch_at(larger, 5, 0, task=INSTANCE)
    assert batch.task_target is not None
    assert expected.task_target is not None
    assert batch.task_target.shape == (8, 3, 32, 64)
    assert ((batch.task_target - expected.task_target).abs() > 1e-5).float().mean() < 5e-3


def test_centre_targets_are_those_of_numpy() -> None:
    """Hollow objects, objects in parts, ties, and an image without any."""
    rng = np.random.default_rng(0)
    maps = np.repeat(np.repeat(rng.integers(0, 5, (3, 6, 8)), 3, 1), 4, 2).astype(np.int32)
    maps[1] = 0
    maps[2, 3:9, 3:12] = 7
    maps[2, 5:7, 5:9] = 0
    targets = centre_targets(torch.from_numpy(maps), 0.35).numpy()
    for target, instance_map in zip(targets, maps, strict=True):
        heat, offsets = centre_targets_in_numpy(instance_map, 0.35)
        assert_allclose(target[0], heat, atol=1e-6)
        assert_array_equal(target[1:], offsets)
    assert not centre_targets(torch.zeros(1, 2, 3, dtype=torch.int32), 0.35).any()


def test_a_batch_depends_on_seed_and_step_alone(store: SampleStore, moving: Recipe) -> None:
    feed = DeviceFeed(store, CPU)
    every = list(feed.batches(moving, 7, 0))
    assert len(every) == moving.steps
    later = next(feed.batches(moving, 7, 4))
    assert torch.equal(later.images, every[4].images)
    assert not torch.equal(feed.batch_at(moving, 8, 4).images, later.images)
    shares = [feed.batch_at(moving, 7, 4, slice(rank, None, 3)).images for rank in range(3)]
    assert all(torch.equal(part, later.images[rank::3]) for rank, part in enumerate(shares))


def test_early_crops_are_smaller_and_more(store: SampleStore, recipe: Recipe) -> None:
    split = recipe.replace(crop=(64, 64), early_split=2, early_share=0.5, batch=2)
    sizes = [batch.images.shape[:3] for batch in DeviceFeed(store, CPU).batches(split, 0, 0)]
    assert sizes == [(8, 32, 32)] * 4 + [(2, 64, 64)] * 5


@pytest.mark.parametrize(
    "changes", [{"border_weight": 5.0}, {"augmentations": ("color",)}, {"label_points": 50, "loss_step": 4}]
)
def test_what_a_cpu_alone_makes_is_prefetched(store: SampleStore, moving: Recipe, changes: dict[str, Any]) -> None:
    recipe = moving.replace(**changes)
    assert not is_cut_on_device(recipe, SEMANTIC)
    batches = list(DeviceFeed(store, CPU).batches(recipe, 1, 6))
    assert len(batches) == 3
    for step, batch in enumerate(batches, start=6):
        expected = batch_at(store, recipe, 1, step)
        assert torch.equal(batch.images, expected.images)
        assert torch.equal(batch.targets, expected.targets)
        assert (batch.border is None) == (expected.border is None)


def test_samples_that_do_not_fit_are_prefetched(
    store: SampleStore, moving: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = sum(height * width for height, width in SIZES)
    monkeypatch.setattr("pixelwise.training.on_device.samples.free_bytes", lambda device: 4 * 4 * pixels)
    samples = load_samples(store, CPU, with_objects=False)
    assert samples is not None
    assert samples.images.shape == (pixels, 3)
    assert load_samples(store, CPU, with_objects=True) is None
    batch = next(DeviceFeed(store, CPU).batches(moving, 1, 0, task=INSTANCE))
    assert torch.equal(batch.images, batch_at(store, moving, 1, 0, task=INSTANCE).images)


def test_a_task_of_ones_own_has_its_targets_from_the_cpu() -> None:
    class Own(SemanticTask):
        channels = 1

    assert has_device_targets(SEMANTIC)
    assert has_device_targets(INSTANCE)
    assert not has_device_targets(Own())
