"""`Layout`: how the files of a data set are arranged, and the functions that recognise, read and write them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pixelwise.data.dataset import Dataset

OTHER_LAYOUT = "Pass the directory that holds them, or leave `format` out to have the layout recognised."
"""The remedy where a directory has none of the files of the layout that the user named."""


@dataclass(frozen=True)
class Layout:
    """One arrangement of a data set's files, such as that of COCO or Cityscapes.

    Parameters
    ----------
    title
        What the layout holds, in a line.
    read
        Takes `root`, the directory of the data set, and `images_root`, a second directory whose files the user allows,
        or `None`. Returns the data set, and raises `DataError` where the files are no data set of this layout. Reads
        lists and annotations, but no pixels. Ignore `images_root` unless your files name a folder to search;
        `open_dataset` refuses files outside of both directories.
    recognise
        Takes a directory and returns whether a data set of this layout lies there, judged by the names and the
        beginnings of its files. `None`: the layout is read only where the user names it.
    write
        Takes a data set and a new or empty directory, and writes the data set there (see
        `pixelwise.data.writing.new_directory`). `None`: the layout cannot be written.

    Examples
    --------
    >>> from pathlib import Path
    >>> from pixelwise.core.classes import ClassMap
    >>> from pixelwise.data.dataset import Dataset, Item, labels_from_files
    >>> from pixelwise.data.splits import group_by_split
    >>> from pixelwise.raster.image import read_values
    >>> def read(root, images_root):
    ...     items = [(None, Item(file.stem, file, root / f"{file.stem}.mask.png")) for file in root.glob("*.jpg")]
    ...     classes = ClassMap.from_names(["background", "crack"])
    ...     return Dataset(root, "cracks", classes, group_by_split(items), labels_from_files(read_values))
    >>> cracks = Layout("photos of cracks, each with a .mask.png", read, lambda root: any(root.glob("*.mask.png")))
    >>> cracks.recognise(Path("photos"))
    False
    """

    title: str
    read: Callable[[Path, Path | None], Dataset]
    recognise: Callable[[Path], bool] | None = None
    write: Callable[[Dataset, Path], None] | None = None
