from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from pixelwise.analysis.counting import Saving, dilation_saving, separable_saving
from pixelwise.analysis.tracing import evaluation_mode, trace
from pixelwise.nn.models import MODELS, build
from pixelwise.nn.parameters import count_parameters

pytestmark = pytest.mark.usefixtures("one_thread")


def multiply_adds(model: nn.Module, height: int, width: int, in_channels: int = 3) -> int:
    return sum(product.multiply_adds for product in trace(model, (height, width), in_channels).products)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (nn.Conv2d(3, 8, 3, padding=1), 10 * 12 * 8 * 3 * 9),
        (nn.Conv2d(3, 8, 3), 8 * 10 * 8 * 3 * 9),
        (nn.Conv2d(3, 8, 3, stride=2, padding=1), 5 * 6 * 8 * 3 * 9),
        (nn.Conv2d(3, 6, (1, 5), groups=3, padding=(0, 2)), 10 * 12 * 6 * 1 * 5),
        (nn.Conv2d(3, 8, 3, dilation=2, padding=2), 10 * 12 * 8 * 3 * 9),
        # every input pixel is laid down as a kernel of 4x4 in each of 8 channels, even where the border cuts it off
        (nn.ConvTranspose2d(3, 8, 4, stride=2, padding=1), 10 * 12 * 3 * 8 * 16),
        (nn.ConvTranspose2d(3, 3, 4, stride=2, padding=1, groups=3), 10 * 12 * 3 * 16),
        (nn.Sequential(nn.Flatten(), nn.Linear(360, 7)), 360 * 7),
        (nn.Linear(12, 5), 3 * 10 * 12 * 5),
        (nn.MaxPool2d(2), 0),
        (nn.AdaptiveAvgPool2d(1), 0),
        (nn.BatchNorm2d(3), 0),
        (nn.Upsample(scale_factor=2, mode="bilinear"), 0),
    ],
)
def test_multiply_adds_follow_from_the_layers_sizes(layer: nn.Module, expected: int) -> None:
    assert multiply_adds(layer, 10, 12) == expected


@pytest.mark.parametrize("name", MODELS)
def test_torch_counts_twice_as_many_flops(name: str) -> None:
    """Without data: on a CPU some convolutions take taps of zeros along, which are no work of the net's."""
    with torch.device("meta"):
        model, image = build(name, 3, width=1 / 16), torch.zeros(1, 3, 64, 96)
    with evaluation_mode(model), torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(image)
    assert 2 * multiply_adds(model, 64, 96) == counter.get_total_flops() > 0


def test_matrix_products_of_an_encoder_are_counted_as_torch_counts_them() -> None:
    model = build("fpn", 2, encoder="convnext_atto")
    with evaluation_mode(model), torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, 3, 64, 64))
    assert 2 * multiply_adds(model, 64, 64) == counter.get_total_flops()


def test_shared_and_fixed_parameters() -> None:
    shared = nn.Conv2d(3, 3, 3)
    model = nn.Sequential(shared, shared, nn.Conv2d(3, 2, 1).requires_grad_(False))
    assert count_parameters(model) == 3 * 3 * 9 + 3


def separable(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, in_channels, 3, padding=1, groups=in_channels, bias=False),
        nn.BatchNorm2d(in_channels),
        nn.ReLU(),
        nn.Conv2d(in_channels, out_channels, 1, bias=False),
    )


def test_a_separable_convolution_against_a_plain_one() -> None:
    """3x3, 8 -> 16 channels: 8 * 9 + 8 * 16 = 200 weights for 8 * 16 * 9 = 1152, at each of 10 * 12 places."""
    plain = nn.Conv2d(8, 16, 3, padding=1, bias=False)
    saving = separable_saving(trace(separable(8, 16), (10, 12), 8).products)
    assert saving == Saving(1, 200, 200 * 120, 1152, 1152 * 120)
    assert saving.plain_parameters == count_parameters(plain)
    assert saving.plain_multiply_adds == multiply_adds(plain, 10, 12, 8)
    # arXiv:1704.04861, section 3.1: the share that is left is 1/C_out + 1/k^2
    assert saving.multiply_adds / saving.plain_multiply_adds == pytest.approx(1 / 16 + 1 / 9)


def test_a_dilated_convolution_against_a_plain_one_of_its_span() -> None:
    """3x3 with dilation 4 spans 4 * 2 + 1 = 9 pixels: 9 taps for 81."""
    dilated, plain = nn.Conv2d(4, 6, 3, padding=4, dilation=4, bias=False), nn.Conv2d(4, 6, 9, padding=4, bias=False)
    saving = dilation_saving(trace(dilated, (10, 12), 4).products)
    assert saving == Saving(1, 4 * 6 * 9, 4 * 6 * 9 * 120, 4 * 6 * 81, 4 * 6 * 81 * 120)
    assert saving.plain_parameters == count_parameters(plain)
    assert saving.plain_multiply_adds == multiply_adds(plain, 10, 12, 4)


def test_plain_convolutions_save_nothing() -> None:
    """Nor does a depthwise convolution that no 1x1 follows, nor a 1x1 that none precedes, nor a dilated 1x1."""
    model = nn.Sequential(
        nn.Conv2d(4, 4, 1, dilation=3), nn.Conv2d(4, 4, 3, groups=4), nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 1)
    )
    products = trace(model, (16, 16), 4).products
    assert separable_saving(products) == dilation_saving(products) == Saving(0, 0, 0, 0, 0)


def test_squeeze_and_excitation_between_the_two_does_not_part_them() -> None:
    class Excited(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.depthwise, self.excite = nn.Conv2d(4, 4, 3, groups=4), nn.Conv2d(4, 4, 1)
            self.pointwise = nn.Conv2d(4, 2, 1)

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            features = self.depthwise(image)
            return self.pointwise(features * self.excite(features.mean((2, 3), keepdim=True)))

    saving = separable_saving(trace(Excited(), (10, 10), 4).products)
    assert (saving.layers, saving.plain_parameters) == (1, 4 * 2 * 9)


def test_weights_used_twice_are_saved_once() -> None:
    layers = separable(4, 4)
    saving = separable_saving(trace(nn.Sequential(layers, layers), (6, 6), 4).products)
    assert saving == Saving(1, 4 * 9 + 16, 2 * 36 * (4 * 9 + 16), 4 * 4 * 9, 2 * 36 * 4 * 4 * 9)
