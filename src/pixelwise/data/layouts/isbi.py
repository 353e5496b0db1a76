"""Stacks of electron micrographs as in the ISBI 2012 challenge: membranes between cells, slice by slice.

Arganda-Carreras et al., "Crowdsourcing the creation of image segmentation algorithms for connectomics", Frontiers in
Neuroanatomy 2015, doi:10.3389/fnana.2015.00142. Either two TIFF files of equally many pages, `train-volume.tif` and
`train-labels.tif`, or folders of `0.png` to `29.png`. Labels: 0 = membrane, 255 = inside a cell.

Neighbouring slices look alike, so the held-out ones lie together: `test` is the last fifth, which is 24..29 of the
challenge's slices 0..29. There is no `val`: weights chosen on these six slices could no longer be measured on them. The
challenge's own test volume has no labels and is not read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from pixelwise.core.classes import ClassMap
from pixelwise.core.errors import DataError, ImageError
from pixelwise.core.text import quantity
from pixelwise.data.class_list import CLASS_LISTS
from pixelwise.data.dataset import Dataset, Item, Labels, mask_of
from pixelwise.data.layout import Layout
from pixelwise.data.masks.encoding import MaskEncoding
from pixelwise.data.masks.interpretation import infer_binary_encoding
from pixelwise.data.pairing import image_files, pair_masks
from pixelwise.data.splits import group_by_split
from pixelwise.raster.image import page_count, read_values
from pixelwise.raster.stack import STACK_ENDINGS, page_path

CLASSES = ClassMap(("membrane", "cell"), ((204, 51, 63), (160, 205, 235)))
ENCODING = MaskEncoding(CLASSES, {0: 0, 255: 1}, why="0 on membranes, 255 inside cells")
HELD_OUT = 5
"""One in this many slices is held out for the test."""
SLICES = 30
"""Slices of the challenge's labelled volume."""

VOLUME, LABELS = "train-volume", "train-labels"
FOLDERS = (("images", "labels"), ("image", "label"), ("train/image", "train/label"))
EXPECTED = "train-volume.tif and train-labels.tif, or images/ and labels/ with 0.png, 1.png ..."

_LABEL_WORD = re.compile(
    r"(^|[-_ ])(labels?|masks?|gt|seg|segmentation|annotations?|membranes?)($|[-_ ])", re.IGNORECASE
)


def is_isbi(root: Path) -> bool:
    """Return whether `root` holds one of the challenge's TIFF files, a pair of stacks like them, or its 30 PNGs.

    Numbers are common names of PNGs, so the first label must also hold 0 and 255 alone. A directory with a class list
    is something else.
    """
    if any((root / name).is_file() for name in CLASS_LISTS):
        return False
    stacks = _stacks(root)
    if any(stack.stem in (VOLUME, LABELS) for stack in stacks):
        return True
    try:
        if len(stacks) == 2 and sum(map(_has_label_name, stacks)) == 1:
            return all(page_count(stack) > 1 for stack in stacks)
        folders = _folders(root)
        return folders is not None and _are_slices(*folders)
    except ImageError:
        return False


def open_isbi(root: Path, images_root: Path | None = None) -> Dataset:
    """Read a pair of stacks or of folders. Objects are the cells, 4-connected, which are numbered when they are read.

    Raises `DataError` where one of the pair is missing or their numbers of pages differ, `ImageError` for a damaged
    stack.
    """
    stacks, folders = _stacks(root), _folders(root)
    items, strays = _pages(root, stacks) if stacks or folders is None else _files(*folders)
    first_test = len(items) - len(items) // HELD_OUT
    named = (("train" if i < first_test else "test", item) for i, item in enumerate(items))
    splits = group_by_split(
        named, draw_val=False
    )  # a val slice between training slices, which look alike, would flatter
    encoding = infer_binary_encoding(root, [item.mask for item in items if item.mask is not None], ENCODING)
    reader = partial(read_labels, encoding=encoding)
    return Dataset(
        root, "isbi", CLASSES, splits, reader, tuple(strays), mask_encoding=encoding, problems=encoding.problems
    )


