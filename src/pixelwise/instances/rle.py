"""COCO's run-length encoding of masks: the lengths of runs of pixels down the columns, the first of zeros.

Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014, arXiv:1405.0312, and its public mask code. In the
compressed form each count from the fourth on is stored as its difference from the count two places before. It is
written in groups of five bits, the lowest first, as characters from "0" on; a sixth bit says that another group
follows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.core.errors import MaskError
from pixelwise.instances.objects import Objects

Mask = npt.NDArray[np.bool_]
FIRST = ord("0")
"""The character of a group of zeros."""
BITS, MORE, SIGN = 5, 0x20, 0x10
"""Bits of a group, the bit that says that another group follows, and the sign bit of the last group."""
MAX_BITS = 60
"""Bits of a count at most; no image has as many pixels."""


def encode_mask(mask: Mask) -> list[int]:
    """Return the lengths of the runs of a mask, boolean (height, width), column by column. The first run is of zeros.

    Examples
    --------
    >>> encode_mask(np.array([[False, True], [True, True]]))
    [1, 3]
    """
    pixels = mask.ravel(order="F")
    ends = np.append(np.flatnonzero(pixels[1:] != pixels[:-1]) + 1, pixels.size)
    counts: list[int] = np.diff(ends, prepend=0).tolist()
    return [0, *counts] if pixels.size and pixels[0] else counts


def encode_objects(instance_map: npt.NDArray[np.int32], count: int) -> list[list[int]]:
    """Return the runs (see `encode_mask`) of each object of a map (height, width) with ids 1..count, in one pass."""
    pixels = instance_map.ravel(order="F")
    starts = np.flatnonzero(np.diff(pixels, prepend=-1))
    ends = np.append(starts[1:], pixels.size)
    ids = pixels[starts]
    order = np.argsort(ids, kind="stable")
    bounds = np.searchsorted(ids[order], np.arange(1, count + 2))
    runs = []
    for first, last in pairwise(bounds.tolist()):
        of_id = order[first:last]
        edges = np.append(np.stack([starts[of_id], ends[of_id]], axis=1).ravel(), pixels.size)
        lengths: list[int] = np.diff(edges, prepend=0).tolist()
        runs.append(lengths if lengths[-1] else lengths[:-1])
    return runs


def coco_annotations(objects: Objects) -> Iterator[dict[str, Any]]:
    """Yield COCO's fields of each object: category_id (its class index), bbox, and segmentation with its runs."""
    size = list(objects.instance_map.shape)
    boxes = objects.boxes_xyxy().tolist()
    for index, runs in enumerate(encode_objects(objects.instance_map, len(objects))):
        left, top, right, bottom = boxes[index]
        yield {
            "category_id": int(objects.class_index[index]),
            "bbox": [left, top, right - left, bottom - top],
            "segmentation": {"size": size, "counts": runs},
        }


def decode_mask(counts: Sequence[int] | str, size: tuple[int, int], where: str) -> Mask:
    """Return the mask, boolean of `size` (height, width), of COCO's `counts`, as numbers or compressed.

    Raises `MaskError`, which names `where`, for invalid counts and for counts of another number of pixels.
    """
    runs = decompress_counts(counts, where) if isinstance(counts, str) else list(counts)
    height, width = size
    if not all(isinstance(run, int) and abs(run) < 2**MAX_BITS for run in runs):
        found = "runs that are no numbers of pixels"
    elif min(runs, default=0) < 0 or sum(runs) != height * width:
        found = f"runs of {sum(runs)} pixels"
    else:
        ones = np.arange(len(runs)) % 2 == 1
        return np.repeat(ones, runs).reshape(width, height).T
    expected = f"runs of 0 or more that add up to {height}x{width}, {height * width} pixels"
    raise MaskError(where, found, expected, "Export the annotations again with the image's size.")


def compress_counts(counts: Sequence[int]) -> str:
    """Return the counts in the compressed form."""
    characters: list[str] = []
    for place, count in enumerate(counts):
        value, more = (count - counts[place - 2] if place > 2 else count), True
        while more:
            group, value = value & (MORE - 1), value >> BITS
            more = value != (-1 if group & SIGN else 0)
            characters.append(chr(FIRST + (group | MORE if more else group)))
    return "".join(characters)


def decompress_counts(text: str, where: str) -> list[int]:
    """Return the counts of the compressed form.

    Raises `MaskError`, which names `where`, for text that is no such form.
    """
    counts: list[int] = []
    value = shift = 0
    for character in text:
        group = ord(character) - FIRST
        if not 0 <= group < 2 * MORE:
            expected = "characters from 0 to o"
            raise MaskError(where, f"{character!r} in compressed runs", expected, "Export the annotations again.")
        value |= (group & (MORE - 1)) << shift
        shift += BITS
        if shift > MAX_BITS:
            raise MaskError(where, "a count of more than 60 bits in compressed runs", "fewer", "Export them again.")
        if not group & MORE:
            value -= (1 << shift) if group & SIGN else 0
            counts.append(value + counts[-2] if len(counts) > 2 else value)
            value = shift = 0
    if shift:
        raise MaskError(where, "compressed runs that break off", "a last character below P", "Export them again.")
    return counts
