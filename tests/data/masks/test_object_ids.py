from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixelwise.data import open_dataset
from pixelwise.data.masks.object_ids import detect_object_ids
from pixelwise.data.masks.statistics import collect_statistics

Arrays = list[np.ndarray]


@pytest.fixture
def verdict(save) -> Callable[..., bool | None]:
    """Return whether masks, uint8 or of another dtype, are surely object ids; `None` where they are classes."""

    def mask(arrays: Arrays, dtype: str = "uint8", name: str = "{}.png") -> bool | None:
        masks: list[Path] = [save(name.format(i), array.astype(dtype)) for i, array in enumerate(arrays)]
        ids = detect_object_ids(collect_statistics(masks).gray_masks)
        return None if ids is None else ids.sure

    return mask


def test_numbers_that_grow_with_the_objects(verdict, discs) -> None:
    arrays = [discs(seed, list(range(1, 4 + 2 * seed)), 96) for seed in range(5)]
    assert verdict(arrays) is True
    assert verdict(arrays, "uint16", "{}.tif") is True
    assert verdict([np.zeros((96, 96)), *arrays]) is True


def test_as_many_objects_in_each_image(verdict, discs) -> None:
    assert verdict([discs(seed, list(range(1, 7)), 96) for seed in range(5)]) is True


def test_new_numbers_in_each_image(verdict, discs) -> None:
    assert verdict([discs(seed, list(range(8 * seed + 1, 8 * seed + 9)), 96) for seed in range(6)], "uint16") is True


def test_objects_that_touch_and_fill_the_image(verdict) -> None:
    """Each pixel belongs to the nearest of some points: cells of a tissue, numbered 1..n."""
    arrays: Arrays = []
    for seed in range(4):
        points = np.random.default_rng(seed).integers(0, 64, (12 + 3 * seed, 2))
        rows, columns = np.mgrid[:64, :64]
        arrays.append(((rows[..., None] - points[:, 0]) ** 2 + (columns[..., None] - points[:, 1]) ** 2).argmin(2) + 1)
    assert verdict(arrays) is True


def test_one_image_with_many_objects(verdict, discs) -> None:
    assert verdict([discs(0, list(range(1, 25)), 128)]) is True


def test_few_objects_leave_a_doubt_but_for_deep_files_and_names_of_tools(verdict, discs) -> None:
    arrays = [discs(seed, [1, 2, 3], 96) for seed in range(6)]
    assert verdict(arrays) is False
    assert verdict(arrays, "uint16") is True
    assert verdict(arrays, "uint8", "{}_cp_masks.png") is True
    assert verdict(arrays, "uint8", "{}_Object Identities.png") is True


def test_layers_that_cross_the_image_leave_a_doubt(verdict) -> None:
    """Twelve layers of one thickness, each from side to side, at another height in every image: their columns and sizes
    tell nothing."""
    layers = np.repeat(np.arange(12), 8)[:, None].repeat(64, 1)
    arrays: Arrays = [np.roll(layers, shift, 0) for shift in range(0, 64, 8)]
    assert verdict(arrays) is False


def test_classes_in_pieces(verdict, discs) -> None:
    assert verdict([discs(seed, [1, 2, 3, 4, 5, 6] * 2, 128) for seed in range(5)]) is None
    assert verdict([discs(seed, [1, 2, 3] * 2, 128) for seed in range(5)], "uint8", "{}_cp_masks.png") is None


def test_classes_that_lie_where_they_always_lie(verdict) -> None:
    """Six organs, one piece each, of a size and at a place of its own that hardly change."""
    arrays: Arrays = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        organs = np.zeros((90, 60), np.int64)
        for index in range(6):
            top, left = (index // 2) * 30 + rng.integers(0, 6), (index % 2) * 30 + rng.integers(0, 6)
            organs[top : top + 6 + 3 * index, left : left + 10] = index + 1
        arrays.append(organs)
    assert verdict(arrays) is None


def test_some_of_many_classes_in_each_image(verdict, discs) -> None:
    """One piece of two classes of twenty, as in Pascal VOC."""
    rng = np.random.default_rng(1)
    arrays = [discs(seed, rng.choice(np.arange(1, 21), 2, replace=False).tolist(), 96) for seed in range(12)]
    assert verdict(arrays) is None


@pytest.fixture
def many(save, discs, tmp_path: Path) -> Callable[..., Path]:
    """Write 24 pairs; each image shows eight of 150 numbers, each in one piece and the colour that `paint` gives it."""

    def write(paint: Callable[[int, np.random.Generator], np.ndarray], *, fixed: bool = False) -> Path:
        for seed in range(24):
            rng = np.random.default_rng(seed)
            values = rng.choice(np.arange(1, 151), 8, replace=False).tolist()
            mask = discs(seed, values, 96)
            if fixed:  # each number at its own place
                mask = np.zeros((96, 96), np.int64)
                for value in values:
                    row, column = divmod(value, 13)
                    mask[7 * row : 7 * row + 5, 7 * column : 7 * column + 5] = value
            image = np.full((96, 96, 3), 120.0)
            for value in values:
                image[mask == value] = paint(value, rng)
            save(f"images/{seed}.png", (image + rng.normal(0, 8, image.shape)).clip(0, 255))
            save(f"masks/{seed}.png", mask)
        return tmp_path

    return write


def color_of_class(value: int, rng: np.random.Generator) -> np.ndarray:
    return np.random.default_rng(1000 + value).uniform(0, 255, 3)


def color_of_object(value: int, rng: np.random.Generator) -> np.ndarray:
    return rng.uniform(0, 255, 3)


def test_one_piece_of_each_of_many_classes_is_told_from_object_ids_by_the_images(many) -> None:
    root = many(color_of_class)
    dataset = open_dataset(root)
    highest = max(int(np.asarray(Image.open(mask)).max()) for mask in (root / "masks").iterdir())
    assert dataset.classes.num_classes == highest + 1 > 140
    (problem,) = [problem for problem in dataset.problems if problem.kind == "assumed"]
    assert "values that may be object ids: they are other numbers in each image" in problem.message
    assert "each number has a colour of its own there; expected classes, and they are read as such" in problem.message
    assert "Name the folder instances/ if they are object ids" in problem.message


@pytest.mark.parametrize("case", ["any colour", "one colour", "objects that are followed"])
def test_numbers_without_a_colour_of_their_own_are_object_ids(many, case: str) -> None:
    if case == "any colour":
        root = many(color_of_object)
    elif case == "one colour":
        root = many(lambda value, rng: rng.normal(200, 15, 3))
    else:
        root = many(color_of_class, fixed=True)
    dataset = open_dataset(root)
    assert dataset.classes.names == ("background", "object")
    (problem,) = [problem for problem in dataset.problems if problem.kind == "assumed"]
    assert "found object ids in the masks" in problem.message
    assert "if the values are classes, state them in classes.yaml" in problem.message
    entries = ", ".join(f"{{name: c{value}, value: {value}}}" for value in range(151))
    (root / "classes.yaml").write_text(f"classes: [{entries}]")
    assert open_dataset(root).classes.num_classes == 151


def test_two_values_are_classes(verdict, discs) -> None:
    assert verdict([discs(seed, [1, 255]) for seed in range(4)]) is None
    assert verdict([np.zeros((4, 4))]) is None
