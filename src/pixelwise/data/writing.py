"""Writing a data set: the whole directory appears, or nothing does."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pixelwise.core.errors import ImageError, OutputError
from pixelwise.core.files import output_errors
from pixelwise.core.temporary_files import temporary_path
from pixelwise.data.dataset import Item
from pixelwise.data.masks.encoding import is_gray
from pixelwise.raster.image import read_image, write_png
from pixelwise.raster.reader import open_reader
from pixelwise.raster.stack import split_page


@contextlib.contextmanager
def new_directory(out: Path) -> Iterator[Path]:
    """Yield a temporary directory beside `out`; on success it becomes `out`, on failure it is removed.

    The `write` of a layout writes its files there, so that `out` never holds half a data set.

    Parameters
    ----------
    out
        A directory that does not exist yet, or is empty.

    Yields
    ------
    temporary : pathlib.Path
        An empty directory to write into.

    Raises
    ------
    OutputError
        `out` is a file or not empty, or the disk does not take what is written.

    Examples
    --------
    >>> from pathlib import Path
    >>> with new_directory(Path("written")) as temporary:
    ...     _ = (temporary / "classes.txt").write_text("wall")
    >>> [path.name for path in Path("written").iterdir()]
    ['classes.txt']
    """
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        found = "a file" if out.is_file() else "a directory that is not empty"
        raise OutputError(out, found, "a new or empty directory", "Choose another `out` or empty this one.")
    target = out.resolve()
    with output_errors(out), temporary_path(target) as temporary:
        temporary.mkdir()
        yield temporary
        temporary.replace(target)


def copy_image(item: Item, folder: Path) -> Path:
    """Copy an item's image, byte for byte, into `folder` under the item's name; return the new path.

    A page of a stack becomes a PNG: a gray page of 8 or 16 bits with its values, any other page as 8 bits. Raises
    `ImageError` where there is no such image, or where the page cannot be read.
    """
    file, _ = split_page(item.image)
    if not os.path.isfile(file):
        raise ImageError(item.image, "no such file", "the image that a list names", "Correct the list.")
    if file != item.image:
        copied = folder / f"{item.name}.png"
        with open_reader(item.image) as reader:
            page = reader.read_whole()
        if page.dtype not in (np.uint8, np.uint16) or page.shape[2] > 1:
            page = read_image(item.image)
        gray = page.shape[2] == 1 or is_gray(page)
        write_png(copied, np.ascontiguousarray(page[..., 0]) if gray else page)
        return copied
    copied = folder / f"{item.name}{item.image.suffix}"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(item.image, copied)
    return copied
