from __future__ import annotations

from collections.abc import Callable
from math import inf, pi, sqrt

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from numpy.testing import assert_allclose
from torch import nn

from pixelwise.analysis.receptive_field import (
    effective_receptive_field,
    effective_side,
    gradient_maps,
    receptive_field,
    receptive_fields,
)
from pixelwise.analysis.tracing import trace
from pixelwise.core.errors import OptionError, ShapeError
from pixelwise.nn.models import MODELS, build
from pixelwise.nn.models import segnet as segnet_module

pytestmark = pytest.mark.usefixtures("one_thread")


class Net(nn.Module):
    """A net of given layers that go through a given function."""

    def __init__(self, forward: Callable[..., torch.Tensor], *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.through = forward

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.through(image, *self.layers)


def brute_force(model: nn.Module, height: int, width: int, stride: int) -> int:
    """Return the largest distance between two rows whose gradient is not zero, over `stride` neighbouring outputs.

    Weights are made positive and to add up to 1 for each output, so that nothing cancels and no ReLU is closed.
    """
    model = model.double().eval()
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            module.weight.data.fill_(1 / module.weight[0].numel())
        if isinstance(module, nn.BatchNorm2d):
            module.weight.data.fill_(1)
        if getattr(module, "bias", None) is not None:
            module.bias.data.zero_()
    image = torch.ones(1, 3, height, width, dtype=torch.float64, requires_grad=True)
    rows = model(image).sum((0, 1, 3))
    extents = []
    for row in rows[len(rows) // 2 :][:stride]:
        (gradient,) = torch.autograd.grad(row, image, retain_graph=True)
        places = gradient.sum((0, 1, 3)).nonzero()
        extents.append(int(places.max() - places.min()) + 1)
    return max(extents)


def conv(kernel: int, **options: int) -> nn.Conv2d:
    return nn.Conv2d(3, 3, kernel, **options)


def up(kernel: int, **options: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(3, 3, kernel, **options)


def unpooled(image: torch.Tensor) -> torch.Tensor:
    pooled, indices = F.max_pool2d(image, 2, return_indices=True)
    return F.max_unpool2d(pooled, indices, 2)


# Nets whose receptive fields follow from r += (k - 1) * d * jump, and by counting for those that up-sample.
BY_HAND = {
    "one pixel": (nn.Sequential(conv(1)), 1),
    "3x3": (nn.Sequential(conv(3)), 3),
    "dilated: 1 + 2 * 4": (nn.Sequential(conv(3, dilation=4)), 9),
    "stride: 3 + 2 * 2": (nn.Sequential(conv(3, stride=2), conv(3)), 7),
    "depthwise separable": (nn.Sequential(conv(5, groups=3), conv(1)), 5),
    "average pooling: 2 + 2 * 2": (nn.Sequential(nn.AvgPool2d(2), conv(3)), 6),
    # Two neighbours of a stride of 2 above: the outputs between them see 1 + 2 pixels and one more tap of 3.
    "transposed 4x4, stride 2: two of three pixels, 2 apart": (nn.Sequential(conv(3, stride=2), up(4, stride=2)), 5),
    "transposed 2x2, stride 2: one pixel": (nn.Sequential(conv(3, stride=2), up(2, stride=2)), 3),
    "bilinear: two of three pixels": (
        nn.Sequential(conv(3, stride=2, padding=1), nn.UpsamplingBilinear2d(scale_factor=2)),
        5,
    ),
    "nearest": (nn.Sequential(conv(3, stride=2, padding=1), nn.UpsamplingNearest2d(scale_factor=2)), 3),
    "a sum of branches: the widest": (
        Net(lambda x, a, b: a(x) + b(x), conv(3, padding=1), conv(3, padding=3, dilation=3)),
        7,
    ),
    "channels beside each other": (
        Net(lambda x, a, b: torch.cat([a(x), b(x)], 1), conv(3, padding=1), conv(5, padding=2)),
        5,
    ),
    "branches that look aside: -1..1 and 3..5": (
        Net(lambda x, a: a(x)[:, :, :-4] + a(x)[:, :, 4:], conv(3, padding=1)),
        7,
    ),
    "local response normalisation": (nn.Sequential(conv(3), nn.LocalResponseNorm(5)), 3),
    "linear layer over channels": (
        Net(lambda x, a, b: b(a(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2), conv(3), nn.Linear(3, 3)),
        3,
    ),
}


@pytest.mark.parametrize("case", BY_HAND)
def test_small_nets_see_what_is_worked_out_by_hand(case: str) -> None:
    model, expected = BY_HAND[case]
    assert receptive_field(model)[0] == expected
    assert brute_force(model, 48, 48, 2) == expected


def test_a_window_that_is_no_square_sees_no_square() -> None:
    assert receptive_field(nn.Sequential(nn.Conv2d(3, 1, (1, 7)), nn.Conv2d(1, 1, (5, 1)))) == (5, 7)


def test_unpooling_stays_within_its_window() -> None:
    """A window of 2 and a 3x3 convolution after it: two windows at least, 4 pixels, and no more."""
    assert receptive_field(Net(unpooled)) == (2, 2)
    assert receptive_field(Net(lambda x, a: a(unpooled(x)), conv(3, padding=1))) == (4, 4)


@pytest.mark.parametrize(
    "layers",
    [
        [nn.AdaptiveAvgPool2d(1)],
        [nn.GroupNorm(1, 3)],
        [nn.InstanceNorm2d(3)],
        [nn.Flatten(2), nn.Softmax(2)],
        [nn.Flatten(2), nn.Linear(2048 * 2048, 1, device="meta")],
        [nn.AdaptiveAvgPool2d(1), nn.Upsample(size=(8, 8), mode="bilinear"), conv(3)],
    ],
)
def test_what_looks_at_the_whole_image_says_so(layers: list[nn.Module]) -> None:
    assert receptive_field(nn.Sequential(*layers)) == (inf, inf)


def test_rows_may_be_seen_as_a_whole_and_columns_not() -> None:
    assert receptive_field(Net(lambda x: x - x.mean(2, keepdim=True))) == (inf, 1)


def test_published_receptive_fields_of_classifiers() -> None:
    """VGG16: conv5_3 196, pool5 212 and, a 7x7 convolution later, fc6 404. AlexNet: conv5 163, pool5 195."""
    vgg = nn.Sequential(*torchvision.models.vgg16().features, nn.Conv2d(512, 8, 7))
    fields = receptive_fields(vgg)
    assert [fields[name] for name in ("28", "30", "31")] == [(196, 196), (212, 212), (404, 404)]
    fields = receptive_fields(torchvision.models.alexnet().features)
    assert [fields[name] for name in ("0", "10", "12")] == [(11, 11), (163, 163), (195, 195)]


def average_pool(
    features: torch.Tensor, window: int = 2, stride: int = 2, padding: int = 0, *_: int, **__: object
) -> torch.Tensor:
    """Max pooling passes gradients to its winners alone; an average sees the same windows and passes them to all."""
    return F.avg_pool2d(features, window, stride, padding)


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        # 140 at the bottom; each 3x3 convolution on the way up may take in the next value 2, 4, 8 and 16 pixels away.
        ("unet", {"width": 1 / 32}, 204),
        ("unet", {"encoder": "test_resnet"}, None),
        ("fpn", {"encoder": "test_resnet", "width": 1 / 32}, None),
        ("segnet", {"width": 1 / 64}, 404),
        ("segnet_basic", {"width": 1 / 32}, None),
        # 404 of fc6; four of its neighbours' sums, 32 pixels apart, reach one pixel at the most.
        ("fcn8s", {"width": 1 / 64}, 468),
        ("fcn32s", {"width": 1 / 64}, 436),
    ],
)
def test_models_see_what_their_gradients_reach(
    name: str, options: dict[str, object], expected: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = build(name, 2, **options)
    stages = receptive_field(model)[0]
    monkeypatch.setattr(F, "max_pool2d", average_pool)
    monkeypatch.setattr(segnet_module, "max_pool_with_indices", lambda features: (average_pool(features), features))
    monkeypatch.setattr(segnet_module, "max_unpool", lambda features, *_: F.interpolate(features, scale_factor=2))
    assert stages == brute_force(model, 32 * (int(stages) // 32 + 3), 32, model.stride)
    assert expected in (None, stages)


def test_the_outputs_of_u_net_see_188_or_204_pixels() -> None:
    """188 is the number that is told of it; an output whose window straddles one more 16-pixel cell sees 16 more."""
    rows = trace(build("unet", 2, width=1 / 32), (1024, 1024)).outputs[""].field.reaches[0]
    assert set((rows.last - rows.first + 1)[400:600]) == {188, 204}


@pytest.mark.parametrize("name", MODELS)
def test_every_operation_of_every_model_has_a_rule(name: str) -> None:
    assert trace(build(name, 2, width=1 / 16), (64, 64)).unknown == []


def test_an_operation_without_a_rule_sees_everything_and_is_named() -> None:
    traced = trace(Net(lambda x: x.cumsum(2)), (8, 8))
    assert traced.unknown == ["aten.cumsum"]
    assert traced.outputs[""].field.extents == (inf, inf)


def test_the_model_stays_as_it_is() -> None:
    model = build("segnet", 2, width=1 / 64).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    receptive_field(model)
    effective_receptive_field(model, (32, 32), samples=1)
    assert all(module.training for module in model.modules())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_a_net_that_cannot_follow_an_image_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"an image of 8x8: found a net that cannot follow it .*expected a net for"):
        trace(Net(lambda x: x.reshape(1, 3, 7, 7)), (8, 8))
    with pytest.raises(ShapeError, match="cannot follow it"):
        trace(Net(lambda x: x if x.sum().item() > 0 else -x), (8, 8))
    for size in ((0, 8), (8, -1)):
        with pytest.raises(OptionError, match=f"found 3 x {size[0]} x {size[1]}; expected sides of at least 1"):
            trace(conv(1), size)


def test_the_effective_side_of_a_gaussian_follows_from_its_deviation() -> None:
    """exp(-r^2 / 2 s^2) > 0.0455 holds in a circle of radius s sqrt(-2 ln 0.0455); counted in whole pixels."""
    deviation = 12.0
    squares = np.arange(-64, 65) ** 2
    gaussian = np.exp(-(squares[:, None] + squares) / (2 * deviation**2))
    radius = deviation * sqrt(-2 * np.log(1 - 0.9545))
    assert effective_side(gaussian) == pytest.approx(sqrt(pi) * radius, abs=0.5)
    assert effective_side(np.zeros((4, 4))) == 0


def test_one_convolution_is_seen_in_its_gradient() -> None:
    """The map is |weight| around the centre, row 4 and column 4 of 8x8, scaled by the signal; 0 elsewhere."""
    layer = nn.Conv2d(1, 1, 3, padding=1, bias=False)
    layer.weight.data = torch.tensor([[1.0, -2, 3], [-4, 5, -6], [7, -8, 0]]).view(1, 1, 3, 3)
    side, measured = effective_receptive_field(layer, (8, 8), 1, samples=1)
    expected = np.zeros((8, 8))
    expected[3:6, 3:6] = [[1, 2, 3], [4, 5, 6], [7, 8, 0]]
    assert_allclose(measured / measured.max(), expected / 8, atol=1e-6)
    assert side == sqrt(8)


def test_stacked_convolutions_grow_with_the_root_of_their_number() -> None:
    """Uniform 3x3 kernels have a variance of 2/3 along each axis; n of them are a Gaussian of variance 2n/3.

    The paper's figure 1; within 5 %, for n is not infinite and pixels are whole.
    """
    for n in (10, 20):
        model = nn.Sequential(*(nn.Conv2d(1, 1, 3, padding=1, bias=False) for _ in range(n)))
        for layer in model:
            layer.weight.data.fill_(1 / 9)
        side, _ = effective_receptive_field(model, (65, 65), 1, samples=1)
        assert side == pytest.approx(sqrt(pi) * sqrt(2 * n / 3) * sqrt(-2 * np.log(1 - 0.9545)), rel=0.05)
        assert receptive_field(model, 1) == (2 * n + 1, 2 * n + 1)


def test_gradients_are_a_function_of_the_seed() -> None:
    model = build("fpn", 2, encoder="test_resnet")
    first, again, other = (effective_receptive_field(model, (32, 32), samples=2, seed=seed)[1] for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.shape == (32, 32)


def test_gradients_of_modules_stay_within_their_receptive_fields() -> None:
    model = build("fpn", 2, encoder="test_resnet").eval()
    paths = ["encoder.net.conv1", "laterals.0"]
    fields = receptive_fields(model)
    for path, field in gradient_maps(model, (64, 64), paths, samples=2).items():
        rows, columns = (positions.max() - positions.min() + 1 for positions in field.nonzero())
        assert max(rows, columns) <= fields[path][0] < 64


def test_at_least_one_sample_is_asked_for() -> None:
    with pytest.raises(OptionError, match="samples: found 0; expected at least 1"):
        effective_receptive_field(conv(1), (8, 8), samples=0)
