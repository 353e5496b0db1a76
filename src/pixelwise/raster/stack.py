"""Stacks: files of several images. Page 7 of `volume.tif`, counted from 0, has the path `volume.tif/7`, and so has a
frame of an animated GIF, PNG or WebP.

So a page is named, told apart and reported like any image; whoever opens a file asks `split_page` where it lies.
"""

from __future__ import annotations

import os
from pathlib import Path

STACK_ENDINGS = (".tif", ".tiff")
"""Of TIFFs, in lower case."""


def page_path(stack: Path, page: int) -> Path:
    """Return the path of a page, counted from 0."""
    return stack / str(page)


def split_page(path: Path) -> tuple[Path, int]:
    """Return the file that holds an image, and its page there: 0 but for what `page_path` made."""
    if path.name.isdecimal() and os.path.isfile(path.parent):
        return path.parent, int(path.name)
    return path, 0
