"""Pictures of planes of numbers, images and curves, for the pages of this folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from pixelwise.render import UInt8, join_column, join_row

CELL, GAP, TITLE = 68, 28, 26
"""Pixels of a number's square, between panels, and of a title's letters; the page shows the pictures at half size."""
PAPER, GRID, INK, FAINT = (255, 255, 255), (221, 226, 236), (38, 46, 66), (160, 168, 184)
POSITIVE, NEGATIVE = np.array((38, 98, 190)), np.array((214, 96, 40))
WINDOWS = ((0, 150, 136), (230, 126, 34), (142, 68, 173), (214, 51, 108))
Box = tuple[int, int, int, int]
"""Top row, left column, rows and columns of an outline."""
CURVES = ((38, 98, 190), (214, 96, 40), (0, 150, 136), (142, 68, 173))
CHART = (560, 300)
"""Width and height of a chart's area."""


def panel(
    values: torch.Tensor, title: str, outlines: tuple[Box, ...] = (), peak: float = 9.0, color: bool = True
) -> UInt8:
    """Draw a plane (H, W) as squares with their numbers, tinted by size up to `peak`, under its title."""
    rows, columns = values.shape
    font, head = _font(TITLE), 2 * TITLE
    wide = max(columns * CELL, int(font.getlength(title))) + 6
    left = (wide - columns * CELL) // 2
    sheet = Image.new("RGB", (wide, head + rows * CELL + 6), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((wide / 2, TITLE * 0.7), title, fill=INK, font=font, anchor="mm")
    for row, column in np.ndindex(rows, columns):
        value = float(values[row, column])
        x, y = left + column * CELL, head + row * CELL
        fill, ink = _tint(value / peak) if color else (PAPER, INK)
        draw.rectangle((x, y, x + CELL, y + CELL), fill=fill, outline=GRID, width=2)
        text = f"{value:.2f}".rstrip("0").rstrip(".")
        draw.text((x + CELL / 2, y + CELL / 2), text, fill=ink, font=_font(29 if len(text) < 4 else 23), anchor="mm")
    for number, (row, column, height, width) in enumerate(outlines):
        x, y = left + column * CELL, head + row * CELL
        corner = x + width * CELL - 3, y + height * CELL - 3
        draw.rounded_rectangle((x + 3, y + 3, *corner), 12, outline=WINDOWS[number % 4], width=5)
    return np.array(sheet)


def photo(pixels: torch.Tensor, title: str) -> UInt8:
    """Show a plane of 0..255 as a grey picture, three times as large, under its title."""
    gray = pixels.round().clamp(0, 255).numpy().astype(np.uint8)
    large = Image.fromarray(gray).resize((3 * gray.shape[1], 3 * gray.shape[0]), Image.Resampling.NEAREST)
    sheet = Image.new("RGB", (large.width, large.height + 2 * TITLE), PAPER)
    sheet.paste(large, (0, 2 * TITLE))
    draw = ImageDraw.Draw(sheet)
    draw.text((large.width / 2, TITLE * 0.7), title, fill=INK, font=_font(TITLE), anchor="mm")
    return np.array(sheet)


def arrow() -> UInt8:
    sheet = Image.new("RGB", (72, 2 * TITLE + 40), PAPER)
    draw, y = ImageDraw.Draw(sheet), 2 * TITLE + 20
    draw.line((4, y, 54, y), fill=FAINT, width=5)
    draw.polygon(((50, y - 12), (68, y), (50, y + 12)), fill=FAINT)
    return np.array(sheet)


def in_a_row(*pictures: UInt8) -> UInt8:
    """Join pictures left to right, their middles at one height."""
    height = max(len(picture) for picture in pictures)
    return join_row([_centred(picture, height, axis=0) for picture in pictures], GAP)


def in_a_column(*pictures: UInt8) -> UInt8:
    """Join pictures top to bottom, their middles above each other."""
    width = max(picture.shape[1] for picture in pictures)
    return join_column([_centred(picture, width, axis=1) for picture in pictures], GAP)


def picture(image: UInt8, title: str, times: int = 2) -> UInt8:
    """Show uint8 (height, width, 3), each side `times` as long, under its title."""
    large = np.repeat(np.repeat(image, times, axis=0), times, axis=1)
    wide = max(large.shape[1], int(_font(TITLE).getlength(title)) + 6)
    sheet = Image.new("RGB", (wide, large.shape[0] + 2 * TITLE), PAPER)
    sheet.paste(Image.fromarray(large), ((wide - large.shape[1]) // 2, 2 * TITLE))
    ImageDraw.Draw(sheet).text((wide / 2, TITLE * 0.7), title, fill=INK, font=_font(TITLE), anchor="mm")
    return np.array(sheet)


def heat(values: np.ndarray | torch.Tensor, title: str, times: int = 2) -> UInt8:
    """Show a plane (height, width) from white, its least, to blue, its largest value, in a thin frame."""
    plane = np.asarray(values, dtype=np.float64)
    share = (plane - plane.min()) / max(float(np.ptp(plane)), 1e-12)
    colors = 255 + share[..., None] * (POSITIVE - 255.0)
    large = np.repeat(np.repeat(np.rint(colors).astype(np.uint8), times, axis=0), times, axis=1)
    large[[0, -1]] = large[:, [0, -1]] = GRID
    return picture(large, title, times=1)


def curves(lines: Mapping[str, Sequence[float]], title: str, ends: tuple[str, str]) -> UInt8:
    """Draw values by their position, a line each with its name, under a title; the axis of values begins at 0.

    `ends` stand below the first and the last position.
    """
    width, height = CHART
    left, top, most = 110, 2 * TITLE + 10, max(max(line) for line in lines.values())
    sheet = Image.new("RGB", (left + width + 260, top + height + 40), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((sheet.width / 2, TITLE * 0.7), title, fill=INK, font=_font(TITLE), anchor="mm")
    for tick in range(5):
        y = top + height - height * tick / 4
        draw.line((left, y, left + width, y), fill=GRID, width=2)
        draw.text((left - 10, y), _amount(most * tick / 4), fill=FAINT, font=_font(20), anchor="rm")
    for x, end in zip((left, left + width), ends, strict=True):
        draw.text((x, top + height + 20), end, fill=FAINT, font=_font(20), anchor="mm")
    for number, (name, line) in enumerate(lines.items()):
        color = CURVES[number % len(CURVES)]
        xs = np.linspace(left, left + width, len(line))
        points = [(float(x), top + height * (1 - value / most)) for x, value in zip(xs, line, strict=True)]
        draw.line(points, fill=color, width=4, joint="curve")
        draw.text((left + width + 14, top + 20 + 34 * number), name, fill=color, font=_font(22), anchor="lm")
    return np.array(sheet)


def u_shape(down: Sequence[str], up: Sequence[str], across: str) -> UInt8:
    """Draw an encoder's maps on the left, downwards, and a decoder's on the right, upwards, a box with its text each.

    `across` stands over the arrow between the two boxes of a level. `up` has as many texts as `down`, or one fewer:
    then the lowest box stands in the middle. Both begin with the finest map.
    """
    wide, high, step, indent, width = 440, 68, 124, 30, 1330
    sheet = Image.new("RGB", (width, step * (len(down) - 1) + high + 20), PAPER)
    draw = ImageDraw.Draw(sheet)
    boxes: list[list[tuple[int, int]]] = [[], []]
    for side, texts in enumerate((down, up)):
        for level, text in enumerate(texts):
            x = indent * level if side == 0 else width - wide - indent * level
            if level == len(up):
                x = (width - wide) // 2
            y = 10 + step * level
            light = tuple(round(0.25 * part + 0.75 * 255) for part in CURVES[side])
            draw.rounded_rectangle((x, y, x + wide - 1, y + high), 10, fill=light, outline=CURVES[side], width=3)
            draw.text((x + wide / 2, y + high / 2), text, fill=INK, font=_font(27), anchor="mm")
            boxes[side].append((x, y))
    for (x, y), (lower, below) in pairwise(boxes[0]):
        _tip(draw, ((x + lower + wide) // 2, y + high), (0, below - y - high))
    rising = [*boxes[1], *(boxes[0][len(up) :])]
    for (x, y), (lower, below) in pairwise(rising):
        _tip(draw, ((x + lower + wide) // 2, below), (0, y + high - below))
    for (left, y), (right, _) in zip(*boxes, strict=False):
        _tip(draw, (left + wide, y + high // 2), (right - left - wide, 0))
        draw.text(((left + wide + right) / 2, y + high / 2 - 18), across, fill=INK, font=_font(24), anchor="mm")
    return np.array(sheet)


def _tip(draw: ImageDraw.ImageDraw, start: tuple[int, int], way: tuple[int, int]) -> None:
    """Draw an arrow from `start` along `way`, one of whose parts is 0; a little short of its end."""
    (x, y), (right, down) = start, way
    to_right, to_bottom = np.sign(right), np.sign(down)
    end = x + right - 6 * to_right, y + down - 6 * to_bottom
    draw.line((x, y, *end), fill=FAINT, width=4)
    back = end[0] - 16 * to_right, end[1] - 16 * to_bottom
    across = 10 * to_bottom, 10 * to_right
    corners = ((back[0] - across[0], back[1] - across[1]), end, (back[0] + across[0], back[1] + across[1]))
    draw.polygon([(float(a), float(b)) for a, b in corners], fill=FAINT)


def _amount(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


def save(path: Path | str, drawn: UInt8) -> None:
    """Write a drawing as a small PNG."""
    framed = np.pad(drawn, ((16, 16), (16, 16), (0, 0)), constant_values=255)
    Image.fromarray(framed).quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=size)


def _tint(share: float) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return a square's colour and its number's, for a value of -1..1 times the peak."""
    if abs(share) < 1e-6:
        return PAPER, FAINT
    strength = 0.12 + 0.8 * min(abs(share), 1.0)
    color = 255 + (np.where(share > 0, POSITIVE, NEGATIVE) - 255) * strength
    return tuple(color.round().astype(int).tolist()), PAPER if strength > 0.75 else INK


def _centred(picture: UInt8, length: int, axis: int) -> UInt8:
    missing = length - picture.shape[axis]
    borders = [(0, 0), (0, 0), (0, 0)]
    borders[axis] = (missing // 2, missing - missing // 2)
    return np.pad(picture, borders, constant_values=255)
