"""Encoder weights from a user's file: which entries are taken, what is refused, and that no code of it runs."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

from pixelwise.core.errors import OptionError
from pixelwise.nn.encoders.registry import build_encoder
from pixelwise.nn.encoders.timm import PACKAGED, packaged_file
from pixelwise.nn.encoders.torchvision import NETS, build_classifier
from pixelwise.nn.encoders.weight_file import fill_net, read_weights

Weights = dict[str, torch.Tensor]
SMALL = {"fc.weight": torch.ones(2, 3), "fc.bias": torch.zeros(2)}


def save(path: Path, content: Any) -> Path:
    save_file(content, path) if path.suffix == ".safetensors" else torch.save(content, path)
    return path


def random_weights(net: nn.Module) -> Weights:
    """Draw new values in the layout of a net: a random start for each tensor, from which its values count upwards."""
    draw = torch.Generator().manual_seed(3)
    return {
        name: torch.arange(tensor.numel()).view(tensor.shape) + torch.randn(1, generator=draw)
        if tensor.is_floating_point()
        else tensor
        for name, tensor in net.state_dict().items()
    }


@pytest.mark.parametrize("name", ["w.pth", "w.pt", "w.bin", "w.safetensors"])
def test_a_state_dict_is_read_from_each_kind_of_file(tmp_path: Path, name: str) -> None:
    weights = read_weights(save(tmp_path / name, SMALL))
    assert {entry: tensor.tolist() for entry, tensor in weights.items()} == {
        "fc.weight": [[1, 1, 1], [1, 1, 1]],
        "fc.bias": [0, 0],
    }


@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "model"])
def test_what_other_trainings_wrap_around_weights_is_taken_off(tmp_path: Path, key: str) -> None:
    inner = {f"module.{name}": tensor for name, tensor in SMALL.items()}
    file = save(tmp_path / "w.pth", {"epoch": 3, key: inner, "optimizer": {"lr": 0.1}})
    assert list(read_weights(file)) == ["fc.weight", "fc.bias"]


class _Runs:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("ran"),)


def test_no_code_of_a_file_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "w.pth").write_bytes(pickle.dumps({"fc.weight": _Runs()}))
    with pytest.raises(OptionError, match=r"w\.pth, which cannot be read .*Save the net's state_dict\(\) alone"):
        read_weights(tmp_path / "w.pth")
    assert not (tmp_path / "ran").exists()


def test_files_that_hold_no_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "cut.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{}")
    (tmp_path / "cut.pth").write_bytes(b"PK\x03\x04")
    (tmp_path / "w.h5").touch()
    cases = {"cut.safetensors": "cannot be read", "cut.pth": "cannot be read", "w.h5": "a .h5 file"}
    for name, problem in cases.items():
        with pytest.raises(OptionError, match=rf"encoder_weights: found .*{name}.* ?{problem}"):
            read_weights(tmp_path / name)
    with pytest.raises(OptionError, match="without any weights"):
        read_weights(save(tmp_path / "empty.pth", {"epoch": 3}))


@pytest.mark.parametrize("name", ["alexnet", pytest.param("vgg16", marks=pytest.mark.slow), "googlenet"])
def test_a_classifier_takes_torchvisions_entries_and_names_what_is_left(name: str) -> None:
    weights = random_weights(NETS[name]())
    net = build_classifier(name).net
    taken = fill_net(net, weights, Path("w.pth"), name)
    left = {"alexnet": "classifier.6", "vgg16": "classifier.6", "googlenet": "fc"}[name]
    assert taken.unused == (f"{left}.weight", f"{left}.bias")
    assert taken.count == len(net.state_dict()) == len(weights) - 2
    assert str(taken) == f"{taken.count} entries taken; not used: {left}.weight, {left}.bias"
    for entry, tensor in net.state_dict().items():
        assert torch.equal(tensor.flatten(), weights[entry].flatten())


@pytest.mark.parametrize("name", ["resnet18", "convnext_atto", "mobilenetv3_small_100", "regnety_002"])
def test_a_timm_encoder_takes_its_classifiers_entries(name: str) -> None:
    """ConvNeXt's features have an underscore where its classifier's entries have a dot."""
    weights = random_weights(timm.create_model(name))
    encoder = build_encoder(name)
    taken = fill_net(encoder.net, weights, Path("w.pth"), name)
    assert taken.count == len(encoder.net.state_dict())
    entry, tensor = next(iter(encoder.net.state_dict().items()))
    assert torch.equal(tensor, weights[entry.replace("stem_0", "stem.0")])


def test_torchvisions_resnet_is_timms() -> None:
    weights = random_weights(torchvision.models.resnet18())
    assert fill_net(build_encoder("resnet18").net, weights, Path("w.pth"), "resnet18").unused == (
        "fc.weight",
        "fc.bias",
    )


def test_the_file_of_a_packaged_net_gives_what_the_package_gives() -> None:
    encoder, expected = (build_encoder("efficientnet_lite0", pretrained=given) for given in (False, True))
    path = packaged_file(PACKAGED["efficientnet_lite0"])
    fill_net(encoder.net, read_weights(path), path, "efficientnet_lite0")
    wanted = expected.net.state_dict()
    assert all(torch.equal(tensor, wanted[name]) for name, tensor in encoder.net.state_dict().items())


def test_a_first_convolution_of_more_channels_repeats_those_of_the_file() -> None:
    weights = random_weights(torchvision.models.resnet18())
    net = build_encoder("resnet18", in_channels=6).net
    fill_net(net, weights, Path("w.pth"), "resnet18")
    assert torch.equal(net.state_dict()["conv1.weight"], weights["conv1.weight"].repeat(1, 2, 1, 1) * 0.5)


def test_weights_of_another_net_are_refused_and_change_nothing() -> None:
    net = build_encoder("resnet18").net
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    with pytest.raises(
        OptionError, match=r"w\.pth without conv1.weight \(.*; expected the entries of resnet18.*features\.0"
    ):
        fill_net(net, random_weights(NETS["alexnet"]()), Path("w.pth"), "resnet18")
    wider = random_weights(timm.create_model("resnet18"))
    wider["layer4.1.conv2.weight"] = torch.zeros(4, 4, 3, 3)
    with pytest.raises(
        OptionError, match=r"layer4.1.conv2.weight of shape \(4, 4, 3, 3\) in w\.pth; expected \(512, 512, 3, 3\)"
    ):
        fill_net(net, wider, Path("w.pth"), "resnet18")
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


@pytest.mark.parametrize("prefix", ["model._orig_mod.", "module.model.", "model.module.encoder."])
def test_prefixes_are_taken_off_in_any_order(tmp_path: Path, prefix: str) -> None:
    file = save(tmp_path / "w.pth", {f"{prefix}{name}": tensor for name, tensor in SMALL.items()})
    assert list(read_weights(file)) == ["fc.weight", "fc.bias"]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_of_another_precision_are_taken(dtype: torch.dtype) -> None:
    net = nn.Linear(2, 2)
    fill_net(net, {"weight": torch.full((2, 2), 0.5, dtype=dtype), "bias": torch.ones(2, dtype=dtype)}, Path("w"), "x")
    assert (net.weight.dtype, net.weight.tolist()) == (torch.float32, [[0.5, 0.5], [0.5, 0.5]])


def test_weights_that_are_no_numbers_or_of_8_bits_are_refused() -> None:
    bias = torch.zeros(2)
    wrong = {
        "weight in torch.int8": torch.ones(2, 2, dtype=torch.int8),
        "weight in torch.complex64": torch.ones(2, 2, dtype=torch.complex64),
        "weight with values that are no numbers": torch.tensor([[0.0, torch.nan], [0, 0]]),
    }
    for problem, weight in wrong.items():
        with pytest.raises(OptionError, match=rf"found {problem} in w\.pth"):
            fill_net(nn.Linear(2, 2), {"weight": weight, "bias": bias}, Path("w.pth"), "x")


def test_a_transposed_fully_connected_layer_becomes_a_convolution() -> None:
    net = nn.Conv2d(2, 3, 1, bias=False)
    weight = torch.arange(6.0).reshape(2, 3).T  # whose numbers do not lie in their order
    fill_net(net, {"weight": weight}, Path("w.pth"), "x")
    assert net.weight.flatten().tolist() == [0, 3, 1, 4, 2, 5]


def test_a_whole_net_is_refused_in_a_sentence(tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 2), tmp_path / "net.pth")
    with pytest.raises(OptionError, match=r"cannot be read \(more than tensors, such as a whole net\); expected"):
        read_weights(tmp_path / "net.pth")
