"""Stacks: files of several images. Page 7 of `volume.tif`, counted from 0, has the path `volume.tif/7`, and so has a
frame of an animated GIF, PNG or WebP.

So a page is named and reported like any other image; code that opens a file calls `split_page` first.
"""

from __future__ import annotations

import os
from pathlib import Path

STACK_ENDINGS = (".tif", ".tiff")
"""Endings of TIFFs, in lower case."""


def page_path(stack: Path, page: int) -> Path:
    """Return the path of a page, counted from 0."""
    return stack / str(page)


def split_page(path: Path) -> tuple[Path, int]:
    """Return the file that contains an image, and its page in the file: 0 except for paths of `page_path`."""
    if path.name.isdecimal() and os.path.isfile(path.parent):
        return path.parent, int(path.name)
    return path, 0
