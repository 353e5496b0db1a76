"""Batches: pure functions of seed and step, every image once an epoch, images and targets from one crop."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from numpy.testing import assert_array_equal
from PIL import Image

from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.core.errors import MaskError
from pixelwise.data.dataset import Dataset, Item, Labels, Sample, labels_from_files
from pixelwise.tasks.instance import INSTANCE
from pixelwise.training import samples
from pixelwise.training.config import Recipe
from pixelwise.training.samples import SampleStore, augment_sample, batch_at, batches, sample_order

COUNT = 6


def label_map(path: Path) -> npt.NDArray[np.uint8]:
    return np.array(Image.open(path))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Six images of 32x64, image i of the one gray 40 i, with label maps of random classes."""
    root, rng, items = tmp_path_factory.mktemp("data"), np.random.default_rng(0), []
    for i in range(COUNT):
        image, mask = root / f"{i}.png", root / f"{i}-mask.png"
        Image.fromarray(np.full((32, 64, 3), 40 * i, np.uint8)).save(image)
        Image.fromarray(rng.choice([0, 1, 2, IGNORE_INDEX], (32, 64)).astype(np.uint8)).save(mask)
        items.append(Item(str(i), image, mask))
    return Dataset(
        root, "test", ClassMap.from_names(["a", "b", "c"]), {"train": tuple(items)}, labels_from_files(label_map)
    )


@pytest.fixture
def store(dataset: Dataset) -> SampleStore:
    return SampleStore(dataset, dataset.splits["train"])


