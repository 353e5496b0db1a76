"""`Layout`: how the files of a data set are arranged, and the functions that recognise, read and write them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pixelwise.data.dataset import Dataset


@dataclass(frozen=True)
class Layout:
    """One arrangement of a data set's files, such as that of COCO or Cityscapes.

    Parameters
    ----------
    title
        What the layout holds, in a line.
    read
        A function of `root`, the directory of the data set, and `images_root`, a directory outside of it in which the
        user allows images, or `None`. It returns the data set, and raises `DataError` for files that are no such data
        set. It reads lists and annotations, and no pixels. Ignore `images_root` unless your files name a folder to
        search; `open_dataset` refuses files outside of both directories.
    recognise
        Takes a directory and returns whether such a data set lies there, by looking at names and beginnings of files.
        `None`: the layout is read where it is asked for by its name, never unasked.
    write
        Takes a data set and a new or empty directory (see `pixelwise.data.writing.new_directory`). `None`: the layout
        is read only.

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
