"""What to say of the values of masks: what is in doubt, how it was read, how to say otherwise, and what is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pixelwise.core.classes import IGNORE_INDEX, MAX_CLASSES, ClassMap
from pixelwise.core.errors import DataError
from pixelwise.data.class_list import ClassList, class_list_yaml
from pixelwise.data.masks.encoding import format_ranges, unpack_rgb
from pixelwise.data.masks.mixed_encodings import MixedEncodings
from pixelwise.data.masks.statistics import MaskHistogram
from pixelwise.data.masks.value_patterns import masks_of_0_and_255, masks_of_other_values
from pixelwise.data.problem import Problem, display_path

SAY = "Write classes.yaml to say otherwise"
_SHOWN = 8
"""Classes that a message lists with their values."""


def soft_edges(root: Path, looks: Sequence[MaskHistogram], low: int, high: int, threshold: int, bright: str) -> Problem:
    """Return what to say of masks of two values with others between them along borders."""
    soft = [look for look in looks if any(low < value < high for value in look.pixels)]
    pixels = sum(count for look in soft for value, count in look.pixels.items() if low < value < high)
    message = (
        f"found soft edges: {pixels:,} pixels between {low} and {high} in {masks(len(soft))} ({names(root, soft)}), "
        f"as smoothing, resizing or JPEG leaves them; expected {low} and {high} alone. Values from {threshold} on are "
        f"read as {bright}. Write 'threshold: {threshold}', or another, below the classes in "
        "classes.yaml to say so, or the value of each class there if the values between are classes."
    )
    return Problem(root, "mended", message)


def objects_in_masks(root: Path, reason: str, name: str, rim: int | None) -> Problem:
    """Return what to say of object ids that stand for classes in masks."""
    void = "" if rim is None else f" {rim}, along their borders, has no label."
    message = (
        f"found object ids in the masks: they {reason}; expected classes. They are read as instances/, of the class "
        f"{name}.{void} Name the folder instances/ to say so; if the values are classes, state them in "
        "classes.yaml: classes: [{name: ..., value: 0}, {name: ..., value: 1}, ...]."
    )
    return Problem(root, "assumed", message)


def perhaps_objects(root: Path, reason: str) -> Problem:
    """Return what to say of values that are read as classes and may be object ids."""
    message = (
        f"found values that may be object ids: they {reason}; expected classes, and they are read as such. Name the "
        "folder instances/ if they are object ids, or write classes.yaml to name the classes."
    )
    return Problem(root, "assumed", message)


def perhaps_soft(root: Path, values: Sequence[int]) -> Problem:
    """Return what to say of three values of which the middle one lies along borders alone."""
    low, between, high = values
    message = (
        f"found {between} only along borders between {low} and {high}; expected areas of each class. It is read as a "
        f"class of its own. If it is what smoothing left of two classes, write classes.yaml with these two and "
        f"'threshold: {(low + high + 1) // 2}'."
    )
    return Problem(root, "assumed", message)


def resized_masks(root: Path, looks: Sequence[MaskHistogram], smoothed: frozenset[int]) -> tuple[Problem, ...]:
    """Return what to say of masks with values that smoothing made of others; nothing where there are none."""
    holding = [look for look in looks if smoothed & look.pixels.keys()]
    if not holding:
        return ()
    pixels = sum(count for look in holding for value, count in look.pixels.items() if value in smoothed)
    message = (
        f"found the value{'s' if len(smoothed) > 1 else ''} {format_ranges(sorted(smoothed))} only along borders "
        f"between "
        f"others, in {pixels:,} pixels of {masks(len(holding))} ({names(root, holding)}): traces of smoothing or of "
        "resizing with interpolation; expected classes alone. Export the masks again, and resize them with nearest "
        "neighbour. If these are classes, state their values in classes.yaml."
    )
    return (Problem(holding[0].path, "resized_mask", message),)


def ones_among_255(root: Path, looks: Sequence[MaskHistogram], name: str) -> Problem:
    """Return what to say of masks of 0 and 1 among masks of 0 and 255."""
    bright = [look for look in looks if IGNORE_INDEX in look.pixels]
    dark = [look for look in looks if 1 in look.pixels and IGNORE_INDEX not in look.pixels]
    message = (
        f"found 255 in {masks(len(bright))} ({names(root, bright)}) and 1 without 255 in {len(dark):,} of "
        f"{len(looks):,} ({names(root, dark)}); expected one of them in all masks. Both are read as {name}; a mask "
        f"that holds both is no mask of these classes. {SAY}: 'ignore: 255' if 255 is no label."
    )
    return Problem(root, "assumed", message)


def several_encodings(
    root: Path, looks: Sequence[MaskHistogram], encodings: MixedEncodings, classes: ClassMap
) -> Problem:
    """Return what to say of the same classes in several encodings."""
    parts = []
    for number, table in enumerate(encodings.tables):
        others = {value for at, other in enumerate(encodings.tables) if at != number for value in other}
        holding = [look for look in looks if look.pixels.keys() & (table.keys() - others or table.keys())]
        parts.append(f"{', '.join(map(str, table))} in {masks(len(holding))} ({names(root, holding)})")
    by_class: dict[int, list[int]] = {}
    for value, index in sorted(encodings.values.items(), key=lambda pair: (pair[1], pair[0])):
        by_class.setdefault(index, []).append(value)
    read = ", ".join(f"{_joined(values)} = {classes.names[index]}" for index, values in list(by_class.items())[:_SHOWN])
    entries = ", ".join(f"{{name: {classes.names[i]}, values: {values}}}" for i, values in list(by_class.items())[:3])
    if len(encodings.tables) > 1:
        found = f"the same {encodings.num_classes} classes in {len(encodings.tables)} encodings: {' and '.join(parts)}"
        expected = "one encoding in all masks. Each mask is read by its own"
    else:
        several = " and ".join(_joined(values) for values in by_class.values() if len(values) > 1)
        found = f"gray levels that differ by rounding and lie in no mask together: {several}"
        expected = "one value a class. They are read as one"
    more = ", ..." if len(by_class) > 3 else ""
    message = f"found {found}; expected {expected}: {read}. {SAY}: classes: [{entries}{more}]."
    return Problem(root, "assumed", message)


def require_one_255(root: Path, looks: Sequence[MaskHistogram], encodings: MixedEncodings) -> None:
    """Raise `DataError` where 255 lies beside class indices in some masks, as what has no label, and beside gray levels
    in others, as the brightest of them."""
    if IGNORE_INDEX in encodings.values:
        return
    with_255 = [look for look in looks if IGNORE_INDEX in look.pixels]
    for table in encodings.tables:
        levels = {value for value, index in table.items() if index and value > encodings.num_classes}
        beside = [look for look in with_255 if look.pixels.keys() & levels]
        others = [look for look in with_255 if look not in beside and look.pixels.keys() - {0, IGNORE_INDEX}]
        if beside and others and encodings.num_classes - 1 not in table.values():
            raise DataError(
                root,
                f"255 beside {format_ranges(levels)} in {masks(len(beside))} ({names(root, beside)}), as the "
                f"brightest of "
                f"gray levels, and beside class indices in {masks(len(others))} ({names(root, others)}), as what has "
                "no label",
                "one meaning of 255 in all masks",
                "Save all masks by the same values, such as class indices with 255 for no label.",
            )


def perhaps_encodings(
    root: Path, looks: Sequence[MaskHistogram], indices: Sequence[int], others: Sequence[int]
) -> Problem:
    """Return what to say of class indices and far higher values that lie in no mask together."""
    holding = [look for look in looks if look.pixels.keys() & set(others)]
    message = (
        f"found {format_ranges(others)} in {len(holding):,} of {len(looks):,} masks ({names(root, holding)}), none "
        f"of which "
        f"holds {format_ranges(indices)} as others do; expected one encoding in all masks. Each value is read as a "
        f"class of its "
        f"own. If they are the same classes, state the values of each in classes.yaml: classes: "
        f"[{{name: ..., values: [0]}}, {{name: ..., values: [{indices[0]}, {others[0]}]}}, ...]."
    )
    return Problem(root, "assumed", message)


def perhaps_from_1(root: Path, high: Sequence[MaskHistogram], looks: Sequence[MaskHistogram], top: int) -> Problem:
    """Return what to say of masks of 1..n among as many of 0..n-1."""
    message = (
        f"found no 0 in {len(high):,} of {len(looks):,} masks ({names(root, high)}), which hold {top}, and no {top} in "
        f"the others; expected one count in all masks. Each value is read as one class, the same in all masks. If "
        f"these masks count their classes from 1, subtract 1 from them."
    )
    return Problem(root, "assumed", message)


def perhaps_multiples(
    root: Path, factor: int, holding: Sequence[MaskHistogram], looks: Sequence[MaskHistogram]
) -> Problem:
    """Return what to say of masks of c, 2c, 3c ... among masks of 1, 2, 3 ..."""
    message = (
        f"found {factor}, {2 * factor} ... in {len(holding):,} of {len(looks):,} masks ({names(root, holding)}), where "
        f"the others hold 1, 2 ... and as many; expected one encoding in all masks. Each value is read as one class, "
        f"the "
        f"same in all masks. If these masks hold {factor} times the class index, divide their values by {factor}."
    )
    return Problem(root, "assumed", message)


def perhaps_another_kind(
    root: Path, odd: Sequence[MaskHistogram], values: Sequence[int], looks: Sequence[MaskHistogram]
) -> Problem:
    """Return what to say of other values in a few masks among others of two."""
    message = (
        f"found {format_ranges(values)} in {len(odd):,} of {len(looks):,} masks alone ({names(root, odd)}), while "
        f"the others "
        f"hold two values; expected masks of one kind. Each value is read as a class of its own. If it marks borders, "
        f"or pixels that nobody is sure of, write 'ignore: {values[0] if len(values) == 1 else [*values]}' below the "
        "classes in classes.yaml; if these masks are of another kind, take them away."
    )
    return Problem(root, "assumed", message)


def far_value(root: Path, looks: Sequence[MaskHistogram], values: Sequence[int]) -> Problem:
    """Return what to say of a last value that is far from class indices."""
    top = values[-1]
    holding = [look for look in looks if top in look.pixels]
    message = (
        f"found {top} in {len(holding):,} of {len(looks):,} masks ({names(root, holding)}), far from the class indices "
        f"{format_ranges(values[:-1])}; expected class indices, or 255 for no label. It is read as a class of its "
        f"own. Write "
        f"'ignore: {top}' below the classes in classes.yaml if it has no label."
    )
    return Problem(root, "assumed", message)


def perhaps_inverted(root: Path, inverted: Sequence[MaskHistogram], looks: Sequence[MaskHistogram]) -> Problem:
    """Return what to say of masks of two values whose border is bright, among others whose border is dark."""
    message = (
        f"found the foreground all along the border, and on most of the pixels, of {len(inverted):,} of {len(looks):,} "
        f"masks ({names(root, inverted)}), and the background along that of others; expected one meaning of dark and "
        "bright. All are read alike. If these masks are inverted, invert them again."
    )
    return Problem(root, "assumed", message)


def perhaps_alternatives(root: Path, low: int, high: int) -> Problem:
    """Return what to say of two gray levels that no mask holds together."""
    message = (
        f"found {low} in some masks and {high} in others, and both in none; expected masks that show how the classes "
        f"lie side by side. They are read as two classes. If both are the foreground of masks saved in two ways, "
        f"state that in classes.yaml: classes: [{{name: background, values: [0]}}, {{name: foreground, values: [{low}, "
        f"{high}]}}]."
    )
    return Problem(root, "assumed", message)


def other_kind_among_255(root: Path, looks: Sequence[MaskHistogram]) -> Problem:
    """Return what to say of a few masks with other values among masks of 0 and 255."""
    alone, others = masks_of_0_and_255(looks), masks_of_other_values(looks)
    values = sorted({value for look in others for value in look.pixels} - {0, IGNORE_INDEX})
    message = (
        f"found 0 and 255 alone in {len(alone):,} of {len(looks):,} masks, and {format_ranges(values)} in "
        f"{len(others):,} "
        f"({names(root, others)}); expected masks of one kind. Those of 0 and 255 decide: 255 is the second class, and "
        "the others are named as masks with an unknown value. State the values of each class in classes.yaml if these "
        "are classes."
    )
    return Problem(root, "assumed", message)


def lone_255_has_no_label(root: Path, looks: Sequence[MaskHistogram]) -> tuple[Problem, ...]:
    """Return a remark where 255 has no label and yet stands only in masks without another value but 0, as an object
    does in masks of 0 and 255."""
    alone, others = masks_of_0_and_255(looks), masks_of_other_values(looks)
    indices = {value for look in others for value in look.pixels} - {0}
    if not alone or IGNORE_INDEX in indices or indices <= {1}:
        return ()
    found = f"255 as the only value beside 0 in {len(alone):,} of {len(looks):,} masks (such as {alone[0].path.name})"
    expected = "one meaning of values: the other masks hold classes by their index, and no 255"
    say = f"It has no label here. {SAY}, or save these masks by the index of their class."
    return (Problem(root, "assumed", f"found {found}; expected {expected}. {say}"),)


def level_255(root: Path, values: Iterable[int]) -> Problem:
    """Return what to say of 255 as one of several gray levels that are not evenly spread."""
    found = f"255 among the gray levels {format_ranges(values)}; it is taken for a class like them"
    expected = "a class list where levels are not evenly spread"
    say = f"{SAY}, with 'ignore: 255' if 255 is no label."
    return Problem(root, "assumed", f"found {found}; expected {expected}. {say}")


def perhaps_last_class(known: ClassList, looks: Sequence[MaskHistogram]) -> Problem:
    """Return what to say where the last class of a list never occurs and 255 does."""
    first, last = known.classes.names[0], known.classes.names[-1]
    top = known.classes.num_classes - 1
    holding = [look for look in looks if IGNORE_INDEX in look.pixels]
    message = (
        f"found 255 in {masks(len(holding))} ({names(known.path.parent, holding)}) and {top}, the value of {last}, in "
        f"none; expected the values 0..{top} of the {top + 1} classes listed. 255 has no label here. If it stands for "
        f"{last}, state the value of each class in classes.yaml: classes: [{{name: {first}, value: 0}}, ..., "
        f"{{name: {last}, value: 255}}]; if not, write 'ignore: 255' there."
    )
    return Problem(known.path, "assumed", message)


def first_class_is_missing(known: ClassList, values: Sequence[int]) -> Problem:
    """Return what to say of class indices among which 0 never occurs, fewer than the list has classes."""
    class_names = known.classes.names
    read = ", ".join(f"{value} = {class_names[value]}" for value in values[:_SHOWN])
    message = (
        f"found the values {format_ranges(values)} and no 0; expected class indices from 0, and they are read as "
        f"such: {read}"
        f", and {class_names[0]}, the class of 0, never occurs. If they count from 1, state the value of each class in "
        f"classes.yaml: classes: [{{name: {class_names[0]}, value: 1}}, {{name: {class_names[1]}, value: 2}}, ...]."
    )
    return Problem(known.path, "assumed", message)


def ranked_values(known: ClassList, how: str, table: Mapping[int, int], first: int) -> Problem:
    """Return what to say of values that are read in the order of a list's classes."""
    class_names = known.classes.names
    ordered = ", ".join(f"{value} = {class_names[index]}" for value, index in list(table.items())[:_SHOWN])
    message = (
        f"found {how}, read in the order of {known.path.name} ({ordered}); expected class indices from 0. State the "
        f"value of each class there if this is wrong: {{name: {class_names[0]}, value: {first}}}."
    )
    return Problem(known.path, "assumed", message)


