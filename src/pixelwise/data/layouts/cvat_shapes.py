"""The shapes in CVAT's XML files: their outlines, and the masks that are written.

https://docs.cvat.ai/docs/other/xml_format. The runs of a mask go row by row within its box, beginning with zeros.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from pixelwise.core.errors import MaskError
from pixelwise.data.annotation_files import format_value, shorten
from pixelwise.data.annotation_values import corners_in, finite_numbers
from pixelwise.data.shapes.annotations import box, ellipse, require_inside, rotate_ring, trace_rings
from pixelwise.instances.objects import Piece
from pixelwise.instances.polygons import Ring
from pixelwise.instances.rle import decode_mask, encode_mask

REGIONS = ("polygon", "box", "ellipse", "mask")
REDO = "Correct the shape in CVAT or delete it."


def mask_attributes(label: str, piece: Piece) -> dict[str, str]:
    """Return the attributes of the <mask> of an object."""
    height, width = piece.mask.shape
    places = {"left": piece.left, "top": piece.top, "width": width, "height": height}
    rle = ", ".join(map(str, encode_mask(piece.mask.T)))
    shared = {"label": label, "source": "auto", "occluded": "0", "rle": rle}
    return {**shared, **{key: str(value) for key, value in places.items()}, "z_order": "0"}


def rings_in(element: ElementTree.Element, size: tuple[int, int], where: str) -> list[Ring]:
    """Return the outlines of one of `REGIONS` in an image of `size` (height, width).

    Raises `MaskError`, which names `where`, for attributes that are missing or make no sense.
    """
    if element.tag == "polygon":
        pairs = [pair.split(",") for pair in element.get("points", "").split(";")]
        return [corners_in(pairs, where, "x,y;x,y ...", REDO)]
    if element.tag == "mask":
        left, top, width, height = map(int, numbers_in(element, ("left", "top", "width", "height"), where))
        require_inside((left, top, left + width, top + height), size, where)
        try:
            counts = [int(count) for count in element.get("rle", "").split(",")]
        except ValueError as error:
            raise MaskError(
                where, f"an rle that cannot be read ({shorten(str(error))})", "counts between commas", REDO
            ) from error
        return trace_rings(decode_mask(counts, (width, height), where).T, left, top)
    if element.tag == "box":
        ring = box(*numbers_in(element, ("xtl", "ytl", "xbr", "ybr"), where))
    else:
        cx, cy, rx, ry = numbers_in(element, ("cx", "cy", "rx", "ry"), where)
        ring = ellipse((cx, cy), (rx, ry))
    return [rotate_ring(ring, *numbers_in(element, ("rotation",), where, "0"))]


def numbers_in(element: ElementTree.Element, keys: Sequence[str], where: str, default: str = "") -> list[float]:
    """Return the numbers in attributes, `default` where one is missing; raise `MaskError` for what is no number."""
    numbers = finite_numbers([element.get(key, default) for key in keys])
    if numbers is None:
        found = ", ".join(f"{key}={format_value(element.get(key))}" for key in keys)
        raise MaskError(where, f"{found} in <{element.tag}>", "numbers", REDO)
    return numbers
