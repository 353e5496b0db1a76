"""What mask values stand for where no list names the classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.data.class_list import OBJECT_CLASSES
from pixelwise.data.masks import messages as remarks
from pixelwise.data.masks.antialiasing import (
    find_interpolated_values,
    find_inverted_masks,
    find_soft_binary,
    lies_on_borders,
)
from pixelwise.data.masks.encoding import BINARY_CLASSES, MaskEncoding
from pixelwise.data.masks.mixed_encodings import (
    find_disjoint_values,
    find_mixed_encodings,
    find_one_based_masks,
    find_scaled_masks,
)
from pixelwise.data.masks.object_ids import ObjectIdEvidence, detect_object_ids
from pixelwise.data.masks.statistics import MaskHistogram, masks_per_value, pixels_per_value
from pixelwise.data.masks.value_patterns import (
    APART,
    are_gray_levels,
    find_stray_values,
    has_outlying_value,
    is_255_apart,
    is_evenly_spaced,
    is_mostly_255,
)
from pixelwise.data.problem import Problem

CONVENTION = "255 is no label where no class has it"
_ODD = 10
"""One mask of so many may be of another kind than the others."""


def infer_without_list(root: Path, looks: Sequence[MaskHistogram], has_objects: bool) -> MaskEncoding:
    """Return what the values of these masks stand for; where the data `has_objects` in files of their own, they are no
    object ids. Raises `DataError` for values that cannot be class indices."""
    return report_inverted(root, looks, _read(root, looks, has_objects))


def report_inverted(root: Path, looks: Sequence[MaskHistogram], encoding: MaskEncoding) -> MaskEncoding:
    """Return the encoding; where it is of two classes and some of the masks may be inverted, with a remark on it."""
    if (
        encoding.classes.num_classes != 2
        or encoding.objects
        or not (inverted := find_inverted_masks(looks, encoding.values))
    ):
        return encoding
    return replace(encoding, problems=(*encoding.problems, remarks.perhaps_inverted(root, inverted, looks)))


def _read(root: Path, looks: Sequence[MaskHistogram], has_objects: bool) -> MaskEncoding:
    if not pixels_per_value(looks):
        # Nothing is known; two classes stand in, so that `check` can name the files.
        return MaskEncoding(BINARY_CLASSES, {0: 0, 255: 1}, why="no mask could be read; two classes stand in")
    if (soft := find_soft_binary(looks)) is not None:
        return encode_soft_binary(root, looks, BINARY_CLASSES, soft, (0, 1))
    ids = None if has_objects else detect_object_ids(looks)
    if ids is not None and ids.sure:
        return encode_object_ids(root, OBJECT_CLASSES, ids)
    smoothed = find_interpolated_values(looks)
    problems = remarks.resized_masks(root, looks, smoothed)
    if ids is not None:
        problems = (*problems, remarks.perhaps_objects(root, ids.reason))
    values = sorted(pixels_per_value(looks).keys() - smoothed - find_stray_values(looks, smoothed))
    encodings = find_mixed_encodings(looks, values)
    if encodings is not None:
        remarks.require_one_255(root, looks, encodings)
        longest = max(encodings.tables, key=len)
        indices = dict(zip(longest.values(), longest, strict=True))
        names = [str(indices.get(index, index)) for index in range(encodings.num_classes)]
        classes = BINARY_CLASSES if encodings.num_classes == 2 else ClassMap.from_names(names)
        problem = remarks.several_encodings(root, looks, encodings, classes)
        encoding = MaskEncoding(classes, encodings.values, apart=encodings.apart, problems=(*problems, problem))
        return encode_mixed(root, encoding, looks)
    if set(values) <= {0, 255}:
        return MaskEncoding(BINARY_CLASSES, {0: 0, 255: 1}, why="values 0 and 255 alone", problems=problems)
    if len(values) == 2 and values[0] == 0 and values[1] > 255:
        table = {0: 0, values[1]: 1}
        return MaskEncoding(BINARY_CLASSES, table, why=f"values 0 and {values[1]} alone", problems=problems)
    if set(values) <= {0, 1, 255}:
        return encode_zero_one(root, looks, BINARY_CLASSES, problems)
    if values[0] < 0 or values[-1] > IGNORE_INDEX:
        raise remarks.no_class_indices(root, values)
    encoding = _of_levels(root, values, problems)
    if encoding.values[IGNORE_INDEX] == IGNORE_INDEX and is_mostly_255(looks):
        problem = remarks.other_kind_among_255(root, looks)
        why = "values 0 and 255 alone in most of the masks"
        return MaskEncoding(BINARY_CLASSES, {0: 0, 255: 1}, why=why, problems=(*problems, problem))
    return replace(encoding, problems=(*encoding.problems, *_doubts(root, looks, values, encoding)))


def encode_mixed(root: Path, encoding: MaskEncoding, looks: Sequence[MaskHistogram]) -> MaskEncoding:
    """Return a encoding of several, with 255 as no label where no class has it."""
    values = {**encoding.values}
    if any(IGNORE_INDEX in look.pixels for look in looks):
        values.setdefault(IGNORE_INDEX, IGNORE_INDEX)
    why = "the same classes by other values in some of the masks"
    lone = remarks.lone_255_has_no_label(root, looks) if values.get(IGNORE_INDEX) == IGNORE_INDEX else ()
    return replace(encoding, values=values, why=why, why_no_label=CONVENTION, problems=(*encoding.problems, *lone))


def encode_zero_one(
    root: Path, looks: Sequence[MaskHistogram], classes: ClassMap, problems: tuple[Problem, ...]
) -> MaskEncoding:
    """Return what 0 and 1, with or without 255, stand for: 255 is no label where it lies beside 1, foreground where
    each mask has the one or the other."""
    bright = [look for look in looks if 255 in look.pixels]
    both = [look for look in bright if 1 in look.pixels]
    if not bright or len(both) >= 0.2 * len(bright):
        table = {0: 0, 1: 1, IGNORE_INDEX: IGNORE_INDEX}
        return MaskEncoding(classes, table, why="values 0 and 1", why_no_label=CONVENTION, problems=problems)
    return MaskEncoding(
        classes,
        {0: 0, 1: 1, 255: 1},
        apart=(frozenset({1}), frozenset({255})),
        why="values 0 and 1 in some masks, 0 and 255 in others",
        problems=(*problems, remarks.ones_among_255(root, looks, classes.names[1])),
    )


def encode_soft_binary(
    root: Path, looks: Sequence[MaskHistogram], classes: ClassMap, poles: tuple[int, int], labels: tuple[int, int]
) -> MaskEncoding:
    """Return the reading of two classes with soft edges: each value as the nearer of the two."""
    low, high = poles
    threshold = (low + high + 1) // 2
    table = {value: labels[value >= threshold] for value in range(min(0, low), max(255, high) + 1)}
    why = f"soft edges between {low} and {high}, divided at {threshold}"
    problem = remarks.soft_edges(root, looks, low, high, threshold, classes.names[labels[1]])
    return MaskEncoding(classes, table, why=why, problems=(problem,))


def encode_object_ids(
    root: Path, classes: ClassMap, ids: ObjectIdEvidence, ignore_ids: tuple[int, ...] | None = None
) -> MaskEncoding:
    """Return the reading of object ids: anything but 0 is the second class; `ignore_ids`, or else the value of a rim,
    has no label."""
    void = ignore_ids if ignore_ids is not None else () if ids.rim is None else (ids.rim,)
    problem = remarks.objects_in_masks(root, ids.reason, classes.names[1], ids.rim if ignore_ids is None else None)
    why_no_label = "it lies along the borders of objects" if ignore_ids is None else "classes.yaml says so"
    values = dict.fromkeys(void, IGNORE_INDEX)
    return MaskEncoding(classes, values, objects=True, why="object ids", why_no_label=why_no_label, problems=(problem,))


def _of_levels(root: Path, values: list[int], problems: tuple[Problem, ...]) -> MaskEncoding:
    """Return the classes of masks with several values, each in 0..255."""
    without = [value for value in values if value != IGNORE_INDEX]
    even = is_evenly_spaced(values)
    if IGNORE_INDEX in values and not even and is_255_apart(without):
        values, even = without, is_evenly_spaced(without)
    if even or are_gray_levels(without):
        if IGNORE_INDEX in values and not even:
            problems = (*problems, remarks.level_255(root, values))
        why = "gray levels, evenly spread, a class each" if even else "few gray levels far apart, a class each"
    else:
        values = list(range(min(1, without[0]), without[-1] + 1))
        why = "class indices, as the masks hold them"
    table = {value: index for index, value in enumerate(values)}
    classes = ClassMap.from_names([str(value) for value in values])
    table.setdefault(IGNORE_INDEX, IGNORE_INDEX)
    return MaskEncoding(classes, table, why=why, why_no_label=CONVENTION, problems=problems)


def _doubts(
    root: Path, looks: Sequence[MaskHistogram], values: list[int], encoding: MaskEncoding
) -> tuple[Problem, ...]:
    """Return what may be otherwise in the classes of masks with several values."""
    problems: list[Problem] = []
    if len(values) == 3 and values[-1] - values[0] >= 2 * APART and lies_on_borders(looks, values[1]):
        problems.append(remarks.perhaps_soft(root, values))
    elif (odd := _odd_masks(looks, values, encoding)) is not None:
        problems.append(remarks.perhaps_another_kind(root, *odd, looks))
    elif (
        len(values) == 3
        and encoding.values[values[-1]] == 2
        and are_gray_levels(values)
        and _are_alternatives(looks, values)
    ):
        problems.append(remarks.perhaps_alternatives(root, values[1], values[2]))
    classes = [value for value in values if encoding.values.get(value) != IGNORE_INDEX]
    if (parts := find_disjoint_values(looks, values)) is not None:
        problems.append(remarks.perhaps_encodings(root, looks, *parts))
    elif has_outlying_value(classes):
        problems.append(remarks.far_value(root, looks, classes))
    if (scaled := find_scaled_masks(looks)) is not None:
        problems.append(remarks.perhaps_multiples(root, *scaled, looks))
    if high := find_one_based_masks(looks, values):
        top = max(value for value in values if value != IGNORE_INDEX)
        problems.append(remarks.perhaps_from_1(root, high, looks, top))
    if encoding.values[IGNORE_INDEX] == IGNORE_INDEX:
        problems += remarks.lone_255_has_no_label(root, looks)
    return tuple(problems)


def _odd_masks(
    looks: Sequence[MaskHistogram], values: list[int], encoding: MaskEncoding
) -> tuple[list[MaskHistogram], list[int]] | None:
    """Return the few masks with other classes than the two that all others hold, and the values of these; `None` where
    there are none."""
    classes = [value for value in values if encoding.values.get(value, IGNORE_INDEX) != IGNORE_INDEX]
    counts = masks_per_value(looks)
    usual = {0, max(classes, key=lambda value: (value != 0) * counts[value])}
    rare = sorted({*classes} - usual)
    odd = [look for look in looks if look.pixels.keys() & set(rare)]
    return (odd, rare) if len(looks) >= _ODD and 0 < len(odd) <= len(looks) // _ODD else None


def _are_alternatives(looks: Sequence[MaskHistogram], values: list[int]) -> bool:
    low, high = ([look for look in looks if value in look.pixels] for value in values[1:])
    return min(len(low), len(high)) >= 2 and not any(values[2] in look.pixels for look in low)
