"""What the values of a data set's masks stand for, decided once from all of them; every command reads by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pixelwise.classes import IGNORE_INDEX, MAX_CLASSES, ClassMap
from pixelwise.errors import DataError
from pixelwise.formats.classlist import OBJECT_CLASSES, ClassList, to_yaml
from pixelwise.formats.coding import BINARY_CLASSES, Coding, packed, ranges, unpacked
from pixelwise.formats.object_ids import object_ids
from pixelwise.formats.palettes import consensus, palette_problems
from pixelwise.formats.problem import Problem, shown
from pixelwise.formats.soft_edges import only_between, smoothed_values, soft_binary
from pixelwise.formats.survey import Look, Survey, masks_of, pixels_of, survey

SAMPLE = 256
"""Masks that are looked at where a list of more than two classes leaves little to find out."""

_CONVENTION = "255 is no label where no class has it"
_SAY = "Write classes.yaml to say otherwise"
_APART = 8
"""Values of as few classes that lie so far apart, on average, are gray levels."""


def decide(root: Path, masks: Sequence[Path], class_list: ClassList | None, has_objects: bool = False) -> Coding:
    """Return how the masks of the data set at `root` stand for classes; where it `has_objects` in files of their own,
    they are no object ids.

    Raises `DataError` for colours without a class list (with the list to paste), for values that cannot be class
    indices, and where the masks hold nothing but 0 and 255 and the list names more than two classes.
    """
    if class_list is None:
        return _without_list(root, survey(masks), has_objects)
    if class_list.classes.num_classes > 2:
        masks = masks[:: -(-len(masks) // SAMPLE)] if masks else masks
    return _with_list(root, survey(masks), class_list, has_objects)


def decide_soft(root: Path, masks: Sequence[Path], usual: Coding) -> Coding:
    """Return the reading of masks of 0 and 255 as a layout has them: `usual`, or with soft edges divided."""
    looks = survey(masks).gray_looks
    soft = soft_binary(looks)
    return usual if soft is None else _thresholded(root, looks, usual.classes, soft, (0, 1))


def _without_list(root: Path, seen: Survey, has_objects: bool) -> Coding:
    if seen.colored is not None:
        raise _colors_without_list(root, seen.colored, seen.colors)
    looks, indices, problems = consensus(root, seen.gray_looks)
    coding = _of_values(root, looks, has_objects)
    palette = None if indices is None else {code: coding.values.get(v, IGNORE_INDEX) for code, v in indices.items()}
    return replace(coding, palette=palette, problems=(*problems, *coding.problems))


def _of_values(root: Path, looks: Sequence[Look], has_objects: bool) -> Coding:
    """Return what values without a class list and without colours stand for."""
    if not pixels_of(looks):
        # Nothing is known; two classes stand in, so that `check` can name the files.
        return Coding(BINARY_CLASSES, {0: 0, 255: 1}, why="no mask could be read; two classes stand in")
    if (soft := soft_binary(looks)) is not None:
        return _thresholded(root, looks, BINARY_CLASSES, soft, (0, 1))
    ids = None if has_objects else object_ids(looks)
    if ids is not None and ids.sure:
        return _objects(root, OBJECT_CLASSES, ids.reason)
    smoothed = smoothed_values(looks)
    problems = _resized(root, looks, smoothed)
    if ids is not None:
        problems = (*problems, _perhaps_objects(root, ids.reason))
    values = sorted(pixels_of(looks).keys() - smoothed - _strays(looks, smoothed))
    if set(values) <= {0, 255}:
        return Coding(BINARY_CLASSES, {0: 0, 255: 1}, why="values 0 and 255 alone", problems=problems)
    if len(values) == 2 and values[0] == 0 and values[1] > 255:
        table = {0: 0, values[1]: 1}
        return Coding(BINARY_CLASSES, table, why=f"values 0 and {values[1]} alone", problems=problems)
    if set(values) <= {0, 1, 255}:
        return _of_ones(root, looks, BINARY_CLASSES, problems)
    if len(values) == 3 and values[-1] - values[0] >= 2 * _APART and only_between(looks, values[1]):
        problems = (*problems, _perhaps_soft(root, values))
    if values[0] < 0 or values[-1] > IGNORE_INDEX:
        found = f"{len(values)} different values from {values[0]} to {values[-1]} in the masks"
        expected = f"class indices 0..{MAX_CLASSES - 1}, 255 = no label"
        raise DataError(root, found, expected, "Name their folder instances/ if the values are object ids.")
    coding = _of_levels(root, values, problems)
    if coding.values[IGNORE_INDEX] != IGNORE_INDEX:
        return coding
    return replace(coding, problems=(*coding.problems, *_lone_255(root, looks)))


def _lone_255(root: Path, looks: Sequence[Look]) -> tuple[Problem, ...]:
    """Return a remark where 255 has no label and yet stands only in masks without another value but 0, as an object
    does in masks of 0 and 255."""
    alone = [look for look in looks if IGNORE_INDEX in look.pixels and look.pixels.keys() <= {0, IGNORE_INDEX}]
    others = [look for look in looks if look.pixels.keys() - {0, IGNORE_INDEX}]
    indices = {value for look in others for value in look.pixels} - {0}
    if not alone or IGNORE_INDEX in indices or indices <= {1}:
        return ()
    found = f"255 as the only value beside 0 in {len(alone):,} of {len(looks):,} masks (such as {alone[0].path.name})"
    expected = "one meaning of values: the other masks hold classes by their index, and no 255"
    say = f"It has no label here. {_SAY}, or save these masks by the index of their class."
    return (Problem(root, "assumed", f"found {found}; expected {expected}. {say}"),)


def _of_levels(root: Path, values: list[int], problems: tuple[Problem, ...]) -> Coding:
    """Return the classes of masks with several values, each in 0..255."""
    without = [value for value in values if value != IGNORE_INDEX]
    even = _evenly_spread(values)
    if IGNORE_INDEX in values and not even and _beyond(without):
        values, even = without, _evenly_spread(without)
    if even or _far_apart(without):
        if IGNORE_INDEX in values and not even:
            found = f"255 among the gray levels {ranges(values)}; it is taken for a class like them"
            expected = "a class list where levels are not evenly spread"
            say = f"{_SAY}, with 'ignore: 255' if 255 is no label."
            problems = (*problems, Problem(root, "assumed", f"found {found}; expected {expected}. {say}"))
        why = "gray levels, evenly spread, a class each" if even else "few gray levels far apart, a class each"
    else:
        values = list(range(min(1, without[0]), without[-1] + 1))
        why = "class indices, as the masks hold them"
    table = {value: index for index, value in enumerate(values)}
    classes = ClassMap.named([str(value) for value in values])
    table.setdefault(IGNORE_INDEX, IGNORE_INDEX)
    return Coding(classes, table, why=why, why_no_label=_CONVENTION, problems=problems)


def _with_list(root: Path, seen: Survey, known: ClassList, has_objects: bool) -> Coding:
    colors = {packed(np.array([color])).item(): index for color, index in known.colors.items()}
    if seen.colored is not None and not colors:
        raise DataError(
            known.path,
            f"no colours, while {seen.colored.name} and other masks are in colour",
            "the colour of each class",
            f"Give each class its colour; the masks hold these:\n{_ready_to_paste(seen.colors)}",
        )
    if seen.colored is not None and known.thresholds:
        expected = "gray masks, whose values thresholds divide"
        found = f"thresholds, while {seen.colored.name} and other masks are in colour"
        raise DataError(known.path, found, expected, "Take the thresholds out, or save the masks in gray.")
    if colors:
        looks, problems = palette_problems(known.path, seen.gray_looks, colors)
        coding = _of_listed_values(root, looks, known, has_objects)
        palette: dict[int, int] | None = None if known.thresholds else colors
    else:
        looks, indices, problems = consensus(root, seen.gray_looks)
        coding = _of_listed_values(root, looks, known, has_objects)
        palette = indices and {code: coding.values.get(value, IGNORE_INDEX) for code, value in indices.items()}
    why = coding.why
    if palette and any(look.palette for look in seen.looks):
        why += "; palette masks by the colours of their palettes, where the list has them"
    if not known.stated and not known.thresholds and coding.values.get(IGNORE_INDEX) == IGNORE_INDEX:
        problems = (*problems, *_lone_255(root, looks))
    return replace(
        coding,
        why=why,
        colors=colors if seen.colored is not None else None,
        palette=palette,
        problems=(*problems, *coding.problems),
    )


def _of_listed_values(root: Path, looks: Sequence[Look], known: ClassList, has_objects: bool) -> Coding:
    name = known.path.name
    indices = {IGNORE_INDEX: IGNORE_INDEX, **known.values}
    said = [value for value, label in known.values.items() if label == IGNORE_INDEX]
    says = f"{name} says so"
    ignored = _CONVENTION if not said else says if IGNORE_INDEX in said else f"{says}, and {_CONVENTION}"
    if known.thresholds:
        top = max((max(look.pixels) for look in looks), default=255)
        labels = np.searchsorted(known.thresholds, np.arange(max(255, top) + 1), side="right")
        table = dict(enumerate(labels.tolist()))
        table.update({value: IGNORE_INDEX for value, label in known.values.items() if label == IGNORE_INDEX})
        why = f"the thresholds of {name}"
        return Coding(known.classes, table, smooth=True, why=why, why_no_label=says)
    if known.stated:
        return Coding(known.classes, indices, why=f"the values that {name} states", why_no_label=ignored)
    smoothed: frozenset[int] = frozenset()
    grays = {color[0]: index for color, index in known.colors.items() if len(set(color)) == 1}
    if known.classes.num_classes == 2:
        binary = _of_two_listed(root, looks, known, grays, has_objects)
        if binary is not None:
            return binary
    else:
        smoothed = smoothed_values(looks)
    values = set(pixels_of(looks)) - smoothed - (_strays(looks, smoothed) - indices.keys())
    problems = _resized(root, looks, smoothed)
    if 255 not in known.values and 255 in values and values <= {0, 255} and 255 in grays:
        return Coding(known.classes, grays, why=f"the gray colours of {name}", problems=problems)
    if 255 not in known.values and 255 in values and values <= {0, 255} and known.classes.num_classes > 2:
        raise _classes_never_occur(known)
    if values <= grays.keys() and not values <= indices.keys():
        return Coding(known.classes, grays, why=f"the gray colours of {name}", problems=problems)
    ranks = None if values <= indices.keys() else _ranks(sorted(values), known)
    if ranks is not None:
        table, how = ranks
        ordered = ", ".join(f"{v} = {known.classes.names[i]}" for v, i in list(table.items())[:8])
        message = (
            f"found {how}, read in the order of {name} ({ordered}); expected class indices from 0. State the value of "
            f"each class there if this is wrong: {{name: {known.classes.names[0]}, value: {sorted(values)[0]}}}."
        )
        table.setdefault(IGNORE_INDEX, IGNORE_INDEX)
        problems = (*problems, Problem(known.path, "assumed", message))
        return Coding(known.classes, table, why=how, why_no_label=ignored, problems=problems)
    why = f"class indices in the order of {name}"
    return Coding(known.classes, indices, why=why, why_no_label=ignored, problems=problems)


def _of_two_listed(
    root: Path, looks: Sequence[Look], known: ClassList, grays: dict[int, int], has_objects: bool
) -> Coding | None:
    """Return the reading of masks beside a list of two classes, where it is not that of any list."""
    name = known.path.name
    stated = 255 in known.values
    soft = None if stated else soft_binary(looks)
    if soft is not None:
        labels = (grays[soft[0]], grays[soft[1]]) if set(soft) <= grays.keys() else (0, 1)
        return _thresholded(root, looks, known.classes, soft, labels)
    values = pixels_of(looks).keys() - _strays(looks, frozenset())
    if values <= {0, 255} and 255 in values and not stated and 255 not in grays:
        return Coding(known.classes, {0: 0, 255: 1}, why=f"values 0 and 255 alone, two classes in {name}")
    if values <= {0, 1, 255}:
        return None if stated or 255 in grays else _of_ones(root, looks, known.classes, ())
    if has_objects or values <= known.values.keys() | grays.keys():
        return None
    ids = object_ids(looks)
    return None if ids is None else _objects(root, known.classes, ids.reason)


def _of_ones(root: Path, looks: Sequence[Look], classes: ClassMap, problems: tuple[Problem, ...]) -> Coding:
    """Return what 0 and 1, with or without 255, stand for: 255 is no label where it lies beside 1, foreground where
    each mask has the one or the other."""
    bright = [look for look in looks if 255 in look.pixels]
    both = [look for look in bright if 1 in look.pixels]
    if not bright or len(both) >= 0.2 * len(bright):
        table = {0: 0, 1: 1, IGNORE_INDEX: IGNORE_INDEX}
        return Coding(classes, table, why="values 0 and 1", why_no_label=_CONVENTION, problems=problems)
    dark = sum(1 in look.pixels for look in looks)
    found = (
        f"255 in {_masks(len(bright))} ({_names(root, bright)}) and 1 in {dark:,} of {len(looks):,}, hardly ever in "
        f"one; both are read as {classes.names[1]}"
    )
    message = f"found {found}; expected one of them in all masks. {_SAY}: 'ignore: 255' if 255 is no label."
    mixed = Problem(root, "assumed", message)
    return Coding(
        classes,
        {0: 0, 1: 1, 255: 1},
        why="values 0 and 1 in some masks, 0 and 255 in others",
        problems=(*problems, mixed),
    )


def _thresholded(
    root: Path, looks: Sequence[Look], classes: ClassMap, poles: tuple[int, int], labels: tuple[int, int]
) -> Coding:
    """Return the reading of two classes with soft edges: each value as the nearer of the two."""
    low, high = poles
    threshold = (low + high + 1) // 2
    soft = [look for look in looks if any(low < value < high for value in look.pixels)]
    pixels = sum(count for look in soft for value, count in look.pixels.items() if low < value < high)
    message = (
        f"found soft edges: {pixels:,} pixels between {low} and {high} in {_masks(len(soft))} ({_names(root, soft)}), "
        f"as smoothing, resizing or JPEG leaves them; expected {low} and {high} alone. Values from {threshold} on are "
        f"read as {classes.names[labels[1]]}. Write 'threshold: {threshold}', or another, below the classes in "
        "classes.yaml to say so, or the value of each class there if the values between are classes."
    )
    table = {value: labels[value >= threshold] for value in range(min(0, low), max(255, high) + 1)}
    why = f"soft edges between {low} and {high}, divided at {threshold}"
    return Coding(classes, table, why=why, problems=(Problem(root, "mended", message),))


def _objects(root: Path, classes: ClassMap, reason: str) -> Coding:
    message = (
        f"found object ids in the masks: they {reason}; expected classes. They are read as instances/, of the class "
        f"{classes.names[1]}. Name the folder instances/ to say so; if the values are classes, state them in "
        "classes.yaml: classes: [{name: ..., value: 0}, {name: ..., value: 1}, ...]."
    )
    why = "object ids"
    return Coding(classes, {}, objects=True, why=why, problems=(Problem(root, "assumed", message),))


def _perhaps_objects(root: Path, reason: str) -> Problem:
    message = (
        f"found values that may be object ids: they {reason}; expected classes, and they are read as such. Name the "
        "folder instances/ if they are object ids, or write classes.yaml to name the classes."
    )
    return Problem(root, "assumed", message)


def _perhaps_soft(root: Path, values: list[int]) -> Problem:
    low, between, high = values
    message = (
        f"found {between} only along borders between {low} and {high}; expected areas of each class. It is read as a "
        f"class of its own. If it is what smoothing left of two classes, write classes.yaml with these two and "
        f"'threshold: {(low + high + 1) // 2}'."
    )
    return Problem(root, "assumed", message)


def _resized(root: Path, looks: Sequence[Look], smoothed: frozenset[int]) -> tuple[Problem, ...]:
    """Return what to say of masks with values that smoothing made of others; nothing where there are none."""
    holding = [look for look in looks if smoothed & look.pixels.keys()]
    if not holding:
        return ()
    pixels = sum(count for look in holding for value, count in look.pixels.items() if value in smoothed)
    message = (
        f"found the value{'s' if len(smoothed) > 1 else ''} {ranges(sorted(smoothed))} only along borders between "
        f"others, in {pixels:,} pixels of {_masks(len(holding))} ({_names(root, holding)}): traces of smoothing or of "
        "resizing with interpolation; expected classes alone. Export the masks again, and resize them with nearest "
        "neighbour. If these are classes, state their values in classes.yaml."
    )
    return (Problem(holding[0].path, "resized_mask", message),)


def _strays(looks: Sequence[Look], besides: frozenset[int]) -> frozenset[int]:
    """Return values in so few pixels of so few masks that no class is meant."""
    pixels, masks = pixels_of(looks), masks_of(looks)
    total = sum(pixels.values())
    area = total / max(1, len(looks))
    strays = {
        value
        for value, count in pixels.items()
        if count <= max(4, 1e-4 * area) and count <= 1e-3 * total and masks[value] <= max(1, len(looks) // 20)
    }
    common = pixels.keys() - strays - besides
    if common - {0, 255}:  # class indices: one more in their row may be rare, if not as rare as a slip of the mouse
        strays = {v for v in strays if pixels[v] <= 4 or not common & {v - 1, v + 1}}
    if not common <= {0, 255}:
        strays.discard(IGNORE_INDEX)
    return frozenset(strays) - besides


def _evenly_spread(values: list[int]) -> bool:
    """Return whether three values or more, from 0 on, are as far from one another, by rounding, and far."""
    if len(values) < 3 or values[0] != 0:
        return False
    step = values[-1] / (len(values) - 1)
    return step >= 5 and all(abs(value - step * i) <= 1 for i, value in enumerate(values))


def _beyond(values: list[int]) -> bool:
    """Return whether 255 is no gray level beside these: next to the last, or far from a row that is evenly spread."""
    gap = IGNORE_INDEX - values[-1]
    return gap < _APART or (_evenly_spread(values) and gap > 2 * values[1])


def _far_apart(values: list[int]) -> bool:
    return values[-1] >= _APART * len(values)


def _ranks(values: list[int], known: ClassList) -> tuple[dict[int, int], str] | None:
    """Return the class indices of gray levels, or of classes counted from 1, as many as there are classes; and what
    they are."""
    levels = [value for value in values if value != IGNORE_INDEX or IGNORE_INDEX not in known.values]
    number = known.classes.num_classes
    if len(levels) == number and min(np.diff(levels), default=0) >= _APART:
        return {value: index for index, value in enumerate(levels)}, f"{number} gray levels for {number} classes"
    counted = [value for value in values if value != IGNORE_INDEX]
    if counted and counted[0] == 1 and counted[-1] == number:
        return {index + 1: index for index in range(number)}, f"values from 1 to {number} for {number} classes"
    return None


def _classes_never_occur(known: ClassList) -> DataError:
    names = known.classes.names
    others = ", ".join(names[1:6]) + (" ..." if len(names) > 6 else "")
    return DataError(
        known.path,
        f"no values but 0 and 255 in the masks, so that {others} never occur",
        f"the values 0..{len(names) - 1} of the {len(names)} classes listed, with 255 for no label",
        f"Export the masks with class indices, or state the value of each class, such as {{name: {names[1]}, value: "
        "255}; write 'ignore: 255' if there is nothing but background and pixels without a label.",
    )


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


def _masks(number: int) -> str:
    return f"{number:,} mask{'' if number == 1 else 's'}"


def _names(root: Path, looks: Sequence[Look]) -> str:
    return ", ".join(shown(root, look.path) for look in looks[:3]) + (" ..." if len(looks) > 3 else "")
