"""What the values of a data set's masks stand for, decided once from all of them; every command reads by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.core.errors import DataError
from pixelwise.data.class_list import ClassList
from pixelwise.data.masks.antialiasing import soft_binary
from pixelwise.data.masks.encoding import Coding, packed
from pixelwise.data.masks.messages import colors_without_list, ready_to_paste
from pixelwise.data.masks.palettes import Palettes, consensus, near_colors, palette_problems
from pixelwise.data.masks.statistics import Survey, survey
from pixelwise.data.masks.with_class_list import read_with_list
from pixelwise.data.masks.without_class_list import divided, read_without_list

SAMPLE = 256
"""Masks that are looked at where a list of more than two classes leaves little to find out."""


def decide(root: Path, masks: Sequence[Path], class_list: ClassList | None, has_objects: bool = False) -> Coding:
    """Return how the masks of the data set at `root` stand for classes; where it `has_objects` in files of their own,
    they are no object ids.

    Raises `DataError` for colours without a class list (with the list to paste), for values that cannot be class
    indices, where all masks or most hold nothing but 0 and 255 and the list names more than two classes, and where
    palettes that contradict one another leave in doubt which colour a list names.
    """
    if class_list is None:
        seen = survey(masks)
        if seen.colored is not None:
            raise colors_without_list(root, seen.colored, seen.colors)
        palettes = consensus(root, seen.gray_looks)
        return _by_palettes(read_without_list(root, palettes.looks, has_objects), palettes)
    if class_list.classes.num_classes > 2:
        masks = masks[:: -(-len(masks) // SAMPLE)] if masks else masks
    return _with_list(root, survey(masks), class_list, has_objects)


def decide_soft(root: Path, masks: Sequence[Path], usual: Coding) -> Coding:
    """Return the reading of masks of 0 and 255 as a layout has them: `usual`, or with soft edges divided."""
    looks = survey(masks).gray_looks
    soft = soft_binary(looks)
    return usual if soft is None else divided(root, looks, usual.classes, soft, (0, 1))


def _with_list(root: Path, seen: Survey, known: ClassList, has_objects: bool) -> Coding:
    colors = {packed(np.array([color])).item(): index for color, index in known.colors.items()}
    _require_fitting_list(seen, known)
    if not colors:
        names_alone = None if known.stated or known.thresholds else known.path
        palettes = consensus(root, seen.gray_looks, names_alone)
        return _by_palettes(read_with_list(root, palettes.looks, known, has_objects), palettes)
    near, told = near_colors(known.path, seen.looks if seen.colored is not None else seen.gray_looks, colors)
    colors.update(near)
    looks, problems = palette_problems(known.path, seen.gray_looks, colors)
    coding = read_with_list(root, looks, known, has_objects)
    palette = None if known.thresholds else colors
    has_palettes = palette is not None and any(look.palette for look in seen.looks)
    why = "; palette masks by the colours of their palettes, where the list has them" if has_palettes else ""
    return replace(
        coding,
        why=coding.why + why,
        colors=colors if seen.colored is not None else None,
        palette=palette,
        shown_colors=colors if has_palettes else {},
        problems=(*told, *problems, *coding.problems),
    )


def _by_palettes(coding: Coding, palettes: Palettes) -> Coding:
    """Return the coding with what the palettes of masks say together."""

    def labels(values: dict[int, int]) -> dict[int, int]:
        return {code: coding.values.get(value, IGNORE_INDEX) for code, value in values.items()}

    return replace(
        coding,
        palette=None if palettes.values is None else labels(palettes.values),
        shown_colors={} if coding.objects or coding.smooth else labels(palettes.shown),
        problems=(*palettes.problems, *coding.problems),
    )


def _require_fitting_list(seen: Survey, known: ClassList) -> None:
    """Raise `DataError` for masks in colour beside a list without colours, or with thresholds."""
    if seen.colored is None:
        return
    if not known.colors:
        raise DataError(
            known.path,
            f"no colours, while {seen.colored.name} and other masks are in colour",
            "the colour of each class",
            f"Give each class its colour; the masks hold these:\n{ready_to_paste(seen.colors)}",
        )
    if known.thresholds:
        expected = "gray masks, whose values thresholds divide"
        found = f"thresholds, while {seen.colored.name} and other masks are in colour"
        raise DataError(known.path, found, expected, "Take the thresholds out, or save the masks in gray.")
