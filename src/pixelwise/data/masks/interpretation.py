"""What the values of a data set's masks stand for, decided once from all of them; every command reads by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.core.errors import DataError
from pixelwise.data.class_list import ClassList
from pixelwise.data.masks.antialiasing import find_soft_binary
from pixelwise.data.masks.encoding import MaskEncoding, pack_rgb
from pixelwise.data.masks.messages import colors_without_list, ready_to_paste
from pixelwise.data.masks.palettes import (
    PaletteConsensus,
    compare_with_class_list,
    match_near_colors,
    reconcile_palettes,
)
from pixelwise.data.masks.statistics import MaskStatistics, collect_statistics
from pixelwise.data.masks.with_class_list import infer_with_list
from pixelwise.data.masks.without_class_list import encode_soft_binary, infer_without_list

SAMPLE = 256
"""Masks that are looked at where a list of more than two classes leaves little to find out."""


def infer_encoding(
    root: Path, masks: Sequence[Path], class_list: ClassList | None, has_objects: bool = False
) -> MaskEncoding:
    """Return how the masks of the data set at `root` stand for classes; where it `has_objects` in files of their own,
    they are no object ids.

    Raises `DataError` for colours without a class list (with the list to paste), for values that cannot be class
    indices, where all masks or most hold nothing but 0 and 255 and the list names more than two classes, and where
    palettes that contradict one another leave in doubt which colour a list names.
    """
    if class_list is None:
        seen = collect_statistics(masks)
        if seen.colored is not None:
            raise colors_without_list(root, seen.colored, seen.colors)
        palettes = reconcile_palettes(root, seen.gray_masks)
        return _by_palettes(infer_without_list(root, palettes.looks, has_objects), palettes)
    if class_list.classes.num_classes > 2:
        masks = masks[:: -(-len(masks) // SAMPLE)] if masks else masks
    return _with_list(root, collect_statistics(masks), class_list, has_objects)


def infer_binary_encoding(root: Path, masks: Sequence[Path], usual: MaskEncoding) -> MaskEncoding:
    """Return the reading of masks of 0 and 255 as a layout has them: `usual`, or with soft edges divided."""
    looks = collect_statistics(masks).gray_masks
    soft = find_soft_binary(looks)
    return usual if soft is None else encode_soft_binary(root, looks, usual.classes, soft, (0, 1))


def _with_list(root: Path, seen: MaskStatistics, known: ClassList, has_objects: bool) -> MaskEncoding:
    colors = {pack_rgb(np.array([color])).item(): index for color, index in known.colors.items()}
    _require_fitting_list(seen, known)
    if not colors:
        names_alone = None if known.stated or known.thresholds else known.path
        palettes = reconcile_palettes(root, seen.gray_masks, names_alone)
        return _by_palettes(infer_with_list(root, palettes.looks, known, has_objects), palettes)
    near, told = match_near_colors(known.path, seen.looks if seen.colored is not None else seen.gray_masks, colors)
    colors.update(near)
    looks, problems = compare_with_class_list(known.path, seen.gray_masks, colors)
    encoding = infer_with_list(root, looks, known, has_objects)
    palette = None if known.thresholds else colors
    has_palettes = palette is not None and any(look.palette for look in seen.looks)
    why = "; palette masks by the colours of their palettes, where the list has them" if has_palettes else ""
    return replace(
        encoding,
        why=encoding.why + why,
        colors=colors if seen.colored is not None else None,
        palette=palette,
        shown_colors=colors if has_palettes else {},
        problems=(*told, *problems, *encoding.problems),
    )


def _by_palettes(encoding: MaskEncoding, palettes: PaletteConsensus) -> MaskEncoding:
    """Return the encoding with what the palettes of masks say together."""

    def labels(values: dict[int, int]) -> dict[int, int]:
        return {code: encoding.values.get(value, IGNORE_INDEX) for code, value in values.items()}

    return replace(
        encoding,
        palette=None if palettes.values is None else labels(palettes.values),
        shown_colors={} if encoding.objects or encoding.smooth else labels(palettes.shown),
        problems=(*palettes.problems, *encoding.problems),
    )


def _require_fitting_list(seen: MaskStatistics, known: ClassList) -> None:
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
