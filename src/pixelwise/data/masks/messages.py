"""Messages about unusual mask values: how they were read and how to state another reading, and errors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pixelwise.core.classes import IGNORE_INDEX, MAX_CLASSES, ClassMap
from pixelwise.core.errors import DataError
from pixelwise.core.text import quantity
from pixelwise.data.class_list import ClassList, class_list_yaml
from pixelwise.data.masks.encoding import format_ranges, unpack_rgb
from pixelwise.data.masks.mixed_encodings import MixedEncodings
from pixelwise.data.masks.statistics import MaskHistogram
from pixelwise.data.masks.value_patterns import masks_of_0_and_255, masks_of_other_values
from pixelwise.data.problem import Problem, list_paths

OTHERWISE = "Write classes.yaml to say otherwise"
"""The beginning of a remedy for values that were read in the wrong way."""
_SHOWN = 8
"""Classes that a message lists with their values."""


def soft_edges(root: Path, masks: Sequence[MaskHistogram], low: int, high: int, threshold: int, bright: str) -> Problem:
    """Return the problem for masks of two values with values between them along borders."""
    soft = [mask for mask in masks if any(low < value < high for value in mask.pixels)]
    pixels = sum(count for mask in soft for value, count in mask.pixels.items() if low < value < high)
    message = (
        f"found soft edges: {pixels:,} pixels between {low} and {high} in {quantity(len(soft), 'mask')} "
        f"({_names(root, soft)}), as smoothing, resizing or JPEG leaves them; expected {low} and {high} alone. Values "
        f"from {threshold} on are read as {bright}. Write 'threshold: {threshold}', or another, below the classes in "
        "classes.yaml to say so, or the value of each class there if the values between are classes."
    )
    return Problem(root, "mended", message)


def object_ids(root: Path, reason: str, name: str, boundary: int | None) -> Problem:
    """Return the problem for masks that hold object ids. boundary: the value along object borders, if there is one."""
    void = "" if boundary is None else f" {boundary}, along their borders, has no label."
    message = (
        f"found object ids in the masks: they {reason}; expected classes. They are read as instances/, of the class "
        f"{name}.{void} Name the folder instances/ to say so; if the values are classes, state them in "
        "classes.yaml: classes: [{name: ..., value: 0}, {name: ..., value: 1}, ...]."
    )
    return Problem(root, "assumed", message)


def interpolated_values(
    root: Path, masks: Sequence[MaskHistogram], interpolated: frozenset[int]
) -> tuple[Problem, ...]:
    """Return the problem for values that interpolation made of others; none where there are none."""
    affected = [mask for mask in masks if interpolated & mask.pixels.keys()]
    if not affected:
        return ()
    pixels = sum(count for mask in affected for value, count in mask.pixels.items() if value in interpolated)
    message = (
        f"found the value{'s' if len(interpolated) > 1 else ''} {format_ranges(sorted(interpolated))} only along "
        f"borders between others, in {pixels:,} pixels of {quantity(len(affected), 'mask')} "
        f"({_names(root, affected)}): traces of smoothing or of resizing with interpolation; expected classes alone. "
        "Export the masks again, and resize them with nearest neighbour. If these are classes, state their values in "
        "classes.yaml."
    )
    return (Problem(affected[0].path, "resized_mask", message),)


def one_and_255(root: Path, masks: Sequence[MaskHistogram], name: str) -> Problem:
    """Return the problem for masks of 0 and 1 among masks of 0 and 255. name: the class of both."""
    bright = [mask for mask in masks if IGNORE_INDEX in mask.pixels]
    dark = [mask for mask in masks if 1 in mask.pixels and IGNORE_INDEX not in mask.pixels]
    message = (
        f"found 255 in {quantity(len(bright), 'mask')} ({_names(root, bright)}) and 1 without 255 in {len(dark):,} of "
        f"{len(masks):,} ({_names(root, dark)}); expected one of them in all masks. Both are read as {name}; a mask "
        f"that holds both is no mask of these classes. {OTHERWISE}: 'ignore: 255' if 255 is no label."
    )
    return Problem(root, "assumed", message)


def mixed_encodings(
    root: Path, masks: Sequence[MaskHistogram], encodings: MixedEncodings, classes: ClassMap
) -> Problem:
    """Return the problem for masks that hold the same classes in several encodings."""
    parts = []
    for number, table in enumerate(encodings.tables):
        others = {value for at, other in enumerate(encodings.tables) if at != number for value in other}
        with_values = [mask for mask in masks if mask.pixels.keys() & (table.keys() - others or table.keys())]
        parts.append(
            f"{', '.join(map(str, table))} in {quantity(len(with_values), 'mask')} ({_names(root, with_values)})"
        )
    by_class: dict[int, list[int]] = {}
    for value, index in sorted(encodings.values.items(), key=lambda pair: (pair[1], pair[0])):
        by_class.setdefault(index, []).append(value)
    read = ", ".join(
        f"{_join_values(values)} = {classes.names[index]}" for index, values in list(by_class.items())[:_SHOWN]
    )
    entries = ", ".join(f"{{name: {classes.names[i]}, values: {values}}}" for i, values in list(by_class.items())[:3])
    if len(encodings.tables) > 1:
        problem = (
            f"the same {encodings.num_classes} classes in {len(encodings.tables)} encodings: {' and '.join(parts)}"
        )
        expected = "one encoding in all masks. Each mask is read by its own"
    else:
        several = " and ".join(_join_values(values) for values in by_class.values() if len(values) > 1)
        problem = f"gray levels that differ by rounding and lie in no mask together: {several}"
        expected = "one value a class. They are read as one"
    more = ", ..." if len(by_class) > 3 else ""
    message = f"found {problem}; expected {expected}: {read}. {OTHERWISE}: classes: [{entries}{more}]."
    return Problem(root, "assumed", message)


def require_one_meaning_of_255(root: Path, masks: Sequence[MaskHistogram], encodings: MixedEncodings) -> None:
    """Raise `DataError` where 255 is no label beside class indices, and the brightest gray level in other masks."""
    if IGNORE_INDEX in encodings.values:
        return
    with_255 = [mask for mask in masks if IGNORE_INDEX in mask.pixels]
    for table in encodings.tables:
        levels = {value for value, index in table.items() if index and value > encodings.num_classes}
        beside = [mask for mask in with_255 if mask.pixels.keys() & levels]
        others = [m for m in with_255 if not m.pixels.keys() & levels and m.pixels.keys() - {0, IGNORE_INDEX}]
        if beside and others and encodings.num_classes - 1 not in table.values():
            raise DataError(
                root,
                f"255 beside {format_ranges(levels)} in {quantity(len(beside), 'mask')} ({_names(root, beside)}), as "
                f"the brightest of gray levels, and beside class indices in {quantity(len(others), 'mask')} "
                f"({_names(root, others)}), as what has no label",
                "one meaning of 255 in all masks",
                "Save all masks by the same values, such as class indices with 255 for no label.",
            )


def other_kind_among_255(root: Path, masks: Sequence[MaskHistogram]) -> Problem:
    """Return the problem for a few masks with other values among masks of 0 and 255."""
    alone, others = masks_of_0_and_255(masks), masks_of_other_values(masks)
    values = sorted({value for mask in others for value in mask.pixels} - {0, IGNORE_INDEX})
    message = (
        f"found 0 and 255 alone in {len(alone):,} of {len(masks):,} masks, and {format_ranges(values)} in "
        f"{len(others):,} ({_names(root, others)}); expected masks of one kind. Those of 0 and 255 decide: 255 is the "
        "second class, and the others are named as masks with an unknown value. State the values of each class in "
        "classes.yaml if these are classes."
    )
    return Problem(root, "assumed", message)


def unlabelled_255(root: Path, masks: Sequence[MaskHistogram]) -> tuple[Problem, ...]:
    """Return the problem for 255 without a label that lies beside 0 alone; none where it does not.

    In masks of 0 and 255 such a value is an object.
    """
    alone, others = masks_of_0_and_255(masks), masks_of_other_values(masks)
    indices = {value for mask in others for value in mask.pixels} - {0}
    if not alone or IGNORE_INDEX in indices or indices <= {1}:
        return ()
    problem = f"255 as the only value beside 0 in {len(alone):,} of {len(masks):,} masks (such as {alone[0].path.name})"
    expected = "one meaning of values: the other masks hold classes by their index, and no 255"
    remedy = f"It has no label here. {OTHERWISE}, or save these masks by the index of their class."
    return (Problem(root, "assumed", f"found {problem}; expected {expected}. {remedy}"),)


def gray_level_255(root: Path, values: Iterable[int]) -> Problem:
    """Return the problem for 255 as one of several gray levels that are not evenly spaced."""
    problem = f"255 among the gray levels {format_ranges(values)}; it is taken for a class like them"
    expected = "a class list where levels are not evenly spread"
    remedy = f"{OTHERWISE}, with 'ignore: 255' if 255 is no label."
    return Problem(root, "assumed", f"found {problem}; expected {expected}. {remedy}")


def ranked_values(known: ClassList, how: str, table: Mapping[int, int], first: int) -> Problem:
    """Return the problem for values that are read in the order of a list's classes. how: what they are."""
    class_names = known.classes.names
    ordered = ", ".join(f"{value} = {class_names[index]}" for value, index in list(table.items())[:_SHOWN])
    message = (
        f"found {how}, read in the order of {known.path.name} ({ordered}); expected class indices from 0. State the "
        f"value of each class there if this is wrong: {{name: {class_names[0]}, value: {first}}}."
    )
    return Problem(known.path, "assumed", message)


