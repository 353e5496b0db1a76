"""Objects of an image of any size, grouped in overlapping windows. Each object belongs to the window that contains its
middle."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixelwise.core.errors import OutputError
from pixelwise.core.files import output_errors
from pixelwise.core.temporary_files import temporary_path
from pixelwise.inference.jobs import Job
from pixelwise.inference.scan_rows import StoredRows
from pixelwise.inference.writers.polygons import add_objects, open_polygon_files
from pixelwise.inference.writers.registry import MASK
from pixelwise.inference.writers.table import open_table, table_rows
from pixelwise.instances.fields import NO_THING, CentreOffsetMaps
from pixelwise.instances.grouping import group_pixels
from pixelwise.instances.grouping_parameters import GroupingParameters
from pixelwise.instances.objects import MAX_ID, Objects
from pixelwise.modelfile.info import ModelInfo
from pixelwise.raster.geotiff import RasterProfile, write_geotiff
from pixelwise.raster.scan import Scan, write_label_map
from pixelwise.render import to_rgb
from pixelwise.tasks import TASKS
from pixelwise.tasks.base import Labelled, Task

Place = tuple[slice, slice]
CORE = 2048
"""Side of a window's core, in pixels; the window contributes the objects whose middle is in its core."""
MARGIN = 512
"""Margin of a window around its core, in pixels. Objects of up to half of it are the same as when grouped on the whole
image."""
ZEROS = 2**24
"""The number of zero bytes that are written at a time."""
MAX_MARGIN = 2048
"""A window that cuts an object of its core is grouped again with a larger margin, up to this one."""


def write_objects(info: ModelInfo, job: Job, scan: Scan, rows: StoredRows) -> int:
    """Write the label map of a scan, and the requested files of its objects: instance map, polygons, table, overlay.
    Return how many windows cut an object that is larger than the largest margin allows."""
    grouping = info.grouping
    if grouping is None:
        return 0
    asked, names = job.outputs, info.classes.names
    height, width, _ = scan.shape
    count = cuts = 0
    class_index = [np.empty(0, np.int32)]
    with output_errors(job.outputs[MASK]), temporary_path(rows.path) as waiting:
        ids = _allocate_ids(waiting, (height, width))
        with ExitStack() as stack:
            files = [stack.enter_context(file) for file in open_polygon_files(asked, scan.place, info, job.image)]
            write_rows = stack.enter_context(open_table(asked["objects"])) if "objects" in asked else None
            for place, objects, is_cut in _windows(scan, rows, grouping):
                cuts += is_cut
                numbers = range(count + 1, count + 1 + len(objects))
                count += len(objects)
                class_index.append(objects.class_index)
                _paint(ids, place, objects, numbers)
                corner = place[0].start, place[1].start
                if write_rows is not None and len(objects):
                    write_rows(table_rows(objects, scan[place], names, numbers, corner))
                if files:
                    add_objects(files, objects, names, numbers, corner)
        labels = _Labels(TASKS[info.task], rows, ids, np.concatenate(class_index))
        _write_maps(asked, scan, ids, count)
        if "overlay" in asked:
            _write_overlay(asked["overlay"], scan, info, labels)
        write_label_map(asked[MASK], labels, scan, info.classes)
    return cuts


class _Labels:
    """The labels of a scan with known objects, uint8 (height, width), read by rows."""

    def __init__(
        self, task: Task, rows: StoredRows, ids: npt.NDArray[np.int32], class_index: npt.NDArray[np.int32]
    ) -> None:
        self._task, self._rows, self._ids, self._class_index = task, rows, ids, class_index

    def __getitem__(self, rows: slice) -> npt.NDArray[np.uint8]:
        return self._task.label_objects(self._rows.labels[rows], np.asarray(self._ids[rows]), self._class_index)

    def with_objects(self, rows: slice) -> Labelled:
        """Return the labels of some rows with their objects, whose ids are those of the whole scan."""
        score = np.ones(len(self._class_index), np.float32)
        return Labelled(self[rows], Objects(np.asarray(self._ids[rows]), self._class_index, score))


def _allocate_ids(path: Path, shape: tuple[int, int]) -> npt.NDArray[np.int32]:
    """Return an array of zeros, mapped to a new file whose blocks are allocated. In a sparse file, a full disk would
    kill the process at the first write to a page. Raises `OSError`."""
    size = np.dtype(np.int32).itemsize * shape[0] * shape[1]
    with path.open("wb") as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        else:
            for start in range(0, size, ZEROS):
                file.write(bytes(min(ZEROS, size - start)))
    return np.memmap(path, np.int32, "r+", shape=shape)


