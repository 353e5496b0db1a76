"""Classifiers as convolutions: the same answers, cells where they are said to be, torchvision's weights in place."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torchvision
from torch import nn
from torch.testing import assert_close

from pixelwise.core.errors import MissingDependencyError, OptionError
from pixelwise.nn.encoders import CLASSIFIERS
from pixelwise.nn.encoders.torchvision import NETS, build_classifier, convert_to_convolutions
from pixelwise.nn.pipeline import IMAGENET_MEAN, IMAGENET_STD

pytestmark = pytest.mark.usefixtures("one_thread")


def randomised(net: nn.Module, seed: int = 0) -> nn.Module:
    """Draw weights that keep the signal's size through the layers, and batch norms that do something."""
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                inputs = module.weight[0].numel()
                module.weight.uniform_(-((6 / inputs) ** 0.5), (6 / inputs) ** 0.5, generator=draw)
                if module.bias is not None:
                    module.bias.uniform_(-0.1, 0.1, generator=draw)
            elif isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5, generator=draw)
                module.bias.uniform_(-0.2, 0.2, generator=draw)
                module.running_mean.uniform_(-0.2, 0.2, generator=draw)
                module.running_var.uniform_(0.5, 1.5, generator=draw)
    return net.eval()


def image(height: int, width: int, channels: int = 3) -> torch.Tensor:
    return torch.randn(1, channels, height, width, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", ["alexnet", pytest.param("vgg16", marks=pytest.mark.slow), "googlenet"])
def test_the_class_map_of_224_pixels_is_the_classifiers_answer(name: str) -> None:
    classifier = randomised(NETS[name]())
    with torch.no_grad():
        expected, actual = classifier(image(224, 224)), convert_to_convolutions(classifier).eval()(image(224, 224))
    assert actual.shape == (1, 1000, 1, 1)
    assert expected.std() > 0.1
    assert (actual.flatten(1) - expected).abs().max() <= 1e-4


def test_a_larger_image_is_classified_at_every_32_pixels() -> None:
    """Away from the border, whose zeros reach some 200 pixels far, a shift by 32 pixels is a shift by one cell."""
    net = convert_to_convolutions(randomised(NETS["googlenet"]())).eval()
    with torch.no_grad():
        classes, moved = net(image(224, 768)), net(image(224, 768)[..., 32:])
    assert classes.shape == (1, 1000, 1, 18)
    assert_close(moved[..., 7:11], classes[..., 8:12], atol=1e-4, rtol=0)
    assert (classes[..., 8] - classes[..., 9]).abs().max() > 0.01


def test_the_weights_are_shared_not_copied() -> None:
    classifier = NETS["alexnet"]()
    net = convert_to_convolutions(classifier)
    assert net.classifier[1].weight.data_ptr() == classifier.classifier[1].weight.data_ptr()
    assert list(net.state_dict()) == list(classifier.state_dict())


@pytest.mark.parametrize("reference_padding", [False, True])
@pytest.mark.parametrize("name", NETS)
def test_cells_are_centred_where_they_are_said_to_be(name: str, reference_padding: bool) -> None:
    """The pixels that move a cell lie evenly around its centre.

    Means instead of maxima and positive weights make every pixel of the receptive field count.
    """
    encoder = build_classifier(name, 1, width=1 / 256, reference_padding=reference_padding).double().eval()
    for parent in list(encoder.modules()):
        for child, layer in parent.named_children():
            if isinstance(layer, nn.MaxPool2d):
                pool = nn.AvgPool2d(layer.kernel_size, layer.stride, layer.padding, ceil_mode=layer.ceil_mode)
                setattr(parent, child, pool)
            elif isinstance(layer, nn.Conv2d):
                nn.init.ones_(layer.weight)
    for level, (stride, offset) in enumerate(zip(encoder.strides, encoder.offsets, strict=True)):
        given = torch.ones(1, 1, 32, 1024, dtype=torch.float64, requires_grad=True)
        features = encoder(given)[level]
        row, cell = round((16 - offset) / stride), round((512 - offset) / stride)
        features[0, :, row, cell].sum().backward()
        (columns,) = given.grad[0, 0].sum(0).nonzero(as_tuple=True)
        assert 0 < columns[0] < columns[-1] < 1023
        assert (columns[0] + columns[-1]).item() / 2 == stride * cell + offset


@pytest.mark.parametrize("name", NETS)
def test_channels_are_those_of_the_nets_maps(name: str) -> None:
    """As published: behind the poolings that reach strides 8 and 16, and before the answer."""
    published = {"alexnet": [64, 192, 4096], "googlenet": [192, 480, 1024]}
    with torch.device("meta"):
        encoder = build_classifier(name)
        maps = encoder.eval()(torch.zeros(1, 3, 64, 96))
    assert encoder.channels == published.get(name, [256, 512, 4096])
    assert [features.shape[1] for features in maps] == encoder.channels
    assert encoder.strides == [8, 16, 32]


@pytest.mark.parametrize(("name", "side"), [("alexnet", 31), ("vgg16", 32), ("vgg16_bn", 32), ("googlenet", 31)])
def test_sides_are_brought_to_where_the_last_cell_is_as_far_from_the_border_as_the_first(name: str, side: int) -> None:
    encoder = build_classifier(name, width=1 / 16).eval()
    assert encoder.fitting == side % 32
    for height in (1, side, side + 1, side + 32):
        maps = encoder(image(height, 40))
        padded = next(32 * i + side for i in range(3) if 32 * i + side >= height)
        for features, stride, offset in zip(maps, encoder.strides, encoder.offsets, strict=True):
            assert stride * (features.shape[2] - 1) + offset == padded - 1 - offset


@pytest.mark.parametrize("width", [1 / 16, 0.3])
def test_width_scales_every_layer_but_the_image(width: float) -> None:
    for name in NETS:
        with torch.device("meta"):
            whole, narrow = build_classifier(name), build_classifier(name, width=width)
        pairs = zip(whole.modules(), narrow.modules(), strict=True)
        sizes = [(a.out_channels, b.out_channels) for a, b in pairs if isinstance(a, nn.Conv2d)]
        assert all(after == max(1, round(before * width)) for before, after in sizes)


@pytest.mark.parametrize("name", ["alexnet", "vgg16", "vgg16_bn"])
def test_dropout_of_a_half_follows_both_hidden_layers(name: str) -> None:
    with torch.device("meta"):
        connected = list(build_classifier(name).net.classifier)
    assert [type(layer) for layer in connected] == [nn.Conv2d, nn.ReLU, nn.Dropout] * 2
    assert [layer.p for layer in connected if isinstance(layer, nn.Dropout)] == [0.5, 0.5]


def test_pretrained_googlenet_comes_from_torchvisions_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its own normalisation, told as mean and std, replaces the conversion that torchvision's net starts with."""
    theirs = randomised(torchvision.models.GoogLeNet(aux_logits=True, transform_input=True, init_weights=False))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    torch.save(theirs.state_dict(), tmp_path / "hub" / "checkpoints" / "googlenet-1378be20.pth")
    monkeypatch.setattr("pixelwise.nn.encoders.torchvision.sha256", lambda _: "1378be20" + 56 * "0")
    encoder = build_classifier("googlenet", pretrained=True).eval()

    assert all(torch.equal(tensor, theirs.state_dict()[name]) for name, tensor in encoder.net.state_dict().items())
    colours = image(64, 64).sigmoid()
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    own_mean, own_std = (torch.tensor(values).view(3, 1, 1) for values in (encoder.mean, encoder.std))
    with torch.no_grad():
        expected = theirs._transform_input((colours - mean) / std)
    assert_close((colours - own_mean) / own_std, expected, atol=1e-6, rtol=1e-6)


@pytest.fixture(scope="module")
def alexnets() -> dict[str, torch.Tensor]:
    """Random weights as torchvision's file holds them."""
    return randomised(NETS["alexnet"]()).state_dict()


def test_weights_go_where_torchvision_has_them(
    monkeypatch: pytest.MonkeyPatch, alexnets: dict[str, torch.Tensor]
) -> None:
    monkeypatch.setattr("pixelwise.nn.encoders.torchvision.find_connection_problem", lambda _: None)
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", lambda *_, **__: alexnets)
    encoder = build_classifier("alexnet", 4, pretrained=True)
    weights = encoder.net.state_dict()
    assert set(alexnets) - set(weights) == {"classifier.6.weight", "classifier.6.bias"}
    for name, tensor in weights.items():
        if name != "features.0.weight":
            assert torch.equal(tensor.flatten(), alexnets[name].flatten())
    for channel in range(4):
        assert_close(weights["features.0.weight"][:, channel], alexnets["features.0.weight"][:, channel % 3] * 3 / 4)
    assert (encoder.mean, encoder.std) == (IMAGENET_MEAN, IMAGENET_STD)


def test_weights_of_another_architecture_are_refused(
    monkeypatch: pytest.MonkeyPatch, alexnets: dict[str, torch.Tensor]
) -> None:
    monkeypatch.setattr("pixelwise.nn.encoders.torchvision.find_connection_problem", lambda _: None)
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", lambda *_, **__: alexnets)
    with pytest.raises(MissingDependencyError, match=r"found weights of another architecture; .* torchvision's goog"):
        build_classifier("googlenet", pretrained=True)


def test_weights_that_cannot_be_had_are_named_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def offline(*_: object, **__: object) -> None:
        raise OSError("no route")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    for reason, problem in ((None, "OSError"), ("no route", "no route")):
        monkeypatch.setattr(
            "pixelwise.nn.encoders.torchvision.find_connection_problem", lambda _, reason=reason: reason
        )
        with pytest.raises(MissingDependencyError, match=rf"alexnet.: found no pretrained weights \({problem}\)"):
            build_classifier("alexnet", pretrained=True)
    monkeypatch.setattr("pixelwise.nn.encoders.torchvision.find_connection_problem", lambda _: None)
    with pytest.raises(MissingDependencyError, match=r"alexnet.: found no pretrained weights \(OSError\).*alexnet-owt"):
        build_classifier("alexnet", pretrained=True)
    assert capsys.readouterr().out == ""  # kept for results

    damaged = tmp_path / "hub" / "checkpoints" / "alexnet-owt-7be5be79.pth"
    for content in (b"half a file", None):
        if content is None:  # sound weights, but not those that the name tells
            torch.save(NETS["alexnet"]().state_dict(), damaged)
        else:
            damaged.write_bytes(content)
        with pytest.raises(
            MissingDependencyError, match=r"7be5be79\.pth: found weights with another SHA-256; .*7be5be79"
        ):
            build_classifier("alexnet", pretrained=True)


@pytest.mark.parametrize("name", ["resnet18", "efficientnet_lite0", "no_such_net"])
def test_a_net_without_fully_connected_layers_is_refused(name: str) -> None:
    with pytest.raises(OptionError) as error:
        build_classifier(name)
    expected = "expected a classifier with fully connected layers to convert: alexnet, vgg16, vgg16_bn, googlenet. "
    assert f"encoder: found '{name}'; {expected}" in str(error.value)


def test_narrower_nets_have_no_pretrained_weights() -> None:
    with pytest.raises(OptionError, match=r"width: found 0.5 with pretrained weights; expected 1\. Add `pretrained=F"):
        build_classifier("vgg16", width=0.5, pretrained=True)


def test_the_random_draw_covers_every_layer() -> None:
    """Layers take shape without memory first: what memory held must not become weights."""
    for name in ("alexnet", "googlenet"):
        torch.manual_seed(0)
        first = build_classifier(name, width=1 / 16).state_dict()
        torch.manual_seed(0)
        again = build_classifier(name, width=1 / 16).state_dict()
        assert all(torch.equal(tensor, again[entry]) for entry, tensor in first.items())
        assert all(tensor.isfinite().all() for tensor in first.values())


def test_all_are_listed_with_their_true_sizes() -> None:
    assert list(CLASSIFIERS) == list(NETS)
    told = {name: line.split(" M parameters")[0].split()[-1] for name, line in CLASSIFIERS.items() if " M " in line}
    assert len(told) == 3
    for name, millions in told.items():
        with torch.device("meta"):
            parameters = sum(parameter.numel() for parameter in build_classifier(name).parameters())
        assert parameters / 1e6 == pytest.approx(float(millions), rel=0.01)
