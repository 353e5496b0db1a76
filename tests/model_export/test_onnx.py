"""The model file: what it holds, what it gives away, and that it is whole or not there."""

from __future__ import annotations

import errno
import logging
import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from pixelwise.core.classes import ClassMap
from pixelwise.core.errors import OutputError
from pixelwise.inference.engines.base import Engine
from pixelwise.inference.engines.onnxruntime import OnnxRuntimeEngine
from pixelwise.inference.engines.openvino import OpenVinoEngine
from pixelwise.inference.loading import load
from pixelwise.inference.predictor import Predictor
from pixelwise.model_export.onnx import NO_BIAS, OPSET, export_onnx, replace_class_bias
from pixelwise.modelfile.info import METADATA_KEY, ModelInfo
from pixelwise.nn.encoders.padding import SamePaddedConv2d
from pixelwise.nn.layers.padding import pad_to_multiple
from pixelwise.nn.models.base import UpsampledModel
from pixelwise.nn.pipeline import IMAGENET_MEAN, IMAGENET_STD, TTA, Pipeline

INFO = ModelInfo(
    model="tiny",
    encoder=None,
    task="semantic",
    classes=ClassMap(("Straße", "sky"), ((128, 64, 128), (0, 0, 255))),
    mean=IMAGENET_MEAN,
    std=IMAGENET_STD,
    stride=4,
    tile=64,
    overlap=16,
)


