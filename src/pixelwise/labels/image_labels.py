"""The labels of one image: a label map and an instance map, changed by the journal's actions."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.labels.boxes import Box, union
from pixelwise.labels.history import Table
from pixelwise.labels.journal import Entry
from pixelwise.labels.regions import UNCHANGED, RegionPart, read_region
from pixelwise.labels.strokes import Stroke, paint_polygon, paint_stroke, polygon_mask, stroke_box, stroke_mask
from pixelwise.labels.tiled_map import SIDE, TiledMap

AT_ONCE = 2**22
"""A stroke or polygon whose box has at most this many pixels is painted in one piece, a larger one tile by tile."""
MOST_UNDO_AREA = 2**23
MOST_UNDO_BYTES = 2**24
"""The most bytes for the compressed pixels before the latest actions. Older actions are undone from the journal."""


@dataclass(frozen=True)
class Before:
    """The pixels that an action replaced, compressed."""

    number: int
    parts: tuple[tuple[str, Box, bytes], ...]

    @property
    def nbytes(self) -> int:
        return sum(len(content) for _, _, content in self.parts)


class ImageLabels:
    """The labels and objects of an image after some action of the journal.

    label_map: class indices, `IGNORE_INDEX` = no label. instance_map: object ids, 0 = no object. number: the entry of
    the journal that was applied last.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size
        self.label_map = TiledMap(size, np.dtype(np.uint8), IGNORE_INDEX)
        self.instance_map = TiledMap(size, np.dtype(np.int32), 0)
        self.number = 0
        self._before: list[Before] = []

    @property
    def nbytes(self) -> int:
        """The size of the maps and of the data for undo, in bytes."""
        return self.label_map.nbytes + self.instance_map.nbytes + sum(before.nbytes for before in self._before)

    def apply(self, entry: Entry, regions: Path) -> Box | None:
        """Apply an action to the maps; return the box of what changed, `None` for nothing."""
        self._remember(entry, regions)
        changed: Box | None = _ACTIONS[entry["type"]](self, entry, regions)
        self.number = entry["number"]
        return changed

    def remap(self, number: int, table: Table) -> None:
        """Change class indices by a table, after classes were merged or deleted."""
        self.label_map.replace(table)
        self.number = number
        self._before.clear()

    def take_back(self, number: int, undo_number: int) -> Box | None:
        """Undo the action that was applied last, if the pixels that it replaced are still known, and return its box;
        else return `None`."""
        if not self._before or self._before[-1].number != number:
            return None
        changed: Box | None = None
        for kind, box_tlbr, content in self._before.pop().parts:
            target = self.label_map if kind == "labels" else self.instance_map
            shape = box_tlbr[2] - box_tlbr[0], box_tlbr[3] - box_tlbr[1]
            target.write(box_tlbr, np.frombuffer(zlib.decompress(content), target.dtype).reshape(shape))
            changed = union(changed, box_tlbr)
        self.number = undo_number
        return changed

    def replay(self, entries: Iterable[Entry], tables: Sequence[tuple[int, Table]], regions: Path) -> None:
        """Apply actions in the order of their numbers, with the changes of class indices between them."""
        pending = list(tables)
        for entry in entries:
            while pending and pending[0][0] < entry["number"]:
                self.remap(*pending.pop(0))
            self.apply(entry, regions)
        for number, table in pending:
            self.remap(number, table)

    def _remember(self, entry: Entry, regions: Path) -> None:
        """Store the pixels that an action is about to replace, unless they are too many."""
        boxes = _boxes(self, entry, regions)
        if sum((box[2] - box[0]) * (box[3] - box[1]) for _, box in boxes) > MOST_UNDO_AREA:
            self._before.clear()
            return
        maps = {"labels": self.label_map, "objects": self.instance_map}
        parts = tuple((kind, box, zlib.compress(maps[kind].read(box).tobytes(), 1)) for kind, box in boxes)
        self._before.append(Before(entry["number"], parts))
        while sum(before.nbytes for before in self._before) > MOST_UNDO_BYTES:
            self._before.pop(0)


def _boxes(labels: ImageLabels, entry: Entry, regions: Path) -> list[tuple[str, Box]]:
    """Return which map an action changes, and boxes that contain all pixels that it may change."""
    whole = (0, 0, *labels.size)
    kind = entry["type"]
    if kind == "stroke":
        return [("labels", stroke_box(_stroke(entry), labels.size))]
    if kind == "polygon":
        return [("labels", stroke_box(Stroke(_points(entry), 1.0), labels.size))]
    if kind == "clean":
        return [("labels", whole)]
    if kind == "clear":
        return [("labels", whole), ("objects", whole)]
    parts = read_region(regions / entry["region"])
    return [("objects" if part.kind == "objects" else "labels", part.box_tlbr) for part in parts]


