"""Batches of sparse labels: no crop without one, no label lost, images without labels in their share."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.data.dataset import Dataset, Item, Sample, labels_from_files
from pixelwise.tasks.instance import INSTANCE
from pixelwise.training.config import Recipe
from pixelwise.training.labelled_pixels import LabelledPixels
from pixelwise.training.samples import Hints, PseudoLabels, SampleStore, augment_sample, batch_at, batches

SIZE = (120, 160)
GRAY = 20


def read_map(path: Path) -> npt.NDArray[np.uint8]:
    return np.array(Image.open(path))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Four images of one gray each, with a labelled pixel or two, and two images without a label."""
    root = tmp_path_factory.mktemp("data")
    items = []
    for i in range(6):
        image, mask = root / f"{i}.png", root / f"{i}-mask.png"
        Image.fromarray(np.full((*SIZE, 3), GRAY * i, np.uint8)).save(image)
        label_map = np.full(SIZE, IGNORE_INDEX, np.uint8)
        label_map[7 + 30 * (i % 4), 11 + 40 * (i % 4)] = i % 3
        label_map[-1, i] = 1
        Image.fromarray(label_map).save(mask)
        items.append(Item(str(i), image, mask if i < 4 else None))
    classes = ClassMap.from_names(["a", "b", "c"])
    splits = {"train": tuple(items[:4])}
    return Dataset(root, "test", classes, splits, labels_from_files(read_map), unlabelled=tuple(items[4:]))


@pytest.fixture
def store(dataset: Dataset) -> SampleStore:
    return SampleStore(dataset, dataset.splits["train"])


@pytest.fixture
def sparse(recipe: Recipe) -> Recipe:
    return recipe.replace(label_points=100, scale=(0.5, 2.0), rotate=True, unlabelled_share=0.25)


def add_pseudo_labels(store: SampleStore, dataset: Dataset) -> None:
    unlabelled = SampleStore(dataset, dataset.unlabelled, read=dataset.read_unlabelled)
    maps = {index: np.full(SIZE, index, np.uint8) for index in range(2)}
    store.pseudo = PseudoLabels({0: maps[0]}, maps, unlabelled)


def test_every_crop_holds_a_labelled_pixel(store: SampleStore, sparse: Recipe) -> None:
    """A crop of 32x64 from 120x160 would miss both pixels more often than not."""
    for batch in batches(store, sparse, 0, 0):
        assert (batch.targets != IGNORE_INDEX).flatten(1).any(dim=1).all()
        assert batch.pseudo is None
    dense = sparse.replace(label_points=0)
    missed = [(batch.targets == IGNORE_INDEX).flatten(1).all(dim=1) for batch in batches(store, dense, 0, 0)]
    assert torch.cat(missed).float().mean() > 0.3


def test_no_labelled_pixel_is_lost_where_an_image_is_made_smaller(recipe: Recipe) -> None:
    """A quarter of the pixels of nearest neighbour at half the size survive; two that meet leave one."""
    rng = np.random.default_rng(0)
    label_map = np.full((64, 128), IGNORE_INDEX, np.uint8)
    rows, columns = 4 * rng.permutation(16)[:12] + rng.integers(0, 4, 12), rng.permutation(128)[:12]
    label_map[rows, columns] = rng.integers(0, 3, 12)
    instance_map = np.where(label_map != IGNORE_INDEX, 1 + np.arange(64 * 128).reshape(64, 128), 0).astype(np.int32)
    sample = Sample(np.zeros((64, 128, 3), np.uint8), label_map, instance_map)
    halved = recipe.replace(scale=(0.5, 0.5), label_points=100)
    hints = Hints(LabelledPixels.of(label_map))
    for key in range(5):
        whole = augment_sample(sample, halved, np.random.default_rng(key), hints=hints).label_map
        assert Counter(whole.flatten().tolist()) == {
            IGNORE_INDEX: 32 * 64 - 12,
            **Counter(label_map[rows, columns].tolist()),
        }
        lossy = augment_sample(sample, halved, np.random.default_rng(key)).label_map
        assert (lossy != IGNORE_INDEX).sum() < 12
    target = augment_sample(sample, halved, np.random.default_rng(0), INSTANCE, hints).task_target
    assert target is not None
    assert (target[0] > 0.9).sum() >= 12  # every object has its centre


def test_batches_are_a_function_of_seed_and_step(store: SampleStore, dataset: Dataset, sparse: Recipe) -> None:
    add_pseudo_labels(store, dataset)
    whole = list(batches(store, sparse, 3, 0))
    for step in (0, 5, 8):
        again, other = batch_at(store, sparse, 3, step), batch_at(store, sparse, 4, step)
        assert all(torch.equal(a, b) for a, b in zip(again, whole[step], strict=True) if a is not None)
        assert not torch.equal(other.images, whole[step].images)


def test_images_without_labels_come_in_their_share_once_they_have_pseudo_labels(
    store: SampleStore, dataset: Dataset, sparse: Recipe
) -> None:
    """A quarter of 36 crops; the others visit each labelled image as often as any other."""
    sizes = sparse.replace(scale=(1.0, 1.0))
    grays = Counter(int(image.amax()) // GRAY for batch in batches(store, sizes, 0, 0) for image in batch.images)
    assert grays == {0: 9, 1: 9, 2: 9, 3: 9}
    add_pseudo_labels(store, dataset)
    grays = Counter(int(image.amax()) // GRAY for batch in batches(store, sizes, 0, 0) for image in batch.images)
    assert grays[4] + grays[5] == 9
    assert abs(grays[4] - grays[5]) <= 1
    assert all(6 <= grays[i] <= 7 for i in range(4))


def test_pseudo_labels_are_those_of_the_image_and_no_labels(
    store: SampleStore, dataset: Dataset, sparse: Recipe
) -> None:
    add_pseudo_labels(store, dataset)
    for batch in batches(store, sparse.replace(scale=(1.0, 1.0)), 0, 0):
        assert batch.pseudo is not None
        for image, target, pseudo in zip(batch.images, batch.targets, batch.pseudo, strict=True):
            number = int(image.amax()) // GRAY
            assert set(pseudo.unique().tolist()) == {{0: 0, 4: 0, 5: 1}.get(number, IGNORE_INDEX)}
            assert bool((target != IGNORE_INDEX).any()) == (number < 4)