class Tiny(nn.Module):
    """Padding, a strided convolution and bilinear up-sampling: the arithmetic on sizes that real models do."""

    def __init__(self, down: nn.Module | None = None) -> None:
        super().__init__()
        self.down = down or nn.Conv2d(3, 2, 3, stride=4, padding=1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        padded = pad_to_multiple(image, 4)
        coarse = self.down(padded)
        logits = nn.functional.interpolate(coarse, size=padded.shape[-2:], mode="bilinear", align_corners=False)
        return logits[..., : image.shape[-2], : image.shape[-1]]


def tiny() -> Pipeline:
    torch.manual_seed(0)
    return Pipeline(Tiny(), IMAGENET_MEAN, IMAGENET_STD).eval()


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exported") / "deeper" / "model.onnx"
    export_onnx(tiny(), INFO, path)
    return path


@pytest.mark.parametrize("engine", [OnnxRuntimeEngine, OpenVinoEngine])
@pytest.mark.parametrize(("n", "height", "width"), [(1, 33, 47), (3, 5, 70), (2, 1, 1), (1, 64, 64)])
def test_the_graph_equals_the_pipeline_on_bytes_of_any_size(
    model_file: Path, engine: Callable[[Path], Engine], n: int, height: int, width: int
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (n, height, width, 3), np.uint8)
    with torch.no_grad():
        expected = tiny()(torch.from_numpy(images)).numpy()
    logits = engine(model_file)(images)
    assert logits.shape == (n, 2, height, width)
    assert_allclose(logits, expected, rtol=0, atol=1e-5)


def test_padding_that_differs_by_side_is_the_convolutions_own(tmp_path: Path) -> None:
    """No node pads, and the 5x5 taps stay as they are: a file costs nothing for it. Equal to some roundings."""
    torch.manual_seed(0)
    down = nn.Sequential(SamePaddedConv2d(nn.Conv2d(3, 2, 5, 2)), SamePaddedConv2d(nn.Conv2d(2, 2, 3, 2)))
    pipeline = Pipeline(Tiny(down), IMAGENET_MEAN, IMAGENET_STD).eval()
    export_onnx(pipeline, INFO, tmp_path / "model.onnx")
    nodes = onnx.load(tmp_path / "model.onnx").graph.node
    assert sum(node.op_type == "Pad" for node in nodes) == 1  # the image, to a multiple of the stride
    given = [
        {attribute.name: list(attribute.ints) for attribute in node.attribute}
        for node in nodes
        if node.op_type == "Conv"
    ]
    assert [(attributes["pads"], attributes["kernel_shape"]) for attributes in given] == [
        ([1, 1, 2, 2], [5, 5]),
        ([0, 0, 1, 1], [3, 3]),
    ]
    images = np.random.default_rng(0).integers(0, 256, (2, 33, 50, 3), np.uint8)
    with torch.no_grad():
        expected = pipeline(torch.from_numpy(images)).numpy()
    for engine in (OnnxRuntimeEngine, OpenVinoEngine):
        assert_allclose(engine(tmp_path / "model.onnx")(images), expected, rtol=0, atol=1e-5)


def test_what_the_file_says_of_itself_is_what_was_given(model_file: Path) -> None:
    session = onnxruntime.InferenceSession(str(model_file), providers=["CPUExecutionProvider"])
    metadata = session.get_modelmeta()
    assert ModelInfo.from_json(metadata.custom_metadata_map[METADATA_KEY], model_file) == INFO
    assert metadata.producer_name == "pixelwise"
    (image,), (logits,) = session.get_inputs(), session.get_outputs()
    assert (image.name, image.type, image.shape[3]) == ("image", "tensor(uint8)", 3)
    assert (logits.name, logits.type, logits.shape[1]) == ("logits", "tensor(float)", 2)
    assert not any(isinstance(side, int) for side in image.shape[:3])


def test_the_file_is_valid_onnx_of_the_opset_and_holds_its_own_weights(model_file: Path) -> None:
    model = onnx.load(model_file, load_external_data=False)
    onnx.checker.check_model(model, full_check=True)
    assert [(opset.domain, opset.version) for opset in model.opset_import if not opset.domain] == [("", OPSET)]
    assert not any(weight.external_data for weight in model.graph.initializer)
    assert [path.name for path in model_file.parent.iterdir()] == ["model.onnx"]


def test_the_file_tells_nothing_of_the_machine_that_wrote_it(model_file: Path) -> None:
    content = model_file.read_bytes()
    here = [str(Path.cwd()), str(Path.home()), os.path.dirname(torch.__file__), "site-packages", ".py", 'File "']
    assert [trace for trace in here if trace.encode() in content] == []


def test_an_export_gives_the_same_bytes_again(model_file: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.onnx"
    export_onnx(tiny(), INFO, again)
    assert again.read_bytes() == model_file.read_bytes()


def test_a_full_disk_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def save(model: onnx.ModelProto, path: Path) -> None:
        Path(path).write_bytes(b"half a model")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(onnx, "save", save)
    file = tmp_path / "model.onnx"
    file.write_bytes(b"an earlier model")
    for path in (file, tmp_path / "new.onnx"):
        with pytest.raises(OutputError, match=rf"{path.name}: found No space left on device"):
            export_onnx(Pipeline(nn.Conv2d(3, 2, 1), IMAGENET_MEAN, IMAGENET_STD).eval(), INFO, path)
    assert file.read_bytes() == b"an earlier model"
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]


def test_layers_that_overwrite_their_input_are_exported_and_left_as_they_are(tmp_path: Path) -> None:
    pipeline = tiny()
    activation = nn.ReLU6(inplace=True)
    pipeline.model.down = nn.Sequential(pipeline.model.down, activation)
    export_onnx(pipeline, INFO, tmp_path / "model.onnx")
    assert activation.inplace
    images = np.random.default_rng(0).integers(0, 256, (1, 33, 47, 3), np.uint8)
    with torch.no_grad():
        expected = pipeline(torch.from_numpy(images)).numpy()
    assert expected.min() == 0
    assert_allclose(OnnxRuntimeEngine(tmp_path / "model.onnx")(images), expected, atol=1e-5)


def test_logging_and_warnings_are_as_before(model_file: Path) -> None:
    """The exporter's own notes are silenced while it runs, and nobody else's afterwards."""
    assert logging.root.manager.disable == logging.NOTSET
    with pytest.warns(UserWarning, match="still heard"):
        warnings.warn("still heard", UserWarning, stacklevel=1)


def test_a_class_bias_put_into_a_file_is_that_of_the_pipeline(tmp_path: Path) -> None:
    pipeline, bias = tiny().set_class_bias((0.0, 0.0)), (-1.5, 0.25)
    export_onnx(pipeline, INFO, tmp_path / "draft.onnx")
    replace_class_bias(tmp_path / "draft.onnx", bias, replace(INFO, tile=128), tmp_path / "model.onnx")
    images = np.random.default_rng(0).integers(0, 256, (1, 9, 13, 3), np.uint8)
    engine = OnnxRuntimeEngine(tmp_path / "model.onnx")
    with torch.no_grad():
        expected = pipeline.set_class_bias(bias)(torch.from_numpy(images)).numpy()
    assert_allclose(engine(images), expected, rtol=1e-4, atol=1e-5)
    assert engine.info == replace(INFO, tile=128)


def test_a_class_bias_of_nothing_stands_apart_from_a_shift_of_zero(tmp_path: Path) -> None:
    """Three classes and an image that is not shifted: two tensors of one shape, all zeros."""
    torch.manual_seed(0)
    pipeline = Pipeline(nn.Conv2d(3, 3, 1), (0.0,) * 3, (1.0,) * 3).set_class_bias((NO_BIAS,) * 3).eval()
    info = replace(INFO, classes=ClassMap(("a", "b", "c"), ((0, 0, 0), (0, 0, 1), (0, 0, 2))), mean=(0.0,) * 3)
    export_onnx(pipeline, info, tmp_path / "draft.onnx")
    images, bias = np.random.default_rng(0).integers(0, 256, (1, 9, 13, 3), np.uint8), (1.0, -2.0, 3.0)
    without = OnnxRuntimeEngine(tmp_path / "draft.onnx")(images)
    replace_class_bias(tmp_path / "draft.onnx", bias, info, tmp_path / "model.onnx")
    expected = without + np.array(bias, np.float32)[:, None, None]
    assert_allclose(OnnxRuntimeEngine(tmp_path / "model.onnx")(images), expected, atol=1e-6)


class Coarse(UpsampledModel):
    """Logits at stride 4 of an image padded to multiples of 8."""

    stride = 8

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(3, 2, 5, stride=4, padding=2)

    def coarse(self, image: torch.Tensor) -> torch.Tensor:
        return self.down(image)


def coarse(*magnifications: float, flipped: Sequence[int] = (-1,)) -> Pipeline:
    torch.manual_seed(1)
    return (
        Pipeline(Coarse(), IMAGENET_MEAN, IMAGENET_STD, tta=TTA(magnifications, flipped))
        .set_class_bias((0.1, -0.1))
        .eval()
    )


@pytest.fixture(scope="module", params=[(1.0, (-1,)), (1.25, (-1,)), (1.25, (-2, -1))], ids=str)
def coarse_file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Pipeline, Path]:
    """A pipeline with coarser logits at a test-time scale and with flips, and its model file."""
    scale, flipped = request.param
    pipeline, path = coarse(scale, flipped=flipped), tmp_path_factory.mktemp("coarse") / "model.onnx"
    export_onnx(pipeline, replace(INFO, stride=pipeline.stride, tile=96), path)
    return pipeline, path


