"""The contract of a model, asked of every entry of `MODELS` and of U-Net on an encoder, at small width."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn
from torch.testing import assert_close

from pixelwise.core.classes import ClassMap
from pixelwise.core.errors import OptionError
from pixelwise.inference.engines.onnxruntime import OnnxRuntimeEngine
from pixelwise.inference.engines.openvino import OpenVinoEngine
from pixelwise.model_export.onnx import export_onnx
from pixelwise.modelfile.info import ModelInfo
from pixelwise.nn.models import MODELS, build
from pixelwise.nn.pipeline import IMAGENET_MEAN, IMAGENET_STD, Pipeline
from pixelwise.training.torch_engine import TorchEngine

pytestmark = pytest.mark.usefixtures("one_thread")

CASES = {name: {"width": 1 / 16} for name in MODELS} | {
    "unet on an encoder": {"encoder": "test_resnet"},
    "fcn8s on alexnet": {"width": 1 / 16, "encoder": "alexnet"},
    "fcn8s on googlenet": {"width": 1 / 4, "encoder": "googlenet"},
    "fcn8s padded as the reference": {"width": 1 / 16, "options": {"reference_padding": True}},
}
SIZES = [(33, 47), (1, 1), (5, 70), (64, 96)]
CLASSES = 3
LONG = (
    *("bayesian_segnet", "deeplabv3plus", "fcn8s on googlenet"),
    *("fcn8s padded as the reference", "unet on an encoder"),
)
EXPORTED = [
    pytest.param(case, marks=pytest.mark.slow) if case in LONG else case
    for case in CASES
    if case not in ("fcn16s", "fcn8s on alexnet")
]
"""Tracing takes seconds: these two have no layer that another one lacks."""


def small(case: str, in_channels: int = 3) -> nn.Module:
    """Build a case with weights that do not change from test to test."""
    torch.manual_seed(0)
    model = build(case.split()[0], CLASSES, in_channels, **CASES[case])
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and not module.weight.any():
            nn.init.kaiming_normal_(module.weight)  # score layers that start at zero would hide the layers before
    return model


def image(n: int, channels: int, height: int, width: int) -> torch.Tensor:
    return torch.randn(n, channels, height, width, generator=torch.Generator().manual_seed(1))


@pytest.fixture(params=CASES)
def model(request: pytest.FixtureRequest) -> nn.Module:
    return small(request.param).eval()


@pytest.mark.parametrize("size", SIZES)
def test_logits_come_at_the_images_size(model: nn.Module, size: tuple[int, int]) -> None:
    with torch.no_grad():
        logits = model(image(2, 3, *size))
    assert logits.shape == (2, CLASSES, *size)
    assert logits.dtype == torch.float32
    assert logits.isfinite().all()


@pytest.mark.parametrize("case", CASES)
def test_images_may_have_any_number_of_channels(case: str) -> None:
    for channels in (1, 4):
        assert small(case, channels).eval()(image(1, channels, 5, 7)).shape == (1, CLASSES, 5, 7)


def test_the_gradient_reaches_every_parameter(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)  # some encoders start at zero, which would hide the layers before
    logits = model(image(2, 3, 64, 64))
    (logits * image(2, CLASSES, 64, 64)).sum().backward()
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:  # an encoder's layers behind the last map that is used
            assert name.startswith("encoder.net."), name
            continue
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_an_images_logits_do_not_depend_on_its_batch(model: nn.Module) -> None:
    pair = image(2, 3, 33, 47)
    with torch.no_grad():
        together, alone = model(pair), torch.cat([model(one.unsqueeze(0)) for one in pair])
    assert_close(together, alone, atol=1e-5, rtol=1e-5)


def test_one_image_is_batch_enough_for_training(model: nn.Module) -> None:
    logits = model.train()(image(1, 3, 33, 47))
    logits.square().mean().backward()
    assert logits.shape == (1, CLASSES, 33, 47)
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters() if parameter.requires_grad)


@pytest.mark.parametrize("case", CASES)
def test_saved_and_loaded_weights_give_equal_logits(case: str) -> None:
    first, second = small(case), build(case.split()[0], CLASSES, **CASES[case])
    first.train()(image(2, 3, 64, 64))  # moves the statistics of batch norm, which have to travel too
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second.load_state_dict(torch.load(file, weights_only=True))
    with torch.no_grad():
        assert torch.equal(*(net.eval()(image(1, 3, 33, 47)) for net in (first, second)))


def test_the_image_stays_untouched(model: nn.Module) -> None:
    given = image(1, 3, 64, 64)
    model(given)
    assert torch.equal(given, image(1, 3, 64, 64))


@pytest.mark.parametrize("case", CASES)
def test_a_model_tells_its_stride_and_ends_in_its_head(case: str) -> None:
    """All that depends on the classes is the head's, so that the rest can be kept where they change."""
    model, other = small(case), build(case.split()[0], CLASSES + 1, **CASES[case])
    assert type(model.stride) is int
    assert model.stride in (16, 32)
    assert [name for name, _ in model.named_parameters()][-1].startswith("head.")
    pairs = zip(model.state_dict().items(), other.state_dict().values(), strict=True)
    changed = {name.partition(".")[0] for (name, value), others in pairs if value.shape != others.shape}
    assert changed == {"head"}


