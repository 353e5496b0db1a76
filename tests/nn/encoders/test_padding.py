"""TensorFlow's "same" padding with fixed amounts: those of its formula, and timm's maps from timm's weights."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import timm
import torch
import torch.nn.functional as F
from timm.layers.conv2d_same import Conv2dSame
from torch import nn
from torch.testing import assert_close

from pixelwise.analysis.receptive_field import trace_without_border
from pixelwise.nn.encoders.base import Encoder
from pixelwise.nn.encoders.fusing import FusedConv2d, fuse_frozen
from pixelwise.nn.encoders.padding import SamePaddedConv2d, fix_same_padding, pad_symmetrically
from pixelwise.nn.encoders.registry import build_encoder
from pixelwise.nn.encoders.timm import PACKAGED

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize(
    ("kernel", "stride", "dilation", "before", "after"),
    [
        (3, 2, 1, (0, 0), (1, 1)),
        (5, 2, 1, (1, 1), (2, 2)),
        (7, 2, 1, (2, 2), (3, 3)),
        (7, 4, 1, (1, 1), (2, 2)),
        (2, 2, 1, (0, 0), (0, 0)),
        (1, 2, 1, (0, 0), (0, 0)),  # fewer taps than the stride: nothing to pad
        (3, 1, 1, (1, 1), (1, 1)),
        (3, 1, 2, (2, 2), (2, 2)),
        ((3, 5), 2, 1, (0, 1), (1, 2)),
    ],
)
def test_the_amounts_are_those_of_the_formula_on_multiples_of_the_stride(
    kernel: Any, stride: int, dilation: int, before: tuple[int, int], after: tuple[int, int]
) -> None:
    padded = SamePaddedConv2d(nn.Conv2d(1, 1, kernel, stride, dilation=dilation))
    assert (padded.before, padded.after) == (before, after)


def same_convolution(row: npt.NDArray[np.float64], taps: npt.NDArray[np.float64], stride: int) -> list[float]:
    """Return what TensorFlow's documentation says a "same" convolution of one row gives, tap by tap."""
    count = math.ceil(len(row) / stride)
    total = max((count - 1) * stride + len(taps) - len(row), 0)
    result = []
    for position in range(count):
        first = position * stride - total // 2
        inside = [(tap, first + i) for i, tap in enumerate(taps) if 0 <= first + i < len(row)]
        result.append(sum(float(tap * row[index]) for tap, index in inside))
    return result


@pytest.mark.parametrize(("kernel", "stride"), [(3, 2), (5, 2), (4, 2), (3, 3), (7, 4)])
def test_values_are_those_of_the_formula_tap_by_tap(kernel: int, stride: int) -> None:
    rng = np.random.default_rng(kernel)
    row, taps = rng.integers(-9, 9, 12).astype(float), rng.integers(-9, 9, kernel).astype(float)
    convolution = nn.Conv2d(1, 1, (1, kernel), (1, stride), bias=False)
    convolution.weight = nn.Parameter(torch.tensor(taps, dtype=torch.float32).view(1, 1, 1, kernel))
    given = SamePaddedConv2d(convolution)(torch.tensor(row, dtype=torch.float32).view(1, 1, 1, -1))
    assert given.flatten().tolist() == same_convolution(row, taps, stride)


def test_weights_learn_by_the_gradients_of_a_padded_image() -> None:
    """On a CPU the taps are extended by zeros, which must learn nothing: gradients are those of padding the image."""
    torch.manual_seed(0)
    plain = nn.Conv2d(4, 4, 5, 2, groups=4)
    padded, image = SamePaddedConv2d(plain), torch.randn(2, 4, 16, 8)
    expected = F.conv2d(F.pad(image, (1, 2, 1, 2)), plain.weight, plain.bias, 2, groups=4)
    assert_close(padded(image), expected)
    signal = torch.randn_like(expected)
    wanted = torch.autograd.grad(expected, [plain.weight, plain.bias], signal)
    assert_close(torch.autograd.grad(padded(image), [padded.weight, padded.bias], signal), wanted)


def test_the_replaced_convolutions_keep_names_and_weights() -> None:
    net = nn.Sequential(Conv2dSame(3, 4, 3, 2), nn.ModuleDict({"inner": Conv2dSame(4, 4, 5, 2, groups=4, bias=False)}))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    fix_same_padding(net)
    assert not any(isinstance(layer, Conv2dSame) for layer in net.modules())
    assert sum(isinstance(layer, SamePaddedConv2d) for layer in net.modules()) == 2
    assert_close(net.state_dict(), before, rtol=0, atol=0)


def test_a_dilated_convolution_keeps_the_padding_that_it_works_out() -> None:
    net = nn.Sequential(Conv2dSame(1, 1, 3, 2, dilation=2))
    fix_same_padding(net)
    assert type(net[0]) is Conv2dSame


def maps_of(net: nn.Module, image: torch.Tensor) -> list[torch.Tensor]:
    with torch.no_grad():
        maps: list[torch.Tensor] = net.eval()(image)
    return maps


