"""The same objects in every layout that can hold them: written, recognised and read back they are the same maps."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from pixelwise.core.classes import ClassMap
from pixelwise.data import open_dataset, write_dataset
from pixelwise.data.check import check
from pixelwise.data.class_list import write_classes
from pixelwise.data.dataset import Dataset
from pixelwise.instances.objects import renumber

LAYOUTS = ("folders", "coco", "yolo", "cvat", "labelme", "voc", "dsb", "cityscapes")
CLASSES = ClassMap(("road", "car"), ((128, 64, 128), (0, 0, 142)))
SIZE = (40, 56)


def touching(rng: np.random.Generator) -> np.ndarray:
    """Return twelve blobs, many of which touch, one with a hole and one in two parts."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    instance_map = np.zeros(SIZE, np.uint16)
    for number, (row, column) in enumerate(rng.uniform(0, SIZE, (12, 2)), start=1):
        blob = (np.hypot(rows - row, columns - column) < rng.uniform(3, 8)) & (instance_map == 0)
        instance_map[blob] = number
    biggest = int(np.argmax(np.bincount(instance_map.ravel())[1:])) + 1
    inside = np.argwhere(instance_map == biggest)
    instance_map[tuple(inside[len(inside) // 2])] = 0
    instance_map[0, 0] = instance_map[0, -1] = 13
    return instance_map


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Three training images and two for validation."""
    root, rng = tmp_path_factory.mktemp("source"), np.random.default_rng(4)
    for split, count in {"train": 3, "val": 2}.items():
        for folder in ("images", "masks", "instances"):
            (root / split / folder).mkdir(parents=True)
        for index in range(count):
            instance_map = touching(rng)
            maps = {
                "images": rng.integers(0, 256, (*SIZE, 3), np.uint8),
                "masks": (instance_map > 0).astype(np.uint8),
                "instances": instance_map,
            }
            for folder, pixels in maps.items():
                Image.fromarray(pixels).save(root / split / folder / f"{split}_{index}.png")
    write_classes(root / "classes.yaml", CLASSES)
    return open_dataset(root)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_written_is_recognised_and_read_back(source: Dataset, layout: str, tmp_path: Path) -> None:
    write_dataset(source, layout, tmp_path / "out")
    written = open_dataset(tmp_path / "out")
    assert written.format == layout
    assert not check(written).harmful
    assert {split: [item.name for item in items] for split, items in written.splits.items()} == {
        split: [item.name for item in items] for split, items in source.splits.items()
    }
    car = written.classes.names.index("car")
    copied = pickle.loads(pickle.dumps(written))  # as workers of a loader get it
    for (_, item), (_, other) in zip(source.items(), copied.items(), strict=True):
        expected, sample = source.read(item), copied.read(other)
        assert expected.instance_map is not None
        assert sample.instance_map is not None
        assert_array_equal(sample.label_map == car, expected.label_map == 1)
        pairs = np.unique(np.stack([sample.instance_map.ravel(), expected.instance_map.ravel()]), axis=1)
        assert len(np.unique(pairs[0])) == len(np.unique(pairs[1])) == pairs.shape[1]  # one to one, 0 to 0
        assert pairs[:, 0].tolist() == [0, 0]
        assert len(renumber(sample.instance_map)[1]) > 9


@pytest.mark.parametrize("layout", LAYOUTS)
def test_one_layout_becomes_another(source: Dataset, layout: str, tmp_path: Path) -> None:
    """By way of COCO, which names the first class background."""
    write_dataset(source, layout, tmp_path / "first")
    write_dataset(open_dataset(tmp_path / "first"), "coco", tmp_path / "second")
    for (_, first), (_, other) in zip(source.items(), open_dataset(tmp_path / "second").items(), strict=True):
        expected, actual = source.read(first).instance_map, open_dataset(tmp_path / "second").read(other).instance_map
        assert expected is not None
        assert actual is not None
        assert_array_equal(actual > 0, expected > 0)
        assert len(np.unique(actual)) == len(np.unique(expected))
