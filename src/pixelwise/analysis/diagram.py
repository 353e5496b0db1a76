"""Drawing of a net: its stages as blocks, taller for more positions, wider for more channels."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from pixelwise.analysis.summary import StageSummary, Summary

SCALE = 2
"""Pixels of the picture for one unit of the lengths below."""
COLUMN, TALLEST, SHORTEST, DEPTH = 92, 230, 6, 7
"""Lengths: from the middle of a block to that of the next; the height of the block of a map as large as the image, and
the least height of a block; what a block grows in width with each doubling of its channels."""
MARGIN, TITLE, TEXT, LINE = 28, 17, 11, 16
PAPER, INK, FAINT = (255, 255, 255), (38, 46, 66), (120, 130, 146)
PARTS = ((64, 120, 192), (214, 120, 44), (46, 150, 110), (150, 84, 170), (190, 60, 96))
"""Colours of a net's parts, such as encoder and decoder, one after the other."""
UInt8 = npt.NDArray[np.uint8]


def draw_net(summary: Summary, title: str) -> UInt8:
    """Return a picture, uint8 (height, width, 3), of a net's stages from left to right as they run.

    The height of a block is in proportion to the side of its map; its width grows with the logarithm of its channels.
    Its channels, stride and receptive field, in pixels, stand below it.
    """
    stages = summary.stages
    heads = ("channels", "stride", "receptive field")
    left = MARGIN + math.ceil(max(_font(TEXT).getlength(head) for head in heads) / SCALE) + 16
    width = left + COLUMN * len(stages) + MARGIN
    axis = MARGIN + TITLE + 52 + TALLEST // 2
    below = axis + TALLEST // 2 + 18
    sheet = Image.new("RGB", (SCALE * width, SCALE * (below + (len(heads) + 2) * LINE + MARGIN)), PAPER)
    draw = ImageDraw.Draw(sheet)
    _write(draw, (MARGIN, MARGIN), title, size=TITLE, anchor="la")
    for row, head in enumerate(heads):
        _write(draw, (left - 12, below + (row + 1.5) * LINE), head, color=FAINT, anchor="rm")
    parts = list(dict.fromkeys(_part(stage) for stage in stages))
    for number, stage in enumerate(stages):
        middle = left + COLUMN * (number + 0.5)
        color = PARTS[parts.index(_part(stage)) % len(PARTS)]
        if number:
            _arrow(draw, middle - COLUMN / 2, axis)
        _block(draw, middle, axis, stage, color)
        for row, text in enumerate(_texts(stage)):
            _write(draw, (middle, below + (row + 1.5) * LINE), text)
        for line, text in enumerate(_split_name(stage.name)):
            _write(draw, (middle, axis - TALLEST / 2 - 30 + 13 * line), text, color=color)
    return np.array(sheet)


def _block(
    draw: ImageDraw.ImageDraw, middle: float, axis: float, stage: StageSummary, color: tuple[int, int, int]
) -> None:
    height = SHORTEST if stage.stride is None else max(SHORTEST, TALLEST / max(1.0, stage.stride))
    side = min(COLUMN - 30, max(4.0, DEPTH * math.log2(1 + stage.channels)))
    box = (middle - side / 2, axis - height / 2, middle + side / 2, axis + height / 2)
    light = tuple(round(0.3 * value + 0.7 * 255) for value in color)
    draw.rectangle([SCALE * value for value in box], fill=light, outline=color, width=2 * SCALE)


def _arrow(draw: ImageDraw.ImageDraw, x: float, y: float) -> None:
    draw.line([SCALE * value for value in (x - 9, y, x + 5, y)], fill=FAINT, width=SCALE)
    tip = ((x + 9, y), (x + 3, y - 4), (x + 3, y + 4))
    draw.polygon([(SCALE * a, SCALE * b) for a, b in tip], fill=FAINT)


def _texts(stage: StageSummary) -> tuple[str, str, str]:
    stride = "-" if stage.stride is None else f"{stage.stride:g}"
    return str(stage.channels), stride, "all" if stage.receptive_field is None else str(stage.receptive_field)


def _part(stage: StageSummary) -> str:
    return stage.name.partition(".")[0]


def _split_name(name: str) -> tuple[str, str]:
    """Return a stage's name in two short lines: the part of the net, and the path within it, shortened to fit."""
    part, _, rest = name.partition(".")
    rest = rest.removeprefix("net.")
    while rest and _font(TEXT).getlength(rest) > SCALE * (COLUMN - 6):
        rest = rest.removesuffix("…")[:-1] + "…"
    return part, rest


def _write(
    draw: ImageDraw.ImageDraw,
    at: tuple[float, float],
    text: str,
    *,
    size: int = TEXT,
    color: tuple[int, int, int] = INK,
    anchor: str = "mm",
) -> None:
    draw.text((SCALE * at[0], SCALE * at[1]), text, fill=color, font=_font(size), anchor=anchor)


def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(SCALE * size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise TypeError("Pillow without FreeType draws no text of this size")
    return font