def assert_same_maps(ours: list[torch.Tensor], theirs: list[torch.Tensor]) -> None:
    """Equal to 1e-5 of each map's largest value: some roundings, since torch may add in another order."""
    assert len(ours) == len(theirs)
    for actual, expected in zip(ours, theirs, strict=True):
        scale = expected.abs().max()
        assert scale > 0
        assert_close(actual / scale, expected / scale, atol=1e-5, rtol=0)


@pytest.mark.parametrize("output_stride", [None, 16, 8])
@pytest.mark.parametrize("name", ["efficientnet_lite0", "efficientnet_lite1"])
def test_packaged_nets_give_timms_maps_on_even_sizes(name: str, output_stride: int | None) -> None:
    encoder = build_encoder(name, pretrained=True, output_stride=output_stride)
    theirs = timm.create_model(PACKAGED[name].architecture, features_only=True, output_stride=output_stride)
    theirs.load_state_dict(encoder.net.state_dict())
    generator = torch.Generator().manual_seed(0)
    for size in [(64, 64), (96, 160), (224, 352), *([(512, 512)] if output_stride is None else [])]:
        image = torch.randn(1, 3, *size, generator=generator)
        assert_same_maps(maps_of(encoder, image), maps_of(theirs, image))


@pytest.mark.parametrize("expanded", [False, True])
@pytest.mark.parametrize("name", ["tf_efficientnet_es", "tf_mixnet_s", "tf_mobilenetv3_large_minimal_100"])
def test_nets_of_timm_from_tensorflow_give_their_own_maps(name: str, expanded: bool) -> None:
    """Their strided convolutions stand in several kinds of blocks, and kernels of several sizes in one."""
    torch.manual_seed(0)
    encoder = build_encoder(name, expanded=expanded)
    assert not any(isinstance(layer, Conv2dSame) for layer in encoder.modules())
    options = {"feature_location": "expansion"} if expanded else {}
    theirs = timm.create_model(name, features_only=True, **options)
    theirs.load_state_dict(encoder.net.state_dict())
    image = torch.randn(1, 3, 64, 96)
    assert_same_maps(maps_of(encoder, image), maps_of(theirs, image))


def test_fused_frozen_layers_give_the_maps_of_the_layers_one_by_one() -> None:
    """A map per stride, so each padded convolution is behind one; to 1e-4, as batch norm is folded into the weights."""
    encoder = build_encoder("efficientnet_lite0", pretrained=True, expanded=True)
    encoder.freeze(32)
    image = torch.randn(1, 3, 96, 64).contiguous(memory_format=torch.channels_last)
    before = maps_of(encoder, image)
    assert sum(isinstance(layer, SamePaddedConv2d) for layer in encoder.modules()) == 5
    assert fuse_frozen(encoder)
    assert not any(isinstance(layer, SamePaddedConv2d) for layer in encoder.modules())
    assert sum(isinstance(layer, FusedConv2d) and layer.stride == (2, 2) for layer in encoder.modules()) == 5
    for fused, expected in zip(maps_of(encoder, image), before, strict=True):
        assert_close(fused, expected, rtol=0, atol=1e-4 * float(expected.abs().max()))


def test_symmetric_padding_is_what_runs_of_before_had() -> None:
    """timm's own net with an empty `pad_type` pads half the kernel on all sides."""
    encoder = build_encoder("efficientnet_lite0", pretrained=True, output_stride=16)
    pad_symmetrically(encoder)
    architecture = PACKAGED["efficientnet_lite0"].architecture
    theirs = timm.create_model(architecture, features_only=True, pad_type="", output_stride=16)
    theirs.load_state_dict(encoder.net.state_dict())
    image = torch.randn(1, 3, 96, 64, generator=torch.Generator().manual_seed(0))
    assert_same_maps(maps_of(encoder, image), maps_of(theirs, image))


@pytest.mark.parametrize(("symmetric", "offsets"), [(False, [1, 3, 7, 15, 31]), (True, [0, 0, 0, 0, 0])])
def test_a_map_samples_the_last_pixel_of_its_squares_or_the_first(symmetric: bool, offsets: list[int]) -> None:
    """The middle of what cell j of the map at stride s sees is pixel s * j + s - 1: each stride by 2 adds one cell."""
    encoder = build_encoder("efficientnet_lite0")
    if symmetric:
        pad_symmetrically(encoder)
    encoder.stride = encoder.strides[-1]
    assert middles(encoder) == offsets


def middles(encoder: Encoder) -> list[int]:
    """Return, a map, how far the middle of the pixels that a cell sees lies behind the first pixel of its square."""
    outputs = trace_without_border(encoder, 3).outputs
    last_blocks = ["net.blocks.0", "net.blocks.1", "net.blocks.2", "net.blocks.4", "net.blocks.6"]
    centres = []
    for block, stride in zip(last_blocks, encoder.strides, strict=True):
        rows = outputs[block].field.reaches[0]
        cell = len(rows.first) // 2
        centres.append(int((rows.first[cell] + rows.last[cell]) / 2) - stride * cell)
    return centres


def test_what_is_counted_are_the_taps_that_the_net_has() -> None:
    """Taps of zeros, which a CPU's convolutions take, are no work of the net's."""
    shapes = {product.weight_shape for product in trace_without_border(build_encoder("efficientnet_lite0"), 3).products}
    assert {shape[2:] for shape in shapes if len(shape) == 4} == {(1, 1), (3, 3), (5, 5)}
