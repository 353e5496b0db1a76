"""A model file whose labels can be worked out by hand: one 1x1 convolution over the colours."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pixelwise.core.classes import ClassMap
from pixelwise.instances.grouping_parameters import GroupingParameters
from pixelwise.modelfile.info import DROPOUT_SEED, METADATA_KEY, ModelInfo

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]

WEIGHT = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
# "dark" wins where all channels are below 100. The fractions differ, so that no two classes ever score the same.
BIAS = np.array([99.875, 0.0, 0.25, 0.5], np.float32)


class ColourModel:
    """Scores dark, red, green and blue by each pixel's own colour; says the same in numpy and as a model file."""

    weight, bias = WEIGHT, BIAS
    info = ModelInfo(
        model="colour",
        encoder=None,
        task="semantic",
        classes=ClassMap(("dark", "red", "green", "blue"), ((10, 10, 10), (200, 0, 0), (0, 200, 0), (0, 0, 200))),
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        stride=32,
        tile=64,
        overlap=32,
    )

    def logits(self, image: UInt8) -> Float32:
        """(4, height, width), exact in float32."""
        return (image.astype(np.float32) @ self.weight.T + self.bias).transpose(2, 0, 1)

    def labels(self, image: UInt8) -> UInt8:
        return self.logits(image).argmax(0).astype(np.uint8)

    def save(
        self,
        path: Path,
        metadata: dict[str, str] | None = None,
        input_name: str = "image",
        input_type: int = TensorProto.UINT8,
        input_shape: Sequence[str | int] = ("batch", "height", "width", 3),
        output_name: str = "logits",
        num_classes: int | None = None,
    ) -> Path:
        """Write the model file as `export` would, but for what a test gets wrong on purpose."""
        nodes = [
            helper.make_node("Cast", [input_name], ["float"], to=TensorProto.FLOAT),
            helper.make_node("Transpose", ["float"], ["channels_first"], perm=[0, 3, 1, 2]),
            helper.make_node("Conv", ["channels_first", "weight", "bias"], [output_name]),
        ]
        num_classes = num_classes or len(self.bias)
        weight, bias = np.resize(self.weight, (num_classes, 3, 1, 1)), np.resize(self.bias, num_classes)
        batch, height, width, _ = input_shape
        output = helper.make_tensor_value_info(output_name, TensorProto.FLOAT, (batch, num_classes, height, width))
        graph = helper.make_graph(
            nodes,
            "colour",
            [helper.make_tensor_value_info(input_name, input_type, input_shape)],
            [output],
            [numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(bias, "bias")],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        helper.set_model_props(model, {METADATA_KEY: self.info.to_json()} if metadata is None else metadata)
        onnx.save(model, str(path))
        return path


class BlobModel(ColourModel):
    """An instance model: red above 100 is a blob, green is the heat of its centre, no pixel leads elsewhere."""

    weight = np.array([[0, 0, 0], [1, 0, 0], [0, 1 / 255, 0], [0, 0, 0], [0, 0, 0]], np.float32)
    bias = np.array([100, 0, 0, 0, 0], np.float32)
    info = dataclasses.replace(
        ColourModel.info,
        task="instance",
        classes=ClassMap(("background", "blob"), ((0, 0, 0), (200, 0, 0))),
        grouping=GroupingParameters((1,), radius=2, least_heat=0.5, least_area=2),
    )


@pytest.fixture
def blobs() -> BlobModel:
    return BlobModel()


@pytest.fixture
def blob_file(blobs: BlobModel, tmp_path: Path) -> Path:
    """The blob model, as `export` would have written it."""
    return blobs.save(tmp_path / "blobs.onnx")


@pytest.fixture
def blob_image() -> UInt8:
    """5 x 150 pixels, three tiles: one blob at the left, and two that touch across the border of the first tile."""
    image = np.zeros((5, 150, 3), np.uint8)
    image[1:4, 2:5, 0] = image[1:4, 58:70, 0] = 255
    for column in (3, 60, 67):
        image[2, column, 1] = 255
    return image


@pytest.fixture
def blob_map() -> Int32:
    """What the eye sees in `blob_image`: of the two that touch each pixel belongs to the nearer centre."""
    expected = np.zeros((5, 150), np.int32)
    expected[1:4, 2:5], expected[1:4, 58:64], expected[1:4, 64:70] = 1, 2, 3
    return expected


@pytest.fixture
def colour() -> ColourModel:
    return ColourModel()


@pytest.fixture
def model_file(colour: ColourModel, tmp_path: Path) -> Path:
    """The colour model, as `export` would have written it."""
    return colour.save(tmp_path / "colour.onnx")


@pytest.fixture
def seeded_file(model_file: Path) -> Path:
    """The colour model with an optional seed, as a graph with dropout has it: an odd one doubles the logits."""
    model = onnx.load(str(model_file))
    model.graph.node[-1].output[0] = "plain"
    model.graph.node.extend(
        [
            helper.make_node("Mod", [DROPOUT_SEED, "two"], ["odd"]),
            helper.make_node("Cast", ["odd"], ["odd_float"], to=TensorProto.FLOAT),
            helper.make_node("Add", ["odd_float", "one"], ["factor"]),
            helper.make_node("Mul", ["plain", "factor"], ["logits"]),
        ]
    )
    for name, value in {DROPOUT_SEED: np.int64(0), "two": np.int64(2), "one": np.float32(1)}.items():
        model.graph.initializer.append(numpy_helper.from_array(np.array(value), name))
    model.graph.input.append(helper.make_tensor_value_info(DROPOUT_SEED, TensorProto.INT64, ()))
    path = model_file.with_name("seeded.onnx")
    onnx.save(model, str(path))
    return path


@pytest.fixture
def image() -> UInt8:
    """150 x 201 random colours: several tiles of 64, and neither side a multiple of the stride."""
    return np.random.default_rng(7).integers(0, 256, (150, 201, 3), np.uint8)
