"""FPN: which features it reads, how it sums them, and how small it stays."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pixelwise.core.errors import OptionError
from pixelwise.nn.models import build, fpn
from pixelwise.nn.models.fpn import FPN


class Constants(nn.Module):
    """An encoder of one channel a map whose map at each stride holds that stride's value everywhere."""

    def __init__(self, values: dict[int, float]) -> None:
        super().__init__()
        self.values = values
        self.strides = list(values)
        self.channels = [1] * len(values)

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        n, _, height, width = image.shape
        return [torch.full((n, 1, height // s, width // s), value) for s, value in self.values.items()]


def transparent(values: dict[int, float], monkeypatch: pytest.MonkeyPatch) -> FPN:
    """An FPN on constant features whose layers add nothing of their own."""
    monkeypatch.setattr(fpn, "build_pyramid", lambda *args, **options: Constants(values))
    net = FPN(2, width=1 / 96)
    for lateral in net.laterals:
        nn.init.ones_(lateral.weight)
        nn.init.zeros_(lateral.bias)
    net.smooth = nn.ModuleList(nn.Identity() for _ in net.smooth)
    net.head = nn.Identity()
    return net


@pytest.mark.parametrize(
    ("values", "logits"),
    [
        ({2: 1000.0, 4: 1.0, 8: 10.0, 16: 100.0}, 111.0),  # stride 2 is left out
        ({4: 3.0, 8: 4.0, 16: 5.0, 32: 6.0}, 18.0),
        ({1: 7.0, 2: 7.0, 8: 2.0}, 2.0),
    ],
)
def test_the_levels_from_stride_4_on_are_summed(
    values: dict[int, float], logits: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = transparent(values, monkeypatch)
    assert net.stride == max(values)
    assert torch.equal(net(torch.zeros(2, 3, 33, 47)), torch.full((2, 1, 33, 47), logits))


def test_logits_are_interpolated_from_stride_4_with_pixel_centres_in_line(monkeypatch: pytest.MonkeyPatch) -> None:
    net = transparent({4: 0.0}, monkeypatch)
    net.encoder.forward = lambda image: [torch.arange(3.0).expand(1, 1, 2, 3)]
    row = net(torch.zeros(1, 3, 8, 12))[0, 0, 5]
    centres = (torch.arange(12) + 0.5) / 4 - 0.5  # of the pixels, in steps of the map
    assert torch.equal(row, centres.clamp(0, 2))


@pytest.mark.parametrize("width", [1.0, 0.25])
def test_the_decoder_is_as_large_as_its_layers_add_up_to(width: float) -> None:
    c = round(96 * width)
    with torch.device("meta"):
        net = build("fpn", 11, width=width)
    lite0 = [6 * 24, 6 * 40, 6 * 112, 6 * 192]  # the last stage's only block projects 192 channels to 320
    laterals = sum(before * c + c for before in lite0)
    smooth = 3 * (9 * c + c * c + 2 * c)
    head = c * 11 + 11
    count = sum(parameter.numel() for parameter in net.parameters())
    encoder = sum(parameter.numel() for parameter in net.encoder.parameters())
    assert count - encoder == laterals + smooth + head


def test_an_encoder_without_a_stride_of_4_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fpn, "build_pyramid", lambda *args, **options: Constants({1: 0.0, 2: 0.0}))
    with pytest.raises(OptionError, match=r"encoder='shallow': found features at strides \[1, 2\]"):
        FPN(2, encoder="shallow")