def _windows(scan: Scan, rows: StoredRows, grouping: GroupingParameters) -> Iterator[tuple[Place, Objects, bool]]:
    """Yield the place of each window, the objects with their middle in its core, and whether one is cut."""
    height, width, _ = scan.shape
    for top in range(0, height, CORE):
        for left in range(0, width, CORE):
            core = slice(top, min(top + CORE, height)), slice(left, min(left + CORE, width))
            margin = MARGIN
            while True:
                place = _widen(core, margin, (height, width))
                objects = _group_window(scan, rows, place, grouping)
                is_cut = _is_cut(objects, core, place, (height, width))
                if margin >= MAX_MARGIN or not is_cut:
                    break
                margin *= 2
            yield place, objects.select(_in_core(objects, core, place)), is_cut


def _group_window(scan: Scan, rows: StoredRows, place: Place, grouping: GroupingParameters) -> Objects:
    fields = rows.fields(place)
    ignored = scan.blank(place) | _leads_out(fields, place, scan.shape[:2])
    if ignored.any():
        fields = replace(fields, class_index=np.where(ignored, np.uint8(NO_THING), fields.class_index))
    return group_pixels(fields, grouping)


def _leads_out(fields: CentreOffsetMaps, place: Place, size: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """Return the pixels whose centre lies outside the window; they belong to no object of its core."""
    height, width = fields.down.shape
    down = np.arange(height)[:, None] + fields.down
    right = np.arange(width)[None] + fields.right
    outside: npt.NDArray[np.bool_] = np.zeros((height, width), np.bool_)
    for ends, span, side, whole in zip((down, right), place, (height, width), size, strict=True):
        outside |= (ends < 0) & (span.start > 0)
        outside |= (ends >= side) & (span.stop < whole)
    return outside


def _widen(core: Place, margin: int, size: tuple[int, int]) -> Place:
    rows, columns = (
        slice(max(0, span.start - margin), min(side, span.stop + margin)) for span, side in zip(core, size, strict=True)
    )
    return rows, columns


def _in_core(objects: Objects, core: Place, place: Place) -> npt.NDArray[np.bool_]:
    """Return whether each object has the middle of its box in the core, boolean (n,)."""
    boxes = objects.boxes_xyxy()
    middles = (boxes[:, [1, 0]] + boxes[:, [3, 2]]) // 2 + np.array([place[0].start, place[1].start])
    first, last = (np.array([getattr(span, end) for span in core]) for end in ("start", "stop"))
    inside: npt.NDArray[np.bool_] = ((middles >= first) & (middles < last)).all(axis=1)
    return inside


def _is_cut(objects: Objects, core: Place, place: Place, size: tuple[int, int]) -> bool:
    """Return whether an object of the core touches an edge of the window that is not an edge of the image."""
    ids, (rows, columns), (height, width) = objects.instance_map, place, size
    edges = [
        (rows.start > 0, ids[0]),
        (rows.stop < height, ids[-1]),
        (columns.start > 0, ids[:, 0]),
        (columns.stop < width, ids[:, -1]),
    ]
    cut = np.concatenate([np.zeros(0, np.int32), *(edge for inner, edge in edges if inner)])
    inside = tuple(
        slice(span.start - whole.start, span.stop - whole.start) for span, whole in zip(core, place, strict=True)
    )
    return bool(np.isin(np.unique(cut[cut > 0]), ids[inside]).any())


def _paint(ids: npt.NDArray[np.int32], place: Place, objects: Objects, numbers: range) -> None:
    table = np.concatenate([[0], np.array(numbers)]).astype(np.int32)
    part = ids[place]
    ids[place] = np.where(part > 0, part, table[objects.instance_map])


def _write_maps(asked: dict[str, Path], scan: Scan, ids: npt.NDArray[np.int32], count: int) -> None:
    height, width, _ = scan.shape
    for kind, dtype in (("instances", "uint16"), ("instances32", "int32")):
        if kind not in asked:
            continue
        if kind == "instances" and count > MAX_ID:
            remedy = "Ask for `as_='instances32'`."
            raise OutputError(asked[kind], f"{count:,} objects in one image", f"{MAX_ID:,} at most in 16 bits", remedy)
        write_geotiff(
            asked[kind],
            lambda rows, dtype=dtype: ids[rows].astype(dtype)[None],  # type: ignore[misc]
            RasterProfile((1, height, width), dtype, scan.place),
        )


def _write_overlay(path: Path, scan: Scan, info: ModelInfo, labels: _Labels) -> None:
    height, width, _ = scan.shape

    def draw(rows: slice) -> npt.NDArray[np.uint8]:
        first, last = max(0, rows.start - 1), min(height, rows.stop + 1)  # outlines depend on the neighbouring rows
        image = to_rgb(scan[slice(first, last), slice(0, width)])
        picture = TASKS[info.task].overlay(image, labels.with_objects(slice(first, last)), info.classes)
        return picture[rows.start - first :][: rows.stop - rows.start].transpose(2, 0, 1)

    write_geotiff(path, draw, RasterProfile((3, height, width), "uint8", scan.place, smooth=True))
