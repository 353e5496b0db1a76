"""Draw the pictures of reference/operations.md, every number from the operation itself: python docs/operations.py."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from drawing import Box, UInt8, arrow, in_a_column, in_a_row, panel, photo
from drawing import save as save_picture

from pixelwise.nn import layers
from pixelwise_scenes import scene

OUT = Path(__file__).parent / "reference" / "operations"
FOUR = torch.tensor([[1.0, 2], [3, 4]])
PLANE = torch.tensor([[1.0, 2, 7, 3], [4, 0, 5, 6], [9, 4, 0, 0], [8, 3, 0, 2]])
QUARTERS: tuple[Box, ...] = ((0, 0, 2, 2), (0, 2, 2, 2), (2, 0, 2, 2), (2, 2, 2, 2))
CORNERS: tuple[Box, ...] = ((0, 0, 1, 1), (0, 1, 1, 1), (1, 0, 1, 1), (1, 1, 1, 1))


def batch(plane: torch.Tensor) -> torch.Tensor:
    return plane[None, None]


def save(name: str, picture: UInt8) -> None:
    save_picture(OUT / f"{name}.png", picture)


def draw_pooling() -> None:
    before = panel(PLANE, "input", QUARTERS)
    maxima, indices = (result[0, 0] for result in layers.max_pool_with_indices(batch(PLANE)))
    where = panel(indices, "indices", CORNERS, color=False)
    save("max_pooling", in_a_row(before, arrow(), panel(maxima, "maxima", CORNERS), where))
    means = layers.average_pool(batch(PLANE))[0, 0]
    save("average_pooling", in_a_row(before, arrow(), panel(means, "means", CORNERS)))


@torch.no_grad()
def draw_convolution() -> None:
    impulse = torch.zeros(7, 7)
    impulse[3, 3] = 1
    responses = []
    for dilation in (1, 2, 3):
        layer = layers.dilated_convolution(1, 1, dilation=dilation)
        layer.weight.fill_(1)
        reach = layers.span(3, dilation)
        box: Box = ((7 - reach) // 2, (7 - reach) // 2, reach, reach)
        responses.append(panel(layer(batch(impulse))[0, 0], f"dilation {dilation}: spans {reach}", (box,), peak=2))
    save("dilated_convolution", in_a_row(panel(impulse, "input", peak=2), arrow(), *responses))

    separable = layers.depthwise_separable_convolution(3, 2)
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
    filled = panel(layers.nearest_unpool(batch(FOUR))[0, 0], "output", QUARTERS)
    nails = panel(layers.bed_of_nails(batch(FOUR))[0, 0], "output", QUARTERS)
    _, indices = layers.max_pool_with_indices(batch(PLANE))
    placed = panel(layers.max_unpool(batch(FOUR), indices, (4, 4))[0, 0], "output", QUARTERS)
    save("nearest_unpooling", in_a_row(before, arrow(), filled))
    save("bed_of_nails", in_a_row(before, arrow(), nails))
    where = panel(indices[0, 0], "indices of max pooling", CORNERS, color=False)
    save("max_unpooling", in_a_row(before, where, arrow(), placed))


def draw_upsampling() -> None:
    ramp = torch.tensor([[0.0, 12], [24, 36]])
    both = [
        panel(layers.bilinear_interpolation(batch(ramp), (4, 4), align_corners=aligned)[0, 0], title, peak=48)
        for aligned, title in ((False, "half-pixel centres"), (True, "aligned corners"))
    ]
    save("bilinear_interpolation", in_a_row(panel(ramp, "input", peak=48), arrow(), *both))

    kernel = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]])
    stamped = F.conv_transpose2d(batch(FOUR), batch(kernel), stride=2)[0, 0]
    stamps: tuple[Box, ...] = tuple((2 * row, 2 * column, 3, 3) for row in range(2) for column in range(2))
    parts = panel(FOUR, "input", CORNERS, 20), panel(kernel, "kernel", color=False)
    save("transposed_convolution", in_a_row(*parts, arrow(), panel(stamped, "stride 2", stamps, 20)))

    tiles = torch.tensor([[16.0, 32], [48, 64]])
    layer = layers.BilinearUpsampling(1, 2)
    inside: Box = (layer.crop, layer.crop, 4, 4)
    full = panel(layer(batch(tiles))[0, 0], "output, and its crop", (inside,), 80)
    weights = panel(16 * layers.bilinear_kernel(4), "16 x kernel", color=False)
    save("bilinear_upsampling", in_a_row(panel(tiles, "input", peak=80), weights, arrow(), full))


def draw_deconvolution() -> None:
    signal, blur = torch.tensor([[0.0, 0, 8, 8, 0, 4, 0, 0]]), torch.tensor([[1.0, 2, 1]]) / 4
    blurred = F.conv2d(batch(signal), batch(blur), padding=(0, 1))
    transposed = F.conv_transpose2d(blurred, batch(blur), padding=(0, 1))[0, 0]
    restored = layers.deconvolve(blurred, blur, padding=(0, 1))[0, 0].round(decimals=4).abs()
    before = in_a_column(panel(signal, "input x"), panel(blurred[0, 0], "convolution y = A x"))
    after = in_a_column(panel(transposed, "transposed convolution of y"), panel(restored, "deconvolution of y"))
    save("deconvolution", in_a_row(before, arrow(), after))

    gray = torch.from_numpy(scene(3).image[64:160, 100:196].mean(axis=2))
    side = torch.exp(-(torch.arange(-4, 5, dtype=torch.float64) ** 2) / (2 * 1.2**2))
    kernel = side[:, None] * side / side.sum() ** 2
    blurred = layers.convolve_circular(batch(gray), kernel)
    rounded = blurred.round()
    pictures = {
        "input": gray,
        "convolved": blurred[0, 0],
        "transposed": layers.convolve_circular(blurred, kernel.flip(0, 1))[0, 0],
        "deconvolved": layers.deconvolve_circular(blurred, kernel)[0, 0],
        "from 8 bits": layers.deconvolve_circular(rounded, kernel)[0, 0],
        "8 bits, regularised": layers.deconvolve_circular(rounded, kernel, regularisation=1e-3)[0, 0],
    }
    for title, plane in pictures.items():
        print(f"{title:28} RMS error {float((plane - gray).square().mean().sqrt()):.3g} grey levels")
    shown = [photo(plane, title) for title, plane in pictures.items()]
    save("deconvolution_of_an_image", in_a_column(in_a_row(*shown[:3]), in_a_row(*shown[3:])))


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    draw_pooling()
    draw_convolution()
    draw_unpooling()
    draw_upsampling()
    draw_deconvolution()
