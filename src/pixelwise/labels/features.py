"""Features of images for the live head: maps of a frozen encoder at several strides, and colours.

Position j of a map of stride s stands at pixel s (j + 1) - 1 of the image, along rows and columns. That is where the
"same" padding of TensorFlow, which the encoder's weights were trained with, puts it (see `nn.encoders.padding`). In an
image that is enlarged to twice its size, the position is off by a quarter of a pixel. docs/experiments/labels.md
measures the choice of maps and weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from pixelwise.core.errors import ShapeError
from pixelwise.labels.boxes import Box, grow_box
from pixelwise.labels.strokes import UInt8
from pixelwise.nn.encoders import DEFAULT_ENCODER
from pixelwise.nn.encoders.base import Encoder
from pixelwise.nn.encoders.fusing import fuse_frozen
from pixelwise.nn.encoders.registry import build_pyramid
from pixelwise.nn.layers.padding import pad_to_multiple

Half = npt.NDArray[np.float16]
Float = npt.NDArray[np.float32]
Indices = npt.NDArray[np.integer]

STRIDE = 4
"""Stride of the finest map, in pixels of the encoder's input."""
LEVELS = ((3, 4, 2.0), (16, 4, 2.0), (24, 4, 2.0), (40, 8, 1.5), (112, 16, 1.0), (192, 32, 0.5), (320, 32, 0.25))
"""Channels, stride and weight of each map: colours, then maps of the encoder. The deepest maps have the most channels,
and locate edges least well."""
STAGES = (0, 1, 2, 4, 5, 6)
"""Stages of the encoder whose last maps are used."""
ENLARGED_PIXELS = 640 * 640
"""Images of at most this many pixels are enlarged to twice their size, so that the encoder resolves more."""
SIZE_UNIT = 32
"""The largest stride: regions start at its multiples, so that all tiles sample the image at the same positions."""
MARGIN = 32
"""Pixels around a tile whose features are stored with it; interpolation and the filter along edges need them."""
CONTEXT = 128
"""Pixels around a tile that the encoder sees as context."""
SIGNATURE = f"{DEFAULT_ENCODER}-4"
"""Everything that the maps depend on apart from the image: the encoder, and a number that is raised with each change of
this file."""


class ImageReader(Protocol):
    """Reads the pixels of an image, whole or in parts.

    Attributes
    ----------
    size
        Height and width in pixels.
    """

    @property
    def size(self) -> tuple[int, int]: ...

    def read(self, box_tlbr: Box) -> UInt8:
        """Return the pixels (h, w, C) of a box that lies inside the image."""
        ...


@dataclass(frozen=True)
class ArrayImage:
    """An image (H, W, C) uint8 in memory, as an `ImageReader`."""

    array: UInt8

    @property
    def size(self) -> tuple[int, int]:
        height, width = self.array.shape[:2]
        return height, width

    def read(self, box_tlbr: Box) -> UInt8:
        top, left, bottom, right = box_tlbr
        return self.array[top:bottom, left:right]


