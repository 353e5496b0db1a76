"""The Cell Tracking Challenge, in two dimensions: sequences of frames with ids of cells.

Maška et al., "The Cell Tracking Challenge: 10 years of objective benchmarking", Nature Methods 2023,
doi:10.1038/s41592-023-01879-y.

    DATA/
      01/t000.tif        01_ST/SEG/man_seg000.tif        01_GT/SEG/man_seg000.tif        02/ ...

`_ST`, the silver truth, marks every cell of every frame. `_GT`, the gold truth, was drawn by hand, in some sequences
for some of the cells only; it is read where there is no `_ST`. Frames that the truth does not mark are not read.
Neighbouring frames look alike, so `val` is the last of several sequences, or the last fifth of a single one.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from pixelwise.core.errors import DataError
from pixelwise.data.class_list import OBJECT_CLASSES
from pixelwise.data.dataset import Dataset, Item, Labels, mask_of
from pixelwise.data.layout import Layout
from pixelwise.data.masks.encoding import read_instance_map
from pixelwise.data.pairing import image_files
from pixelwise.data.problem import Problem
from pixelwise.data.splits import group_by_split
from pixelwise.raster.image import page_count

TRUTHS = ("ST", "GT")
"""The kinds of truth; the first that is there is read."""
HELD_OUT = 5
"""One in this many frames of a single sequence is held out."""
EXPECTED = "01/t000.tif with 01_ST/SEG/man_seg000.tif or 01_GT/SEG/man_seg000.tif"
_SEQUENCE = re.compile(r"\d\d")
_NUMBER = re.compile(r"(\d+)$")


def is_ctc(root: Path) -> bool:
    """Return whether `root` holds a sequence such as 01/ and its 01_ST/SEG/ or 01_GT/SEG/."""
    return any(_truths(sequence) for sequence in _sequences(root))


def open_ctc(root: Path, images_root: Path | None = None) -> Dataset:
    """Read the sequences. Raises `DataError` where no frame is marked, and for frames of several planes."""
    by_sequence: dict[str, list[Item]] = {}
    problems: list[Problem] = []
    for sequence in _sequences(root):
        for name, folder in list(_truths(sequence).items())[:1]:
            items, unmarked = _items(sequence, folder)
            by_sequence[sequence.name] = items
            if unmarked:
                total = unmarked + len(items)
                found = f"found {unmarked:,} of {total:,} frames that {sequence.name}_{name}/SEG/ leaves out"
                message = f"{found}; expected a file man_seg for each. These frames were not read; add their files."
                problems.append(Problem(sequence, "passed_over", message))
            if name == "GT":
                message = (
                    f"found the gold truth {sequence.name}_GT/ alone, which in some sequences marks only some of the "
                    f"cells; expected {sequence.name}_ST/, which marks all. Cells without a mark count as background."
                )
                problems.append(Problem(folder, "assumed", message))
    if not any(by_sequence.values()):
        raise DataError(root, "no frame with a file man_seg", EXPECTED, "Check the path.")
    sequences = [(name, items) for name, items in by_sequence.items() if items]
    pairs: list[tuple[str, Item]] = []
    for name, items in sequences:
        first_of_val = 0 if name == sequences[-1][0] else len(items)
        if len(sequences) == 1:
            first_of_val = len(items) - len(items) // HELD_OUT
        pairs += [("train" if place < first_of_val else "val", item) for place, item in enumerate(items)]
    return Dataset(root, "ctc", OBJECT_CLASSES, group_by_split(pairs), _read_labels, problems=tuple(problems))


def _read_labels(item: Item) -> Labels:
    """Return the labels of a frame: every cell is an object. Raises as `read_instance_map`."""
    instance_map = read_instance_map(mask_of(item))
    return Labels((instance_map > 0).astype(np.uint8), instance_map)


def _sequences(root: Path) -> list[Path]:
    return sorted(folder for folder in root.iterdir() if folder.is_dir() and _SEQUENCE.fullmatch(folder.name))


def _truths(sequence: Path) -> dict[str, Path]:
    folders = {name: sequence.with_name(f"{sequence.name}_{name}") / "SEG" for name in TRUTHS}
    return {name: folder for name, folder in folders.items() if folder.is_dir()}


def _items(sequence: Path, folder: Path) -> tuple[list[Item], int]:
    """Return the frames that have a file in the folder of the truth, and the number of the others."""
    masks = {int(number[1]): file for file in image_files(folder) if (number := _NUMBER.search(file.stem))}
    frames = [(int(number[1]), file) for file in image_files(sequence) if (number := _NUMBER.search(file.stem))]
    if frames and page_count(frames[0][1]) > 1:
        remedy = "Save the planes as files of their own: pixelwise segments images, not volumes."
        raise DataError(frames[0][1], "a frame of several planes", "frames of two dimensions", remedy)
    marked = [(number, file) for number, file in frames if number in masks]
    items = [Item(f"{sequence.name}_{file.stem}", file, masks[n], masks[n]) for n, file in marked]
    return items, len(frames) - len(items)


LAYOUT = Layout("Cell Tracking Challenge: `01/` with `01_ST/SEG/` or `01_GT/SEG/`", open_ctc, is_ctc)
