"""Instance maps in files of their own: which values are object ids and which have no label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.core.errors import DataError
from pixelwise.data.class_list import ClassList
from pixelwise.data.masks.boundary_value import BoundaryValue, find_boundary_value
from pixelwise.data.masks.encoding import Int32, MaskEncoding, UInt8, read_instance_map
from pixelwise.data.masks.object_ids import SAMPLE as PIXEL_SAMPLE
from pixelwise.data.masks.object_ids import measure_regions
from pixelwise.data.masks.statistics import MaskHistogram, collect_statistics
from pixelwise.data.problem import Problem

SAMPLE = 256
"""Maps whose values are counted at most, evenly spread."""
_SEVERAL = 3
"""Least number of objects in a map, and least number of such maps, from which the background is judged."""


@dataclass(frozen=True)
class IdEncoding:
    """How instance maps are read.

    void: values that are no objects and have no label. problems: what was assumed.
    """

    void: tuple[int, ...] = ()
    problems: tuple[Problem, ...] = ()

    def mask_encoding(self, classes: ClassMap) -> MaskEncoding:
        """Return the encoding of masks for data that have instance maps alone."""
        values = dict.fromkeys(self.void, IGNORE_INDEX)
        return MaskEncoding(classes, values, objects=True, why="object ids", why_no_label="no object, and no label")

    def read(self, path: Path) -> Int32:
        """Return the ids of a file, int32 (height, width), 0 = no object. Raises as `read_instance_map`."""
        ids = read_instance_map(path)
        return np.where(np.isin(ids, self.void), 0, ids).astype(np.int32) if self.void else ids

    def read_alone(self, path: Path) -> tuple[UInt8, Int32]:
        """Return the label map and the ids of a file, for data that have instance maps alone.

        The label is 1 on objects, `IGNORE_INDEX` on void values, else 0.
        """
        ids = read_instance_map(path)
        void = np.isin(ids, self.void)
        label_map = np.where(void, IGNORE_INDEX, ids > 0).astype(np.uint8)
        return label_map, np.where(void, 0, ids).astype(np.int32)


def infer_id_encoding(root: Path, maps: Sequence[Path], class_list: ClassList | None) -> IdEncoding:
    """Return how instance maps are read: as `ignore_ids` of the class list says, else judged by a sample of the maps.

    Raises `DataError` for `ignore_ids` where there are no instance maps.
    """
    stated = None if class_list is None else class_list.ignore_ids
    if class_list is not None and stated is not None and not maps:
        remedy = "Take ignore_ids out, or add instances/."
        raise DataError(class_list.path, "'ignore_ids', and no instance map", "instance maps to read", remedy)
    histograms = collect_statistics(maps[:: -(-len(maps) // SAMPLE)]).gray_masks if maps else ()
    problems: list[Problem] = []
    void = stated or ()
    boundary = find_boundary_value(histograms) if stated is None else None
    if boundary is not None:
        problems.append(_boundary_problem(root, boundary, len(histograms)))
        void = (boundary.value,) if boundary.sure else ()
    problems += [*_pieces_problem(root, histograms, void), *_background_problem(root, histograms, void)]
    return IdEncoding(void, tuple(problems))


def _boundary_problem(root: Path, boundary: BoundaryValue, total: int) -> Problem:
    value = boundary.value
    where = f"found the value {value} in {boundary.maps:,} of {total:,} instance maps"
    if boundary.sure:
        message = (
            f"{where}, along the borders of objects that are numbered without it; expected ids of objects. It is no "
            "object and has no label here, as in Pascal VOC. Write 'ignore_ids: []' below the classes in classes.yaml "
            "if it is an object."
        )
    else:
        message = (
            f"{where}, as a rim of objects or pixels without a label may have it; expected ids of objects. It is read "
            f"as an object. Write 'ignore_ids: [{value}]' below the classes in classes.yaml if it is none, or "
            "'ignore_ids: []' if it is one."
        )
    return Problem(root, "assumed", message)


def _pieces_problem(root: Path, maps: Sequence[MaskHistogram], void: Sequence[int]) -> list[Problem]:
    """Return a problem where most ids lie in several pieces, as classes or the value of a binary mask do."""
    maps = [m for m in maps if any(value > 0 and value not in void for value in m.pixels)]
    if not maps or max(max(m.pixels) for m in maps) > 65535:
        return []
    sample = maps[:: -(-len(maps) // PIXEL_SAMPLE)]
    regions = [(m, region) for m in sample for region in measure_regions(m) if region.value not in void]
    in_pieces = [m for m, region in regions if not region.connected]
    total = len(regions)
    if len(in_pieces) <= 0.5 * total:
        return []
    names = ", ".join(dict.fromkeys(m.path.name for m in in_pieces[:3]))
    message = (
        f"found ids in several pieces each, {len(in_pieces):,} of {total:,} looked at (such as in {names}); expected a "
        "number for each object. Each id is read as one object. If the pieces are objects, number each; if the values "
        "are classes, name the folder masks/."
    )
    return [Problem(root, "assumed", message)]


def _background_problem(root: Path, maps: Sequence[MaskHistogram], void: Sequence[int]) -> list[Problem]:
    """Return a problem where one id covers most pixels of nearly every map of several objects."""
    several = [m for m in maps if sum(value > 0 and value not in void for value in m.pixels) >= _SEVERAL]
    if len(several) < _SEVERAL:
        return []
    largest = [max(m.pixels, key=m.pixels.__getitem__) for m in several]
    value = max(set(largest), key=largest.count)
    covered = [m for m in several if m.pixels.get(value, 0) > 0.5 * m.area]
    if value <= 0 or value in void or len(covered) < 0.8 * len(several):
        return []
    message = (
        f"found the id {value} on most of the pixels of {len(covered):,} of {len(several):,} instance maps (such as "
        f"{covered[0].path.name}); expected 0 where there is no object. It is read as an object. If it is the "
        "background, as watershed algorithms number it, set it to 0 in the maps."
    )
    return [Problem(root, "assumed", message)]
