from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pixelwise.data.masks.boundary_value import BoundaryValue, find_boundary_value, remove_value
from pixelwise.data.masks.statistics import collect_statistics


def rimmed(ids: np.ndarray, value: int) -> np.ndarray:
    """Return a map with `value` on the four neighbours of objects."""
    inside = ids > 0
    near = inside.copy()
    near[1:] |= inside[:-1]
    near[:-1] |= inside[1:]
    near[:, 1:] |= inside[:, :-1]
    near[:, :-1] |= inside[:, 1:]
    return np.where(near & ~inside, value, ids)


@pytest.fixture
def rim(save) -> Callable[..., BoundaryValue | None]:
    def mask(arrays: list[np.ndarray], dtype: str = "uint8") -> BoundaryValue | None:
        paths: list[Path] = [save(f"{i}.png", array.astype(dtype)) for i, array in enumerate(arrays)]
        return find_boundary_value(collect_statistics(paths).gray_masks)

    return mask


@pytest.mark.parametrize(("dtype", "value"), [("uint8", 255), ("uint16", 65535), ("uint16", 255)])
def test_a_rim_around_objects(rim, discs, dtype: str, value: int) -> None:
    arrays = [rimmed(discs(seed, list(range(1, 4 + seed))), value) for seed in range(4)]
    assert rim(arrays, dtype) == BoundaryValue(value, 4, sure=True)
    assert rim([*arrays, discs(9, [1, 2])], dtype) == BoundaryValue(value, 4, sure=True)


def test_the_last_of_255_objects_is_no_rim(rim) -> None:
    assert rim([np.arange(256).reshape(16, 16)] * 2) is None


def test_maps_without_it_or_without_others(rim, discs) -> None:
    assert rim([discs(seed, [1, 2, 3]) for seed in range(3)]) is None
    assert rim([discs(seed, [255]) for seed in range(3)]) is None
    assert rim([discs(0, [1, 255]), *(discs(seed, [1, 2, 3]) for seed in range(1, 4))]) is None
    assert rim([np.zeros((4, 4))]) is None


def test_a_doubt(rim, discs) -> None:
    """Ids with gaps as in a crop; an object far from the others."""
    crops = [rimmed(discs(seed, [3, 7 + seed, 20]), 255) for seed in range(3)]
    assert rim(crops) == BoundaryValue(255, 3, sure=False)
    assert rim([discs(seed, [1, 2, 255]) for seed in range(3)]) == BoundaryValue(255, 3, sure=False)


def test_looks_without_a_value(save) -> None:
    (mask,) = remove_value(collect_statistics([save("a.png", [[0, 1, 255]])]).gray_masks, 255)
    assert mask.pixels == {0: 1, 1: 1}
