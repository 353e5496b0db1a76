"""How mask files stand for classes, decided once for a data set, and the reading of masks by it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixelwise.classes import ClassMap, Color, distinct_colors
from pixelwise.errors import MaskError
from pixelwise.instances.objects import MAX_ID
from pixelwise.raster.image import is_jpeg, read_values

UInt8 = npt.NDArray[np.uint8]
Int32 = npt.NDArray[np.int32]
Codes = npt.NDArray[np.uint8] | npt.NDArray[np.uint16] | npt.NDArray[np.int32]

BINARY_CLASSES = ClassMap(("background", "foreground"), ((0, 0, 0), distinct_colors(1)[0]))

_REMEDY = "Correct the mask, add the class to the class list, or leave the pair out (train --skip-bad)."
_SHOWN = 8


@dataclass(frozen=True)
class Coding:
    """What a mask's values and colours stand for: class indices or `IGNORE_INDEX`.

    Gray and palette masks, and RGB masks where `colors` (keys as `packed` gives them) is `None`, are read by their
    values; other RGB masks by their colours.
    """

    classes: ClassMap
    values: Mapping[int, int]
    colors: Mapping[int, int] | None = None

    def read(self, path: Path) -> UInt8:
        """Return the mask as a label map, uint8 (height, width).

        Raises `ImageError` for a file that cannot be read and `MaskError` for a JPEG file, a value or colour that is
        no class, or colours where there are values only.
        """
        if is_jpeg(path):
            expected = "PNG or another format that keeps the values"
            raise MaskError(
                path, "a JPEG, which smears class values", expected, "Export the masks again from their source, as PNG."
            )
        stored = read_values(path)
        if stored.ndim == 2:
            return _looked_up(path, stored, self.values, as_colors=False)
        if self.colors is not None:
            return _looked_up(path, packed(stored), self.colors, as_colors=True)
        if not is_gray(stored):
            remedy = "Save it like the other masks, or leave the pair out (train --skip-bad)."
            raise MaskError(path, "a mask in colours", "one value a pixel, as in the other masks", remedy)
        return _looked_up(path, stored[..., 0], self.values, as_colors=False)


def read_instance_map(path: Path) -> Int32:
    """Return a file's object ids, int32 (height, width), 0 = no object.

    Raises `ImageError` for a file that cannot be read and `MaskError` for colours or ids beyond 16 bits.
    """
    stored = read_values(path)
    if stored.ndim != 2 or stored.min() < 0 or stored.max() > MAX_ID:
        found = "an RGB image" if stored.ndim != 2 else f"object ids from {stored.min()} to {stored.max()}"
        remedy = "Save the instance map as 16-bit gray PNG."
        raise MaskError(path, found, f"one object id a pixel, 0..{MAX_ID}", remedy)
    return stored.astype(np.int32)


def packed(rgb: Codes) -> Int32:
    """Return (height, width, 3) RGB as one int32 a pixel: red * 65536 + green * 256 + blue."""
    red, green, blue = (rgb[..., channel].astype(np.int32) for channel in range(3))
    return red << 16 | green << 8 | blue


def unpacked(code: int) -> Color:
    """Return the RGB colour that `packed` made `code` of."""
    return code >> 16, code >> 8 & 255, code & 255


def is_gray(rgb: Codes) -> bool:
    """Return whether the three channels of (height, width, 3) are the same."""
    return bool((rgb[..., 0] == rgb[..., 1]).all() and (rgb[..., 1] == rgb[..., 2]).all())


def _looked_up(path: Path, codes: Codes, table: Mapping[int, int], as_colors: bool) -> UInt8:
    labels = _labels(codes, table)
    unknown = labels < 0
    if unknown.any():
        values, counts = np.unique(codes.astype(np.int64)[unknown], return_counts=True)
        raise MaskError(path, _found(values, counts, as_colors), _expected(table, as_colors), _REMEDY)
    return labels.astype(np.uint8)


def _labels(codes: Codes, table: Mapping[int, int]) -> npt.NDArray[np.int16]:
    """Return each code's entry in `table`, -1 where it has none."""
    keys = np.array(sorted(table), np.int64)
    labels = np.array([table[key] for key in sorted(table)], np.int16)
    if codes.dtype == np.uint8:  # by far the most masks, and five times as fast as searching
        dense = np.full(256, -1, np.int16)
        within = (keys >= 0) & (keys < 256)
        dense[keys[within]] = labels[within]
        return dense[codes]
    at = np.minimum(np.searchsorted(keys, codes), len(keys) - 1)
    return np.where(keys[at] == codes, labels[at], np.int16(-1))


def _found(values: npt.NDArray[np.int64], counts: npt.NDArray[np.intp], as_colors: bool) -> str:
    order = np.argsort(-counts, kind="stable")[:_SHOWN]
    shown = ", ".join(str(list(unpacked(int(values[i])))) if as_colors else str(int(values[i])) for i in order)
    noun = "colour" if as_colors else "value"
    more = f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
    total = int(counts.sum())
    return f"{noun}{'s' if len(values) > 1 else ''} {shown}{more} in {total:,} pixel{'s' if total > 1 else ''}"


def _expected(table: Mapping[int, int], as_colors: bool) -> str:
    if not as_colors:
        return f"a class or no label: {_ranges(table)}"
    shown = ", ".join(str(list(unpacked(code))) for code in list(table)[:_SHOWN])
    return f"a colour of the class list: {shown}{' ...' if len(table) > _SHOWN else ''}"


def _ranges(keys: Iterable[int]) -> str:
    """Return e.g. "0..10, 255" for the sorted numbers."""
    runs: list[list[int]] = []
    for key in sorted(keys):
        if runs and key == runs[-1][1] + 1:
            runs[-1][1] = key
        else:
            runs.append([key, key])
    return ", ".join(str(first) if first == last else f"{first}..{last}" for first, last in runs)
