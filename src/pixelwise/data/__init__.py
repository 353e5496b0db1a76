"""Data sets of labelled images: opening a directory in any layout, and writing one in another.

`open_dataset` returns a `Dataset` (`dataset`), which `check` examines. Each layout, such as that of COCO, is one file
of `layouts`. `masks` decides what the values of mask files stand for, and `shapes` rasterizes outlines.
"""

from __future__ import annotations

import contextlib
import os
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from pixelwise.core.errors import DataError, ExtensionError, OptionError
from pixelwise.core.registry import extension_errors
from pixelwise.data.allowed_paths import require_inside
from pixelwise.data.dataset import Dataset, Item, Labels, require_sizes
from pixelwise.data.exif_orientation import orient_labels
from pixelwise.data.file_names import with_file_names
from pixelwise.data.layouts import LAYOUTS
from pixelwise.data.other_class_lists import find_conflicting_lists
from pixelwise.data.recognition import read_layout, read_recognised
from pixelwise.data.sparse_labels import PENDING, PROJECT
from pixelwise.data.stratify import stratify_splits
from pixelwise.data.unrecognised import is_archive, kind_of_json


def open_dataset(
    path: str | Path,
    format: str | None = None,
    bands: Sequence[int] | None = None,
    images_root: str | Path | None = None,
) -> Dataset:
    """Open the data set in a directory: its layout, classes and splits are recognised, and no image is read yet.

    Parameters
    ----------
    path
        The directory.
    format
        The name of its layout, such as `"coco"`; docs/reference/formats.md lists them. `None`: it is recognised.
    bands
        The numbers of the bands that become the images' channels, counted from 1 (see `Dataset.with_bands`). `None`:
        red, green and blue.
    images_root
        A second directory, outside of `path`, whose files annotations, lists and links may name.

    Returns
    -------
    Dataset

    Raises
    ------
    DataError
        `path` is no directory, its files are no data set, or they name files outside of `path` and `images_root`.
    ExtensionError
        The layout is one of another package, and fails.
    OptionError
        There is no such format, or no file of the data set lies in `images_root`.
    ImageError
        No image has these bands.
    MissingDependencyError
        rasterio, which reads bands, is not installed.

    Examples
    --------
    >>> import pixelwise as pw
    >>> data = pw.open_dataset("photos")
    >>> data.format, data.classes.names
    ('folders', ('background', 'square'))
    >>> {split: [item.name for item in items] for split, items in data.splits.items()}
    {'train': ['0', '1', '2', '3'], 'val': ['4', '5']}
    """
    root = Path(path)
    if format is not None:
        LAYOUTS[format]  # an unknown name is an error, whatever the path
    if not os.path.isdir(root):
        raise _directory_error(root)
    _require_written(root)
    second_root = None if images_root is None else Path(images_root)
    dataset = read_recognised(root, second_root) if format is None else read_layout(format, root, second_root)
    problems = (*dataset.problems, *find_conflicting_lists(dataset))
    dataset = replace(dataset, read_labels=orient_labels(dataset.read_labels), problems=problems)
    if second_root is not None:
        dataset = replace(dataset, images_root=second_root)
    require_inside(dataset, dataset.images_root)
    dataset = stratify_splits(dataset)
    return dataset if bands is None else dataset.with_bands(bands)


def _require_written(root: Path) -> None:
    """Raise `DataError` for a project of the studio in which some masks still have the class indices of before the last
    change of its classes."""
    if (root / PROJECT / PENDING).is_file():
        remedy = "Wait until the studio has written them. After a crash, open the project once with `pixelwise studio`."
        found = "masks that the studio has not rewritten since the last change of the classes"
        raise DataError(root, found, "masks with the indices of the present classes", remedy)


def write_dataset(dataset: Dataset, to: str, out: str | Path) -> None:
    """Write a data set in the layout `to`, one of `written_layouts`, into `out`, a new or empty directory.

    Images whose names a file system, list or annotation cannot hold are renamed (see `with_file_names`).

    Raises `OptionError` for a layout that does not exist or is read only, `OutputError` where `out` cannot be written,
    `DataError` where the layout cannot hold the classes, and `MaskError` or `ImageError` for a mask that cannot be
    read, or whose instance map has another size.
    """
    if to not in LAYOUTS:
        raise LAYOUTS.unknown(to, "to", written_layouts())
    write = LAYOUTS[to].write
    if write is None:
        found = f"{to!r}, a layout that can be read but not written"
        raise OptionError("to", found, f"one of {', '.join(written_layouts())}", "Choose one of these.")
    with extension_errors(LAYOUTS.origin(to), "`write` to write the data set"):
        write(with_file_names(replace(dataset, read_labels=partial(_read_labels_of_one_size, dataset))), Path(out))


def _read_labels_of_one_size(dataset: Dataset, item: Item) -> Labels:
    """Return an item's labels. Raises `MaskError` where the label map and the instance map have different sizes; labels
    that agree with each other and not with the image are for `check` to report."""
    labels = dataset.read_labels(item)
    if labels.instance_map is not None and labels.instance_map.shape != labels.label_map.shape:
        require_sizes(item, labels, dataset.image_size(item))
    return labels


def written_layouts() -> list[str]:
    """Return the names of the layouts that `write_dataset` writes, without those of other packages that cannot be
    loaded."""
    names = []
    for name in LAYOUTS:
        with contextlib.suppress(ExtensionError):  # raised where that layout is used
            if LAYOUTS[name].write is not None:
                names.append(name)
    return names


def _directory_error(path: Path) -> DataError:
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
        folder = path.parent.parent if path.parent.name.lower() in ("annotations", "labels") else path.parent
        remedy = f"Pass the directory that holds it and its images: {folder}."
        return DataError(path, kind or "a file of annotations", expected, remedy)
    return DataError(path, "a file", expected, "Pass the directory in which it lies.")
