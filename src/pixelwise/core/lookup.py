"""Table look-up and counting over whole images, some rows at a time: numpy turns each index into 8 bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Scalar = TypeVar("Scalar", bound=np.generic)
Int64 = npt.NDArray[np.int64]

AT_ONCE = 2**20
"""Pixels processed at a time."""


def rows_of(shape: tuple[int, ...]) -> Iterator[slice]:
    """Yield rows from top to bottom that cover an array of this shape, about `AT_ONCE` pixels each."""
    step = max(1, AT_ONCE // max(1, shape[1] if len(shape) > 1 else 1))
    for row in range(0, shape[0], step):
        yield slice(row, min(row + step, shape[0]))


def look_up(table: npt.NDArray[Scalar], codes: npt.NDArray[Any]) -> npt.NDArray[Scalar]:
    """Return the entry of a table for each of some whole numbers, (height, width) or (height, width, channels)."""
    entries = np.empty((*codes.shape, *table.shape[1:]), table.dtype)
    for rows in rows_of(codes.shape):
        entries[rows] = table[codes[rows]]
    return entries


def count_values(values: npt.NDArray[Any]) -> Int64:
    """Return how often each of 0..255 occurs in uint8 rows, int64 (256,)."""
    counts = np.zeros(256, np.int64)
    for rows in rows_of(values.shape):
        counts += np.bincount(values[rows].ravel(), minlength=256)
    return counts
