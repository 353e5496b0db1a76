"""The engine of torch says what onnxruntime says of the same model file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from onnx import helper, numpy_helper
from PIL import Image

from pixelwise.core.classes import ClassMap
from pixelwise.core.device import Device
from pixelwise.core.errors import MissingDependencyError, ModelFileError
from pixelwise.inference.engines.onnxruntime import OnnxRuntimeEngine
from pixelwise.inference.loading import load
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.scans import predict_scan
from pixelwise.instances.grouping_parameters import GroupingParameters
from pixelwise.model_export.onnx import export_onnx
from pixelwise.modelfile.info import METADATA_KEY, ModelInfo
from pixelwise.nn.models import build
from pixelwise.nn.pipeline import TTA, Pipeline
from pixelwise.tiling.grid import Tiling
from pixelwise.tiling.stitch import label_blocks, stitch_blocks
from pixelwise.torch_runtime.engine import TorchFileEngine
from pixelwise.torch_runtime.stitching import stitch_labels

CPU = Device("cpu")
CLASSES = ClassMap(("a", "b", "c"), ((0, 0, 0), (9, 9, 9), (200, 0, 0)))
MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.2, 0.3)
TASK = {"fpn": "semantic", "bayesian_segnet_basic": "instance"}
STATS = ((0.0,) * 3, (1.0,) * 3, 1, 64, 8)
MODELS = ("fpn", "bayesian_segnet_basic")
"""One coarser map with flip TTA; and objects at two test-time scales, with dropout and unpooling."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    objects = GroupingParameters((1,), 2, 0.5, 2)
    fpn = Pipeline(
        build("fpn", 3, encoder="test_efficientnet", pretrained=False, width=1 / 4), MEAN, STD, tta=TTA((1.25,), (-1,))
    )
    segnet = build("bayesian_segnet_basic", 6, width=1 / 8)
    segnet = Pipeline(segnet, MEAN, STD, tta=TTA((1.0, 1.5), (-2, -1)), grouping=objects)
    for name, pipeline in zip(MODELS, (fpn, segnet), strict=True):
        info = ModelInfo(name, None, TASK[name], CLASSES, MEAN, STD, pipeline.stride, 2 * pipeline.stride, 0)
        export_onnx(pipeline.eval(), replace(info, grouping=pipeline.grouping), folder / f"{name}.onnx")
    return {name: folder / f"{name}.onnx" for name in MODELS}


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("name", MODELS)
def test_logits_are_those_of_onnxruntime(files: dict[str, Path], name: str) -> None:
    engine, other = TorchFileEngine(files[name], CPU), OnnxRuntimeEngine(files[name], 1)
    for size in ((33, 70), (64, 64)):
        images = np.random.default_rng(1).integers(0, 256, (2, *size, 3), np.uint8)
        expected = other(images)
        differences = np.abs(engine(images) - expected)
        is_far = differences > 2e-4 * max(1.0, float(np.abs(expected).max()))
        # of two values in a pooling window that are equal but for rounding, either may be the larger
        assert is_far.mean() <= (0.001 if "segnet" in name else 0)
    assert (engine.coarse is None) == (other.coarse is None)
    if engine.coarse is not None and other.coarse is not None:
        assert_allclose(engine.coarse(images), other.coarse(images), atol=2e-3)


def distinct_image(height: int, width: int) -> npt.NDArray[np.uint8]:
    """No two channels of a pixel are equal, so that labels have no ties."""
    return np.random.default_rng(2).integers(0, 85, (height, width, 3), np.uint8) * 3 + np.arange(3, dtype=np.uint8)


def test_labels_of_tiles_are_those_of_the_other_stitching(model: Path) -> None:
    engine, image, tiling = TorchFileEngine(model, CPU), distinct_image(150, 201), Tiling(64, 16, 1)
    expected = label_blocks(stitch_blocks(engine, image, tiling), (150, 201))
    assert_array_equal(expected, image.argmax(2))
    for at_once in (1, 3):
        labels = np.empty((150, 201), np.uint8)
        blocks = list(stitch_labels(engine.logits, image, tiling, at_once=at_once))
        for block in blocks:
            labels[block.place] = block.labels
        assert_array_equal(labels, expected)
    later = list(stitch_labels(engine.logits, image, tiling, at_once=2, from_row=70))
    assert 0 < later[0].row <= 70
    for block, other in zip(later, blocks[-len(later) :], strict=True):
        assert (block.row, block.column) == (other.row, other.column)
        assert_array_equal(block.labels, other.labels)
    assert list(stitch_labels(engine.logits, image, tiling, from_row=150)) == []


