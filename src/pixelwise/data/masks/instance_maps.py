"""What the values of instance maps in files of their own are: ids of objects, and values without a label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.core.errors import DataError
from pixelwise.data.class_list import ClassList
from pixelwise.data.masks.boundary_value import find_boundary_value
from pixelwise.data.masks.encoding import Int32, MaskEncoding, UInt8, read_instance_map
from pixelwise.data.masks.object_ids import SAMPLE as CONNECTED_SAMPLE
from pixelwise.data.masks.object_ids import measure_regions
from pixelwise.data.masks.statistics import MaskHistogram, collect_statistics
from pixelwise.data.problem import Problem

SAMPLE = 256
"""Maps that are looked at."""
_SEVERAL = 3
"""Objects in a map, and maps, that tell background from objects, or more."""


@dataclass(frozen=True)
class IdEncoding:
    """How instance maps are read: values `void` are no objects and have no label. problems: what was assumed."""

    void: tuple[int, ...] = ()
    problems: tuple[Problem, ...] = ()

    def encoding(self, classes: ClassMap) -> MaskEncoding:
        """Return what the values stand for where instance maps are all there is."""
        values = dict.fromkeys(self.void, IGNORE_INDEX)
        return MaskEncoding(classes, values, objects=True, why="object ids", why_no_label="no object, and no label")

    def read(self, path: Path) -> Int32:
        """Return the ids of a file, int32 (height, width), 0 = no object. Raises as `read_instance_map`."""
        ids = read_instance_map(path)
        return np.where(np.isin(ids, self.void), 0, ids).astype(np.int32) if self.void else ids

    def read_alone(self, path: Path) -> tuple[UInt8, Int32]:
        """Return the label map and the ids of a file that is all there is: 1 on objects, else 0, or no label."""
        ids = read_instance_map(path)
        void = np.isin(ids, self.void)
        label_map = np.where(void, IGNORE_INDEX, ids > 0).astype(np.uint8)
        return label_map, np.where(void, 0, ids).astype(np.int32)


def infer_id_encoding(root: Path, maps: Sequence[Path], class_list: ClassList | None) -> IdEncoding:
    """Return how instance maps are read, by a look over many of them.

    What a class list says under `ignore_ids` counts. Raises `DataError` where it says so and there is no map.
    """
    said = None if class_list is None else class_list.ignore_ids
    if class_list is not None and said is not None and not maps:
        remedy = "Take ignore_ids out, or add instances/."
        raise DataError(class_list.path, "'ignore_ids', and no instance map", "instance maps to read", remedy)
    looks = collect_statistics(maps[:: -(-len(maps) // SAMPLE)]).gray_masks if maps else ()
    problems: list[Problem] = []
    void = said
    rim = find_boundary_value(looks) if said is None else None
    if rim is not None:
        problems.append(_rim(root, rim.value, rim.maps, len(looks), rim.sure))
        void = (rim.value,) if rim.sure else None
    problems += [*_in_pieces(root, looks, void or ()), *_as_background(root, looks, void or ())]
    return IdEncoding(void or (), tuple(problems))


def _rim(root: Path, value: int, maps: int, total: int, sure: bool) -> Problem:
    found = f"found the value {value} in {maps:,} of {total:,} instance maps"
    if sure:
        message = (
            f"{found}, along the borders of objects that are numbered without it; expected ids of objects. It is no "
            "object and has no label here, as in Pascal VOC. Write 'ignore_ids: []' below the classes in classes.yaml "
            "if it is an object."
        )
    else:
        message = (
            f"{found}, as a rim of objects or pixels without a label may have it; expected ids of objects. It is read "
            f"as an object. Write 'ignore_ids: [{value}]' below the classes in classes.yaml if it is none, or "
            "'ignore_ids: []' if it is one."
        )
    return Problem(root, "assumed", message)


def _in_pieces(root: Path, looks: Sequence[MaskHistogram], void: Sequence[int]) -> list[Problem]:
    """Return a remark where most ids lie in several pieces, as classes or the one value of a binary mask do."""
    looks = [look for look in looks if any(value > 0 and value not in void for value in look.pixels)]
    if not looks or max(max(look.pixels) for look in looks) > 65535:
        return []
    sample = looks[:: -(-len(looks) // CONNECTED_SAMPLE)]
    places = [(look, [own for own in measure_regions(look) if own.value not in void]) for look in sample]
    in_pieces = [look for look, own in places for single in own if not single.connected]
    total = sum(len(own) for _, own in places)
    if len(in_pieces) <= 0.5 * total:
        return []
    names = ", ".join(dict.fromkeys(look.path.name for look in in_pieces[:3]))
    message = (
        f"found ids in several pieces each, {len(in_pieces):,} of {total:,} looked at (such as in {names}); expected a "
        "number for each object. Each id is read as one object. If the pieces are objects, number each; if the values "
        "are classes, name the folder masks/."
    )
    return [Problem(root, "assumed", message)]


def _as_background(root: Path, looks: Sequence[MaskHistogram], void: Sequence[int]) -> list[Problem]:
    """Return a remark where one id covers most of the pixels of nearly every map of several objects."""
    several = [look for look in looks if sum(value > 0 and value not in void for value in look.pixels) >= _SEVERAL]
    if len(several) < _SEVERAL:
        return []
    largest = [max(look.pixels, key=look.pixels.__getitem__) for look in several]
    value = max(set(largest), key=largest.count)
    covered = [look for look in several if look.pixels.get(value, 0) > 0.5 * look.area]
    if value <= 0 or value in void or len(covered) < 0.8 * len(several):
        return []
    message = (
        f"found the id {value} on most of the pixels of {len(covered):,} of {len(several):,} instance maps (such as "
        f"{covered[0].path.name}); expected 0 where there is no object. It is read as an object. If it is the "
        "background, as watershed algorithms number it, set it to 0 in the maps."
    )
    return [Problem(root, "assumed", message)]
