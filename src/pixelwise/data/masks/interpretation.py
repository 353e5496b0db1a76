"""`infer_encoding`: what the values of a data set's masks stand for, decided once from all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.core.errors import DataError
from pixelwise.data.class_list import ClassList
from pixelwise.data.masks.antialiasing import find_soft_binary
from pixelwise.data.masks.encoding import MaskEncoding, pack_rgb
from pixelwise.data.masks.listed_colors import compare_palettes, match_near_colors
from pixelwise.data.masks.messages import class_list_of_colors, colors_without_list_error
from pixelwise.data.masks.palettes import PaletteConsensus, reconcile_palettes
from pixelwise.data.masks.statistics import MaskStatistics, collect_statistics
from pixelwise.data.masks.with_class_list import infer_with_list
from pixelwise.data.masks.without_class_list import encode_soft_binary, infer_without_list

SAMPLE = 256
"""Masks that are read at most, evenly spread, where a list of more than two classes leaves little to find out."""


def infer_encoding(
    root: Path,
    paths: Sequence[Path],
    class_list: ClassList | None,
    *,
    has_objects: bool = False,
    images: Mapping[Path, Path] | None = None,
) -> MaskEncoding:
    """Return what the values of masks stand for.

    Parameters
    ----------
    root
        The data set's directory, for messages.
    paths
        Its mask files.
    class_list
        The list of classes beside the masks, if there is one.
    has_objects
        Whether objects lie in files of their own. Then masks hold no object ids.
    images
        The image of each mask. Its colours help to tell many classes from object ids.

    Raises
    ------
    DataError
        In these cases: masks in colour without a class list (the remedy holds a list to paste); values that cannot be
        class indices; a list of more than two classes, while all or most masks hold 0 and 255 alone; a list of names
        without colours, while palettes contradict one another.
    """
    if class_list is None:
        statistics = collect_statistics(paths)
        if statistics.first_colored is not None:
            raise colors_without_list_error(root, statistics.first_colored, statistics.colors)
        palettes = reconcile_palettes(root, statistics.gray_masks)
        encoding = infer_without_list(root, palettes.masks, has_objects=has_objects, images=images)
        return _add_palettes(encoding, palettes)
    if class_list.classes.num_classes > 2:
        paths = paths[:: -(-len(paths) // SAMPLE)] if paths else paths
    return _infer_with_list(root, collect_statistics(paths), class_list, has_objects=has_objects)


def infer_binary_encoding(root: Path, paths: Sequence[Path], usual: MaskEncoding) -> MaskEncoding:
    """Return the encoding of a layout's masks of 0 and 255: `usual`, or a threshold where they have soft edges."""
    masks = collect_statistics(paths).gray_masks
    extremes = find_soft_binary(masks)
    return usual if extremes is None else encode_soft_binary(root, masks, usual.classes, extremes, (0, 1))


def _infer_with_list(
    root: Path, statistics: MaskStatistics, class_list: ClassList, *, has_objects: bool
) -> MaskEncoding:
    colors = {pack_rgb(np.array([color])).item(): index for color, index in class_list.colors.items()}
    _require_fitting_list(statistics, class_list)
    if not colors:
        list_path = None if class_list.stated or class_list.thresholds else class_list.path
        palettes = reconcile_palettes(root, statistics.gray_masks, list_path)
        return _add_palettes(infer_with_list(root, palettes.masks, class_list, has_objects=has_objects), palettes)
    is_colored = statistics.first_colored is not None
    near, near_problems = match_near_colors(
        class_list.path, statistics.masks if is_colored else statistics.gray_masks, colors
    )
    colors.update(near)
    masks, palette_problems = compare_palettes(class_list.path, statistics.gray_masks, colors)
    encoding = infer_with_list(root, masks, class_list, has_objects=has_objects)
    palette = None if class_list.thresholds else colors
    has_palettes = palette is not None and any(mask.palette for mask in statistics.masks)
    why = "; palette masks by the colours of their palettes, where the list has them" if has_palettes else ""
    return replace(
        encoding,
        why=encoding.why + why,
        colors=colors if is_colored else None,
        palette=palette,
        shown_colors=colors if has_palettes else {},
        problems=(*near_problems, *palette_problems, *encoding.problems),
    )


def _add_palettes(encoding: MaskEncoding, palettes: PaletteConsensus) -> MaskEncoding:
    """Return the encoding with the colours of the masks' palettes."""

    def labels(values: dict[int, int]) -> dict[int, int]:
        return {color: encoding.values.get(value, IGNORE_INDEX) for color, value in values.items()}

    return replace(
        encoding,
        palette=None if palettes.values is None else labels(palettes.values),
        shown_colors={} if encoding.objects or encoding.smooth else labels(palettes.shown),
        problems=(*palettes.problems, *encoding.problems),
    )


def _require_fitting_list(statistics: MaskStatistics, class_list: ClassList) -> None:
    """Raise `DataError` for masks in colour beside a list without colours, or with thresholds."""
    if statistics.first_colored is None:
        return
    if not class_list.colors:
        raise DataError(
            class_list.path,
            f"no colours, while {statistics.first_colored.name} and other masks are in colour",
            "the colour of each class",
            f"Give each class its colour; the masks hold these:\n{class_list_of_colors(statistics.colors)}",
        )
    if class_list.thresholds:
        expected = "gray masks, whose values thresholds divide"
        problem = f"thresholds, while {statistics.first_colored.name} and other masks are in colour"
        raise DataError(class_list.path, problem, expected, "Take the thresholds out, or save the masks in gray.")