def classes_never_occur(known: ClassList, looks: Sequence[MaskHistogram]) -> DataError:
    """Return the error for a list of several classes beside masks of which all, or most, hold 0 and 255 alone."""
    class_names = known.classes.names
    others = ", ".join(class_names[1:6]) + (" ..." if len(class_names) > 6 else "")
    strange = masks_of_other_values(looks)
    found = f"no values but 0 and 255 in the masks, so that {others} never occur"
    if strange:
        alone = masks_of_0_and_255(looks)
        found = (
            f"no values but 0 and 255 in {len(alone):,} of {len(looks):,} masks, so that {others} hardly occur; others "
            f"in {names(known.path.parent, strange)}"
        )
    return DataError(
        known.path,
        found,
        f"the values 0..{len(class_names) - 1} of the {len(class_names)} classes listed, with 255 for no label",
        f"Export the masks with class indices, or state the value of each class, such as {{name: {class_names[1]}, "
        "value: 255}; write 'ignore: 255' if there is nothing but background and pixels without a label.",
    )


def colors_without_list(root: Path, mask: Path, colors: frozenset[int]) -> DataError:
    """Return the error for masks in colour without a class list, with the list to paste."""
    found = f"{len(colors)} colours in the masks (the first is {mask.name}) and no class list"
    expected = "each class's colour in a list beside the data: classes.yaml, label_colors.txt or class_dict.csv"
    if len(colors) > MAX_CLASSES:
        found = f"more than {MAX_CLASSES} colours in the masks (the first is {mask.name})"
        return DataError(root, found, expected, "Check that these are masks, and were not resized or stored as JPEG.")
    remedy = "Write a file classes.yaml there and name the classes, starting from the colours found"
    return DataError(root, found, expected, f"{remedy}:\n{ready_to_paste(colors)}")