@dataclass(frozen=True)
class FeatureMaps:
    """The features of a region of an image.

    Attributes
    ----------
    box_tlbr
        The region in pixels of the image. It starts at multiples of `SIZE_UNIT`.
    levels
        Each map's stride and values, float16 (C, ceil(h / stride), ceil(w / stride)) of a region of h x w pixels, the
        finest first.
    guide
        uint8 (h, w, 3): the colours of the region. Predictions follow their edges.
    """

    box_tlbr: Box
    levels: tuple[tuple[int, Half], ...]
    guide: UInt8

    @property
    def channels(self) -> int:
        return sum(values.shape[0] for _, values in self.levels)

    @property
    def stride(self) -> int:
        """The stride of the finest map, in pixels of the image."""
        return self.levels[0][0]

    def columns(self, rows: Indices, columns: Indices) -> Float:
        """Return the features float32 (N, channels) at pixels of the image, interpolated between the positions of each
        map."""
        top, left, _, _ = self.box_tlbr
        parts = []
        for stride, values in self.levels:
            height, width = values.shape[1:]
            upper, lower, down = _neighbours(rows - top, stride, height)
            first, second, across = _neighbours(columns - left, stride, width)
            grid = values.transpose(1, 2, 0)
            above = grid[upper, first] * (1 - across) + grid[upper, second] * across
            below = grid[lower, first] * (1 - across) + grid[lower, second] * across
            parts.append(above * (1 - down) + below * down)
        return np.concatenate(parts, axis=1).astype(np.float32, copy=False)

    def mean(self) -> Float:
        """Return the mean of each channel, float32 (channels,)."""
        return np.concatenate([values.mean(axis=(1, 2), dtype=np.float32) for _, values in self.levels])

    def to_arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return the arrays that `from_arrays` takes, by name."""
        maps = {f"map{number}_stride{stride}": values for number, (stride, values) in enumerate(self.levels)}
        return {"box_tlbr": np.array(self.box_tlbr, np.int64), "guide": self.guide, **maps}

    @classmethod
    def from_arrays(cls, arrays: dict[str, npt.NDArray[np.generic]]) -> FeatureMaps:
        """Return the features that these arrays hold. Raises `KeyError` or `ValueError` where some are missing."""
        top, left, bottom, right = (int(value) for value in arrays["box_tlbr"])
        names = sorted(
            (name for name in arrays if name.startswith("map")), key=lambda name: int(name[3:].split("_")[0])
        )
        levels = tuple((int(name.rpartition("stride")[2]), arrays[name]) for name in names)
        return cls((top, left, bottom, right), levels, arrays["guide"])  # type: ignore[arg-type]


class FeatureExtractor:
    """Computes features of images with a frozen EfficientNet-Lite0 that was trained on ImageNet.

    Parameters
    ----------
    in_channels
        Channels of the images. A gray image is used as three equal channels. For other numbers than 3 the first
        convolution repeats its weights, as in a training.

    Raises
    ------
    MissingDependencyError
        The package of the weights is missing.
    """

    stride = STRIDE

    def __init__(self, in_channels: int = 3) -> None:
        self.in_channels = in_channels
        self.encoder, self._mean, self._std = build_frozen_encoder(in_channels)
        fuse_frozen(self.encoder)

    def __call__(self, image: UInt8) -> FeatureMaps:
        """Return the features of an image (H, W, C), computed at once."""
        height, width = _checked(image, self.in_channels).shape[:2]
        return self.compute(ArrayImage(image), (0, 0, height, width))

    def compute(self, image: ImageReader, tile_tlbr: Box, scale: int | None = None) -> FeatureMaps:
        """Return the features of a tile and of `MARGIN` pixels around it.

        The tile starts at multiples of `SIZE_UNIT`. The encoder sees `CONTEXT` pixels around it, where the image
        has them, at `scale`, 1 or 2, or as `choose_scale` says.
        """
        region, context = (grow_box(tile_tlbr, margin, image.size) for margin in (MARGIN, CONTEXT))
        pixels = _checked(image.read(context), self.in_channels)
        height, width = context[2] - context[0], context[3] - context[1]
        if pixels.shape[:2] != (height, width):
            found = f"{pixels.shape[0]}x{pixels.shape[1]} pixels of the image"
            raise ShapeError(
                "image", found, f"{height}x{width}", "Make `read` return exactly the box that is asked for."
            )
        guide = _three_channels(pixels)
        scale = choose_scale(image.size) if scale is None else scale
        with torch.inference_mode():
            levels = self._levels(guide if self.in_channels == 1 else pixels, guide, scale)
        inside = _crop(region, context)
        return FeatureMaps(region, tuple(_cut(level, inside) for level in levels), guide[inside].copy())

    def _levels(self, pixels: UInt8, guide: UInt8, scale: int) -> list[tuple[int, torch.Tensor]]:
        """Return the maps (C, h, w) of an image (H, W, C), each with its stride in pixels of the image.

        The image is enlarged by `scale` before the encoder sees it.
        """
        image = (_image_tensor(pixels, scale) - self._mean) / self._std
        padded = pad_to_multiple(image, SIZE_UNIT)
        maps = compute_maps(self.encoder, padded, _image_tensor(guide, scale) / 255)
        return [(stride // scale, values[0]) for (_, stride, _), values in zip(LEVELS, maps, strict=True)]


def build_frozen_encoder(in_channels: int) -> tuple[Encoder, torch.Tensor, torch.Tensor]:
    """Return the encoder, and the mean and standard deviation of its channels, float32 (1, C, 1, 1), in 0..255.

    Raises `MissingDependencyError` where the package of the weights is missing.
    """
    channels = 3 if in_channels == 1 else in_channels
    encoder = build_pyramid(DEFAULT_ENCODER, channels, pretrained=True).eval()
    encoder.freeze(encoder.strides[-1])
    repeats = -(-channels // 3)
    mean, std = (
        255 * torch.tensor(values * repeats)[:channels].view(1, -1, 1, 1) for values in (encoder.mean, encoder.std)
    )
    return encoder, mean, std


def choose_scale(size: tuple[int, int]) -> int:
    """Return at how many times its size (height, width) an image is seen."""
    return 2 if size[0] * size[1] <= ENLARGED_PIXELS else 1


def compute_maps(encoder: Encoder, image: torch.Tensor, colours: torch.Tensor) -> list[torch.Tensor]:
    """Return the maps (N, C, h, w) of `LEVELS`.

    Parameters
    ----------
    encoder
        An EfficientNet.
    image
        float32 (N, C, H, W), normalised, at the size at which the encoder sees it: H and W are multiples of
        `SIZE_UNIT`.
    colours
        float32 (N, 3, h, w), in 0..1; of an image that was padded, with or without the padding. Their map is the first.
    """
    net: Any = encoder.net
    values = net.bn1(net.conv_stem(image.contiguous(memory_format=torch.channels_last)))
    maps = [2 * average_positions(colours) - 1]
    for stage, block in enumerate(net.blocks[: STAGES[-1] + 1]):
        values = block(values)
        if stage in STAGES:
            maps.append(values)
    maps[1] = _at_stride_4(maps[1])
    return maps


@lru_cache(maxsize=4)
def shared_extractor(in_channels: int) -> FeatureExtractor:
    """Return the shared extractor for images of this number of channels; its weights never change."""
    return FeatureExtractor(in_channels)


def average_positions(image: torch.Tensor, stride: int = STRIDE) -> torch.Tensor:
    """Return means (N, C, ceil(H / stride), ceil(W / stride)) of (N, C, H, W), of `stride` pixels a side around the
    pixels stride (i + 1) - 1."""
    for axis in (2, 3):
        side = image.shape[axis]
        places = torch.arange((side + stride - 1) // stride * stride) + stride // 2
        image = image.index_select(axis, move_inside(places, side))
    return F.avg_pool2d(image, stride)


def move_inside(places: torch.Tensor, side: int) -> torch.Tensor:
    """Return places, int64 (n,), those beyond a side moved to its last one."""
    return torch.minimum(places, torch.arange(side)[-1:])  # a tensor, so that a graph can hold it


def channel_weights() -> Float:
    """Return the weight of each channel of the features, float32 (C,)."""
    channels, _, weights = zip(*LEVELS, strict=True)
    return np.repeat(np.array(weights, np.float32), channels)


def _neighbours(pixels: Indices, stride: int, count: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Float]:
    """Return the positions of a map before and after each pixel, of `count` positions, and the weight (N, 1) of the one
    after."""
    where = ((pixels + 1) / stride - 1).clip(0, count - 1)
    before = np.minimum(where.astype(np.int64), max(count - 2, 0))
    return before, np.minimum(before + 1, count - 1), (where - before).astype(np.float32)[:, None]


def _checked(image: UInt8, in_channels: int) -> UInt8:
    if image.ndim != 3 or image.dtype != np.uint8 or image.shape[2] != in_channels or 0 in image.shape:
        found = f"an array {image.shape} of {image.dtype}"
        expected = f"(H, W, {in_channels}) of uint8"
        raise ShapeError("image", found, expected, "Give all images the same channels, in 0..255.")
    return image


def _at_stride_4(values: torch.Tensor) -> torch.Tensor:
    """Return every second position of a map of stride 2, averaged with its neighbours with weights 1, 2, 1."""
    continued = F.pad(values, (0, 2, 0, 2), mode="replicate")
    return F.avg_pool2d(F.avg_pool2d(continued, 2, stride=1), 2, stride=1)[..., ::2, ::2][
        ..., : values.shape[-2] // 2, : values.shape[-1] // 2
    ]


def _image_tensor(pixels: UInt8, scale: int) -> torch.Tensor:
    """Return pixels (H, W, C) as float32 (1, C, scale * H, scale * W), in 0..255."""
    image = torch.from_numpy(np.array(pixels)).permute(2, 0, 1)[None].float()
    return image if scale == 1 else F.interpolate(image, scale_factor=scale, mode="bilinear")


def _crop(region: Box, context: Box) -> tuple[slice, slice]:
    """Return the rows and columns of `region`, counted from the start of `context`."""
    top, left = region[0] - context[0], region[1] - context[1]
    return slice(top, top + region[2] - region[0]), slice(left, left + region[3] - region[1])


def _cut(level: tuple[int, torch.Tensor], inside: tuple[slice, slice]) -> tuple[int, Half]:
    """Return the positions of a map that stand for the pixels `inside`, as float16."""
    stride, values = level
    rows, columns = (slice(part.start // stride, -(-part.stop // stride)) for part in inside)
    return stride, values[:, rows, columns].half().numpy().copy()


def _three_channels(pixels: UInt8) -> UInt8:
    """Return the first three channels of the pixels, as a copy; the last of one or two is repeated."""
    return pixels[..., np.minimum([0, 1, 2], pixels.shape[2] - 1)]