def absent_classes_error(known: ClassList, masks: Sequence[MaskHistogram]) -> DataError:
    """Return the error for a list of one or several classes beside masks that all, or mostly, hold 0 and 255 alone."""
    class_names = known.classes.names
    if len(class_names) == 1:
        remedy = (
            f"Add the second class to {known.path.name}; write 'ignore: 255' in classes.yaml if those pixels have no "
            "label."
        )
        found = f"one class, {class_names[0]}, and the values 0 and 255 in the masks"
        return DataError(known.path, found, "a class for each value", remedy)
    others = ", ".join(class_names[1:6]) + (" ..." if len(class_names) > 6 else "")
    with_others = masks_of_other_values(masks)
    problem = f"no values but 0 and 255 in the masks, so that {others} never occur"
    if with_others:
        alone = masks_of_0_and_255(masks)
        problem = (
            f"no values but 0 and 255 in {len(alone):,} of {len(masks):,} masks, so that {others} hardly occur; others "
            f"in {_names(known.path.parent, with_others)}"
        )
    return DataError(
        known.path,
        problem,
        f"the values 0..{len(class_names) - 1} of the {len(class_names)} classes listed, with 255 for no label",
        f"Export the masks with class indices, or state the value of each class, such as {{name: {class_names[1]}, "
        "value: 255}; write 'ignore: 255' if there is nothing but background and pixels without a label.",
    )