def _apply_stroke(labels: ImageLabels, entry: Entry, regions: Path) -> Box | None:
    stroke, label_map, class_index = _stroke(entry), labels.label_map, entry["class_index"]
    box_tlbr = stroke_box(stroke, labels.size)

    def paint(tile: npt.NDArray[np.uint8], top: int, left: int) -> bool:
        if not _is_near(stroke, top, left):
            return False
        moved = tuple((row - top, column - left) for row, column in stroke.points)
        paint_stroke(tile, Stroke(moved, stroke.width), class_index)
        return True

    return _paint(label_map, box_tlbr, class_index, lambda: stroke_mask(stroke, labels.size), paint)


def _apply_polygon(labels: ImageLabels, entry: Entry, regions: Path) -> Box | None:
    points, class_index = _points(entry), entry["class_index"]
    box_tlbr = stroke_box(Stroke(points, 1.0), labels.size)

    def paint(tile: npt.NDArray[np.uint8], top: int, left: int) -> bool:
        paint_polygon(tile, [(row - top, column - left) for row, column in points], class_index)
        return True

    return _paint(labels.label_map, box_tlbr, class_index, lambda: polygon_mask(points, labels.size), paint)


def _paint(
    label_map: TiledMap,
    box_tlbr: Box,
    class_index: int,
    whole_mask: Callable[[], tuple[Box, npt.NDArray[np.bool_]]],
    paint_tile: Callable[[npt.NDArray[np.uint8], int, int], bool],
) -> Box | None:
    """Paint a shape in one piece, or tile by tile where its box is large: `paint_tile` returns whether it did."""
    top, left, bottom, right = box_tlbr
    if top >= bottom or left >= right:
        return None
    if (bottom - top) * (right - left) <= AT_ONCE:
        inner, mask = whole_mask()
        label_map.paint(inner, mask, class_index)
        return box_tlbr
    for tile_top in range(top - top % SIDE, bottom, SIDE):
        for tile_left in range(left - left % SIDE, right, SIDE):
            height, width = label_map.size
            part = tile_top, tile_left, min(tile_top + SIDE, height), min(tile_left + SIDE, width)
            tile = label_map.read(part)
            if paint_tile(tile, tile_top, tile_left):
                label_map.write(part, tile)
    return box_tlbr


def _is_near(stroke: Stroke, top: int, left: int) -> bool:
    """Return whether a stroke may have pixels in the tile with this corner, judged by its distance to the tile's
    centre."""
    points = np.array(stroke.points) - (top + SIDE / 2, left + SIDE / 2)
    starts, steps = (points[:-1], np.diff(points, axis=0)) if len(points) > 1 else (points, np.zeros_like(points))
    lengths = np.maximum((steps**2).sum(axis=1), 1e-12)
    shares = np.clip(-(starts * steps).sum(axis=1) / lengths, 0, 1)
    distances = np.hypot(*(starts + shares[:, None] * steps).T)
    return bool(distances.min() <= stroke.width / 2 + SIDE * 0.7072 + 1)


def _apply_clean(labels: ImageLabels, entry: Entry, regions: Path) -> Box | None:
    return labels.label_map.fill_empty(entry["class_index"])


def _apply_clear(labels: ImageLabels, entry: Entry, regions: Path) -> Box | None:
    return union(labels.label_map.clear(), labels.instance_map.clear())


def _apply_region(labels: ImageLabels, entry: Entry, regions: Path) -> Box | None:
    changed: Box | None = None
    for part in read_region(regions / entry["region"]):
        _write_part(labels, part)
        changed = union(changed, part.box_tlbr)
    return changed


def _write_part(labels: ImageLabels, part: RegionPart) -> None:
    target = labels.instance_map if part.kind == "objects" else labels.label_map
    top, left, bottom, right = part.box_tlbr
    height, width = labels.size
    values = part.values[: height - top, : width - left]
    box_tlbr = top, left, min(bottom, height), min(right, width)
    if part.kind == "erased":
        target.write(box_tlbr, np.where(values > 0, np.uint8(IGNORE_INDEX), target.read(box_tlbr)))
    else:
        target.write(box_tlbr, values, skip=UNCHANGED[part.kind])


def _stroke(entry: Entry) -> Stroke:
    return Stroke(_points(entry), entry["width"])


def _points(entry: Entry) -> tuple[tuple[float, float], ...]:
    return tuple((row, column) for row, column in entry["points"])


_ACTIONS: dict[str, Callable[[ImageLabels, Entry, Path], Any]] = {
    "stroke": _apply_stroke,
    "polygon": _apply_polygon,
    "clean": _apply_clean,
    "clear": _apply_clear,
    "fill": _apply_region,
    "accept": _apply_region,
    "object_add": _apply_region,
    "object_accept": _apply_region,
    "object_accept_all": _apply_region,
    "object_split": _apply_region,
    "object_merge": _apply_region,
    "object_delete": _apply_region,
}
