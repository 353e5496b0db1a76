"""Data set layouts: recognised, read and written, one file a layout."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pixelwise.core.errors import DataError, OptionError
from pixelwise.data.allowed_paths import require_inside
from pixelwise.data.dataset import Dataset
from pixelwise.data.exif_orientation import orient_labels
from pixelwise.data.file_names import with_file_names
from pixelwise.data.layouts.camvid import is_camvid, open_camvid, write_camvid
from pixelwise.data.layouts.cityscapes import is_cityscapes, open_cityscapes, write_cityscapes
from pixelwise.data.layouts.coco import is_coco, open_coco, write_coco
from pixelwise.data.layouts.ctc import is_ctc, open_ctc
from pixelwise.data.layouts.cvat import is_cvat, open_cvat, write_cvat
from pixelwise.data.layouts.dsb import is_dsb, open_dsb, write_dsb
from pixelwise.data.layouts.folders import open_folders, write_folders
from pixelwise.data.layouts.isbi import is_isbi, open_isbi
from pixelwise.data.layouts.labelme import is_labelme, open_labelme, write_labelme
from pixelwise.data.layouts.loveda import is_loveda, open_loveda
from pixelwise.data.layouts.nnunet import is_nnunet, open_nnunet
from pixelwise.data.layouts.panoptic import is_panoptic, open_panoptic
from pixelwise.data.layouts.pets import is_pets, open_pets
from pixelwise.data.layouts.retina import is_retina, open_retina
from pixelwise.data.layouts.sunrgbd import is_sunrgbd, open_sunrgbd, open_sunrgbd13
from pixelwise.data.layouts.via import is_via, open_via
from pixelwise.data.layouts.voc import is_voc, open_voc, write_voc
from pixelwise.data.layouts.yolo import is_yolo, open_yolo, write_yolo
from pixelwise.data.other_class_lists import other_lists
from pixelwise.data.stratify import stratify_splits
from pixelwise.data.unrecognised import is_archive, kind_of_json

_READERS = {
    "camvid": open_camvid,
    "sunrgbd": open_sunrgbd,
    "sunrgbd13": open_sunrgbd13,
    "isbi": open_isbi,
    "cityscapes": open_cityscapes,
    "dsb": open_dsb,
    "voc": open_voc,
    "nnunet": open_nnunet,
    "ctc": open_ctc,
    "retina": open_retina,
    "pets": open_pets,
    "loveda": open_loveda,
    "panoptic": open_panoptic,
    "coco": open_coco,
    "yolo": open_yolo,
    "cvat": open_cvat,
    "labelme": open_labelme,
    "via": open_via,
    "folders": open_folders,
}
_WRITERS = {
    "camvid": write_camvid,
    "cityscapes": write_cityscapes,
    "dsb": write_dsb,
    "voc": write_voc,
    "coco": write_coco,
    "yolo": write_yolo,
    "cvat": write_cvat,
    "labelme": write_labelme,
    "folders": write_folders,
}
_SIGNS = {
    "camvid": is_camvid,
    "sunrgbd": is_sunrgbd,
    "isbi": is_isbi,
    "cityscapes": is_cityscapes,
    "dsb": is_dsb,
    "voc": is_voc,
    "nnunet": is_nnunet,
    "ctc": is_ctc,
    "retina": is_retina,
    "pets": is_pets,
    "loveda": is_loveda,
    "panoptic": is_panoptic,
    "coco": is_coco,  # whose files may lie beside those of the three before, as a copy that says less
    "yolo": is_yolo,  # which Ultralytics lays beside COCO's, as a copy that says less
    "cvat": is_cvat,
    "labelme": is_labelme,
    "via": is_via,
}
"""What tells a layout, the first that fits; `folders` is what remains."""
FORMATS = tuple(_READERS)
"""The names of the layouts that are read."""
WRITTEN_FORMATS = tuple(_WRITERS)
"""The names of those that are written too."""


def open_dataset(
    path: str | Path,
    format: str | None = None,
    bands: Sequence[int] | None = None,
    images_root: str | Path | None = None,
) -> Dataset:
    """Read the data set in a directory; its layout is recognised unless `format`, one of `FORMATS`, says it.

    `bands` are the numbers of the images' channels, counted from 1, where they are others than red, green and blue (see
    `Dataset.with_bands`). What annotations, lists and links name must lie under `path`, or under `images_root` where
    that is given. Raises `DataError` for a path that is no directory, for files that are no data set or lie elsewhere,
    `OptionError` for a format that does not exist and an `images_root` without effect, and what measuring the bands
    raises.
    """
    root = Path(path)
    if format is not None:
        _require_known(format, "format", FORMATS)
    if not os.path.isdir(root):
        raise _no_directory(root)
    if format is None:
        format = next((name for name, fits in _SIGNS.items() if fits(root)), "folders")
    other = None if images_root is None else Path(images_root)
    # YOLO's file names folders, which are searched: where they may lie is settled before
    dataset = open_yolo(root, other) if format == "yolo" else _READERS[format](root)
    problems = (*dataset.problems, *other_lists(dataset))
    dataset = replace(dataset, read_labels=orient_labels(dataset.read_labels), problems=problems)
    if other is not None:
        dataset = replace(dataset, images_root=other)
    require_inside(dataset, dataset.images_root)
    dataset = stratify_splits(dataset)
    return dataset if bands is None else dataset.with_bands(bands)


def write_dataset(dataset: Dataset, to: str, out: str | Path) -> None:
    """Write a data set in the layout `to`, one of `WRITTEN_FORMATS`, into `out`, a new or empty directory.

    Images get other names where file systems, lists or annotations do not take theirs (see `with_file_names`).

    Raises `OptionError` for a format that does not exist, `OutputError` for `out`, `DataError` where the layout
    cannot hold the classes, and `MaskError` or `ImageError` for a mask that cannot be read.
    """
    _require_known(to, "to", WRITTEN_FORMATS)
    _WRITERS[to](with_file_names(dataset), Path(out))


def _no_directory(path: Path) -> DataError:
    """Return the error for a path that is no directory, with what to pass instead."""
    expected = "a directory of images and masks"
    if not os.path.exists(path):
        return DataError(path, "no such directory", expected, "Check the path.")
    if not os.path.isfile(path):
        return DataError(path, "a pipe or device", expected, "Pass a directory.")
    if zipfile.is_zipfile(path) or is_archive(path.name):
        remedy = f"Unpack it, for example into {path.with_suffix('').name}/, and pass that directory."
        return DataError(path, "an archive", expected, remedy)
    kind = kind_of_json(path) if path.suffix.lower() == ".json" else None
    if kind is not None or path.suffix.lower() in (".yaml", ".yml", ".xml"):
        home = path.parent.parent if path.parent.name.lower() in ("annotations", "labels") else path.parent
        remedy = f"Pass the directory that holds it and its images: {home}."
        return DataError(path, kind or "a file of annotations", expected, remedy)
    return DataError(path, "a file", expected, "Pass the directory in which it lies.")


def _require_known(format: str, option: str, known: tuple[str, ...]) -> None:
    if format not in known:
        raise OptionError(option, repr(format), f"one of {', '.join(known)}", "Choose one of these.")