@pytest.mark.parametrize("engine", [OnnxRuntimeEngine, OpenVinoEngine])
def test_coarser_logits_beside_all_lead_to_the_same_labels(
    coarse_file: tuple[Pipeline, Path], engine: Callable[[Path], OnnxRuntimeEngine | OpenVinoEngine]
) -> None:
    pipeline, path = coarse_file
    image = np.random.default_rng(0).integers(0, 256, (61, 83, 3), np.uint8)
    opened = engine(path)
    with torch.no_grad():
        logits = pipeline(torch.from_numpy(image[None])).numpy()
        assert_allclose(opened(image[None]), logits, rtol=0, atol=1e-5)
        if isinstance(opened, OnnxRuntimeEngine):
            assert opened.coarse is not None
            assert_allclose(
                opened.coarse(image[None]), pipeline.coarse(torch.from_numpy(image[None])), rtol=0, atol=1e-5
            )
    labels = Predictor(opened, opened.info).label_map(image)
    sure = np.abs(logits[0, 0] - logits[0, 1]) > 1e-4
    assert sure.mean() > 0.99
    assert (labels == logits[0].argmax(axis=0))[sure].all()
    assert 0.2 < labels.mean() < 0.8


def test_a_class_bias_reaches_the_coarser_logits_too(tmp_path: Path) -> None:
    info = replace(INFO, stride=8, tile=96)
    export_onnx(coarse(1.0), info, tmp_path / "draft.onnx")
    replace_class_bias(tmp_path / "draft.onnx", (9.0, -9.0), info, tmp_path / "model.onnx")
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    assert load(tmp_path / "draft.onnx").label_map(image).any()
    assert not load(tmp_path / "model.onnx").label_map(image).any()
    assert not OnnxRuntimeEngine(tmp_path / "model.onnx")(image[None]).argmax(axis=1).any()


def test_logits_of_two_coarser_maps_stand_alone(tmp_path: Path) -> None:
    pipeline = coarse(1.0, 1.5)
    export_onnx(pipeline, replace(INFO, stride=pipeline.stride, tile=96), tmp_path / "model.onnx")
    engine = OnnxRuntimeEngine(tmp_path / "model.onnx")
    assert engine.coarse is None
    image = np.random.default_rng(0).integers(0, 256, (61, 83, 3), np.uint8)
    assert_allclose(load(tmp_path / "model.onnx").logits(image), engine(image[None])[0])
