"""Messages about mask values that are read in the usual way but may mean something else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.core.text import quantity
from pixelwise.data.class_list import ClassList
from pixelwise.data.masks.encoding import format_ranges
from pixelwise.data.masks.statistics import MaskHistogram
from pixelwise.data.problem import Problem, list_paths

_SHOWN = 8
"""Classes that a message lists with their values."""


def possible_object_ids(root: Path, reason: str) -> Problem:
    """Return the problem for values that are read as classes and may be object ids."""
    message = (
        f"found values that may be object ids: they {reason}; expected classes, and they are read as such. Name the "
        "folder instances/ if they are object ids, or write classes.yaml to name the classes."
    )
    return Problem(root, "assumed", message)


def possible_soft_edges(root: Path, values: Sequence[int]) -> Problem:
    """Return the problem for three values of which the middle one lies along borders alone."""
    low, between, high = values
    message = (
        f"found {between} only along borders between {low} and {high}; expected areas of each class. It is read as a "
        f"class of its own. If it is what smoothing left of two classes, write classes.yaml with these two and "
        f"'threshold: {(low + high + 1) // 2}'."
    )
    return Problem(root, "assumed", message)


def possible_mixed_encodings(
    root: Path, masks: Sequence[MaskHistogram], indices: Sequence[int], others: Sequence[int]
) -> Problem:
    """Return the problem for class indices and far higher values that no mask holds together."""
    with_values = [mask for mask in masks if mask.pixels.keys() & set(others)]
    message = (
        f"found {format_ranges(others)} in {len(with_values):,} of {len(masks):,} masks "
        f"({_names(root, with_values)}), none of which holds {format_ranges(indices)} as others do; expected one "
        "encoding in all masks. Each value is read as a class of its own. If they are the same classes, state the "
        f"values of each in classes.yaml: classes: [{{name: ..., values: [0]}}, {{name: ..., values: [{indices[0]}, "
        f"{others[0]}]}}, ...]."
    )
    return Problem(root, "assumed", message)


def possible_count_from_1(
    root: Path, high: Sequence[MaskHistogram], masks: Sequence[MaskHistogram], top: int
) -> Problem:
    """Return the problem for masks of 1..n among masks of 0..n-1. top: n."""
    message = (
        f"found no 0 in {len(high):,} of {len(masks):,} masks ({_names(root, high)}), which hold {top}, and no {top} "
        "in the others; expected class indices that begin with the same number in all masks. Each value is read as one "
        "class, the same in all masks. If these masks count their classes from 1, subtract 1 from their values."
    )
    return Problem(root, "assumed", message)


def possible_factor(
    root: Path, factor: int, with_values: Sequence[MaskHistogram], masks: Sequence[MaskHistogram]
) -> Problem:
    """Return the problem for masks of c, 2c, 3c ... among masks of 1, 2, 3 ..."""
    message = (
        f"found {factor}, {2 * factor} ... in {len(with_values):,} of {len(masks):,} masks "
        f"({_names(root, with_values)}), where the others hold 1, 2 ... and as many; expected one encoding in all "
        f"masks. Each value is read as one class, the same in all masks. If these masks hold {factor} times the class "
        f"index, divide their values by {factor}."
    )
    return Problem(root, "assumed", message)


def possible_other_kind(
    root: Path, odd: Sequence[MaskHistogram], values: Sequence[int], masks: Sequence[MaskHistogram]
) -> Problem:
    """Return the problem for further values in a few masks among masks of two values."""
    message = (
        f"found {format_ranges(values)} in {len(odd):,} of {len(masks):,} masks alone ({_names(root, odd)}), while "
        "the others hold two values; expected masks of one kind. Each value is read as a class of its own. If it "
        "marks borders, or pixels that nobody is sure of, write 'ignore: "
        f"{values[0] if len(values) == 1 else [*values]}' below the classes in classes.yaml; if these masks are of "
        "another kind, take them away."
    )
    return Problem(root, "assumed", message)


def outlying_value(root: Path, masks: Sequence[MaskHistogram], values: Sequence[int]) -> Problem:
    """Return the problem for a last value far from class indices."""
    top = values[-1]
    with_values = [mask for mask in masks if top in mask.pixels]
    message = (
        f"found {top} in {len(with_values):,} of {len(masks):,} masks ({_names(root, with_values)}), far from the "
        f"class indices {format_ranges(values[:-1])}; expected class indices, or 255 for no label. It is read as a "
        f"class of its own. Write 'ignore: {top}' below the classes in classes.yaml if it has no label."
    )
    return Problem(root, "assumed", message)


def possible_inversion(root: Path, inverted: Sequence[MaskHistogram], masks: Sequence[MaskHistogram]) -> Problem:
    """Return the problem for masks of two values that may be inverted."""
    message = (
        f"found the foreground all along the border, and on most of the pixels, of {len(inverted):,} of {len(masks):,} "
        f"masks ({_names(root, inverted)}), and the background along that of others; expected dark and bright to mean "
        "the same in all masks. All masks are read in the same way. If these masks are inverted, invert them again."
    )
    return Problem(root, "inverted_mask", message)


def possible_alternatives(root: Path, low: int, high: int) -> Problem:
    """Return the problem for two gray levels that no mask holds together."""
    message = (
        f"found {low} in some masks and {high} in others, and both in none; expected masks that show how the classes "
        f"lie side by side. They are read as two classes. If both are the foreground of masks saved in two ways, "
        f"state that in classes.yaml: classes: [{{name: background, values: [0]}}, {{name: foreground, values: [{low}, "
        f"{high}]}}]."
    )
    return Problem(root, "assumed", message)


def possible_last_class(known: ClassList, masks: Sequence[MaskHistogram]) -> Problem:
    """Return the problem for a list whose last class never occurs, while 255 does."""
    first, last = known.classes.names[0], known.classes.names[-1]
    top = known.classes.num_classes - 1
    with_values = [mask for mask in masks if IGNORE_INDEX in mask.pixels]
    message = (
        f"found 255 in {quantity(len(with_values), 'mask')} ({_names(known.path.parent, with_values)}) and {top}, the "
        f"value of {last}, in none; expected the values 0..{top} of the {top + 1} classes listed. 255 has no label "
        f"here. If it stands for {last}, state the value of each class in classes.yaml: classes: [{{name: {first}, "
        f"value: 0}}, ..., {{name: {last}, value: 255}}]; if not, write 'ignore: 255' there."
    )
    return Problem(known.path, "assumed", message)


def missing_first_class(known: ClassList, values: Sequence[int]) -> Problem:
    """Return the problem for class indices without 0, fewer than the list has classes."""
    class_names = known.classes.names
    read = ", ".join(f"{value} = {class_names[value]}" for value in values[:_SHOWN])
    message = (
        f"found the values {format_ranges(values)} and no 0; expected class indices from 0, and they are read as "
        f"such: {read}, and {class_names[0]}, the class of 0, never occurs. If they count from 1, state the value of "
        f"each class in classes.yaml: classes: [{{name: {class_names[0]}, value: 1}}, {{name: {class_names[1]}, "
        "value: 2}, ...]."
    )
    return Problem(known.path, "assumed", message)


def _names(root: Path, masks: Sequence[MaskHistogram]) -> str:
    return list_paths(root, [mask.path for mask in masks])
