"""SegNet as published: VGG16's convolutions and their mirror image, joined by pooling indices alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pixelwise.models import build
from pixelwise.models.segnet import SegNet

ENCODER = [64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]
DECODER = [512, 512, 512, 512, 512, 256, 256, 256, 128, 128, 64, 64]


def small() -> SegNet:
    torch.manual_seed(0)
    return SegNet(3, width=1 / 16).eval()


def parameters(channels: list[int]) -> int:
    """3x3 convolutions with bias, each with batch norm's scale and shift."""
    pairs = zip([3, *channels], channels, strict=False)
    return sum(9 * before * after + after + 2 * after for before, after in pairs)


@pytest.fixture(scope="module")
def published() -> nn.Module:
    with torch.device("meta"):
        return build("segnet", 11)


def test_it_has_26_convolutions_of_the_published_widths(published: nn.Module) -> None:
    layers = [module for module in published.modules() if isinstance(module, nn.Conv2d)]
    assert [layer.out_channels for layer in layers] == [*ENCODER, *DECODER, 11]
    assert [layer.in_channels for layer in layers] == [3, *ENCODER, *DECODER]
    assert {layer.kernel_size for layer in layers} == {(3, 3)}


def test_the_encoder_has_14_7_million_parameters(published: nn.Module) -> None:
    count = sum(parameter.numel() for parameter in published.encoder.parameters())
    assert count == parameters(ENCODER)
    assert round(count / 1e6, 1) == 14.7


def test_the_whole_net_has_as_many_parameters_as_its_layers_add_up_to(published: nn.Module) -> None:
    head = 9 * 64 * 11 + 11
    assert sum(parameter.numel() for parameter in published.parameters()) == parameters([*ENCODER, *DECODER]) + head


def test_every_convolution_but_the_head_is_followed_by_batch_norm_and_relu(published: nn.Module) -> None:
    stages = [*published.encoder, *published.decoder]
    kinds = [type(layer) for stage in stages for layer in stage]
    assert kinds == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU] * 25


def test_the_maxima_come_back_where_they_stood() -> None:
    """With stages that change nothing each value that wins all five poolings returns alone to its place."""
    net = SegNet(2, 2, width=1 / 16).eval()
    net.encoder = nn.ModuleList(nn.Identity() for _ in range(5))
    net.decoder = nn.ModuleList(nn.Identity() for _ in range(5))
    net.head = nn.Identity()
    image = torch.rand(2, 2, 64, 96, generator=torch.Generator().manual_seed(0))

    expected = torch.zeros_like(image)
    for n in range(2):
        for channel in range(2):
            for row in range(0, 64, 32):
                for column in range(0, 96, 32):
                    window = image[n, channel, row : row + 32, column : column + 32]
                    y, x = divmod(int(window.argmax()), 32)
                    expected[n, channel, row + y, column + x] = window.max()
    assert torch.equal(net(image), expected)


def test_an_odd_size_equals_the_image_with_zeros_at_its_bottom_and_right() -> None:
    image = torch.zeros(1, 3, 64, 96)
    image[..., :33, :65] = torch.randn(1, 3, 33, 65, generator=torch.Generator().manual_seed(1))
    net = small()
    with torch.no_grad():
        assert torch.equal(net(image[..., :33, :65]), net(image)[..., :33, :65])


def test_width_scales_all_channels_but_those_of_image_and_classes() -> None:
    layers = [module for module in SegNet(3, width=0.125).modules() if isinstance(module, nn.Conv2d)]
    assert [layer.out_channels for layer in layers] == [*(c // 8 for c in [*ENCODER, *DECODER]), 3]
    assert layers[0].in_channels == 3