def read_labels(item: Item, encoding: MaskEncoding = ENCODING) -> Labels:
    """Return an item's label map, and its cells, int32 (height, width): 4-connected components, 0 = membrane.

    Raises `ImageError` and `MaskError` as `MaskEncoding.read` does.
    """
    from pixelwise.instances.parts import label_components  # imports scipy, 0.1 s that other layouts do not need

    label_map = encoding.read(mask_of(item))
    return Labels(label_map, label_components(label_map == 1))


def _pages(root: Path, stacks: list[Path]) -> tuple[list[Item], list[Path]]:
    """Return an item for each page, in their order, and no stray label, since both stacks have as many pages."""
    labels = [stack for stack in stacks if _has_label_name(stack)]
    volumes = [stack for stack in stacks if not _has_label_name(stack)]
    if len(labels) != 1 or len(volumes) != 1:
        found = f"{_names(volumes)} and {_names(labels)} with labels"
        raise DataError(root, found, EXPECTED, "Put one stack and its labels there, and nothing beside them.")
    volume, label = volumes[0], labels[0]
    pages, label_pages = page_count(volume), page_count(label)
    if pages != label_pages:
        expected = f"{pages}, as many as {volume.name} has"
        raise DataError(label, quantity(label_pages, "page"), expected, "Export both stacks again from their source.")
    digits = len(str(pages - 1))
    labelled = [(page_path(volume, i), page_path(label, i)) for i in range(pages)]
    return [Item(f"{i:0{digits}d}", page, mask, mask) for i, (page, mask) in enumerate(labelled)], []


def _files(images: Path, labels: Path) -> tuple[list[Item], list[Path]]:
    """Return the slices in the order of their numbers, and the labels without a slice."""
    files, label_files = image_files(images), image_files(labels)
    others = [file for file in files if not file.stem.isdecimal()]
    if others:
        remedy = "Number the slices, or move this file elsewhere."
        raise DataError(others[0], "a name that is no number", "0.png, 1.png ...", remedy)
    masks = pair_masks(files, label_files)
    if not masks:
        raise DataError(labels, "no label of a slice", f"labels named as {files[0].name} is", "Copy the labels there.")
    digits = max(len(file.stem) for file in files)
    items = [Item(file.stem.zfill(digits), file, masks.get(file), masks.get(file)) for file in files]
    items.sort(key=lambda item: item.name)
    return items, sorted({*label_files} - {*masks.values()})


def _stacks(root: Path) -> list[Path]:
    """Return the TIFF files of `root`, without those of the challenge's test volume."""
    files = (file for file in image_files(root) if file.suffix.lower() in STACK_ENDINGS)
    return [file for file in files if not file.stem.lower().startswith("test")]


def _folders(root: Path) -> tuple[Path, Path] | None:
    pairs = ((root / images, root / labels) for images, labels in FOLDERS)
    return next(((a, b) for a, b in pairs if a.is_dir() and b.is_dir() and image_files(a)), None)


def _are_slices(images: Path, labels: Path) -> bool:
    """Return whether both folders hold 0.png to 29.png and nothing else, and the first label two values, 0 and 255."""
    expected = {f"{i}.png" for i in range(SLICES)}
    if any({file.name for file in image_files(folder)} != expected for folder in (images, labels)):
        return False
    return set(np.unique(read_values(labels / "0.png")).tolist()) == {0, 255}


def _has_label_name(stack: Path) -> bool:
    return _LABEL_WORD.search(stack.stem) is not None


def _names(files: Sequence[Path]) -> str:
    return ", ".join(file.name for file in files) or "no stack"


LAYOUT = Layout("stacks of micrographs: TIFF pairs or numbered PNGs", open_isbi, is_isbi)
