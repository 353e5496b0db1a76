"""Image names that are valid on any file system and in any layout."""

from __future__ import annotations

import re
from dataclasses import replace

from pixelwise.core.text import file_name
from pixelwise.data.dataset import Dataset, Item
from pixelwise.data.references import distinct_names

MOST_BYTES = 200
"""Bytes of an image's name without its ending, at most: layouts add up to 30 bytes for the names of label files."""
_UNFIT = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
"""Control characters, such as line breaks, which lists cannot hold, and bytes that are no UTF-8, which annotations
cannot hold."""


def with_file_names(dataset: Dataset) -> Dataset:
    """Return the data set with images renamed whose names a list, annotation or file system cannot hold.

    A line break becomes `%0A`; a name that is too long is cut and ends in digits of its hash.
    """
    splits = {split: _rename(items) for split, items in dataset.splits.items()}
    return dataset if splits == dataset.splits else replace(dataset, splits=splits)


def _rename(items: tuple[Item, ...]) -> tuple[Item, ...]:
    names = [file_name(_UNFIT.sub(_percent, item.name), most=MOST_BYTES) for item in items]
    if all(item.name == name for item, name in zip(items, names, strict=True)):
        return items
    return tuple(replace(item, name=name) for item, name in zip(items, distinct_names(names), strict=True))


def _percent(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"%{code - 0xDC00 if 0xDC80 <= code <= 0xDCFF else code:02X}"
