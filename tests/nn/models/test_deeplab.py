"""DeepLabV3+: what each branch of the pyramid sees, where resolutions change, and how large it is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.testing import assert_close

from pixelwise.core.errors import OptionError
from pixelwise.nn.models import build, deeplab
from pixelwise.nn.models.deeplab import RATES, DeepLabV3Plus, SpatialPyramid

pytestmark = pytest.mark.usefixtures("one_thread")


def branches(features: torch.Tensor, rates: tuple[int, ...]) -> torch.Tensor:
    """What the five branches of a pyramid of all-one weights put out for (1, 1, H, W): (5, H, W)."""
    pyramid = SpatialPyramid(1, 1, rates).eval()
    for module in pyramid.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.ones_(module.weight)
    nn.init.zeros_(pyramid.pooled[0].bias)
    pyramid.join = nn.Identity()
    with torch.no_grad():
        return pyramid(features)[0]


@pytest.mark.parametrize("rates", [(6, 12, 18), (12, 24, 36), (1, 2, 3)])
def test_an_impulse_comes_out_where_the_taps_of_each_branch_are(rates: tuple[int, ...]) -> None:
    """Expected by loops: at the impulse; at nine places `rate` apart around it; everywhere, as the mean.

    Batch norm in its initial state divides by sqrt(1 + 1e-5), once or twice a branch: within 1e-5 of one.
    """
    height, width, row, column = 45, 50, 20, 24
    expected = np.zeros((5, height, width), np.float32)
    expected[0, row, column] = 1
    for branch, rate in enumerate(rates, start=1):
        for down in (-rate, 0, rate):
            for right in (-rate, 0, rate):
                if 0 <= row + down < height and 0 <= column + right < width:
                    expected[branch, row + down, column + right] = 1
    expected[4] = 1 / (height * width)
    impulse = torch.zeros(1, 1, height, width)
    impulse[0, 0, row, column] = 1
    assert_close(branches(impulse, rates), torch.from_numpy(expected), atol=2e-5, rtol=0)


def test_the_rates_reach_equally_far_in_the_image_at_either_output_stride() -> None:
    """Rates 6, 12, 18 at output stride 16 and twice those at 8 (arXiv:1706.05587, section 3.3)."""
    assert [rate * 16 for rate in RATES[16]] == [rate * 8 for rate in RATES[8]] == [96, 192, 288]


def test_image_pooling_tells_images_apart_in_training_on_a_batch_of_one() -> None:
    """Batch norm would make the pooled value of the only image its own mean: the same for every image."""
    torch.manual_seed(0)
    pyramid = SpatialPyramid(8, 16, (1, 2, 3)).train()
    images = torch.rand(2, 1, 8, 3, 5, generator=torch.Generator().manual_seed(1))
    means = []
    pyramid.pooled.register_forward_hook(lambda module, given, pooled: means.append(pooled.detach().clone()))
    for features in images:
        pyramid(features).sum().backward()
    convolution = pyramid.pooled[0]
    for features, pooled in zip(images, means, strict=True):
        mean = features.mean((2, 3))[0]
        expected = (convolution.weight[:, :, 0, 0] @ mean + convolution.bias).clamp(min=0)
        assert_close(pooled[0, :, 0, 0], expected, atol=1e-6, rtol=1e-5)  # two orders of summing
    assert not torch.equal(*means)
    assert convolution.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("output_stride", [16, 8])
def test_context_comes_from_the_output_stride_and_meets_detail_at_stride_4(output_stride: int) -> None:
    net = build("deeplabv3plus", 2, width=1 / 16, options={"output_stride": output_stride}).eval()
    given = {}
    for name in ("pyramid", "detail", "decoder", "head"):
        module = net.get_submodule(name)
        module.register_forward_pre_hook(lambda module, args, name=name: given.update({name: tuple(args[0].shape)}))
    with torch.no_grad():
        logits = net(torch.zeros(1, 3, 90, 121))
    assert net.stride == output_stride
    height, width = (96, 128)  # the next multiples of 16 and of 8
    assert given == {
        "pyramid": (1, 320, height // output_stride, width // output_stride),
        "detail": (1, 24, height // 4, width // 4),
        "decoder": (1, 16 + 3, height // 4, width // 4),
        "head": (1, 16, height // 4, width // 4),
    }
    assert logits.shape == (1, 2, 90, 121)


def test_weights_of_one_output_stride_fit_the_other() -> None:
    """As in the paper: trained at 16, evaluated at 8."""
    with torch.device("meta"):
        shapes = [
            {name: entry.shape for name, entry in DeepLabV3Plus(2, width=1 / 16, output_stride=s).state_dict().items()}
            for s in (16, 8)
        ]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("width", [1.0, 1 / 8])
def test_the_decoder_is_as_large_as_its_layers_add_up_to(width: float) -> None:
    c, d = round(256 * width), round(48 * width)
    deep, shallow = 320, 24  # lite0's channels at strides 16 and 4

    def pointwise(before: int, after: int) -> int:
        return before * after + 2 * after  # no bias; batch norm

    def separable(before: int, after: int) -> int:
        return 9 * before + 2 * before + pointwise(before, after)

    pyramid = pointwise(deep, c) + 3 * separable(deep, c) + (deep * c + c) + pointwise(5 * c, c)
    decoder = pointwise(shallow, d) + separable(c + d, c) + separable(c, c)
    head = c * 11 + 11
    with torch.device("meta"):
        net = build("deeplabv3plus", 11, width=width)
    count = sum(parameter.numel() for parameter in net.parameters())
    assert count - sum(parameter.numel() for parameter in net.encoder.parameters()) == pyramid + decoder + head


@pytest.mark.parametrize("output_stride", [32, 4, 0, -8])
def test_another_output_stride_is_refused(output_stride: int) -> None:
    with pytest.raises(OptionError, match=rf"output_stride: found {output_stride}; expected 8 or 16"):
        build("deeplabv3plus", 2, options={"output_stride": output_stride})


def test_an_encoder_that_cannot_be_dilated_is_refused() -> None:
    with pytest.raises(OptionError, match=r"encoder='densenet121': found a net that timm cannot dilate"):
        build("deeplabv3plus", 2, encoder="densenet121")


def test_an_encoder_without_a_stride_of_4_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = nn.Identity()
    encoder.strides, encoder.channels = [8, 16], [1, 1]
    monkeypatch.setattr(deeplab, "build_pyramid", lambda *args, **options: encoder)
    with pytest.raises(OptionError, match=r"encoder='coarse': found features at strides \[8, 16\]; expected one at"):
        DeepLabV3Plus(2, encoder="coarse")
