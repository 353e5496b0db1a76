"""The encoding of masks beside a class list: the rules, in their order."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.data.class_list import ClassList
from pixelwise.data.masks import doubts, messages
from pixelwise.data.masks.antialiasing import find_interpolated_values, find_soft_binary
from pixelwise.data.masks.encoding import MaskEncoding
from pixelwise.data.masks.mixed_encodings import find_mixed_encodings, find_one_based_masks, find_scaled_masks
from pixelwise.data.masks.object_ids import detect_object_ids
from pixelwise.data.masks.statistics import MaskHistogram, pixels_per_value
from pixelwise.data.masks.value_patterns import APART, find_stray_values, is_mostly_255
from pixelwise.data.masks.without_class_list import (
    CONVENTION,
    add_inversion_doubt,
    encode_mixed,
    encode_object_ids,
    encode_soft_binary,
    encode_zero_one,
)
from pixelwise.data.problem import Problem


def infer_with_list(
    root: Path, masks: Sequence[MaskHistogram], class_list: ClassList, *, has_objects: bool
) -> MaskEncoding:
    """Return what the values of masks stand for.

    has_objects: whether objects lie in files of their own, so that masks hold no object ids. Raises `DataError` where
    most masks hold 0 and 255 alone beside more than two classes.
    """
    if class_list.thresholds:
        return _encode_thresholds(masks, class_list)
    name = class_list.path.name
    indices = {IGNORE_INDEX: IGNORE_INDEX, **class_list.values}
    encoding = MaskEncoding(
        class_list.classes, indices, why_no_label=_why_no_label(class_list), remedy=_remedy(class_list)
    )
    if class_list.stated:
        return replace(encoding, why=f"the values that {name} states")
    interpolated: frozenset[int] = frozenset()
    grays = {color[0]: index for color, index in class_list.colors.items() if len(set(color)) == 1}
    if class_list.classes.num_classes == 2:
        binary = _encode_two_classes(root, masks, class_list, grays, has_objects=has_objects)
        if binary is not None:
            return add_inversion_doubt(root, masks, binary)
    else:
        interpolated = find_interpolated_values(masks)
    values = set(pixels_per_value(masks)) - interpolated - (find_stray_values(masks, interpolated) - indices.keys())
    encoding = replace(encoding, problems=messages.interpolated_values(root, masks, interpolated))
    is_black_and_white = values <= {0, 255} and 255 in values and 255 not in class_list.values and 255 in grays
    if is_black_and_white or (values <= grays.keys() and not values <= indices.keys()):
        return replace(encoding, values=grays, why=f"the gray colours of {name}")
    if IGNORE_INDEX not in class_list.values and not values <= indices.keys():
        encodings = find_mixed_encodings(masks, values, class_list.classes.num_classes)
        if encodings is not None:
            messages.require_one_meaning_of_255(root, masks, encodings)
            problem = messages.mixed_encodings(root, masks, encodings, class_list.classes)
            problems = (*encoding.problems, problem)
            encoding = replace(encoding, values=encodings.values, apart=encodings.apart, problems=problems)
            return encode_mixed(root, encoding, masks)
    return _encode_in_order(root, masks, class_list, encoding, values)


def _encode_in_order(
    root: Path, masks: Sequence[MaskHistogram], class_list: ClassList, encoding: MaskEncoding, values: set[int]
) -> MaskEncoding:
    """Return the encoding of values that stand for the classes in the order of a list, by rank or as class indices.

    encoding: that of class indices. values: those that masks hold, without traces of interpolation and strays.
    """
    ranks = None if values <= encoding.values.keys() else rank_values(sorted(values), class_list)
    if ranks is None:
        table, why = dict(encoding.values), f"class indices in the order of {class_list.path.name}"
        remarks = _find_doubts(root, masks, class_list, values)
    else:
        table, why = dict(ranks[0]), ranks[1]
        remarks = [messages.ranked_values(class_list, why, ranks[0], min(values))]
    table.setdefault(IGNORE_INDEX, IGNORE_INDEX)
    problems = (*encoding.problems, *remarks)
    if IGNORE_INDEX not in class_list.values and table[IGNORE_INDEX] == IGNORE_INDEX and IGNORE_INDEX in values:
        if is_mostly_255(masks):
            raise messages.absent_classes_error(class_list, masks)
        problems = (*problems, *messages.unlabelled_255(root, masks))
    return replace(encoding, values=table, why=why, problems=problems)


def _why_no_label(class_list: ClassList) -> str:
    """Return why values have no label, a clause."""
    ignored = [value for value, label in class_list.values.items() if label == IGNORE_INDEX]
    list_says = f"{class_list.path.name} says so"
    if class_list.thresholds or IGNORE_INDEX in ignored:
        return list_says
    return f"{list_says}, and {CONVENTION}" if ignored else CONVENTION


def _remedy(class_list: ClassList) -> str:
    """Return what to do about an unknown value."""
    names = class_list.classes.names
    values = class_list.values
    first = next((value for value, label in values.items() if label == 0), 0)
    entries = f"{{name: {names[0]}, value: {first}}}" + (f", {{name: {names[-1]}, values: [...]}}" if names[1:] else "")
    if class_list.path.name == "classes.yaml" and class_list.stated:
        return (
            "Correct the mask, give the value in classes.yaml to the class that it stands for, or to a new one, write "
            "it under ignore: if it has no label, or leave the pair out (`train(skip_bad=True)`)."
        )
    return (
        f"Correct the mask; or state in classes.yaml which values stand for each class, a new one too: classes: "
        f"[{entries}, ...], and under ignore: which have no label; or leave the pair out (`train(skip_bad=True)`)."
    )


def _encode_thresholds(masks: Sequence[MaskHistogram], class_list: ClassList) -> MaskEncoding:
    """Return the encoding of a list with thresholds."""
    top = max((max(mask.pixels) for mask in masks), default=255)
    labels = np.searchsorted(class_list.thresholds, np.arange(max(255, top) + 1), side="right")
    table = dict(enumerate(labels.tolist()))
    table.update({value: IGNORE_INDEX for value, label in class_list.values.items() if label == IGNORE_INDEX})
    why = f"the thresholds of {class_list.path.name}"
    return MaskEncoding(class_list.classes, table, smooth=True, why=why, why_no_label=_why_no_label(class_list))


def _encode_two_classes(
    root: Path, masks: Sequence[MaskHistogram], class_list: ClassList, grays: dict[int, int], *, has_objects: bool
) -> MaskEncoding | None:
    """Return the encoding beside a list of two classes; `None` where it is that of any list.

    grays: the class index of each gray colour of the list.
    """
    name = class_list.path.name
    stated = 255 in class_list.values
    extremes = None if stated else find_soft_binary(masks)
    if extremes is not None:
        labels = (grays[extremes[0]], grays[extremes[1]]) if set(extremes) <= grays.keys() else (0, 1)
        return encode_soft_binary(root, masks, class_list.classes, extremes, labels)
    values = pixels_per_value(masks).keys() - find_stray_values(masks)
    is_white = 255 in values and not stated and 255 not in grays
    if values <= {0, 255} and is_white:
        return MaskEncoding(class_list.classes, {0: 0, 255: 1}, why=f"values 0 and 255 alone, two classes in {name}")
    if values <= {0, 1, 255}:
        return None if stated or 255 in grays else encode_zero_one(root, masks, class_list.classes, ())
    if has_objects or values <= class_list.values.keys() | grays.keys():
        return None
    ids = detect_object_ids(masks)
    if ids is not None:
        return encode_object_ids(root, class_list.classes, ids, class_list.ignore_ids)
    if is_white and is_mostly_255(masks) and find_mixed_encodings(masks, values, 2) is None:
        problem = messages.other_kind_among_255(root, masks)
        why = f"values 0 and 255 alone in most of the masks, two classes in {name}"
        return MaskEncoding(
            class_list.classes, {0: 0, 255: 1}, why=why, remedy=_remedy(class_list), problems=(problem,)
        )
    return None


def rank_values(values: list[int], class_list: ClassList) -> tuple[dict[int, int], str] | None:
    """Return the class index of each value by its rank, and what the values are, for a message.

    `None` unless the values are as many gray levels as there are classes, or class indices that count from 1.
    """
    levels = [value for value in values if value != IGNORE_INDEX or IGNORE_INDEX not in class_list.values]
    number = class_list.classes.num_classes
    if len(levels) == number and min(np.diff(levels), default=0) >= APART:
        return {value: index for index, value in enumerate(levels)}, f"{number} gray levels for {number} classes"
    indices = [value for value in values if value != IGNORE_INDEX]
    if indices and indices[0] == 1 and indices[-1] == number:
        return {index + 1: index for index in range(number)}, f"values from 1 to {number} for {number} classes"
    return None


def _find_doubts(
    root: Path, masks: Sequence[MaskHistogram], class_list: ClassList, values: Collection[int]
) -> list[Problem]:
    """Return the problems of class indices in the order of a list that may mean something else."""
    problems: list[Problem] = []
    number = class_list.classes.num_classes
    class_values = [value for value, label in class_list.values.items() if label != IGNORE_INDEX]
    if class_values != list(range(number)):  # the list numbers its classes itself
        return problems
    present = sorted(value for value in values if value in class_values)
    has_void = IGNORE_INDEX in values and IGNORE_INDEX not in class_list.values
    if has_void and present == list(range(number - 1)) and number > 2:
        problems.append(doubts.possible_last_class(class_list, masks))
    if present and present[0] == 1 and number > 2 and set(values) <= {*range(number), IGNORE_INDEX}:
        problems.append(doubts.missing_first_class(class_list, present))
    if (scaled := find_scaled_masks(masks)) is not None:
        problems.append(doubts.possible_factor(root, *scaled, masks))
    if high := find_one_based_masks(masks, {*values} & {*present}):
        problems.append(doubts.possible_count_from_1(root, high, masks, max(present)))
    return problems
