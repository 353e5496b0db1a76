"""Values of annotation files, of every type that files give."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pixelwise.core.errors import ImageError, MaskError
from pixelwise.data.annotation_files import format_value, shorten
from pixelwise.data.annotation_values import (
    SizeMismatchError,
    array_of,
    as_id,
    corners_in,
    finite_numbers,
    is_set,
    resolve_size,
)

DEEP: list[Any] = []
for _ in range(5000):
    DEEP = [DEEP]
ODD = [None, True, [], [1], {}, {"a": 1}, "", "x", math.nan, math.inf, -math.inf, 1.5, DEEP]
"""What is no id."""


@pytest.mark.parametrize(
    ("value", "expected"),
    [(7, 7), (7.0, 7), ("7", 7), (" -7 ", -7), ("x", "x"), ("٣", "٣"), (10**400, 10**400), ("9" * 400, "9" * 400)],
)
def test_ids(value: object, expected: object) -> None:
    assert as_id(value) == expected


@pytest.mark.parametrize("value", [odd for odd in ODD if odd != "x"])
def test_what_is_no_id(value: object) -> None:
    assert as_id(value) is None
    assert is_set(value) is (value is True)


def test_a_size_is_compared_with_the_image_before_anything_is_made_by_it(save, tmp_path: Path) -> None:
    image, where = save("a.png"), tmp_path / "a.json"  # 6x8
    assert resolve_size((6, 8), image, where) == (6, 8)
    assert resolve_size(("6", 8.0), image, where) == (6, 8)
    assert resolve_size((None, 8), image, where) == (6, 8)
    assert resolve_size((8, 6), image, where) == (8, 6)  # turned, which its reader says
    with pytest.raises(SizeMismatchError, match=r"a\.json: found a size of 20000x20000 .* expected 6x8, its image's"):
        resolve_size((20000, 20000), image, where)
    missing = tmp_path / "missing.png"
    assert resolve_size((600, 800), missing, where) == (600, 800)
    with pytest.raises(MaskError, match="found a size of 20000x20000; expected at most 16,777,216 pixels where"):
        resolve_size((20000, 20000), missing, where)
    with pytest.raises(ImageError):
        resolve_size((None, None), missing, where)


@pytest.mark.parametrize("side", [*ODD[1:], 0, -6, 40_000, 10**400, "9" * 400], ids=format_value)
def test_what_is_no_size(side: object, save, tmp_path: Path) -> None:
    with pytest.raises(MaskError) as raised:
        resolve_size((side, 40_000), save("a.png"), tmp_path / "a.json")
    assert len(str(raised.value)) < 1000


@pytest.mark.parametrize("value", [*ODD, "", 10**400, 1e308, "1e308", -(2.0**32)], ids=format_value)
def test_what_is_no_number_or_too_far(value: object) -> None:
    expected = {True: [1.0], 1.5: [1.5]}.get(value) if isinstance(value, bool | float) else None
    assert finite_numbers([value]) == expected


def test_numbers() -> None:
    assert finite_numbers([1, "2.5", -3.0]) == [1.0, 2.5, -3.0]
    assert_array_equal(corners_in([["1", 2], (3, 4)], "a", "b", "c"), [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ([[1, 2], [3]], "points that cannot be read"),
        ([[1, 10**400]], "points that cannot be read"),
        ([[1, "x"]], "points that cannot be read"),
        ([[1, {}]], "points that cannot be read"),
        (DEEP, "points that cannot be read"),
        ([[1, 1e308]], r"a coordinate of 1e\+308"),
        ([1, 2], r"points of the shape \(2,\)"),
        (None, r"points of the shape \(\)"),
        ("12", r"points of the shape \(\)"),
        ([], r"points of the shape \(0,\)"),
    ],
)
def test_corners_that_make_no_sense(values: object, problem: str) -> None:
    with pytest.raises(MaskError, match=rf"a\.json: found {problem}"):
        corners_in(values, "a.json", "x, y", "Correct it.")


def test_what_is_not_finite_is_left_to_others() -> None:
    assert np.isnan(array_of([1, None], "a", "b", "c")[1])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("x", "'x'"),
        (7, "7"),
        (None, "None"),
        ({"b": [1, 2], "a": "c"}, "{'b': [1, 2], 'a': 'c'}"),
        ([[[[[1]]]]], "[[[[...]]]]"),
        (list(range(100)), "[0, 1, 2, 3, 4, 5, ...]"),
        (10**5000, "a number of about 5,000 digits"),
        ("a\x1b[31m\ud800\n", r"'a\x1b[31m\ud800\n'"),
        ([], "[]"),
    ],
    ids=range(9),
)
def test_values_are_shown_short(value: object, expected: str) -> None:
    assert format_value(value) == expected
    assert all(
        len(format_value(entry)) <= 80 for entry in (DEEP, "x" * 10**6, [["x" * 100] * 100] * 100, {"a" * 99: DEEP})
    )


def test_texts_fit_a_line() -> None:
    assert shorten("a\x1b[31m\x00\ud800\nb") == r"a\x1b[31m\x00\ud800\nb"
    assert shorten("größe 大") == "größe 大"
    assert shorten("x" * 1000) == "x" * 77 + "..."
