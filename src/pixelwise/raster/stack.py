"""Stacks: files of several images. Page 7 of `volume.tif`, counted from 0, has the path `volume.tif/7`, and so has a
frame of an animated GIF, PNG or WebP.

So a page is named, told apart and reported like any image; whoever opens a file asks `located` where it lies. What
`labels.json` holds of `a.jpg` has the path `labels.json/a.jpg` in the same way.
"""

from __future__ import annotations

import os
from pathlib import Path

STACK_ENDINGS = (".tif", ".tiff")
"""Of TIFFs, in lower case."""
ANNOTATION_ENDINGS = (".json", ".xml")
"""Of files that may hold the labels of several images, in lower case."""


def page_path(stack: Path, page: int) -> Path:
    """Return the path of a page, counted from 0."""
    return stack / str(page)


def located(path: Path) -> tuple[Path, int]:
    """Return the file that holds an image, and its page there: 0 but for what `page_path` made."""
    stack = path.parent
    if path.name.isdecimal() and stack.suffix.lower() not in ANNOTATION_ENDINGS and os.path.isfile(stack):
        return stack, int(path.name)
    lists = (own for own in path.parents if own.suffix.lower() in ANNOTATION_ENDINGS and os.path.isfile(own))
    return next(lists, path), 0
