"""Mistakes in what operations are given: each is a typed error that names the argument, none is torch's own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from pixelwise.core.errors import OptionError, ShapeError
from pixelwise.nn import layers
from pixelwise.nn.layers.padding import mirror_pad, pad_to_multiple

MAPS = torch.ones(1, 2, 4, 6)
MISTAKES: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "a plane for maps, pooled": (lambda: layers.max_pool(MAPS[0, 0]), ShapeError, r"features: found shape \(4, 6\)"),
    "a batch left out": (lambda: layers.average_pool(MAPS[0]), ShapeError, r"features: found shape \(2, 4, 6\)"),
    "no position": (lambda: layers.max_pool(MAPS[..., :0]), ShapeError, r"features: found shape \(1, 2, 4, 0\)"),
    "a large window": (lambda: layers.max_pool_with_indices(MAPS, 5), ShapeError, "window: found 5 on maps of 4x6"),
    "half a window": (lambda: layers.max_pool(MAPS, 1.5), OptionError, "window: found 1.5; expected a whole number"),
    "half a stride": (lambda: layers.average_pool(MAPS, 2, 0.5), OptionError, "stride: found 0.5"),
    "a plane, unpooled": (lambda: layers.nearest_unpool(MAPS[0, 0]), ShapeError, "features: found shape"),
    "a plane, nailed": (lambda: layers.bed_of_nails(MAPS[0]), ShapeError, "features: found shape"),
    "half a nail": (lambda: layers.bed_of_nails(MAPS, 1.5), OptionError, "window: found 1.5"),
    "a side for a size": (lambda: layers.bilinear_interpolation(MAPS, (8,)), OptionError, r"size: found \(8,\)"),
    "no size": (lambda: layers.bilinear_interpolation(MAPS, (8, 0)), OptionError, r"size: found \(8, 0\)"),
    "a plane, resized": (lambda: layers.bilinear_interpolation(MAPS[0], (8, 8)), ShapeError, "features: found shape"),
    "no channels": (lambda: layers.dilated_convolution(0, 2, dilation=1), OptionError, "in_channels: found 0"),
    "no stride": (lambda: layers.depthwise_convolution(2, stride=0), OptionError, "stride: found 0"),
    "half a kernel": (lambda: layers.depthwise_convolution(2, 2.5), OptionError, "kernel_size: found 2.5"),
    "no outputs": (lambda: layers.depthwise_separable_convolution(2, 0), OptionError, "out_channels: found 0"),
    "half a factor": (lambda: layers.BilinearUpsampling(2, 1.5), OptionError, "factor: found 1.5"),
    "no maps": (lambda: layers.BilinearUpsampling(0, 2), OptionError, "channels: found 0"),
    "half a side": (lambda: layers.bilinear_kernel(1.5), OptionError, "size: found 1.5"),
    "a border taken off": (lambda: mirror_pad(MAPS, -1, 0, 0, 0), OptionError, "top, bottom, left, right: found -1, 0"),
    "a plane, mirrored": (lambda: mirror_pad(MAPS[0], 1, 1, 1, 1), ShapeError, "image: found shape"),
    "no multiple": (lambda: pad_to_multiple(MAPS, 0), OptionError, "multiple: found 0"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named(mistake: str) -> None:
    call, error, message = MISTAKES[mistake]
    with pytest.raises(error, match=message):
        call()
