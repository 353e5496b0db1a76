"""U-Net as published: its sizes, its parameters, and the mirrored border that spares the caller the arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.testing import assert_close

from pixelwise.models import build
from pixelwise.models.unet import BORDER, UNet


def small() -> UNet:
    torch.manual_seed(0)
    return UNet(2, 1, width=1 / 16).eval()


def valid_side(side: int) -> int:
    """Follow one side through figure 1 of the paper."""
    for _ in range(4):
        side = side - 4
        assert side % 2 == 0
        side //= 2
    side -= 4
    for _ in range(4):
        side = 2 * side - 4
    return side


def published_parameters(num_classes: int, in_channels: int) -> int:
    """Add up figure 1, layer by layer: weights and biases."""
    total, before = 0, in_channels
    for channels in (64, 128, 256, 512, 1024):
        total += 9 * before * channels + channels + 9 * channels * channels + channels
        before = channels
    for channels in (512, 256, 128, 64):
        total += 4 * 2 * channels * channels + channels  # 2x2 up-convolution that halves the channels
        total += 9 * 2 * channels * channels + channels + 9 * channels * channels + channels
    return total + 64 * num_classes + num_classes


def test_572_pixels_in_388_out() -> None:
    assert valid_side(572) == 388
    with torch.device("meta"):
        assert UNet(2, 1).valid(torch.zeros(1, 1, 572, 572)).shape == (1, 2, 388, 388)


@pytest.mark.parametrize("side", [188, 204, 220])
def test_the_side_shrinks_as_in_figure_1(side: int) -> None:
    with torch.no_grad():
        logits = small().valid(torch.zeros(1, 1, side, side + 16))
    assert logits.shape == (1, 2, valid_side(side), valid_side(side + 16))
    assert side - valid_side(side) == 2 * BORDER


@pytest.mark.parametrize(("num_classes", "in_channels"), [(2, 1), (11, 3)])
def test_the_published_net_has_31_million_parameters(num_classes: int, in_channels: int) -> None:
    with torch.device("meta"):
        net = build("unet", num_classes, in_channels)
    count = sum(parameter.numel() for parameter in net.parameters())
    assert count == published_parameters(num_classes, in_channels)
    assert round(count / 1e6) == 31


def test_it_has_23_convolutional_layers_and_nothing_else_to_learn() -> None:
    layers = [module for module in small().modules() if list(module.parameters(recurse=False))]
    assert len(layers) == 23
    assert all(isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) for layer in layers)
    assert all(layer.padding == (0, 0) for layer in layers)


@pytest.mark.parametrize(("height", "width"), [(20, 36), (33, 47), (1, 9)])
def test_any_size_equals_the_published_net_on_the_mirrored_image(height: int, width: int) -> None:
    image = np.random.default_rng(0).normal(size=(1, 1, height, width)).astype(np.float32)
    below = next(i for i in range(16) if (height + i) % 16 == 4)
    right = next(i for i in range(16) if (width + i) % 16 == 4)
    context = np.pad(image, ((0, 0), (0, 0), (92, 92 + below), (92, 92 + right)), mode="reflect")
    net = small()
    with torch.no_grad():
        expected = net.valid(torch.from_numpy(context))[..., :height, :width]
        assert torch.equal(net(torch.from_numpy(image)), expected)


def test_a_shift_by_the_stride_shifts_the_logits() -> None:
    net, image = small(), torch.randn(1, 1, 236, 236, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        whole, moved = net.valid(image), net.valid(image[..., 16:, 32:])
    assert_close(moved, whole[..., 16:, 32:], atol=1e-5, rtol=1e-5)


def test_the_skip_is_the_centre_of_the_encoders_map() -> None:
    """A single bright pixel is answered where it is: skips of another offset would move the answer by 4 to 88."""
    net = small()
    image = torch.zeros(1, 1, 204, 204)
    image[0, 0, 100, 104] = 1
    with torch.no_grad():
        response = (net.valid(image) - net.valid(torch.zeros_like(image))).abs().sum(1)[0]
    assert divmod(int(response.argmax()), 20)[0] in range(100 - 92 - 2, 100 - 92 + 3)
    assert divmod(int(response.argmax()), 20)[1] in range(104 - 92 - 2, 104 - 92 + 3)


def test_dropout_ends_the_contracting_path_in_training_alone() -> None:
    net, image = small(), torch.randn(1, 1, 188, 188, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.equal(net.valid(image), net.valid(image))
        net.train()
        assert not torch.equal(net.valid(image), net.valid(image))


def test_weights_are_drawn_as_he_et_al_do() -> None:
    torch.manual_seed(0)
    net = UNet(2, 1, width=0.5)
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d) and layer.weight.numel() > 10_000:
            inputs = layer.in_channels * 9
            assert layer.weight.std().item() == pytest.approx((2 / inputs) ** 0.5, rel=0.05)
            assert not layer.bias.any()


def test_on_an_encoder_the_decoder_has_a_stage_for_every_stride_and_one_for_the_image() -> None:
    with torch.device("meta"):
        net = build("unet", 5, encoder="convnext_tiny")  # strides 4, 8, 16, 32: channels 96, 192, 384, 768
    convolutions = [module for module in net.decoder.modules() if isinstance(module, nn.Conv2d)]
    sizes = [(layer.in_channels, layer.out_channels) for layer in convolutions]
    assert sizes == [
        (768 + 384, 128),
        (128, 128),
        (128 + 192, 64),
        (64, 64),
        (64 + 96, 32),
        (32, 32),
        (32, 16),
        (16, 16),
    ]
    assert net.stride == 32