@pytest.mark.parametrize("name", MODELS)
def test_options_that_make_no_sense_are_refused(name: str) -> None:
    for num_classes in (1, 0, -3):
        with pytest.raises(OptionError, match=rf"num_classes: found {num_classes}; expected at least 2"):
            build(name, num_classes)
    with pytest.raises(OptionError, match="in_channels: found 0"):
        build(name, 2, 0)
    for width in (0.0, -1.0, 4.5, float("nan")):
        with pytest.raises(OptionError, match="width: found"):
            build(name, 2, width=width)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("segnet", {"encoder": "resnet18"}, "encoder: found 'resnet18'; expected no encoder with model segnet"),
        ("unet", {"encoder": "test_resnet", "width": 0.5}, "width: found 0.5 with an encoder"),
        ("fpn", {"encoder": "no_such_net"}, "encoder: found 'no_such_net'"),
        ("unet", {"encoder": ""}, "encoder: found ''"),
    ],
)
def test_an_option_the_model_does_not_have_is_refused(name: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError) as error:
        build(name, 2, **options)
    assert str(error.value).startswith(message)


@pytest.fixture(scope="module", params=EXPORTED)
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Pipeline, Path]:
    """A pipeline whose batch norms have seen images, and its model file."""
    pipeline = Pipeline(small(request.param), IMAGENET_MEAN, IMAGENET_STD).train()
    for seed in range(3):
        pipeline(torch.from_numpy(photos(2, 64, 64, seed)))
    pipeline.eval()
    path = tmp_path_factory.mktemp("exported") / "model.onnx"
    classes = ClassMap.from_names([f"class {i}" for i in range(CLASSES)])
    info = ModelInfo("m", None, "semantic", classes, IMAGENET_MEAN, IMAGENET_STD, pipeline.model.stride, 1024, 256)
    export_onnx(pipeline, info, path)
    return pipeline, path


def photos(n: int, height: int, width: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, height, width, 3), np.uint8)


@pytest.mark.parametrize("kind", [OnnxRuntimeEngine, OpenVinoEngine])
def test_the_model_file_equals_the_model(
    exported: tuple[Pipeline, Path], kind: type[OnnxRuntimeEngine] | type[OpenVinoEngine]
) -> None:
    """Logits within 1e-4, some tens of float32 roundings at their magnitude of 1 to 10, and the same labels."""
    pipeline, path = exported
    engine, eager = kind(path), TorchEngine(pipeline)
    for n, height, width in [(1, 33, 47), (2, 64, 96), (1, 1, 1), (2, 5, 70)]:
        images = photos(n, height, width, seed=9)
        actual, expected = engine(images), eager(images)
        assert actual.shape == (n, CLASSES, height, width)
        assert_allclose(actual, expected, rtol=0, atol=1e-4)
        assert_array_equal(actual.argmax(1), expected.argmax(1))
