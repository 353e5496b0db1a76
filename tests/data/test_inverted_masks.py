from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pixelwise.data import open_dataset
from pixelwise.data.check import check
from pixelwise.data.item_check import HARMLESS

COUNT = 40
INVERTED = (3, 11, 17, 26, 39)
Pair = tuple[np.ndarray, np.ndarray]


def discs_at(rng: np.random.Generator, count: int, radii: tuple[int, int]) -> np.ndarray:
    """Discs that may overlap and reach beyond the border, boolean (80, 96)."""
    rows, columns = np.mgrid[:80, :96]
    mask = np.zeros((80, 96), bool)
    for _ in range(count):
        row, column, radius = rng.uniform(0, 80), rng.uniform(0, 96), rng.uniform(*radii)
        mask |= (rows - row) ** 2 + (columns - column) ** 2 < radius**2
    return mask


def paint(mask: np.ndarray, inside: object, outside: object, rng: np.random.Generator) -> np.ndarray:
    image = np.where(mask[..., None], np.asarray(inside, float), np.asarray(outside, float))
    return (image + rng.normal(0, 18, image.shape)).clip(0, 255).astype(np.uint8)


def nuclei(index: int, rng: np.random.Generator) -> Pair:
    """Bright on dark at any exposure; a sixth of the images dark on bright, as stained tissue is."""
    mask = discs_at(rng, int(rng.integers(4, 14)), (4, 9))
    gain = rng.uniform(0.5, 1)
    colors = ((120, 60, 140), (235, 215, 230)) if index % 6 == 0 else ((190 * gain,) * 3, (25 * gain,) * 3)
    return paint(mask, *colors, rng), mask


def ground(index: int, rng: np.random.Generator) -> Pair:
    """Ground below a sky, about half of the image, a tenth at night."""
    mask = np.mgrid[:80, :96][0] > rng.uniform(20, 60)
    colors = ((70, 65, 50), (10, 10, 30)) if index % 10 == 0 else ((95, 90, 60), (190, 205, 250))
    return paint(mask, *colors, rng), mask


def water(index: int, rng: np.random.Generator) -> Pair:
    """Tiles of a coast: from a pond to the open sea with an island."""
    mask = discs_at(rng, 1, (5, 100))
    mask[:6, :6], mask[-6:, -6:] = True, False
    return paint(mask, (30, 60, 120), (95, 120, 60), rng), mask


def animals(index: int, rng: np.random.Generator) -> Pair:
    """Objects of any colour and size on anything: looks tell nothing."""
    mask = discs_at(rng, 1, (10, 60))
    mask[:6, :6], mask[-6:, -6:] = True, False
    return paint(mask, rng.uniform(0, 255, 3), rng.uniform(0, 255, 3), rng), mask


@pytest.fixture
def told(save, tmp_path: Path) -> Callable[..., list[str]]:
    """Write a set of two classes, some of its masks inverted, and return what `check` names, by the stems."""

    def names(pair: Callable[[int, np.random.Generator], Pair], inverted: tuple[int, ...], **options: int) -> list[str]:
        for index in range(options.get("count", COUNT)):
            image, mask = pair(index, np.random.default_rng(index))
            if options.get("deep"):
                save(f"images/{index}.png", image[..., 0].astype(np.uint16) * 3 + 1000)
            else:
                save(f"images/{index}.png", image)
            save(f"masks/{index}.png", np.where(mask ^ (index in inverted), 255, 0))
        result = check(open_dataset(tmp_path))
        problems = [problem for problem in result.problems if problem.kind == "inverted_mask"]
        assert result.unusable == set()
        return ["the set" if problem.file == tmp_path else problem.file.stem for problem in problems]

    return names


@pytest.mark.parametrize("pair", [nuclei, ground, water])
def test_inverted_masks_are_named_one_by_one(told, pair: Callable[[int, np.random.Generator], Pair]) -> None:
    assert sorted(told(pair, INVERTED), key=int) == [str(index) for index in INVERTED]


@pytest.mark.parametrize("pair", [nuclei, ground, water, animals])
def test_sound_masks_are_not_named(told, pair: Callable[[int, np.random.Generator], Pair]) -> None:
    assert told(pair, ()) == []


def test_a_single_one_of_deeper_images(told) -> None:
    assert told(nuclei, (7,), count=24, deep=1) == ["7"]


def test_where_looks_tell_nothing_or_images_are_few_no_mask_is_named(told) -> None:
    assert told(animals, INVERTED) == ["the set"]  # by the masks alone: foreground all along some borders
    assert told(nuclei, (3,), count=9) == []


def test_the_message_says_what_was_seen_and_what_to_do(told, tmp_path: Path) -> None:
    assert told(nuclei, (7,), count=24) == ["7"]
    (problem,) = [one for one in check(open_dataset(tmp_path)).problems if one.kind == "inverted_mask"]
    assert "found a foreground that looks like the background of the other images" in problem.message
    assert problem.message.endswith("It may be inverted: look at an overlay, and invert the mask if so.")
    assert problem.kind in HARMLESS
