"""Tables over images, some rows at a time: the same as at once."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pixelwise.core import lookup
from pixelwise.core.lookup import count_values, look_up, rows_of


@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (40, 3), (3, 40), (0, 4), (9, 4, 3)])
def test_rows_cover_the_image_once(shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "AT_ONCE", 20)
    rows = [row for part in rows_of(shape) for row in range(part.start, part.stop)]
    assert rows == list(range(shape[0]))
    assert all((part.stop - part.start) * shape[1] <= max(20, shape[1]) for part in rows_of(shape))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_entries_and_counts_are_those_of_numpy(dtype: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "AT_ONCE", 20)
    codes = np.random.default_rng(0).integers(0, 200, (31, 7)).astype(dtype)
    for table in (np.arange(200, dtype=np.uint8)[::-1], np.random.default_rng(1).integers(0, 256, (200, 3), np.uint8)):
        assert_array_equal(look_up(table, codes), table[codes])
    if dtype == np.uint8:
        assert_array_equal(count_values(codes), np.bincount(codes.ravel(), minlength=256))
