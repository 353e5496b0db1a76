"""U-Net as published: its sizes, its parameters, and the mirrored border that spares the caller the arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.testing import assert_close

from pixelwise.core.errors import OptionError
from pixelwise.nn.models import build
from pixelwise.nn.models.unet import BORDER, UNet

FIGURE = [
    # layer in phseg_v5-train.prototxt, channels in and out, kernel, side of its map for 572x572, parameters
    ("conv_d0a-b", 1, 64, 3, 570, 640),
    ("conv_d0b-c", 64, 64, 3, 568, 36_928),
    ("conv_d1a-b", 64, 128, 3, 282, 73_856),
    ("conv_d1b-c", 128, 128, 3, 280, 147_584),
    ("conv_d2a-b", 128, 256, 3, 138, 295_168),
    ("conv_d2b-c", 256, 256, 3, 136, 590_080),
    ("conv_d3a-b", 256, 512, 3, 66, 1_180_160),
    ("conv_d3b-c", 512, 512, 3, 64, 2_359_808),
    ("conv_d4a-b", 512, 1024, 3, 30, 4_719_616),
    ("conv_d4b-c", 1024, 1024, 3, 28, 9_438_208),
    ("upconv_d4c_u3a", 1024, 512, 2, 56, 2_097_664),
    ("conv_u3b-c", 1024, 512, 3, 54, 4_719_104),
    ("conv_u3c-d", 512, 512, 3, 52, 2_359_808),
    ("upconv_u3d_u2a", 512, 256, 2, 104, 524_544),
    ("conv_u2b-c", 512, 256, 3, 102, 1_179_904),
    ("conv_u2c-d", 256, 256, 3, 100, 590_080),
    ("upconv_u2d_u1a", 256, 128, 2, 200, 131_200),
    ("conv_u1b-c", 256, 128, 3, 198, 295_040),
    ("conv_u1c-d", 128, 128, 3, 196, 147_584),
    ("upconv_u1d_u0a", 128, 64, 2, 392, 32_832),
    ("conv_u0b-c", 128, 64, 3, 390, 73_792),
    ("conv_u0c-d", 64, 64, 3, 388, 36_928),
    ("conv_u0d-score", 64, 2, 1, 388, 130),
]
"""Figure 1 of the paper: channels and sides are printed there, "23 convolutional layers" at the end of section 2."""

RELEASED = {
    "upconv_u1d_u0a": ("upconv_u1d_u0a", 128, 128, 2, 392, 65_664),
    "conv_u0b-c": ("conv_u0b-c", 192, 64, 3, 390, 110_656),
}
"""Where u-net-release-2015-10-02 differs: its last up-convolution has num_output 128."""


def small() -> UNet:
    torch.manual_seed(0)
    return UNet(2, 1, width=1 / 16).eval()


def layers_of(net: nn.Module, side: int) -> list[tuple[int, ...]]:
    """Run the net and note each convolution: channels in and out, kernel, side of its map, parameters."""
    noted: list[tuple[int, ...]] = []

    def note(layer: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        count = sum(parameter.numel() for parameter in layer.parameters())
        noted.append((inputs[0].shape[1], output.shape[1], layer.kernel_size[0], output.shape[-1], count))

    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            module.register_forward_hook(note)
    net.valid(torch.zeros(1, 1, side, side, device="meta"))
    return noted


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


@pytest.mark.parametrize(("released", "parameters"), [(False, 31_030_658), (True, 31_100_354)])
def test_its_layers_are_those_of_the_figure_and_of_the_released_network(released: bool, parameters: int) -> None:
    with torch.device("meta"):
        net = build("unet", 2, 1, options={"released": released})
    expected = [RELEASED.get(row[0], row) if released else row for row in FIGURE]
    assert layers_of(net, 572) == [row[1:] for row in expected]
    assert sum(row[-1] for row in expected) == parameters
    assert sum(parameter.numel() for parameter in net.parameters()) == parameters


@pytest.mark.parametrize("released", [False, True])
def test_a_relu_follows_every_convolution_but_the_last_and_the_figures_up_convolutions(released: bool) -> None:
    net = UNet(2, 1, width=1 / 16, released=released).eval()
    lowest: dict[str, float] = {}
    for i, (up, expanding) in enumerate(zip(net.up, net.expanding, strict=True)):
        raised = up.out_channels

        def note(_: nn.Module, inputs: tuple[torch.Tensor, ...], name: str = f"up {i}", raised: int = raised) -> None:
            lowest[name] = inputs[0][:, -raised:].min().item()

        expanding.register_forward_pre_hook(note)
    with torch.no_grad():
        net.valid(torch.randn(1, 1, 188, 188, generator=torch.Generator().manual_seed(1)))
    assert len(lowest) == 4
    assert all((value >= 0) == released for value in lowest.values())
    blocks = [type(layer) for block in [*net.contracting, *net.expanding] for layer in block]
    assert blocks == [nn.Conv2d, nn.ReLU] * 18


def test_the_released_network_stands_on_no_encoder() -> None:
    with pytest.raises(OptionError, match="released: found true with an encoder"):
        build("unet", 2, encoder="test_resnet", options={"released": True})


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


def test_dropout_acts_on_the_maps_of_512_and_1024_channels_before_skip_and_pooling() -> None:
    """As dropout_d3c and dropout_d4c of the released network: in place on d3c, which feeds pooling and skip alike."""
    net, image = small().train(), torch.randn(1, 1, 188, 188, generator=torch.Generator().manual_seed(1))
    dropped: list[torch.Tensor] = []
    maps: list[torch.Tensor] = []
    net.dropout.register_forward_hook(lambda module, inputs, output: dropped.append(output))
    net.expanding[3].register_forward_pre_hook(lambda module, inputs: maps.append(inputs[0]))
    net.contracting[4].register_forward_pre_hook(lambda module, inputs: maps.append(inputs[0]))
    net.up[3].register_forward_pre_hook(lambda module, inputs: maps.append(inputs[0]))
    with torch.no_grad():
        net.valid(image)
    level_4, level_5 = dropped
    assert (level_4.shape[1], level_5.shape[1], net.dropout.p) == (512 // 16, 1024 // 16, 0.5)
    pooled, bottom, joined = maps
    assert torch.equal(pooled, nn.functional.max_pool2d(level_4, 2))
    assert torch.equal(bottom, level_5)
    assert torch.equal(joined[:, :32], level_4[..., 4:-4, 4:-4])


def test_weights_are_drawn_as_he_et_al_do() -> None:
    """sqrt(2 / N), section 3; of an up-convolution N is 4 for each channel it puts out, as the released filler has it.

    That filler takes N as the weights over the blob's first side, which for a Caffe deconvolution are the channels in.
    """
    torch.manual_seed(0)
    net = UNet(2, 1, width=0.5)
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            assert not layer.bias.any()
            if layer.weight.numel() > 10_000:
                inputs = layer.weight[0].numel()
                assert layer.weight.std().item() == pytest.approx((2 / inputs) ** 0.5, rel=0.05)
                assert inputs == (4 * layer.out_channels if layer.kernel_size == (2, 2) else 9 * layer.in_channels)


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
