"""Draw the pictures of operations.md, every number from the operation itself: python docs/operations.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont

from pixelwise import ops
from pixelwise.render import UInt8, side_by_side, stacked
from pixelwise.scenes import scene

OUT = Path(__file__).parent / "operations"
CELL, GAP, TITLE = 68, 28, 26
"""Pixels of a number's square, between panels, and of a title's letters; the page shows the pictures at half size."""
PAPER, GRID, INK, FAINT = (255, 255, 255), (221, 226, 236), (38, 46, 66), (160, 168, 184)
POSITIVE, NEGATIVE = np.array((38, 98, 190)), np.array((214, 96, 40))
WINDOWS = ((0, 150, 136), (230, 126, 34), (142, 68, 173), (214, 51, 108))
Box = tuple[int, int, int, int]
"""Top row, left column, rows and columns of an outline."""

FOUR = torch.tensor([[1.0, 2], [3, 4]])
PLANE = torch.tensor([[1.0, 2, 7, 3], [4, 0, 5, 6], [9, 4, 0, 0], [8, 3, 0, 2]])
QUARTERS: tuple[Box, ...] = ((0, 0, 2, 2), (0, 2, 2, 2), (2, 0, 2, 2), (2, 2, 2, 2))
CORNERS: tuple[Box, ...] = ((0, 0, 1, 1), (0, 1, 1, 1), (1, 0, 1, 1), (1, 1, 1, 1))


def batch(plane: torch.Tensor) -> torch.Tensor:
    return plane[None, None]


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
    return side_by_side([_centred(picture, height, axis=0) for picture in pictures], GAP)


def in_a_column(*pictures: UInt8) -> UInt8:
    """Join pictures top to bottom, their middles above each other."""
    width = max(picture.shape[1] for picture in pictures)
    return stacked([_centred(picture, width, axis=1) for picture in pictures], GAP)


def save(name: str, picture: UInt8) -> None:
    framed = np.pad(picture, ((16, 16), (16, 16), (0, 0)), constant_values=255)
    Image.fromarray(framed).quantize(64, dither=Image.Dither.NONE).save(OUT / f"{name}.png", optimize=True)


def draw_pooling() -> None:
    before = panel(PLANE, "input", QUARTERS)
    maxima, indices = (result[0, 0] for result in ops.max_pool_with_indices(batch(PLANE)))
    where = panel(indices, "indices", CORNERS, color=False)
    save("max_pooling", in_a_row(before, arrow(), panel(maxima, "maxima", CORNERS), where))
    means = ops.average_pool(batch(PLANE))[0, 0]
    save("average_pooling", in_a_row(before, arrow(), panel(means, "means", CORNERS)))


@torch.no_grad()
def draw_convolution() -> None:
    impulse = torch.zeros(7, 7)
    impulse[3, 3] = 1
    responses = []
    for dilation in (1, 2, 3):
        layer = ops.dilated_convolution(1, 1, dilation=dilation)
        layer.weight.fill_(1)
        reach = ops.span(3, dilation)
        box: Box = ((7 - reach) // 2, (7 - reach) // 2, reach, reach)
        responses.append(panel(layer(batch(impulse))[0, 0], f"dilation {dilation}: spans {reach}", (box,), peak=2))
    save("dilated_convolution", in_a_row(panel(impulse, "input", peak=2), arrow(), *responses))

    separable = ops.depthwise_separable_convolution(3, 2)
    filters = [[[0, 0, 0], [0, 2, 0], [0, 0, 0]], [[0, 0, 0], [-1, 0, 1], [0, 0, 0]], [[0, 1, 0], [1, 1, 1], [0, 1, 0]]]
    separable[0].weight.copy_(torch.tensor(filters)[:, None])
    separable[1].weight.copy_(torch.tensor([[1, 1, 0], [0, -1, 1]])[..., None, None])
    planes = torch.tensor([[[1.0, 2, 3]] * 3, [[1, 1, 4], [1, 1, 4], [1, 1, 4]], [[0, 0, 0], [0, 2, 0], [0, 0, 0]]])
    middle = separable[0](planes[None])[0]
    rows = []
    for i in range(3):
        parts = panel(planes[i], f"channel {i + 1}"), panel(separable[0].weight[i, 0], f"filter {i + 1}", color=False)
        rows.append(in_a_row(*parts, arrow(), panel(middle[i], f"output {i + 1}")))
    save("depthwise_convolution", in_a_column(*rows))

    mixed = separable[1](middle[None])[0]
    inputs = in_a_column(*(panel(planes[i], f"channel {i + 1}") for i in range(3)))
    between = in_a_column(*(panel(middle[i], f"depthwise {i + 1}") for i in range(3)))
    outputs = in_a_column(panel(mixed[0], "1x1: first + second"), panel(mixed[1], "1x1: third - second"))
    save("depthwise_separable_convolution", in_a_row(inputs, arrow(), between, arrow(), outputs))


def draw_unpooling() -> None:
    before = panel(FOUR, "input", CORNERS)
    filled = panel(ops.nearest_unpool(batch(FOUR))[0, 0], "output", QUARTERS)
    nails = panel(ops.bed_of_nails(batch(FOUR))[0, 0], "output", QUARTERS)
    _, indices = ops.max_pool_with_indices(batch(PLANE))
    placed = panel(ops.max_unpool(batch(FOUR), indices)[0, 0], "output", QUARTERS)
    save("nearest_unpooling", in_a_row(before, arrow(), filled))
    save("bed_of_nails", in_a_row(before, arrow(), nails))
    where = panel(indices[0, 0], "indices of max pooling", CORNERS, color=False)
    save("max_unpooling", in_a_row(before, where, arrow(), placed))


def draw_upsampling() -> None:
    ramp = torch.tensor([[0.0, 12], [24, 36]])
    both = [
        panel(ops.bilinear_interpolation(batch(ramp), (4, 4), align_corners=aligned)[0, 0], title, peak=48)
        for aligned, title in ((False, "half-pixel centres"), (True, "aligned corners"))
    ]
    save("bilinear_interpolation", in_a_row(panel(ramp, "input", peak=48), arrow(), *both))

    kernel = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]])
    stamped = F.conv_transpose2d(batch(FOUR), batch(kernel), stride=2)[0, 0]
    stamps: tuple[Box, ...] = tuple((2 * row, 2 * column, 3, 3) for row in range(2) for column in range(2))
    parts = panel(FOUR, "input", CORNERS, 20), panel(kernel, "kernel", color=False)
    save("transposed_convolution", in_a_row(*parts, arrow(), panel(stamped, "stride 2", stamps, 20)))

    tiles = torch.tensor([[16.0, 32], [48, 64]])
    layer = ops.BilinearUpsampling(1, 2)
    inside: Box = (layer.crop, layer.crop, 4, 4)
    full = panel(layer(batch(tiles))[0, 0], "output, and its crop", (inside,), 80)
    weights = panel(16 * ops.bilinear_kernel(4), "16 x kernel", color=False)
    save("bilinear_upsampling", in_a_row(panel(tiles, "input", peak=80), weights, arrow(), full))


def draw_deconvolution() -> None:
    signal, blur = torch.tensor([[0.0, 0, 8, 8, 0, 4, 0, 0]]), torch.tensor([[1.0, 2, 1]]) / 4
    blurred = F.conv2d(batch(signal), batch(blur), padding=(0, 1))
    transposed = F.conv_transpose2d(blurred, batch(blur), padding=(0, 1))[0, 0]
    restored = ops.deconvolve(blurred, blur, padding=(0, 1))[0, 0].round(decimals=4).abs()
    before = in_a_column(panel(signal, "input x"), panel(blurred[0, 0], "convolution y = A x"))
    after = in_a_column(panel(transposed, "transposed convolution of y"), panel(restored, "deconvolution of y"))
    save("deconvolution", in_a_row(before, arrow(), after))

    gray = torch.from_numpy(scene(3).image[64:160, 100:196].mean(axis=2))
    side = torch.exp(-(torch.arange(-4, 5, dtype=torch.float64) ** 2) / (2 * 1.2**2))
    kernel = side[:, None] * side / side.sum() ** 2
    blurred = ops.convolve_circular(batch(gray), kernel)
    rounded = blurred.round()
    pictures = {
        "input": gray,
        "convolved": blurred[0, 0],
        "transposed": ops.convolve_circular(blurred, kernel.flip(0, 1))[0, 0],
        "deconvolved": ops.deconvolve_circular(blurred, kernel)[0, 0],
        "from 8 bits": ops.deconvolve_circular(rounded, kernel)[0, 0],
        "8 bits, regularised": ops.deconvolve_circular(rounded, kernel, regularisation=1e-3)[0, 0],
    }
    for title, plane in pictures.items():
        print(f"{title:28} RMS error {float((plane - gray).square().mean().sqrt()):.3g} grey levels")
    shown = [photo(plane, title) for title, plane in pictures.items()]
    save("deconvolution_of_an_image", in_a_column(in_a_row(*shown[:3]), in_a_row(*shown[3:])))


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


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    draw_pooling()
    draw_convolution()
    draw_unpooling()
    draw_upsampling()
    draw_deconvolution()
