"""Crops of samples in the memory of a device: the geometry and colours of a whole batch in one pass.

The `Changes` are those of a CPU, but they are applied to the source positions of pixels instead of to one array after
the other. Label maps are the same, except for rounding. Images are interpolated once, from four neighbours; the CPU
averages over more pixels where a crop is reduced, and interpolates twice where it is deformed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.nn.augment import elastic
from pixelwise.training.on_device.samples import DeviceSamples
from pixelwise.training.samples import Changes

Float64 = npt.NDArray[np.float64]


class Crops(NamedTuple):
    """A batch of crops: images uint8 (N, H, W, C), label maps uint8 (N, H, W) and, optionally, instance maps int32
    (N, H, W)."""

    images: torch.Tensor
    label_maps: torch.Tensor
    instance_maps: torch.Tensor | None


class _Side(NamedTuple):
    """For each pixel along a side of a canvas: its position in the image, the nearest pixel there, and whether it lies
    in the image. first, last: the range of pixels used by interpolation."""

    position: Float64
    nearest: npt.NDArray[np.int64]
    is_inside: npt.NDArray[np.bool_]
    first: int
    last: int


def cut_crops(
    samples: DeviceSamples, indices: Sequence[int], changes: Sequence[Changes], fill: tuple[int, ...]
) -> Crops:
    """Return a crop of each of the samples `indices`, changed by its `changes`; all crops have one size.

    fill: the colour outside the image, one value a channel.
    """
    device = samples.images.device
    plans = [_plan(samples.sizes[index], change) for index, change in zip(indices, changes, strict=True)]
    numbers = {
        name: torch.from_numpy(np.stack([plan[name] for plan in plans])).to(device, non_blocking=True)
        for name in plans[0]
    }
    start = torch.tensor([samples.starts[index] for index in indices], device=device).view(-1, 1, 1)
    height, width = torch.tensor([samples.sizes[index] for index in indices], device=device).view(-1, 2, 1, 1).unbind(1)
    turned = numbers["turned"].view(-1, 1, 1)

    def pair(kind: str) -> tuple[torch.Tensor, torch.Tensor]:
        """Return rows and columns, (N, H, W), from what belongs to the sides of the crops."""
        down, right = numbers[f"down_{kind}"][:, :, None], numbers[f"right_{kind}"][:, None, :]
        return torch.where(turned, right, down), torch.where(turned, down, right)

    rows, columns = pair("nearest")
    is_inside = (numbers["down_inside"][:, :, None] & numbers["right_inside"][:, None, :]).contiguous()
    exact_rows, exact_columns = pair("position")
    if "nodes" in numbers:
        down, right = _displacements(numbers, "nearest_basis")
        rows = _mirror((rows + down).round().long(), height)
        columns = _mirror((columns + right).round().long(), width)
        down, right = _displacements(numbers, "basis")
        exact_rows, exact_columns = _mirror(exact_rows + down, height), _mirror(exact_columns + right, width)
    place = start + rows * width + columns
    label_maps = samples.label_maps[place].masked_fill(~is_inside, IGNORE_INDEX)
    instance_maps = None
    if samples.instance_maps is not None:
        instance_maps = samples.instance_maps[place].masked_fill(~is_inside, 0)
    images = _interpolate(samples.images, start, (exact_rows, exact_columns), (height, width))
    images = torch.where(is_inside[..., None], images, images.new_tensor(fill))
    if "matrix" in numbers:
        images = _recolor(images, numbers["matrix"], numbers["gamma"])
    return Crops(images.to(torch.uint8), label_maps, instance_maps)


def _plan(size: tuple[int, int], changes: Changes) -> dict[str, npt.NDArray[np.generic]]:
    """Return the parameters of one crop of an image of `size`, along the sides of the rotated crop."""
    window = changes.window
    left, top, right, bottom = window.box_xyxy
    rows = _side((top, bottom), window.part[0], window.corner[0], window.size[0])
    columns = _side((left, right), window.part[1], window.corner[1], window.size[1])
    if window.flipped:
        columns = _reverse(columns)
    # Turned counter-clockwise, pixel (i, j) of the crop is (j, W - 1 - i) of the canvas, and so on.
    down, right_side = (rows, columns) if window.turns % 2 == 0 else (columns, rows)
    if window.turns in (1, 2):
        down = _reverse(down)
    if window.turns in (2, 3):
        right_side = _reverse(right_side)
    plan: dict[str, npt.NDArray[np.generic]] = {"turned": np.array(window.turns % 2 == 1)}
    for name, side in (("down", down), ("right", right_side)):
        plan[f"{name}_position"] = side.position.astype(np.float32)
        plan[f"{name}_nearest"] = side.nearest
        plan[f"{name}_inside"] = side.is_inside
    if changes.colors is not None:
        plan["matrix"] = np.array(changes.colors.matrix, np.float32).reshape(3, 4)
        plan["gamma"] = np.array(changes.colors.gamma, np.float32)
    if changes.bend is not None:
        count = math.isqrt(len(changes.bend.down))
        nodes = np.array([changes.bend.down, changes.bend.right], np.float32).reshape(2, count, count)
        turned = window.turns % 2 == 1
        plan["nodes"] = nodes.transpose(0, 2, 1) if turned else nodes
        lengths = (size[1], size[0]) if turned else size
        for name, side, length in (("down", down, lengths[0]), ("right", right_side, lengths[1])):
            plan[f"{name}_basis"] = _basis_at(side.position, length, count)
            plan[f"{name}_nearest_basis"] = _basis_at(side.nearest.astype(np.float64), length, count)
    return plan


def _side(box: tuple[float, float], part: int, corner: int, length: int) -> _Side:
    """Return what a canvas of `length` pixels shows along a side: the part `box` of an image, resized to `part`, at
    `corner`."""
    begin, end = box
    within = np.arange(length) - corner
    exact = begin + (within + 0.5) * ((end - begin) / part)
    first, last = int(begin), math.ceil(end) - 1
    nearest = np.floor(exact).astype(np.int64).clip(first, last)
    is_inside = (within >= 0) & (within < part)
    return _Side((exact - 0.5).clip(first, last), nearest, is_inside, first, last)


def _reverse(side: _Side) -> _Side:
    reverse = slice(None, None, -1)
    return side._replace(
        position=side.position[reverse], nearest=side.nearest[reverse], is_inside=side.is_inside[reverse]
    )


def _basis_at(positions: Float64, length: int, count: int) -> npt.NDArray[np.float32]:
    """Return the contribution of each node at positions along a side of an image, float32 (positions, nodes)."""
    basis = _node_basis(length, count)
    whole = np.arange(length)
    return np.stack([np.interp(positions, whole, basis[:, node]) for node in range(count)], axis=1).astype(np.float32)


@lru_cache(maxsize=64)
def _node_basis(length: int, count: int) -> Float64:
    return elastic.spline_basis(length, count)


def _displacements(numbers: dict[str, torch.Tensor], basis: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the displacements down and to the right of the source positions, (N, H, W) each."""
    field = torch.einsum("nik,ndkl,njl->ndij", numbers[f"down_{basis}"], numbers["nodes"], numbers[f"right_{basis}"])
    down, right = field.unbind(1)
    return down, right


