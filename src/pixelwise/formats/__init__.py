"""Data set layouts: recognised, read and written, one file a layout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pixelwise.errors import DataError, OptionError
from pixelwise.formats.dataset import Dataset
from pixelwise.formats.inside import require_inside
from pixelwise.formats.layouts.camvid import is_camvid, open_camvid, write_camvid
from pixelwise.formats.layouts.cityscapes import is_cityscapes, open_cityscapes, write_cityscapes
from pixelwise.formats.layouts.coco import is_coco, open_coco, write_coco
from pixelwise.formats.layouts.cvat import is_cvat, open_cvat, write_cvat
from pixelwise.formats.layouts.dsb import is_dsb, open_dsb, write_dsb
from pixelwise.formats.layouts.folders import open_folders, write_folders
from pixelwise.formats.layouts.isbi import is_isbi, open_isbi
from pixelwise.formats.layouts.labelme import is_labelme, open_labelme, write_labelme
from pixelwise.formats.layouts.sunrgbd import is_sunrgbd, open_sunrgbd, open_sunrgbd13
from pixelwise.formats.layouts.voc import is_voc, open_voc, write_voc
from pixelwise.formats.layouts.yolo import is_yolo, open_yolo, write_yolo

_READERS = {
    "camvid": open_camvid,
    "sunrgbd": open_sunrgbd,
    "sunrgbd13": open_sunrgbd13,
    "isbi": open_isbi,
    "cityscapes": open_cityscapes,
    "dsb": open_dsb,
    "voc": open_voc,
    "coco": open_coco,
    "yolo": open_yolo,
    "cvat": open_cvat,
    "labelme": open_labelme,
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
    "coco": is_coco,  # whose files may lie beside those of the three before, as a copy that says less
    "yolo": is_yolo,  # which Ultralytics lays beside COCO's, as a copy that says less
    "cvat": is_cvat,
    "labelme": is_labelme,
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
        _require_known(format, "--format", FORMATS)
    if not root.is_dir():
        found = "a file" if root.exists() else "no such directory"
        raise DataError(root, found, "a directory of images and masks", "Check the path.")
    if format is None:
        format = next((name for name, fits in _SIGNS.items() if fits(root)), "folders")
    dataset = _READERS[format](root)
    if images_root is not None:
        dataset = replace(dataset, images_root=Path(images_root))
    require_inside(dataset, dataset.images_root)
    return dataset if bands is None else dataset.with_bands(bands)


def write_dataset(dataset: Dataset, format: str, out: str | Path) -> None:
    """Write a data set in the layout `format`, one of `WRITTEN_FORMATS`, into `out`, a new or empty directory.

    Raises `OptionError` for a format that does not exist, `OutputError` for `out`, `DataError` where the layout
    cannot hold the classes, and `MaskError` or `ImageError` for a mask that cannot be read.
    """
    _require_known(format, "--to", WRITTEN_FORMATS)
    _WRITERS[format](dataset, Path(out))


def _require_known(format: str, option: str, known: tuple[str, ...]) -> None:
    if format not in known:
        raise OptionError(option, repr(format), f"one of {', '.join(known)}", "Choose one of these.")
