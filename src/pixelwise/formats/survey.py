"""A look over a data set's masks, to tell how they stand for classes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pixelwise.classes import IGNORE_INDEX, MAX_CLASSES, ClassMap
from pixelwise.errors import DataError, ImageError
from pixelwise.formats.classlist import ClassList, to_yaml
from pixelwise.formats.coding import BINARY_CLASSES, Codes, Coding, is_gray, packed, unpacked
from pixelwise.raster.image import is_jpeg, read_values

SAMPLE = 64
"""Masks that are looked at where a class list leaves little to find out."""

_MOST_COLORS = MAX_CLASSES + 2
"""More colours than this in one mask are not told apart: it is a photo, not a mask."""


@dataclass(frozen=True)
class Survey:
    """What the masks hold: values of gray and palette masks, packed colours of RGB masks, and the first that is in
    colour; where none is, the RGB masks count as gray."""

    values: frozenset[int]
    colors: frozenset[int]
    colored: Path | None


def survey(masks: Sequence[Path]) -> Survey:
    """Look at the masks; JPEG files and those that cannot be read say nothing here (`check` names them)."""
    values: set[int] = set()
    colors: set[int] = set()
    colored: Path | None = None
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for mask, look in zip(masks, pool.map(_look, masks), strict=True):
            values |= look.values
            colors |= look.colors
            colored = colored or (mask if look.colored else None)
    if colored is None:
        return Survey(frozenset(values | {code & 255 for code in colors}), frozenset(), None)
    return Survey(frozenset(values), frozenset(colors), colored)


def decide(root: Path, masks: Sequence[Path], class_list: ClassList | None) -> Coding:
    """Return how the masks of the data set at `root` stand for classes.

    Raises `DataError` for colours without a class list (with the list to paste) and for values that cannot be class
    indices.
    """
    if class_list is None:
        return _without_list(root, survey(masks))
    if class_list.classes.num_classes > 2:
        masks = masks[:: max(1, len(masks) // SAMPLE)]
    return _with_list(survey(masks), class_list)


def _with_list(seen: Survey, known: ClassList) -> Coding:
    colors = {packed(np.array([color])).item(): index for color, index in known.colors.items()}
    grays = {color[0]: index for color, index in known.colors.items() if len(set(color)) == 1}
    indices = {IGNORE_INDEX: IGNORE_INDEX, **known.values}
    if seen.values <= {0, 255} and 255 in seen.values and 255 not in known.values:
        if 255 in grays:
            values = grays
        else:
            values = {0: 0, 255: 1} if known.classes.num_classes == 2 else indices
    elif seen.values <= grays.keys() and not seen.values <= indices.keys():
        values = grays
    else:
        values = indices
    if seen.colored is not None and not colors:
        raise DataError(
            known.path,
            f"no colours, while {seen.colored.name} and other masks are in colour",
            "the colour of each class",
            f"Give each class its colour; the masks hold these:\n{_ready_to_paste(seen.colors)}",
        )
    return Coding(known.classes, values, colors if seen.colored is not None else None)


def _without_list(root: Path, seen: Survey) -> Coding:
    if seen.colored is not None:
        raise _colors_without_list(root, seen.colored, seen.colors)
    if not seen.values or seen.values <= {0, 255}:
        # Without one readable mask nothing is known; two classes stand in, so that `check` can name the files.
        return Coding(BINARY_CLASSES, {0: 0, 255: 1})
    labels = sorted(seen.values - {IGNORE_INDEX})
    if labels == [0, 1]:
        return Coding(BINARY_CLASSES, {0: 0, 1: 1, IGNORE_INDEX: IGNORE_INDEX})
    if labels[0] < 0 or labels[-1] >= MAX_CLASSES:
        found = f"{len(labels)} different values from {labels[0]} to {labels[-1]} in the masks"
        expected = f"class indices 0..{MAX_CLASSES - 1}, 255 = no label"
        raise DataError(root, found, expected, "Name their folder instances/ if the values are object ids.")
    if labels[-1] < 8 * len(labels):
        labels = list(range(labels[-1] + 1))
    # Else few values far apart are gray levels that stand for classes, and the values between are no classes.
    classes = ClassMap.named([str(value) for value in labels])
    return Coding(classes, {IGNORE_INDEX: IGNORE_INDEX, **{value: i for i, value in enumerate(labels)}})


def _colors_without_list(root: Path, mask: Path, colors: frozenset[int]) -> DataError:
    found = f"{len(colors)} colours in the masks (the first is {mask.name}) and no class list"
    expected = "each class's colour in a list beside the data: classes.yaml, label_colors.txt or class_dict.csv"
    if len(colors) > MAX_CLASSES:
        found = f"more than {MAX_CLASSES} colours in the masks (the first is {mask.name})"
        return DataError(root, found, expected, "Check that these are masks, and were not resized or stored as JPEG.")
    remedy = "Write a file classes.yaml there and name the classes, starting from the colours found"
    return DataError(root, found, expected, f"{remedy}:\n{_ready_to_paste(colors)}")


def _ready_to_paste(colors: frozenset[int]) -> str:
    ordered = sorted(colors)[:MAX_CLASSES]
    return to_yaml(
        ClassMap(tuple(f"class_{i}" for i in range(len(ordered))), tuple(unpacked(c) for c in ordered))
    ).rstrip()


@dataclass(frozen=True)
class _Look:
    values: frozenset[int] = frozenset()
    colors: frozenset[int] = frozenset()
    colored: bool = False


def _look(mask: Path) -> _Look:
    if is_jpeg(mask):
        return _Look()
    try:
        stored = read_values(mask)
    except ImageError:
        return _Look()
    if stored.ndim == 2:
        return _Look(values=_distinct(stored))
    return _Look(colors=_distinct(packed(stored)), colored=not is_gray(stored))


def _distinct(codes: Codes) -> frozenset[int]:
    """Return the different values, or the first `_MOST_COLORS` of them."""
    flat = codes.ravel()
    if flat.dtype == np.uint8:
        present = np.flatnonzero(np.bincount(flat, minlength=256))
    else:  # masks are runs of one value: the first pixel of each run is enough, and quick to sort
        present = np.unique(flat[np.flatnonzero(np.diff(flat, prepend=~flat[:1]))])
    return frozenset(present[:_MOST_COLORS].tolist())
