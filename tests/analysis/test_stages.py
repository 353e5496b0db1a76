from __future__ import annotations

import pytest
from torch import nn

from pixelwise.analysis.stages import Stage, find_stages
from pixelwise.analysis.tracing import trace
from pixelwise.nn.models import MODELS, build

pytestmark = pytest.mark.usefixtures("one_thread")


def names(model: nn.Module) -> list[str]:
    return [stage.name for stage in find_stages(model, trace(model, (64, 64)))]


def test_a_chain_of_layers_is_cut_at_its_strides() -> None:
    layers = [nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3), nn.ReLU(), nn.MaxPool2d(2)]
    assert names(nn.Sequential(*layers, nn.Conv2d(4, 2, 1))) == ["0 … 1", "2 … 4", "5 … 6"]


def test_a_chain_of_layers_is_cut_where_dilation_changes() -> None:
    layers = [nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3, dilation=2), nn.BatchNorm2d(4)]
    assert names(nn.Sequential(*layers)) == ["0 … 1", "2 … 3"]


def test_levels_of_known_nets() -> None:
    assert names(build("segnet", 2, width=1 / 16)) == [
        *(f"encoder.{i}" for i in range(5)),
        *(f"decoder.{i}" for i in range(5)),
        "head",
    ]
    assert names(build("fpn", 2, encoder="resnet18")) == [
        "encoder.net.conv1 … act1",
        "encoder.net.maxpool … layer1",
        "encoder.net.layer2",
        "encoder.net.layer3",
        "encoder.net.layer4",
        "laterals.0",
        "laterals.1",
        "laterals.2",
        "laterals.3",
        "smooth.2",
        "smooth.1",
        "smooth.0",
        "head",
    ]


@pytest.mark.parametrize("name", MODELS)
def test_every_parameter_and_product_is_in_one_stage(name: str) -> None:
    model = build(name, 2, width=1 / 16)
    traced = trace(model, (64, 64))
    stages = find_stages(model, traced)
    assert 6 <= len(stages) <= 16
    for path in [*dict(model.named_parameters()), *(product.module for product in traced.products)]:
        assert sum(stage.holds(path) for stage in stages) == 1, path


def test_a_stage_holds_its_modules_and_nothing_of_a_like_name() -> None:
    stage = Stage("up.1", ("up.1",), "up.1")
    assert stage.holds("up.1.weight")
    assert stage.holds("up.1")
    assert not stage.holds("up.10.weight")


@pytest.mark.parametrize("encoder", ["mobilenetv3_small_100", "lcnet_050", "hardcorenas_a", "efficientvit_b0"])
def test_nets_with_activations_in_place_are_cut_into_their_stages(encoder: str) -> None:
    """Five strides, from 2 to 32, and no operation without a rule."""
    net = build("fpn", 3, encoder=encoder)
    traced = trace(net, (64, 64))
    assert traced.unknown == []
    strides = {traced.outputs[stage.output].field.jump for stage in find_stages(net, traced) if "encoder" in stage.name}
    assert strides >= {4, 8, 16, 32}