def ready_to_paste(colors: Iterable[int]) -> str:
    """Return a `classes.yaml` of packed colours."""
    ordered = sorted(colors)[:MAX_CLASSES]
    class_names = tuple(f"class_{i}" for i in range(len(ordered)))
    return class_list_yaml(ClassMap(class_names, tuple(unpack_rgb(color) for color in ordered))).rstrip()


def no_class_indices(root: Path, values: Sequence[int]) -> DataError:
    """Return the error for values that are no class indices and no gray levels of 8 bits."""
    found = f"{len(values)} different values from {values[0]} to {values[-1]} in the masks"
    if len(values) > 1 and len(values) <= MAX_CLASSES:
        found += f" ({', '.join(map(str, values[:_SHOWN]))}{' ...' if len(values) > _SHOWN else ''})"
    void = [value for value in values if value < 0 or value == 65535]
    own = [value for value in values if value not in void]
    entries = ", ".join(f"{{name: class_{i}, value: {value}}}" for i, value in enumerate(own[:3]))
    more = ", ..." if len(own) > 3 else ""
    remedy = f"Name their folder instances/ if the values are object ids. {_if_classes(len(values))}"
    if len(values) <= MAX_CLASSES:
        remedy += f" state the value of each in classes.yaml: classes: [{entries}{more}]."
    if void and own:
        remedy += f" Write 'ignore: {void if len(void) > 1 else void[0]}' below them for what has no label."
    return DataError(root, found, f"class indices 0..{MAX_CLASSES - 1}, 255 = no label", remedy)


def _if_classes(number: int) -> str:
    return "If they are classes," if number <= MAX_CLASSES else f"Of classes there are {MAX_CLASSES} at most."


def masks(number: int) -> str:
    return f"{number:,} mask{'' if number == 1 else 's'}"


def names(root: Path, looks: Sequence[MaskHistogram]) -> str:
    """Return the first names of masks."""
    return ", ".join(display_path(root, look.path) for look in looks[:3]) + (" ..." if len(looks) > 3 else "")


def _joined(values: Sequence[int]) -> str:
    return " and ".join(map(str, values))
