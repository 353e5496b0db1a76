"""What mask values stand for beside a list of classes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.data.class_list import ClassList
from pixelwise.data.masks import messages as remarks
from pixelwise.data.masks.antialiasing import find_interpolated_values, find_soft_binary
from pixelwise.data.masks.encoding import MaskEncoding
from pixelwise.data.masks.mixed_encodings import find_mixed_encodings, find_one_based_masks, find_scaled_masks
from pixelwise.data.masks.object_ids import detect_object_ids
from pixelwise.data.masks.statistics import MaskHistogram, pixels_per_value
from pixelwise.data.masks.value_patterns import APART, find_stray_values, is_mostly_255
from pixelwise.data.masks.without_class_list import (
    CONVENTION,
    encode_mixed,
    encode_object_ids,
    encode_soft_binary,
    encode_zero_one,
    report_inverted,
)
from pixelwise.data.problem import Problem


def infer_with_list(root: Path, looks: Sequence[MaskHistogram], known: ClassList, has_objects: bool) -> MaskEncoding:
    """Return what the values of these masks stand for; where the data `has_objects` in files of their own, they are no
    object ids. Raises `DataError` where most masks hold 0 and 255 alone beside more than two classes."""
    if known.thresholds:
        return _by_thresholds(looks, known)
    name = known.path.name
    indices = {IGNORE_INDEX: IGNORE_INDEX, **known.values}
    encoding = MaskEncoding(known.classes, indices, why_no_label=_why_no_label(known), remedy=_remedy(known))
    if known.stated:
        return replace(encoding, why=f"the values that {name} states")
    smoothed: frozenset[int] = frozenset()
    grays = {color[0]: index for color, index in known.colors.items() if len(set(color)) == 1}
    if known.classes.num_classes == 2:
        binary = _of_two(root, looks, known, grays, has_objects)
        if binary is not None:
            return report_inverted(root, looks, binary)
    else:
        smoothed = find_interpolated_values(looks)
    values = set(pixels_per_value(looks)) - smoothed - (find_stray_values(looks, smoothed) - indices.keys())
    encoding = replace(encoding, problems=remarks.resized_masks(root, looks, smoothed))
    if 255 not in known.values and 255 in values and values <= {0, 255} and 255 in grays:
        return replace(encoding, values=grays, why=f"the gray colours of {name}")
    if values <= grays.keys() and not values <= indices.keys():
        return replace(encoding, values=grays, why=f"the gray colours of {name}")
    if IGNORE_INDEX not in known.values and not values <= indices.keys():
        encodings = find_mixed_encodings(looks, values, known.classes.num_classes)
        if encodings is not None:
            remarks.require_one_255(root, looks, encodings)
            problem = remarks.several_encodings(root, looks, encodings, known.classes)
            problems = (*encoding.problems, problem)
            encoding = replace(encoding, values=encodings.values, apart=encodings.apart, problems=problems)
            return encode_mixed(root, encoding, looks)
    ranks = None if values <= indices.keys() else _ranks(sorted(values), known)
    table, why = ({**ranks[0]}, ranks[1]) if ranks else (indices, f"class indices in the order of {name}")
    table.setdefault(IGNORE_INDEX, IGNORE_INDEX)
    problems = encoding.problems
    if ranks:
        problems = (*problems, remarks.ranked_values(known, why, ranks[0], min(values)))
    else:
        problems = (*problems, *_doubts(root, looks, known, values))
    if IGNORE_INDEX not in known.values and table[IGNORE_INDEX] == IGNORE_INDEX and IGNORE_INDEX in values:
        if is_mostly_255(looks):
            raise remarks.classes_never_occur(known, looks)
        problems = (*problems, *remarks.lone_255_has_no_label(root, looks))
    return replace(encoding, values=table, why=why, problems=problems)


def _why_no_label(known: ClassList) -> str:
    ignored = [value for value, label in known.values.items() if label == IGNORE_INDEX]
    says = f"{known.path.name} says so"
    if known.thresholds:
        return says
    return CONVENTION if not ignored else says if IGNORE_INDEX in ignored else f"{says}, and {CONVENTION}"


def _remedy(known: ClassList) -> str:
    names = known.classes.names
    values = known.values
    first = next((value for value, label in values.items() if label == 0), 0)
    entries = f"{{name: {names[0]}, value: {first}}}" + (f", {{name: {names[-1]}, values: [...]}}" if names[1:] else "")
    if known.path.name == "classes.yaml" and known.stated:
        return (
            "Correct the mask, give the value in classes.yaml to the class that it stands for, or to a new one, write "
            "it under ignore: if it has no label, or leave the pair out (`train(skip_bad=True)`)."
        )
    return (
        f"Correct the mask; or state in classes.yaml which values stand for each class, a new one too: classes: "
        f"[{entries}, ...], and under ignore: which have no label; or leave the pair out (`train(skip_bad=True)`)."
    )


def _by_thresholds(looks: Sequence[MaskHistogram], known: ClassList) -> MaskEncoding:
    top = max((max(look.pixels) for look in looks), default=255)
    labels = np.searchsorted(known.thresholds, np.arange(max(255, top) + 1), side="right")
    table = dict(enumerate(labels.tolist()))
    table.update({value: IGNORE_INDEX for value, label in known.values.items() if label == IGNORE_INDEX})
    why = f"the thresholds of {known.path.name}"
    return MaskEncoding(known.classes, table, smooth=True, why=why, why_no_label=_why_no_label(known))


def _of_two(
    root: Path, looks: Sequence[MaskHistogram], known: ClassList, grays: dict[int, int], has_objects: bool
) -> MaskEncoding | None:
    """Return the reading of masks beside a list of two classes, where it is not that of any list."""
    name = known.path.name
    stated = 255 in known.values
    soft = None if stated else find_soft_binary(looks)
    if soft is not None:
        labels = (grays[soft[0]], grays[soft[1]]) if set(soft) <= grays.keys() else (0, 1)
        return encode_soft_binary(root, looks, known.classes, soft, labels)
    values = pixels_per_value(looks).keys() - find_stray_values(looks)
    is_white = 255 in values and not stated and 255 not in grays
    if values <= {0, 255} and is_white:
        return MaskEncoding(known.classes, {0: 0, 255: 1}, why=f"values 0 and 255 alone, two classes in {name}")
    if values <= {0, 1, 255}:
        return None if stated or 255 in grays else encode_zero_one(root, looks, known.classes, ())
    if has_objects or values <= known.values.keys() | grays.keys():
        return None
    ids = detect_object_ids(looks)
    if ids is not None:
        return encode_object_ids(root, known.classes, ids, known.ignore_ids)
    if is_white and is_mostly_255(looks) and find_mixed_encodings(looks, values, 2) is None:
        problem = remarks.other_kind_among_255(root, looks)
        why = f"values 0 and 255 alone in most of the masks, two classes in {name}"
        return MaskEncoding(known.classes, {0: 0, 255: 1}, why=why, remedy=_remedy(known), problems=(problem,))
    return None


def _ranks(values: list[int], known: ClassList) -> tuple[dict[int, int], str] | None:
    """Return the class indices of gray levels, or of classes counted from 1, as many as there are classes; and what
    they are."""
    levels = [value for value in values if value != IGNORE_INDEX or IGNORE_INDEX not in known.values]
    number = known.classes.num_classes
    if len(levels) == number and min(np.diff(levels), default=0) >= APART:
        return {value: index for index, value in enumerate(levels)}, f"{number} gray levels for {number} classes"
    counted = [value for value in values if value != IGNORE_INDEX]
    if counted and counted[0] == 1 and counted[-1] == number:
        return {index + 1: index for index in range(number)}, f"values from 1 to {number} for {number} classes"
    return None


def _doubts(root: Path, looks: Sequence[MaskHistogram], known: ClassList, values: Collection[int]) -> list[Problem]:
    """Return what may be otherwise where masks hold class indices in the order of a list."""
    problems: list[Problem] = []
    number = known.classes.num_classes
    own = [value for value, label in known.values.items() if label != IGNORE_INDEX]
    if own != list(range(number)):  # values of the list's own
        return problems
    present = sorted(value for value in values if value in own)
    has_void = IGNORE_INDEX in values and IGNORE_INDEX not in known.values
    if has_void and present == list(range(number - 1)) and number > 2:
        problems.append(remarks.perhaps_last_class(known, looks))
    if present and present[0] == 1 and number > 2 and set(values) <= {*range(number), IGNORE_INDEX}:
        problems.append(remarks.first_class_is_missing(known, present))
    if (scaled := find_scaled_masks(looks)) is not None:
        problems.append(remarks.perhaps_multiples(root, *scaled, looks))
    if high := find_one_based_masks(looks, {*values} & {*present}):
        problems.append(remarks.perhaps_from_1(root, high, looks, max(present)))
    return problems