def visited(images: torch.Tensor) -> list[int]:
    """Return which images a batch was cut from, told by their gray."""
    return [int(gray) // 40 for gray in images[:, 0, 0, 0]]


def random_recipe(recipe: Recipe) -> Recipe:
    return recipe.replace(scale=(0.5, 1.5), color=1.0, crop=(48, 32))


def equal(first: samples.Batch, second: samples.Batch) -> bool:
    return torch.equal(first.images, second.images) and torch.equal(first.targets, second.targets)


def test_a_batch_has_bytes_and_class_indices(store: SampleStore, recipe: Recipe) -> None:
    images, targets, *_ = batch_at(store, recipe, 0, 0)
    assert (images.dtype, images.shape) == (torch.uint8, (4, 32, 64, 3))
    assert (targets.dtype, targets.shape) == (torch.int64, (4, 32, 64))
    assert set(targets.unique().tolist()) == {0, 1, 2, IGNORE_INDEX}


def test_the_target_is_that_of_the_image(store: SampleStore, recipe: Recipe) -> None:
    images, targets, *_ = batch_at(store, recipe, 0, 0)
    for index, target in zip(visited(images), targets.numpy(), strict=True):
        expected = store[index].label_map
        assert np.array_equal(target, expected) or np.array_equal(target, expected[:, ::-1])


def test_each_image_is_visited_once_an_epoch_and_batches_run_on(store: SampleStore, recipe: Recipe) -> None:
    """Nine batches of four are six epochs of six; a batch across their border is as full as any."""
    order = [index for step in range(9) for index in visited(batch_at(store, recipe, 7, step)[0])]
    epochs = [order[start : start + COUNT] for start in range(0, len(order), COUNT)]
    assert [sorted(epoch) for epoch in epochs] == [list(range(COUNT))] * 6
    assert len({tuple(epoch) for epoch in epochs}) > 1
    assert epochs == [sample_order(7, epoch, COUNT).tolist() for epoch in range(6)]


def test_smaller_crops_come_first_and_the_epochs_run_on_behind_them(store: SampleStore, recipe: Recipe) -> None:
    """Of nine steps four have sixteen crops of half the width (the height is 32 already), five have four: 84 in all."""
    halved = recipe.replace(early_split=2)
    every = [batch.images for batch in batches(store, halved, 7, 0)]
    assert [tuple(images.shape[:3]) for images in every] == [(16, 32, 32)] * 4 + [(4, 32, 64)] * 5
    order = [index for images in every for index in visited(images)]
    assert order == [index for epoch in range(14) for index in sample_order(7, epoch, COUNT).tolist()]
    shares = [batch_at(store, halved, 7, 3, slice(rank, None, 3)).images for rank in range(3)]
    assert all(torch.equal(images, every[3][rank::3]) for rank, images in enumerate(shares))


def test_a_batch_larger_than_the_data_takes_images_again_and_cuts_them_anew(store: SampleStore, recipe: Recipe) -> None:
    images, *_ = batch_at(store, recipe.replace(batch=12), 0, 0)
    assert Counter(visited(images)) == dict.fromkeys(range(COUNT), 2)
    moving = random_recipe(recipe).replace(batch=12, color=0.0)
    images, targets, *_ = batch_at(store, moving, 0, 0)
    assert len({target.numpy().tobytes() for target in targets}) == 12


def test_batches_follow_from_seed_and_step_wherever_they_start(store: SampleStore, recipe: Recipe) -> None:
    moving = random_recipe(recipe)
    whole = list(batches(store, moving, 3, 0))
    assert len(whole) == moving.steps
    for start in (0, 1, 4, 8, 9):
        rest = list(batches(store, moving, 3, start))
        assert len(rest) == moving.steps - start
        assert all(equal(a, b) for a, b in zip(rest, whole[start:], strict=True))
    assert all(equal(batch_at(store, moving, 3, step), whole[step]) for step in (8, 0))


def test_other_seeds_and_steps_give_other_batches(store: SampleStore, recipe: Recipe) -> None:
    moving = random_recipe(recipe)
    keys = [(0, 0), (1, 0), (0, 1), (0, 3), (0, 6)]
    different = {batch_at(store, moving, seed, step)[1].numpy().tobytes() for seed, step in keys}
    assert len(different) == len(keys)


def test_global_random_state_is_neither_read_nor_moved(store: SampleStore, recipe: Recipe) -> None:
    moving = random_recipe(recipe)
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    first = batch_at(store, moving, 0, 0)
    assert np.random.random() == np.random.RandomState(1).random()  # noqa: NPY002
    assert torch.equal(torch.rand(1), torch.rand(1, generator=torch.Generator().manual_seed(1)))
    np.random.seed(2)  # noqa: NPY002
    assert equal(first, batch_at(store, moving, 0, 0))


def test_samples_that_do_not_fit_into_memory_are_read_again_and_give_the_same(
    dataset: Dataset, store: SampleStore, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "available_bytes", lambda: 0)
    unkept = SampleStore(dataset, dataset.splits["train"])
    assert len(unkept) == len(store) == COUNT
    assert store[2] is store[2]
    assert unkept[2] is not unkept[2]
    moving = random_recipe(recipe)
    assert equal(batch_at(store, moving, 0, 5), batch_at(unkept, moving, 0, 5))


def test_samples_that_do_not_fit_into_memory_are_decoded_once_where_a_folder_is_given(
    dataset: Dataset, store: SampleStore, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "available_bytes", lambda: 0)
    decoded: list[str] = []

    def counted(item: Item) -> Labels:
        decoded.append(item.mask.name)
        return dataset.read_labels(item)

    counting = dataclasses.replace(dataset, read_labels=counted)
    on_disk = SampleStore(counting, dataset.splits["train"], tmp_path)
    moving = random_recipe(recipe)
    for step in range(2 * COUNT):
        assert equal(batch_at(store, moving, 0, step), batch_at(on_disk, moving, 0, step))
    assert sorted(decoded) == sorted(f"{i}-mask.png" for i in range(COUNT))
    assert list(tmp_path.iterdir()) == []


def test_a_store_of_nothing_is_empty(dataset: Dataset) -> None:
    assert len(SampleStore(dataset, ())) == 0


def test_a_sample_stays_untouched_by_its_augmentation(store: SampleStore, recipe: Recipe) -> None:
    sample = store[4]
    copy = Sample(sample.image.copy(), sample.label_map.copy())
    for key in range(3):
        image, target, *_ = augment_sample(sample, random_recipe(recipe), np.random.default_rng(key))
        image[:], target[:] = 0, 0
    assert np.array_equal(sample.image, copy.image)
    assert np.array_equal(sample.label_map, copy.label_map)


def test_an_error_in_the_preparing_thread_reaches_the_training(
    dataset: Dataset, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "available_bytes", lambda: 0)
    broken = Dataset(dataset.root, "test", dataset.classes, {}, labels_from_files(label_map))
    store = SampleStore(broken, [Item("0", dataset.splits["train"][0].image)])
    with pytest.raises(MaskError, match="found no mask"):
        next(batches(store, recipe, 0, 0))


def test_batches_can_be_left_before_their_end(store: SampleStore, recipe: Recipe) -> None:
    some = batches(store, recipe, 0, 0)
    first = next(some)
    some.close()
    assert equal(first, batch_at(store, recipe, 0, 0))


def test_border_weights_are_those_of_the_crop(recipe: Recipe) -> None:
    """Two squares four pixels apart, seen at twice their size: eight apart."""
    instance_map = np.zeros((16, 32), np.int32)
    instance_map[4:12, 4:14] = 1
    instance_map[4:12, 18:28] = 2
    sample = Sample(np.zeros((16, 32, 3), np.uint8), (instance_map > 0).astype(np.uint8), instance_map)
    twice = recipe.replace(scale=(2.0, 2.0), border_weight=10.0)
    crop = augment_sample(sample, twice, np.random.default_rng(0))
    assert crop.border is not None
    assert crop.border.shape == (32, 64)
    expected = 10 * np.exp(-((4 + 5) ** 2) / 50)  # amid the gap, 4 and 5 pixels from the two
    assert crop.border[16, 31] == pytest.approx(expected, rel=1e-5)
    assert crop.border[crop.label_map == 1].max() == 0
    without = Sample(sample.image, sample.label_map)  # its objects are then the parts of the second class
    again = augment_sample(without, twice, np.random.default_rng(0))
    assert np.array_equal(again.border, crop.border)


def test_elastic_deformation_moves_image_and_labels_alike(recipe: Recipe) -> None:
    """Each class has a grey level of its own in the image, so what is moved can be read off it."""
    label_map = np.zeros((32, 64), np.uint8)
    label_map[:, 32:] = 1
    sample = Sample(np.repeat(label_map[..., None] * 200, 3, axis=2), label_map)
    bent = recipe.replace(elastic=6.0)
    moved = 0
    for key in range(8):
        crop = augment_sample(sample, bent, np.random.default_rng(key))
        clear = (crop.image[..., 0] < 50) | (crop.image[..., 0] > 150)  # off the blurred edge
        assert np.array_equal(crop.label_map[clear], (crop.image[..., 0] > 100)[clear])
        moved += not np.array_equal(np.sort(crop.label_map, axis=1)[0], np.sort(label_map, axis=1)[0])
    assert moved >= 6


def test_centres_are_those_of_the_objects_as_the_crop_shows_them(recipe: Recipe) -> None:
    """An object that the crop cuts has its centre amid what is left; a semantic task has none."""
    instance_map = np.zeros((32, 64), np.int32)
    instance_map[4:9, :21] = 7
    sample = Sample(np.zeros((32, 64, 3), np.uint8), (instance_map > 0).astype(np.uint8), instance_map)
    narrow = recipe.replace(crop=(32, 32), heat_weight=1.0, offset_weight=1.0)
    lefts = set()
    for seed in range(20):
        crop = augment_sample(sample, narrow, np.random.default_rng(seed), INSTANCE)
        rows, columns = np.nonzero(crop.label_map)
        assert crop.task_target is not None
        heat, down, right = crop.task_target
        if len(rows):
            lefts.add(int(columns.min()))
            middle = (columns.min() + columns.max()) // 2  # of two pixels as near the first counts
            assert heat[6, middle] == 1
            assert_array_equal(down[rows, columns], 6 - rows)
            assert_array_equal(right[rows, columns], middle - columns)
        assert_array_equal(heat > 0, crop.label_map > 0)
    assert len(lefts) > 1
    assert augment_sample(sample, recipe, np.random.default_rng(0)).task_target is None


def test_a_batch_holds_the_target_of_a_task_with_channels_of_its_own(store: SampleStore, recipe: Recipe) -> None:
    target = batch_at(store, recipe, 0, 0, task=INSTANCE).task_target
    assert target is not None
    assert (target.dtype, target.shape) == (torch.float32, (4, 3, 32, 64))
    assert batch_at(store, recipe, 0, 0).task_target is None
