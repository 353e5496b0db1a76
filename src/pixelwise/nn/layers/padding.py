"""Padding with which a net of any stride takes images of any size, in training and in an exported graph."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from pixelwise.core.errors import OptionError
from pixelwise.nn.layers.arguments import are_sizes_known, require_counts, require_maps


def pad_to_multiple(image: torch.Tensor, multiple: int) -> torch.Tensor:
    """Pad (N, C, H, W) with zeros at the bottom and right until H and W are multiples of `multiple`.

    Zero is the mean colour of a normalised image. The top-left corner stays in place, so the net's sampling grid does
    not depend on the image's size. Raises `OptionError` for a multiple below 1.
    """
    require_counts("Give the net's last stride.", multiple=multiple)
    height, width = image.shape[-2:]
    # whole blocks first: sizes in an exported graph are then multiples of one symbol, which is far faster to trace
    rows, columns = (height + multiple - 1) // multiple, (width + multiple - 1) // multiple
    return F.pad(image, (0, columns * multiple - width, 0, rows * multiple - height))


def mirror_pad(image: torch.Tensor, top: int, bottom: int, left: int, right: int) -> torch.Tensor:
    """Extend (N, C, H, W) by mirroring it at its border, without repeating the border pixel: cb|abcd|cb.

    Unlike `torch.nn.functional.pad(mode="reflect")` the border may be wider than the image, which is then mirrored
    repeatedly; even an image of one pixel works. Raises `ShapeError` for anything but maps, `OptionError` for a
    negative border.
    """
    require_maps(image, "image")
    if are_sizes_known() and min(top, bottom, left, right) < 0:
        found = f"{top}, {bottom}, {left}, {right}"
        raise OptionError("top, bottom, left, right", found, "numbers of at least 0", "Crop by slicing instead.")
    height, width = image.shape[-2:]
    image = image.index_select(2, _mirrored_positions(height, top, bottom, image.device))
    return image.index_select(3, _mirrored_positions(width, left, right, image.device))


def _mirrored_positions(size: int, before: int, after: int, device: torch.device) -> torch.Tensor:
    """Return the positions (before + size + after,) int64 in 0..size-1 that a triangle wave of `size` visits."""
    reach = torch.arange(-before, size + after, device=device)
    period = (2 * reach[before + size - 1]).clamp(min=1)  # 2 * size - 2, as a tensor, so that a graph can contain it
    wave = reach.remainder(period)
    return torch.minimum(wave, period - wave)
