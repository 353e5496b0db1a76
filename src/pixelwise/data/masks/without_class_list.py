"""The encoding of masks without a class list: the rules, in their order, and the encodings that they choose from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.data.class_list import OBJECT_CLASSES
from pixelwise.data.masks import doubts, messages
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
"""One mask in this many may be of another kind than the others."""


def infer_without_list(
    root: Path, masks: Sequence[MaskHistogram], *, has_objects: bool, images: Mapping[Path, Path] | None = None
) -> MaskEncoding:
    """Return what the values of masks stand for.

    has_objects: whether objects lie in files of their own, so that masks hold no object ids. images: the image of each
    mask. Raises `DataError` for values that cannot be class indices.
    """
    return add_inversion_doubt(root, masks, _choose_encoding(root, masks, images, has_objects=has_objects))


def add_inversion_doubt(root: Path, masks: Sequence[MaskHistogram], encoding: MaskEncoding) -> MaskEncoding:
    """Return the encoding, with a problem that names masks that may be inverted, if it has two classes."""
    if (
        encoding.classes.num_classes != 2
        or encoding.objects
        or not (inverted := find_inverted_masks(masks, encoding.values))
    ):
        return encoding
    return replace(encoding, problems=(*encoding.problems, doubts.possible_inversion(root, inverted, masks)))


def _choose_encoding(
    root: Path, masks: Sequence[MaskHistogram], images: Mapping[Path, Path] | None, *, has_objects: bool
) -> MaskEncoding:
    if not pixels_per_value(masks):
        # No mask is readable. Two classes stand in, so that `check` can name the files.
        return MaskEncoding(BINARY_CLASSES, {0: 0, 255: 1}, why="no mask could be read; two classes stand in")
    if (extremes := find_soft_binary(masks)) is not None:
        return encode_soft_binary(root, masks, BINARY_CLASSES, extremes, (0, 1))
    evidence = None if has_objects else detect_object_ids(masks, images)
    if evidence is not None and evidence.sure:
        return encode_object_ids(root, OBJECT_CLASSES, evidence)
    interpolated = find_interpolated_values(masks)
    problems = messages.interpolated_values(root, masks, interpolated)
    if evidence is not None:
        problems = (*problems, doubts.possible_object_ids(root, evidence.reason))
    values = sorted(pixels_per_value(masks).keys() - interpolated - find_stray_values(masks, interpolated))
    encodings = find_mixed_encodings(masks, values)
    if encodings is not None:
        messages.require_one_meaning_of_255(root, masks, encodings)
        longest = max(encodings.tables, key=len)
        indices = dict(zip(longest.values(), longest, strict=True))
        names = [str(indices.get(index, index)) for index in range(encodings.num_classes)]
        classes = BINARY_CLASSES if encodings.num_classes == 2 else ClassMap.from_names(names)
        problem = messages.mixed_encodings(root, masks, encodings, classes)
        encoding = MaskEncoding(classes, encodings.values, apart=encodings.apart, problems=(*problems, problem))
        return encode_mixed(root, encoding, masks)
    if set(values) <= {0, 255}:
        return MaskEncoding(BINARY_CLASSES, {0: 0, 255: 1}, why="values 0 and 255 alone", problems=problems)
    if len(values) == 2 and values[0] == 0 and values[1] > 255:
        table = {0: 0, values[1]: 1}
        return MaskEncoding(BINARY_CLASSES, table, why=f"values 0 and {values[1]} alone", problems=problems)
    if set(values) <= {0, 1, 255}:
        return encode_zero_one(root, masks, BINARY_CLASSES, problems)
    if values[0] < 0 or values[-1] > IGNORE_INDEX:
        raise messages.no_class_indices_error(root, values)
    encoding = _encode_levels(root, values, problems)
    if encoding.values[IGNORE_INDEX] == IGNORE_INDEX and is_mostly_255(masks):
        problem = messages.other_kind_among_255(root, masks)
        why = "values 0 and 255 alone in most of the masks"
        return MaskEncoding(BINARY_CLASSES, {0: 0, 255: 1}, why=why, problems=(*problems, problem))
    return replace(encoding, problems=(*encoding.problems, *_find_doubts(root, masks, values, encoding)))


def encode_mixed(root: Path, encoding: MaskEncoding, masks: Sequence[MaskHistogram]) -> MaskEncoding:
    """Return the encoding of masks that hold the same classes by different values; 255 has no label where it is no
    class."""
    values = {**encoding.values}
    if any(IGNORE_INDEX in mask.pixels for mask in masks):
        values.setdefault(IGNORE_INDEX, IGNORE_INDEX)
    why = "the same classes by other values in some of the masks"
    problems = encoding.problems
    if values.get(IGNORE_INDEX) == IGNORE_INDEX:
        problems = (*problems, *messages.unlabelled_255(root, masks))
    return replace(encoding, values=values, why=why, why_no_label=CONVENTION, problems=problems)


def encode_zero_one(
    root: Path, masks: Sequence[MaskHistogram], classes: ClassMap, problems: tuple[Problem, ...]
) -> MaskEncoding:
    """Return the encoding of 0 and 1, with or without 255.

    255 has no label where a fifth or more of the masks that hold it also hold 1; else it is foreground, as 1 is in
    other masks. Masks of 255 alone do not count: they may be of images that nobody has labelled.
    """
    bright = [mask for mask in masks if 255 in mask.pixels and len(mask.pixels) > 1]
    both = [mask for mask in bright if 1 in mask.pixels]
    if not bright or len(both) >= 0.2 * len(bright):
        table = {0: 0, 1: 1, IGNORE_INDEX: IGNORE_INDEX}
        return MaskEncoding(classes, table, why="values 0 and 1", why_no_label=CONVENTION, problems=problems)
    return MaskEncoding(
        classes,
        {0: 0, 1: 1, 255: 1},
        apart=(frozenset({1}), frozenset({255})),
        why="values 0 and 1 in some masks, 0 and 255 in others",
        problems=(*problems, messages.one_and_255(root, masks, classes.names[1])),
    )


def encode_soft_binary(
    root: Path, masks: Sequence[MaskHistogram], classes: ClassMap, extremes: tuple[int, int], labels: tuple[int, int]
) -> MaskEncoding:
    """Return the encoding of two classes with soft edges: each value belongs to the nearer extreme.

    extremes: the dark and the bright value. labels: their class indices.
    """
    low, high = extremes
    threshold = (low + high + 1) // 2
    table = {value: labels[value >= threshold] for value in range(min(0, low), max(255, high) + 1)}
    why = f"soft edges between {low} and {high}, divided at {threshold}"
    problem = messages.soft_edges(root, masks, low, high, threshold, classes.names[labels[1]])
    return MaskEncoding(classes, table, why=why, problems=(problem,))


def encode_object_ids(
    root: Path, classes: ClassMap, ids: ObjectIdEvidence, ignore_ids: tuple[int, ...] | None = None
) -> MaskEncoding:
    """Return the encoding of object ids: 0 is the first class, any other id the second.

    `ignore_ids`, or else the value along object borders, has no label.
    """
    void = ignore_ids if ignore_ids is not None else () if ids.boundary is None else (ids.boundary,)
    problem = messages.object_ids(root, ids.reason, classes.names[1], ids.boundary if ignore_ids is None else None)
    why_no_label = "it lies along the borders of objects" if ignore_ids is None else "classes.yaml says so"
    values = dict.fromkeys(void, IGNORE_INDEX)
    return MaskEncoding(classes, values, objects=True, why="object ids", why_no_label=why_no_label, problems=(problem,))


def _encode_levels(root: Path, values: list[int], problems: tuple[Problem, ...]) -> MaskEncoding:
    """Return the encoding of masks with several values in 0..255: gray levels or class indices."""
    without_255 = [value for value in values if value != IGNORE_INDEX]
    even = is_evenly_spaced(values)
    if IGNORE_INDEX in values and not even and is_255_apart(without_255):
        values, even = without_255, is_evenly_spaced(without_255)
    if even or are_gray_levels(without_255):
        if IGNORE_INDEX in values and not even:
            problems = (*problems, messages.gray_level_255(root, values))
        why = "gray levels, evenly spread, a class each" if even else "few gray levels far apart, a class each"
    else:
        values = list(range(min(1, without_255[0]), without_255[-1] + 1))
        why = "class indices, as the masks hold them"
    table = {value: index for index, value in enumerate(values)}
    classes = ClassMap.from_names([str(value) for value in values])
    table.setdefault(IGNORE_INDEX, IGNORE_INDEX)
    return MaskEncoding(classes, table, why=why, why_no_label=CONVENTION, problems=problems)


def _find_doubts(
    root: Path, masks: Sequence[MaskHistogram], values: list[int], encoding: MaskEncoding
) -> tuple[Problem, ...]:
    """Return the problems of masks with several values that may mean something else."""
    problems: list[Problem] = []
    if len(values) == 3 and values[-1] - values[0] >= 2 * APART and lies_on_borders(masks, values[1]):
        problems.append(doubts.possible_soft_edges(root, values))
    elif (odd := _find_odd_masks(masks, values, encoding)) is not None:
        problems.append(doubts.possible_other_kind(root, *odd, masks))
    elif (
        len(values) == 3
        and encoding.values[values[-1]] == 2
        and are_gray_levels(values)
        and _are_alternatives(masks, values)
    ):
        problems.append(doubts.possible_alternatives(root, values[1], values[2]))
    classes = [value for value in values if encoding.values.get(value) != IGNORE_INDEX]
    if (parts := find_disjoint_values(masks, values)) is not None:
        problems.append(doubts.possible_mixed_encodings(root, masks, *parts))
    elif has_outlying_value(classes):
        problems.append(doubts.outlying_value(root, masks, classes))
    if (scaled := find_scaled_masks(masks)) is not None:
        problems.append(doubts.possible_factor(root, *scaled, masks))
    if high := find_one_based_masks(masks, values):
        top = max(value for value in values if value != IGNORE_INDEX)
        problems.append(doubts.possible_count_from_1(root, high, masks, top))
    if encoding.values[IGNORE_INDEX] == IGNORE_INDEX:
        problems += messages.unlabelled_255(root, masks)
    return tuple(problems)


def _find_odd_masks(
    masks: Sequence[MaskHistogram], values: list[int], encoding: MaskEncoding
) -> tuple[list[MaskHistogram], list[int]] | None:
    """Return the few masks with further values among masks of two classes, and these values; `None` without such
    masks."""
    classes = [value for value in values if encoding.values.get(value, IGNORE_INDEX) != IGNORE_INDEX]
    counts = masks_per_value(masks)
    usual = {0, max(classes, key=lambda value: (value != 0) * counts[value])}
    rare = sorted({*classes} - usual)
    odd = [mask for mask in masks if mask.pixels.keys() & set(rare)]
    return (odd, rare) if len(masks) >= _ODD and 0 < len(odd) <= len(masks) // _ODD else None


def _are_alternatives(masks: Sequence[MaskHistogram], values: list[int]) -> bool:
    """Return whether the second and the third value each occur in two masks or more, and never in one mask."""
    low, high = ([mask for mask in masks if value in mask.pixels] for value in values[1:])
    return min(len(low), len(high)) >= 2 and not any(values[2] in mask.pixels for mask in low)
