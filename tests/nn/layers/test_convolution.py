"""Dilated, depthwise and depthwise separable convolution against plain numpy loops, and what they cost."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from pixelwise.core.errors import OptionError
from pixelwise.nn.layers import depthwise_convolution, depthwise_separable_convolution, dilated_convolution, span
from pixelwise.nn.models.blocks import SeparableConvBNReLU

CASES = [(3, 1, 1), (3, 2, 1), (3, 3, 2), (5, 2, 1), (1, 4, 1), (5, 1, 3)]
"""Kernel size, dilation, stride."""


def random(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def convolved_by_loops(planes: np.ndarray, weight: np.ndarray, dilation: int, stride: int) -> np.ndarray:
    """(C_in, H, W) and (C_out, C_in, k, k) -> (C_out, ceil(H / stride), ceil(W / stride)), zeros outside."""
    (height, width), k = planes.shape[1:], weight.shape[-1]
    out = np.zeros((len(weight), math.ceil(height / stride), math.ceil(width / stride)))
    for o, row, column in np.ndindex(out.shape):
        for i, r, c in np.ndindex(weight.shape[1:]):
            y, x = row * stride + dilation * (r - k // 2), column * stride + dilation * (c - k // 2)
            if 0 <= y < height and 0 <= x < width:
                out[o, row, column] += weight[o, i, r, c] * planes[i, y, x]
    return out


def weights(layer: nn.Module) -> int:
    return sum(parameter.numel() for parameter in layer.parameters())


@pytest.mark.parametrize(("k", "dilation", "stride"), CASES)
def test_each_convolution_is_its_loop(k: int, dilation: int, stride: int) -> None:
    """Within 1e-5: sums of up to 75 float32 products of magnitude 1."""
    planes = random(3, 7, 10)
    dilated = dilated_convolution(3, 2, k, dilation=dilation, stride=stride)
    depthwise = depthwise_convolution(3, k, dilation=dilation, stride=stride)
    separable = depthwise_separable_convolution(3, 2, k, dilation=dilation, stride=stride)
    with torch.no_grad():
        outputs = [layer(planes[None])[0].numpy() for layer in (dilated, depthwise, separable)]

    def by_loops(given: np.ndarray, filters: torch.Tensor, d: int = 1, s: int = 1) -> np.ndarray:
        return convolved_by_loops(given, filters.detach().numpy(), d, s)

    def a_filter_a_channel(layer: nn.Module) -> np.ndarray:
        return np.concatenate([by_loops(planes.numpy()[[i]], layer.weight[[i]], dilation, stride) for i in range(3)])

    across = by_loops(a_filter_a_channel(separable[0]), separable[1].weight)
    expected = [by_loops(planes.numpy(), dilated.weight, dilation, stride), a_filter_a_channel(depthwise), across]
    for ours, loops in zip(outputs, expected, strict=True):
        assert_allclose(ours, loops, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("k", "dilation", "pixels"), [(3, 1, 3), (3, 2, 5), (3, 6, 13), (5, 4, 17), (1, 9, 1)])
def test_the_span_is_how_far_an_impulse_spreads(k: int, dilation: int, pixels: int) -> None:
    assert span(k, dilation) == pixels
    impulse = torch.zeros(1, 1, 1, 41)
    impulse[..., 20] = 1
    layer = dilated_convolution(1, 1, k, dilation=dilation)
    nn.init.ones_(layer.weight)
    reached = layer(impulse).flatten().nonzero().flatten().tolist()
    assert reached == [20 + dilation * (tap - k // 2) for tap in range(k)]
    assert reached[-1] - reached[0] + 1 == pixels


@pytest.mark.parametrize(("k", "c_in", "c_out"), [(3, 96, 96), (3, 32, 64), (5, 16, 8)])
def test_what_a_separable_convolution_costs(k: int, c_in: int, c_out: int) -> None:
    """Every weight is used once a pixel, so at stride 1 the weights stand in the same ratio as the multiply-adds."""
    plain, separable = (
        weights(layer(c_in, c_out, k, dilation=1)) for layer in (dilated_convolution, depthwise_separable_convolution)
    )
    assert (plain, separable) == (k * k * c_in * c_out, c_in * (k * k + c_out))
    assert weights(depthwise_convolution(c_in, k)) == k * k * c_in
    assert separable / plain == pytest.approx(1 / c_out + 1 / k**2, rel=1e-12)


def test_dilation_costs_no_weights() -> None:
    assert weights(dilated_convolution(4, 6, dilation=1)) == weights(dilated_convolution(4, 6, dilation=12)) == 216


def test_the_nets_separable_block_keeps_the_names_that_weights_are_stored_under() -> None:
    shapes = {name: tuple(value.shape) for name, value in SeparableConvBNReLU(4, 6).state_dict().items()}
    norm = {f"2.{name}": (6,) for name in ("weight", "bias", "running_mean", "running_var")}
    assert shapes == {"0.weight": (4, 1, 3, 3), "1.weight": (6, 4, 1, 1)} | norm | {"2.num_batches_tracked": ()}


def test_kernels_that_make_no_sense_are_refused() -> None:
    with pytest.raises(OptionError, match="kernel_size: found 4; expected an odd number"):
        depthwise_convolution(3, 4)
    with pytest.raises(OptionError, match="dilation: found 0; expected a whole number of at least 1"):
        dilated_convolution(3, 3, dilation=0)
    with pytest.raises(OptionError, match="kernel_size: found -1; expected a whole number of at least 1"):
        depthwise_separable_convolution(3, 3, -1)
