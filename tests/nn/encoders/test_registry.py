"""Families of encoders: one name, one net; a family from outside the tree."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import pixelwise as pw
from pixelwise.core.errors import OptionError
from pixelwise.nn.encoders import upgrade_encoder_name
from pixelwise.nn.encoders.base import Encoder
from pixelwise.nn.encoders.registry import ENCODERS, build_encoder, build_pyramid, find_encoder
from pixelwise.nn.encoders.torchvision import ClassifierEncoder
from pixelwise.nn.models import require_net

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize(
    ("name", "family", "net"),
    [
        ("efficientnet_lite0", "timm", "efficientnet_lite0"),
        ("resnet18.a1_in1k", "timm", "resnet18.a1_in1k"),
        ("timm/resnet18", "timm", "resnet18"),
        ("vgg16", "torchvision", "vgg16"),
        ("timm/vgg16", "timm", "vgg16"),
        ("torchvision/googlenet", "torchvision", "googlenet"),
    ],
)
def test_a_name_belongs_to_one_family(name: str, family: str, net: str) -> None:
    assert find_encoder(name) == (family, net)


@pytest.mark.parametrize("name", ["resnet1888", "timm/resnet1888", "nowhere/resnet18", ""])
def test_an_unknown_encoder_is_answered_with_the_close_ones(name: str) -> None:
    with pytest.raises(OptionError) as error:
        require_net("fpn", name)
    assert str(error.value).startswith(f"encoder: found {name!r}; expected an encoder's name (close ones: ")
    assert ("close ones: none is close" in str(error.value)) == (name == "")


def test_vgg16_is_one_net_for_every_model() -> None:
    """Stage by stage timm's has a map at each stride, torchvision's classifier three."""
    with pytest.raises(OptionError, match=r"'vgg16', torchvision's classifier, .* `encoder='timm/vgg16'`"):
        build_pyramid("vgg16")
    with torch.device("meta"):
        assert build_pyramid("timm/vgg16").strides == [1, 2, 4, 8, 16, 32]
    assert isinstance(build_encoder("googlenet"), ClassifierEncoder)


def test_models_say_which_encoders_they_take() -> None:
    for name, encoder in (("fpn", "resnet18"), ("fcn8s", "vgg16"), ("unet", "timm/vgg16"), ("segnet", None)):
        require_net(name, encoder)
    with pytest.raises(OptionError, match=r"model: found 'fpm' \(did you mean fpn\?\); expected one of fpn"):
        require_net("fpm")
    with pytest.raises(OptionError, match="encoder: found 'resnet18'; expected no encoder with model segnet"):
        require_net("segnet", "resnet18")
    with pytest.raises(OptionError, match=r"found 'resnet18'; expected a classifier with fully connected .*alexnet"):
        require_net("fcn8s", "resnet18")
    with pytest.raises(OptionError, match="encoder: found 'alexnet', torchvision's classifier"):
        require_net("deeplabv3plus", "alexnet")


def test_stored_names_mean_what_they_meant() -> None:
    assert upgrade_encoder_name("fpn", "vgg16_bn") == "timm/vgg16_bn"
    assert upgrade_encoder_name("fcn16s", "vgg16_bn") == "vgg16_bn"
    assert upgrade_encoder_name("fpn", "resnet18") == "resnet18"
    assert upgrade_encoder_name("segnet", None) is None


class Halves(nn.Module):
    """Two maps, at strides 2 and 4."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(in_channels, 5, 2, stride=2)
        self.second = nn.Conv2d(5, 7, 2, stride=2)

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        first = self.first(image)
        return [first, self.second(first)]


class HalvesFamily:
    """A family as another package would write it."""

    aligned = True

    def names(self) -> list[str]:
        return ["two_halves"]

    def knows(self, name: str) -> bool:
        return name in self.names()

    def build(
        self,
        name: str,
        in_channels: int = 3,
        *,
        pretrained: bool = False,
        output_stride: int | None = None,
        expanded: bool = False,
    ) -> Encoder:
        return Encoder(Halves(in_channels), [5, 7], [2, 4], mean=(0.5,), std=(0.25,))


def test_a_family_from_elsewhere_is_one_registration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ENCODERS, "_entries", dict(ENCODERS._entries))
    pw.register_encoder("halves", HalvesFamily())
    require_net("fpn", "two_halves")
    for name in ("two_halves", "halves/two_halves"):
        model = pw.models.build("fpn", 3, in_channels=1, encoder=name).eval()
        assert model.stride == 4
        assert model(torch.zeros(1, 1, 9, 13)).shape == (1, 3, 9, 13)
    with pytest.raises(OptionError, match="close ones: two_halves"):
        require_net("fpn", "two_halfs")
