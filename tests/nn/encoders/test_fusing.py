"""Fused frozen layers: the same maps as before, by the names they had, and nothing where a map would change."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from pixelwise.nn.encoders.base import Encoder
from pixelwise.nn.encoders.fusing import FusedBatchNorm2d, FusedConv2d, fuse_frozen
from pixelwise.nn.encoders.registry import build_encoder

pytestmark = pytest.mark.usefixtures("one_thread")


Settle = Callable[[nn.Module], None]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("test_efficientnet", {}),
        ("efficientnet_lite0", {"expanded": True}),
        ("resnet18", {}),
        ("mobilenetv3_large_100", {}),
    ],
)
def test_the_maps_are_those_of_the_layers_one_by_one(name: str, options: dict[str, bool], settle: Settle) -> None:
    encoder = build_encoder(name, **options).train()
    settle(encoder)
    encoder.freeze(32)
    image = torch.rand(2, 3, 64, 96).contiguous(memory_format=torch.channels_last)
    before, state = encoder(image), {name: value.clone() for name, value in encoder.state_dict().items()}
    convolutions = sum(isinstance(layer, nn.Conv2d) for layer in encoder.modules())
    assert fuse_frozen(encoder) > 0.7 * convolutions
    for fused, expected in zip(encoder(image), before, strict=True):
        assert_close(fused, expected, rtol=0, atol=1e-3 * float(expected.abs().max()))
    assert_close(encoder.state_dict(), state, rtol=0, atol=0)


@pytest.mark.parametrize(("name", "options"), [("efficientnet_lite0", {"expanded": True}), ("resnet18", {})])
def test_in_bfloat16_the_maps_are_nearly_those(name: str, options: dict[str, bool], settle: Settle) -> None:
    encoder = build_encoder(name, **options).train()
    settle(encoder)
    encoder.freeze(32)
    image = torch.rand(2, 3, 64, 96).contiguous(memory_format=torch.channels_last)
    before = encoder(image)
    assert fuse_frozen(encoder, half=True)
    for fused, expected in zip(encoder(image), before, strict=True):
        assert fused.dtype == torch.bfloat16
        assert float((fused.float() - expected).std() / expected.std()) < 0.2
        assert not torch.equal(fused.float(), expected)


def test_layers_that_learn_are_left_as_they_are(settle: Settle) -> None:
    encoder = build_encoder("test_efficientnet").train()
    settle(encoder)
    encoder.freeze(4)
    statistics = {name: value.clone() for name, value in encoder.named_buffers()}
    count = fuse_frozen(encoder)
    assert encoder.training
    assert_close(dict(encoder.named_buffers()), statistics, rtol=0, atol=0)  # trying a map taught them nothing
    kinds = (FusedConv2d, FusedBatchNorm2d)
    changed = [name for name, layer in encoder.named_modules() if isinstance(layer, kinds)]
    assert len(changed) == 2 * count > 0
    frozen = {name for name, layer in encoder.named_modules() if layer in set(encoder.frozen_layers())}
    assert frozen.issuperset(changed)


@pytest.mark.parametrize("half", [False, True])
def test_a_fused_encoder_is_copied_and_pickled_as_any_other(half: bool, settle: Settle) -> None:
    encoder = build_encoder("efficientnet_lite0", expanded=True).train()  # timm takes its maps by hooks
    settle(encoder)
    encoder.freeze(32)
    assert fuse_frozen(encoder, half=half)
    image = torch.rand(1, 3, 64, 64)
    copies = copy.deepcopy(encoder), pickle.loads(pickle.dumps(encoder))
    for net in copies:
        assert_close(net(image), encoder(image), rtol=0, atol=0)
    with torch.no_grad():
        for layer in encoder.modules():
            if isinstance(layer, FusedConv2d):
                layer.folded_weight.zero_()
    for net in copies:
        assert not torch.equal(net(image)[-1], encoder(image)[-1])  # nothing is shared


class Shared(nn.Module):
    """Gives what a convolution gives, and its batch norm's result."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        plain = self.convolution(image)
        return [plain, self.norm(plain)]


def test_a_convolution_that_something_else_reads_is_not_fused(settle: Settle) -> None:
    encoder = Encoder(Shared(), [4, 4], [2, 2]).train()
    settle(encoder)
    encoder.freeze(2)
    image = torch.rand(1, 3, 8, 8)
    before = encoder(image)
    assert fuse_frozen(encoder) == 0
    assert_close(encoder(image), before, rtol=0, atol=0)


def test_a_torch_without_the_operator_trains_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = build_encoder("test_efficientnet").train()
    encoder.freeze(32)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert fuse_frozen(encoder) == 0
