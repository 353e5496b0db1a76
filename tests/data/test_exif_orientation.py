"""Labels drawn on a photo as it is stored are turned with it; those drawn on it as it is shown stay."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image, ImageOps

from pixelwise.data import open_dataset
from pixelwise.data.check import check

STORED = np.arange(48, dtype=np.uint8).reshape(6, 8) % 3


def photo(path: Path, orientation: int, size: tuple[int, int] = (6, 8)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = np.random.default_rng(orientation).integers(0, 256, (*size, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(path, exif=exif)


def as_shown(label_map: np.ndarray, orientation: int) -> np.ndarray:
    """What Pillow makes of the stored pixels."""
    image = Image.fromarray(label_map)
    image.getexif()[0x0112] = orientation
    return np.asarray(ImageOps.exif_transpose(image))


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
@pytest.mark.parametrize("ending", ["jpg", "png", "tif"])
def test_a_mask_that_fits_the_stored_photo_is_turned_with_it(
    save, tmp_path: Path, orientation: int, ending: str
) -> None:
    photo(tmp_path / f"images/a.{ending}", orientation)
    save("masks/a.png", STORED)
    dataset = open_dataset(tmp_path)
    item = next(dataset.items())[1]
    sample = dataset.read(item)
    assert sample.image.shape == (8, 6, 3)
    assert_array_equal(sample.label_map, as_shown(STORED, orientation))
    (problem,) = [entry for entry in check(dataset).problems if entry.kind == "mended"]
    assert "found labels of 6x8 (height x width) in a.png" in problem.message
    assert f"by its EXIF orientation ({orientation})" in problem.message


def test_a_mask_that_fits_the_photo_as_it_is_shown_stays(save, tmp_path: Path) -> None:
    photo(tmp_path / "images/a.jpg", 6)
    save("masks/a.png", STORED.T)
    dataset = open_dataset(tmp_path)
    assert_array_equal(dataset.read(next(dataset.items())[1]).label_map, STORED.T)
    assert "mended" not in {entry.kind for entry in check(dataset).problems}


@pytest.mark.parametrize(("orientation", "size"), [(1, (8, 6)), (3, (8, 6)), (6, (5, 8))])
def test_other_sizes_are_a_mismatch(save, tmp_path: Path, orientation: int, size: tuple[int, int]) -> None:
    photo(tmp_path / "images/a.jpg", orientation)
    save("masks/a.png", np.zeros(size))
    assert "size_mismatch" in {entry.kind for entry in check(open_dataset(tmp_path)).harmful}


def test_objects_in_files_of_their_own_and_in_annotations(save, tmp_path: Path) -> None:
    inner = np.zeros((6, 8), np.uint8)
    inner[1:3, 1:6] = 255
    photo(tmp_path / "dsb/a/images/a.png", 6)
    save("dsb/a/masks/1.png", inner)
    photo(tmp_path / "coco/a.jpg", 6)
    content = {
        "images": [{"id": 1, "file_name": "a.jpg", "height": 6, "width": 8}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[1, 1, 6, 1, 6, 3, 1, 3]]}],
        "categories": [{"id": 1, "name": "cat"}],
    }
    (tmp_path / "coco/train.json").write_text(json.dumps(content))
    for name in ("dsb", "coco"):
        dataset = open_dataset(tmp_path / name)
        assert dataset.format == name
        sample = dataset.read(next(dataset.items())[1])
        assert_array_equal(sample.instance_map, as_shown(inner, 6) // 255)
        assert_array_equal(sample.label_map, as_shown(inner, 6) // 255)


@pytest.mark.parametrize(
    ("orientation", "size", "is_told"),
    [(3, (6, 8), True), (4, (6, 8), True), (6, (6, 6), True), (6, (6, 8), False), (1, (6, 6), False)],
)
def test_turns_that_leave_the_size_are_told(
    save, tmp_path: Path, orientation: int, size: tuple[int, int], is_told: bool
) -> None:
    photo(tmp_path / "images/a.jpg", orientation, size)
    save("masks/a.png", np.eye(*size))
    messages = [entry.message for entry in check(open_dataset(tmp_path)).problems if entry.kind == "assumed"]
    assert any("found 1 image (a.jpg) whose EXIF orientation turns or mirrors" in text for text in messages) == is_told
