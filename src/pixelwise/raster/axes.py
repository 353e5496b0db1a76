"""Which axes of an array the planes of a TIFF are, if their number and size leave a doubt.

A TIFF stores an array of three axes as pages of the last two axes, or as bands of one page. It does not state whether
the array was (bands, height, width) or (height, width, bands). By default tifffile writes the latter with a page for
each row of pixels.
"""

from __future__ import annotations

import os
from pathlib import Path

from pixelwise.raster.image import frame_count
from pixelwise.raster.stack import STACK_ENDINGS, split_page
from pixelwise.raster.tiff import image_pages, read_page

SMALL = 32
"""A side of at most this many pixels may be the axis of the bands, if there are more than twice as many planes."""


def describe_other_axes(planes: int, size: tuple[int, int], *, are_pages: bool) -> str | None:
    """Describe what a file with this number of planes of `size`, (height, width), may be instead, and how to store it
    then; return `None` if there is no doubt. are_pages: whether each plane is a page rather than a band of a page.

    Examples
    --------
    >>> describe_other_axes(200, (300, 5), are_pages=True).partition(", write")[0]
    'If it is an image of 200x300 (height x width) with 5 bands, (height, width, bands)'
    >>> describe_other_axes(5, (200, 300), are_pages=True) is None
    True
    """
    height, width = size
    side = min(height, width)
    if side > SMALL or planes <= max(SMALL, 2 * side):
        return None
    if width == side:
        shape, axes, remedy = (planes, height), "(height, width, bands)", "with `planarconfig='contig'` of tifffile"
    elif are_pages:
        shape, axes, remedy = (planes, width), "(height, bands, width)", "with the axis of the bands first"
    else:
        shape, axes, remedy = (width, planes), "(bands, height, width)", "with `planarconfig='separate'` of tifffile"
    image = f"an image of {shape[0]}x{shape[1]} (height x width) with {side} band{'s' if side > 1 else ''}, {axes}"
    return f"If it is {image}, write it again {remedy}."


def page_bands(path: Path) -> tuple[int, tuple[int, int]] | None:
    """Return the number and the (height, width) of the pages that are bands of one image if `bands` are given; `None`
    for a file whose bands are those of a page."""
    file, _ = split_page(path)
    page = read_page(file) if file == path and file.suffix.lower() in STACK_ENDINGS else None
    if page is None or page.samples > 1 or (count := len(image_pages(file))) < 2:
        return None
    return count, page.size


def describe_reading(path: Path) -> str | None:
    """Describe how a TIFF of doubtful axes is read if `bands` are given, what else it may be, and how to store it then;
    return `None` for other files."""
    if (pages := page_bands(path)) is not None:
        (count, size), are_pages = pages, True
    else:
        file, number = split_page(path)
        page = read_page(file, number) if file.suffix.lower() in STACK_ENDINGS else None
        if page is None:
            return None
        count, size, are_pages = page.samples, page.size, False
    if (other := describe_other_axes(count, size, are_pages=are_pages)) is None:
        return None
    each = ", a page each" if are_pages else ""
    return f"read as {count} bands of {size[0]}x{size[1]} (height x width){each}. {other}"


def count_unread(path: Path, *, as_bands: bool = False) -> int:
    """Return how many pages or frames of a file are left out when it is read as one image: none if it is a page of a
    file, or if its pages are bands (`as_bands`)."""
    file, _ = split_page(path)
    if file != path or not os.path.isfile(file) or (as_bands and page_bands(file) is not None):
        return 0
    is_tiff = file.suffix.lower() in STACK_ENDINGS
    return max(0, (len(image_pages(file)) if is_tiff else frame_count(file)) - 1)