def test_a_predictor_takes_labels_from_the_device(model: Path) -> None:
    """As on a GPU: labels come in blocks, in the predictor's tiles."""
    engine, image = TorchFileEngine(model, CPU), distinct_image(90, 80)
    assert engine.label_blocks is None
    engine.label_blocks = engine._label_blocks
    predictor = Predictor(engine, engine.info)
    assert max(image.shape) > predictor.tiling.tile
    assert_array_equal(predictor.label_map(image), image.argmax(2))
    assert predictor.with_thresholds({"b": 0.9}).label_blocks(image) is None


def test_a_scan_takes_labels_from_the_device(model: Path, tmp_path: Path) -> None:
    image = distinct_image(130, 140)
    Image.fromarray(image).save(tmp_path / "scan.tif")
    engine = TorchFileEngine(model, CPU)
    engine.label_blocks = engine._label_blocks
    predict_scan(Predictor(engine, engine.info, model), tmp_path / "scan.tif", tmp_path / "labels.tif")
    assert_array_equal(np.asarray(Image.open(tmp_path / "labels.tif")), image.argmax(2))


def test_a_file_in_8_bits(files: dict[str, Path], tmp_path: Path) -> None:
    """Quantised and back, as `export(int8=True)` writes it: each value a multiple of 1/32, from -4 on."""
    path = _file(
        tmp_path / "int8.onnx",
        [
            helper.make_node("QuantizeLinear", ["scaled", "scale", "zero"], ["steps"]),
            helper.make_node("DequantizeLinear", ["steps", "scale", "zero"], ["logits"]),
        ],
        {"scale": np.float32(1 / 32), "zero": np.uint8(128)},
    )
    images = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(1, 2, 3, 3) * 14
    logits = TorchFileEngine(path, CPU)(images)
    expected = np.clip(np.round(images.transpose(0, 3, 1, 2) / np.float32(32) * 32) / 32, -4, 127 / 32)
    assert_array_equal(logits, expected.astype(np.float32))
    assert_array_equal(logits, OnnxRuntimeEngine(path, 1)(images))


def _file(path: Path, nodes: list[onnx.NodeProto], constants: dict[str, np.generic]) -> Path:
    """Write a model file of `nodes` behind `scaled`, the image over 32."""
    first = [
        helper.make_node("Cast", ["image"], ["float"], to=onnx.TensorProto.FLOAT),
        helper.make_node("Transpose", ["float"], ["first"], perm=[0, 3, 1, 2]),
        helper.make_node("Mul", ["first", "part"], ["scaled"]),
    ]
    values = {"part": np.full((1, 3, 1, 1), 1 / 32, np.float32)} | constants
    graph = helper.make_graph(
        [*first, *nodes],
        "graph",
        [helper.make_tensor_value_info("image", onnx.TensorProto.UINT8, ("n", "h", "w", 3))],
        [helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ("n", 3, "h", "w"))],
        [numpy_helper.from_array(np.array(value), name) for name, value in values.items()],
    )
    info = ModelInfo("x", None, "semantic", CLASSES, *STATS)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, {METADATA_KEY: info.to_json()})
    onnx.save(model, str(path))
    return path


def test_what_float16_does_not_hold_is_computed_in_float32(tmp_path: Path) -> None:
    """255 / 32 to the sixth power is 256,000, and float16 ends at 65,504."""
    path = _file(
        tmp_path / "large.onnx", [helper.make_node("Pow", ["scaled", "six"], ["logits"])], {"six": np.float32(6)}
    )
    small, large = (np.full((1, 2, 2, 3), value, np.uint8) for value in (64, 255))
    engine = TorchFileEngine(path, CPU, half=True)
    assert_array_equal(engine(small), np.full((1, 3, 2, 2), 64.0))
    assert engine.half
    assert_allclose(engine(large), np.full((1, 3, 2, 2), (255 / 32) ** 6), rtol=1e-5)
    assert not engine.half
    again = TorchFileEngine(path, CPU, half=True)
    (block,) = again._label_blocks(large[0], Tiling(64, 8, 1))
    assert block.labels.tolist() == [[0, 0], [0, 0]]
    assert not again.half


def test_an_operation_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    path = _file(tmp_path / "odd.onnx", [helper.make_node("Selu", ["scaled"], ["logits"])], {})
    with pytest.raises(ModelFileError, match=r"odd\.onnx: found an operation that the torch engine has not \(Selu\)"):
        load(path, "torch")
    (tmp_path / "no.onnx").write_bytes(b"\x08\x01nothing")
    with pytest.raises(ModelFileError, match=r"no\.onnx"):
        load(tmp_path / "no.onnx", "torch")


def test_without_torch_it_says_what_to_install(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pixelwise.inference.engines.torch.PACKAGES", ("torch", "no_such_package"))
    with pytest.raises(MissingDependencyError, match="engine='torch': found no package no_such_package"):
        load(model, "torch")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Logits are colours over 32."""
    return _file(tmp_path / "same.onnx", [helper.make_node("Identity", ["scaled"], ["logits"])], {})
