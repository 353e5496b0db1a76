from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from pixelwise.analysis.summary import summarise
from pixelwise.nn.models import MODELS, build
from pixelwise.nn.parameters import count_parameters

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("name", MODELS)
def test_stages_add_up_to_the_net(name: str) -> None:
    model = build(name, 2, width=1 / 16)
    summary = summarise(model, (64, 96), effective=False)
    assert summary.parameters == sum(stage.parameters for stage in summary.stages) == count_parameters(model)
    assert summary.multiply_adds == sum(stage.multiply_adds for stage in summary.stages)
    assert summary.stride == model.stride
    assert summary.stages[-1].channels == 2


def test_the_published_segnet_in_numbers() -> None:
    """29.4 M parameters; the first stage is 3 -> 64 -> 64 with biases and batch norm, 3x3, at full size."""
    summary = summarise(build("segnet", 12), (32, 32), effective=False)
    first = summary.stages[0]
    assert (first.channels, first.stride, first.receptive_field) == (64, 1, 5)
    assert first.parameters == 3 * 64 * 9 + 64 * 64 * 9 + 2 * (64 + 2 * 64)
    assert first.multiply_adds == 32 * 32 * (3 * 64 * 9 + 64 * 64 * 9)
    assert [stage.stride for stage in summary.stages] == [1, 2, 4, 8, 16, 16, 8, 4, 2, 1, 1]
    # VGG16's conv1_2, conv2_2, conv3_3, conv4_3 and conv5_3
    assert [stage.receptive_field for stage in summary.stages[:5]] == [5, 14, 40, 92, 196]
    assert summary.separable.layers == summary.dilated.layers == 0


def test_effective_fields_are_measured_where_a_gradient_gets_through() -> None:
    torch.manual_seed(0)
    model = build("segnet", 2, width=1 / 16)
    summary = summarise(model, (32, 32))
    assert summary.samples == 4
    assert all(0 < stage.effective_receptive_field <= min(stage.receptive_field, 32) for stage in summary.stages)
    nn.init.zeros_(model.head.weight)
    summary = summarise(model, (32, 32))
    assert summary.effective_receptive_field is None
    assert summary.stages[-1].effective_receptive_field is None
    assert summary.stages[-2].effective_receptive_field is not None


def test_json_tells_the_whole_image_apart() -> None:
    """DeepLab's image pooling looks at everything from its pyramid on."""
    summary = summarise(build("deeplabv3plus", 2, encoder="test_resnet", width=1 / 16), (64, 96), effective=False)
    assert summary.receptive_field is None
    content = json.loads(json.dumps(summary.to_json_dict()))
    assert {"parameters", "multiply_adds", "stride", "receptive_field", "stages"} <= content.keys()
    assert (content["receptive_field"], content["sees_whole_image"]) == (96, True)
    assert content["stages"][0]["sees_whole_image"] is False
    assert content["dilated"]["layers"] > 0
