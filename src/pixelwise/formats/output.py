"""Writing a data set: the whole directory appears, or nothing does."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from pixelwise.errors import ImageError, MaskError, OutputError
from pixelwise.formats.dataset import Item


@contextlib.contextmanager
def new_directory(out: Path) -> Iterator[Path]:
    """Yield a temporary directory beside `out`; on success it becomes `out`, on failure it is removed.

    Raises `OutputError` where `out` is a file or not empty, and where the disk does not take what is written.
    """
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        found = "a file" if out.is_file() else "a directory that is not empty"
        raise OutputError(out, found, "a new or empty directory", "Choose another --out or empty this one.")
    out = out.resolve()
    temporary = out.parent / f".{out.name}.{os.getpid()}"
    try:
        temporary.mkdir(parents=True)
        yield temporary
        temporary.replace(out)
    except OSError as error:
        remedy = "Free some space or choose another --out."
        raise OutputError(out, error.strerror or str(error), "a place that can be written", remedy) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def copy_image(item: Item, folder: Path) -> Path:
    """Copy an item's image, byte for byte, into `folder` under the item's name; return the new path.

    Raises `ImageError` where there is no such image.
    """
    if not item.image.is_file():
        raise ImageError(item.image, "no such file", "the image that a list names", "Correct the list.")
    copied = folder / f"{item.name}{item.image.suffix}"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(item.image, copied)
    return copied


def mask_of(item: Item) -> Path:
    """Return the item's mask file; raise `MaskError` where there is none."""
    if item.mask is None:
        raise MaskError(item.image, "no mask", "a mask with the same stem", "Add the mask or move the image elsewhere.")
    return item.mask
