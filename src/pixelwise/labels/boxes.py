"""Boxes of pixels: unions, boxes around a pixel, and the tiles of an image."""

from __future__ import annotations

Box = tuple[int, int, int, int]
"""(top, left, bottom, right) in pixels, half open."""
TILE = 1024
"""Side, in pixels, of the tiles that the live model learns from and predicts."""


def union(one: Box | None, other: Box | None) -> Box | None:
    """Return the smallest box that contains both; `None` stands for no box."""
    if one is None or other is None:
        return one or other
    return min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3])


def shift(box_tlbr: Box, corner: tuple[int, int]) -> Box:
    """Return a box of a window in the coordinates of the image; `corner` is the (top, left) of the window."""
    top, left = corner
    return box_tlbr[0] + top, box_tlbr[1] + left, box_tlbr[2] + top, box_tlbr[3] + left


def grow_box(box_tlbr: Box, margin: int, size: tuple[int, int]) -> Box:
    """Return a box grown by `margin` pixels on each side, cut to an image of `size`."""
    top, left, bottom, right = box_tlbr
    return max(top - margin, 0), max(left - margin, 0), min(bottom + margin, size[0]), min(right + margin, size[1])


def box_around(pixel: tuple[int, int], size: tuple[int, int], image_size: tuple[int, int]) -> Box:
    """Return a box of `size` (height, width) around a pixel, moved and cut to lie within the image.

    Examples
    --------
    >>> box_around((1, 9), (4, 4), (100, 10))
    (0, 6, 4, 10)
    """
    height, width = min(size[0], image_size[0]), min(size[1], image_size[1])
    top = min(max(pixel[0] - height // 2, 0), image_size[0] - height)
    left = min(max(pixel[1] - width // 2, 0), image_size[1] - width)
    return top, left, top + height, left + width


def tile_boxes(size: tuple[int, int]) -> list[Box]:
    """Return the tiles of an image of `size` (height, width) in reading order. Sides are `TILE` pixels, or less at the
    right and the bottom.

    Examples
    --------
    >>> tile_boxes((1000, 1500))
    [(0, 0, 1000, 1024), (0, 1024, 1000, 1500)]
    """
    return cut_into_squares(size, TILE)


def cut_into_squares(size: tuple[int, int], side: int) -> list[Box]:
    """Return the squares of `side` pixels, or less at the right and the bottom, that make up an image of `size`
    (height, width), in reading order."""
    height, width = size
    return [
        (top, left, min(top + side, height), min(left + side, width))
        for top in range(0, height, side)
        for left in range(0, width, side)
    ]