def colors_without_list_error(root: Path, mask: Path, colors: frozenset[int]) -> DataError:
    """Return the error for masks in colour without a class list. Its remedy is a list to paste."""
    problem = f"{len(colors)} colours in the masks (the first is {mask.name}) and no class list"
    expected = "each class's colour in a list beside the data: classes.yaml, label_colors.txt or class_dict.csv"
    if len(colors) > MAX_CLASSES:
        problem = f"more than {MAX_CLASSES} colours in the masks (the first is {mask.name})"
        return DataError(root, problem, expected, "Check that these are masks, and were not resized or stored as JPEG.")
    remedy = "Write a file classes.yaml there and name the classes, starting from the colours found"
    return DataError(root, problem, expected, f"{remedy}:\n{class_list_of_colors(colors)}")


def class_list_of_colors(colors: Iterable[int]) -> str:
    """Return the text of a `classes.yaml` for packed colours."""
    ordered = sorted(colors)[:MAX_CLASSES]
    class_names = tuple(f"class_{i}" for i in range(len(ordered)))
    return class_list_yaml(ClassMap(class_names, tuple(unpack_rgb(color) for color in ordered))).rstrip()


def no_class_indices_error(root: Path, values: Sequence[int]) -> DataError:
    """Return the error for values that are neither class indices nor gray levels of 8 bits."""
    problem = f"{len(values)} different values from {values[0]} to {values[-1]} in the masks"
    if len(values) > 1 and len(values) <= MAX_CLASSES:
        problem += f" ({', '.join(map(str, values[:_SHOWN]))}{' ...' if len(values) > _SHOWN else ''})"
    void = [value for value in values if value < 0 or value == 65535]
    labelled = [value for value in values if value not in void]
    entries = ", ".join(f"{{name: class_{i}, value: {value}}}" for i, value in enumerate(labelled[:3]))
    more = ", ..." if len(labelled) > 3 else ""
    remedy = f"Name their folder instances/ if the values are object ids. {_if_classes(len(values))}"
    if len(values) <= MAX_CLASSES:
        remedy += f" state the value of each in classes.yaml: classes: [{entries}{more}]."
    if void and labelled:
        remedy += f" Write 'ignore: {void if len(void) > 1 else void[0]}' below them for what has no label."
    return DataError(root, problem, f"class indices 0..{MAX_CLASSES - 1}, 255 = no label", remedy)


def _if_classes(number: int) -> str:
    return "If they are classes," if number <= MAX_CLASSES else f"Of classes there are {MAX_CLASSES} at most."


def _names(root: Path, masks: Sequence[MaskHistogram]) -> str:
    return list_paths(root, [mask.path for mask in masks])


def _join_values(values: Sequence[int]) -> str:
    return " and ".join(map(str, values))
