"""The live model as one net: what a model file of it holds.

It computes what `FeatureExtractor`, `Head.probabilities` and `refine_along_edges` do, in operations that an exported
graph can have: maps are enlarged whole, all classes are refined at once, and windows are averaged by pooling.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from pixelwise.labels.features import (
    LEVELS,
    SIZE_UNIT,
    STRIDE,
    average_positions,
    build_frozen_encoder,
    compute_maps,
    move_inside,
)
from pixelwise.labels.head import Head
from pixelwise.labels.refinement import PAIRS, RADIUS, invert, solve_windows

LEAST = 1e-6
"""The least probability whose logarithm is a logit."""
NEVER = -1e4
"""The bias of a class that the head does not know: its probability is 0."""


class LiveNet(nn.Module):
    """uint8 images (N, H, W, C) -> float32 logits (N, K, H, W), logarithms of the live model's refined probabilities.

    Parameters
    ----------
    head
        A fitted head.
    in_channels
        Channels of the images.
    scale
        At how many times its size the encoder sees every image, 1 or 2.

    Raises
    ------
    MissingDependencyError
        The package of the encoder's weights is missing.
    """

    mean: torch.Tensor
    std: torch.Tensor
    first_bias: torch.Tensor
    last: torch.Tensor
    last_bias: torch.Tensor

    def __init__(self, head: Head, in_channels: int, scale: int) -> None:
        super().__init__()
        self.in_channels, self.scale, self.stride = in_channels, scale, STRIDE // scale
        self.encoder, mean, std = build_frozen_encoder(in_channels)
        self.members, _, self.num_classes = head.last.shape
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)
        weight, bias = head.folded()
        start = 0
        for number, (channels, _, _) in enumerate(LEVELS):
            self.register_buffer(f"first_{number}", weight[:, start : start + channels, None, None].contiguous())
            start += channels
        self.register_buffer("first_bias", bias[:, None, None])
        last, last_bias = head.last.transpose(1, 2).clone(), head.last_bias.clone()
        last[:, ~head.known], last_bias[:, ~head.known] = 0, NEVER
        self.register_buffer("last", last.flatten(0, 1)[..., None, None])
        self.register_buffer("last_bias", last_bias.flatten())

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        image = images.permute(0, 3, 1, 2).float()
        height, width = image.shape[-2:]
        guide = torch.cat([image[:, min(channel, self.in_channels - 1)][:, None] for channel in range(3)], dim=1)
        probabilities = self._probabilities(guide if self.in_channels == 1 else image, guide)
        rows, columns = ((side + self.stride - 1) // self.stride for side in (height, width))
        coefficients = fit_windows(probabilities[..., :rows, :columns], guide / 255, self.stride)
        refined = enlarge(coefficients[3], self.stride)[..., :height, :width]
        for channel in range(3):
            slope = enlarge(coefficients[channel], self.stride)[..., :height, :width]
            refined = refined + slope * (guide[:, channel : channel + 1] / 255)
        return refined.clamp(LEAST, 1.0).log()

    def _probabilities(self, image: torch.Tensor, guide: torch.Tensor) -> torch.Tensor:
        """Return the probabilities (N, K, h, w) at the positions of the finest maps, also a little beyond the image."""
        unit = SIZE_UNIT // self.scale
        inside = []
        for axis in (2, 3):
            side = image.shape[axis]
            # whole blocks first: sizes stay multiples of one symbol, which is far quicker to trace
            places = move_inside(torch.arange((side + unit - 1) // unit * unit), side)
            image, guide = image.index_select(axis, places), guide.index_select(axis, places)
            inside.append(torch.arange(self.scale * image.shape[axis]) < self.scale * side)
        if self.scale > 1:
            image = F.interpolate(image, scale_factor=self.scale, mode="bilinear")
            guide = F.interpolate(guide, scale_factor=self.scale, mode="bilinear")
        is_image = inside[0][:, None] & inside[1]
        maps = compute_maps(self.encoder, (image - self.mean) / self.std * is_image, guide / 255)
        hidden, above = self._hidden(maps, len(maps) - 1), LEVELS[-1][1]
        for number in range(len(maps) - 2, -1, -1):
            stride = LEVELS[number][1]
            if stride < above:
                hidden = enlarge(hidden, above // stride)
            hidden, above = hidden + self._hidden(maps, number), stride
        units = F.relu(hidden + self.first_bias)
        scores = F.conv2d(units, self.last, self.last_bias, groups=self.members)
        by_member = scores.view(-1, self.members, self.num_classes, *scores.shape[2:])
        return by_member.softmax(dim=2).mean(dim=1)

    def _hidden(self, maps: list[torch.Tensor], number: int) -> torch.Tensor:
        """Return what one of the maps adds to the hidden units."""
        return F.conv2d(maps[number], getattr(self, f"first_{number}"))


class ObjectNet(nn.Module):
    """uint8 images (N, H, W, C) -> float32 logits (N, K + 3, H, W) of an instance model whose objects are separated at
    their borders and narrow waists (`WAISTS`).

    The class of borders is not among the K classes: a border pixel belongs to the thing with the highest score there.
    The heat is the probability of the interior, relative to interior and border. The offsets are 0.

    Parameters
    ----------
    net
        The net that predicts the classes.
    things
        The classes that have objects, as the net numbers them.
    border
        The class that marks the border between objects, if there is one.
    """

    def __init__(self, net: LiveNet, things: Sequence[int], border: int | None) -> None:
        super().__init__()
        self.net, self.things, self.border = net, tuple(things), border

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        scores = self.net(images)
        if self.border is None:
            return torch.cat([scores, torch.ones_like(scores[:, :1]), torch.zeros_like(scores[:, :2])], dim=1)
        border = scores[:, self.border, None]
        best = scores[:, self.things].amax(dim=1, keepdim=True)
        classes = list(scores.split(1, dim=1))
        for thing in self.things:
            classes[thing] = classes[thing].maximum(border.where(classes[thing] == best, border.new_tensor(NEVER)))
        del classes[self.border]
        return torch.cat([*classes, (best - border).sigmoid(), torch.zeros_like(scores[:, :2])], dim=1)


def enlarge(maps: torch.Tensor, factor: int) -> torch.Tensor:
    """Return maps (N, C, h, w) enlarged, bilinear: (N, C, h * factor, w * factor).

    Position j of the result stands where position (j + 1) / factor - 1 of the maps does (see `features`). Before the
    first position its value goes on.
    """
    continued = F.pad(maps, (1, 0, 1, 0), mode="replicate")
    size = [side * factor + 1 for side in maps.shape[-2:]]
    return F.interpolate(continued, size=size, mode="bilinear", align_corners=True)[..., 1:, 1:]


def fit_windows(probabilities: torch.Tensor, guide: torch.Tensor, stride: int) -> list[torch.Tensor]:
    """Return the averaged coefficients of the guided filter (see `refinement`), of three colours and of 1: (N, K, h, w)
    each.

    Parameters
    ----------
    probabilities
        float32 (N, K, ceil(H / stride), ceil(W / stride)).
    guide
        Colours in 0..1, float32 (N, 3, H, W).
    stride
        Pixels between two positions.
    """
    colours = average_positions(guide, stride)
    radius = RADIUS // stride
    colour = [colours[:, channel : channel + 1] for channel in range(3)]
    mean_colour = [window_means(values, radius) for values in colour]
    covariance = [window_means(colour[i] * colour[j], radius) - mean_colour[i] * mean_colour[j] for i, j in PAIRS]
    mean = window_means(probabilities, radius)
    cross = [
        window_means(values * probabilities, radius) - mean_value * mean
        for values, mean_value in zip(colour, mean_colour, strict=True)
    ]
    coefficients = solve_windows(mean, cross, mean_colour, invert(covariance))
    return [window_means(values, radius) for values in coefficients]


def window_means(maps: torch.Tensor, radius: int) -> torch.Tensor:
    """Return the means of (N, C, h, w) over windows of 2 * radius + 1 positions a side, of those inside the map."""
    side = 2 * radius + 1
    down = F.avg_pool2d(maps, (side, 1), 1, (radius, 0), count_include_pad=False)
    return F.avg_pool2d(down, (1, side), 1, (0, radius), count_include_pad=False)
