from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from pixelwise.data import open_dataset
from pixelwise.data.check import check
from pixelwise.data.flat_images import MOST_COLORS, index_colors, is_mask

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def test_colours_get_numbers_in_the_order_of_their_bytes() -> None:
    image = np.tile(np.array([[RED, RED, BLUE], [GREEN, BLUE, RED]], np.uint8), (20, 20, 1))
    index_map = index_colors(image)
    assert index_map is not None
    assert index_map[:2, :3].tolist() == [[2, 2, 0], [1, 0, 2]]


def test_a_tall_image_is_read_in_parts() -> None:
    colors = np.array([RED, GREEN, BLUE], np.uint8)
    numbers = np.random.default_rng(0).integers(0, 3, (4000, 700))
    index_map = index_colors(colors[numbers])
    assert index_map is not None
    pairs = np.unique(np.stack([index_map.ravel(), numbers.ravel()]), axis=1)
    assert pairs.shape == (2, 3)


def test_a_photo_has_too_many_colours() -> None:
    values = np.arange(MOST_COLORS + 1, dtype=np.uint16).repeat(16).reshape(-1, 16, 1)
    assert index_colors(values) is None
    assert index_colors(values[:-1]) is not None


def test_a_small_image_tells_nothing() -> None:
    assert index_colors(np.zeros((31, 33, 3), np.uint8)) is None
    assert index_colors(np.zeros((32, 32, 3), np.uint8)) is not None


def test_each_colour_of_a_mask_lies_on_one_class() -> None:
    index_map = np.array([[0, 0, 1, 2]], np.uint8)
    assert is_mask(index_map, np.array([[0, 0, 1, 1]], np.uint8))
    assert is_mask(index_map, np.array([[0, 255, 1, 1]], np.uint8))  # 255 is no label
    assert not is_mask(index_map, np.array([[0, 1, 1, 1]], np.uint8))
    assert not is_mask(index_map, np.array([[1, 1, 1, 1]], np.uint8))  # a single class


def _write(root: Path, *, noisy: bool) -> None:
    rng = np.random.default_rng(0)
    for folder in ("images", "masks"):
        (root / folder).mkdir()
    for number in range(6):
        label_map = rng.integers(0, 2, (32, 40)).astype(np.uint8)
        image = np.array([RED, BLUE], np.uint8)[label_map]
        if noisy:
            image = rng.integers(0, 256, image.shape).astype(np.uint8)
        Image.fromarray(image).save(root / "images" / f"{number}.png")
        Image.fromarray(label_map).save(root / "masks" / f"{number}.png")
    (root / "classes.yaml").write_text("classes: [a, b]\n")


def test_check_tells_of_masks_in_the_place_of_photos(tmp_path: Path) -> None:
    _write(tmp_path, noisy=False)
    messages = [problem.message for problem in check(open_dataset(tmp_path)).problems if problem.kind == "assumed"]
    assert any(message.startswith("found 6 images of few colours") for message in messages)


def test_check_says_nothing_of_photos(tmp_path: Path) -> None:
    _write(tmp_path, noisy=True)
    assert not any("few colours" in problem.message for problem in check(open_dataset(tmp_path)).problems)