def _mirror(position: torch.Tensor, side: torch.Tensor) -> torch.Tensor:
    """Return positions mirrored at the outermost pixels into 0..side - 1."""
    last = (side - 1).clamp(min=1)
    folded = (position.abs() % (2 * last) - last).abs()
    return torch.where(side > 1, last - folded, torch.zeros_like(folded))


def _interpolate(
    images: torch.Tensor,
    start: torch.Tensor,
    position: tuple[torch.Tensor, torch.Tensor],
    size: tuple[torch.Tensor, torch.Tensor],
) -> torch.Tensor:
    """Return the colours at positions (row, column), (N, H, W) each, float32 (N, H, W, C), rounded."""
    (row, column), (height, width) = position, size
    top, left = row.floor().long(), column.floor().long()
    down, across = (row - top)[..., None], (column - left)[..., None]
    bottom, right = torch.minimum(top + 1, height - 1), torch.minimum(left + 1, width - 1)

    def at(rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
        return images[start + rows * width + columns].float()

    upper = torch.lerp(at(top, left), at(top, right), across)
    lower = torch.lerp(at(bottom, left), at(bottom, right), across)
    return torch.lerp(upper, lower, down).round()


def _recolor(images: torch.Tensor, matrix: torch.Tensor, gamma: torch.Tensor) -> torch.Tensor:
    """Return images (N, H, W, 3) after colour matrices (N, 3, 4) and gammas (N,), rounded after each as on a CPU."""
    mixed = torch.einsum("nhwc,ndc->nhwd", images, matrix[:, :, :3]) + matrix[:, None, None, :, 3]
    mixed = (mixed + 0.5).floor().clamp(0, 255)
    return (255 * (mixed / 255) ** gamma.view(-1, 1, 1, 1)).round()
