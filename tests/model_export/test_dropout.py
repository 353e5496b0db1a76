"""Dropout in a model file: asleep by default, and with a seed the masks that the same hash gives in numpy."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn

from pixelwise.core.classes import ClassMap
from pixelwise.core.errors import OptionError
from pixelwise.inference.engines.onnxruntime import OnnxRuntimeEngine
from pixelwise.model_export.dropout import GOLDEN, keep_dropout
from pixelwise.model_export.onnx import export_onnx
from pixelwise.modelfile.info import DROPOUT_SEED, ModelInfo
from pixelwise.nn.pipeline import Pipeline

INFO = ModelInfo(
    model="dropping",
    encoder=None,
    task="semantic",
    classes=ClassMap.from_names(["red", "green", "blue"]),
    mean=(0.0,) * 3,
    std=(1 / 255,) * 3,  # the model sees bytes
    stride=1,
    tile=64,
    overlap=16,
)
RATES = (0.5, 0.25)


class Dropping(nn.Module):
    """The image as logits, through two dropouts and one that never drops, with a batch norm between."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.never, self.second = nn.Dropout(RATES[0]), nn.Dropout(0.0), nn.Dropout(RATES[1])
        self.norm = nn.BatchNorm2d(3, eps=0.0)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.second(self.never(self.norm(self.first(image))))


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exported") / "model.onnx"
    export_onnx(Pipeline(Dropping(), INFO.mean, INFO.std).eval(), INFO, path)
    return path


IMAGES = np.random.default_rng(0).integers(1, 256, (2, 37, 50, 3), np.uint8)


def mixed(bits: int) -> int:
    """MurmurHash3's fmix32 in plain integers."""
    bits = (bits ^ bits >> 16) * 0x85EBCA6B % 2**32
    bits = (bits ^ bits >> 13) * 0xC2B2AE35 % 2**32
    return bits ^ bits >> 16


def mask(shape: tuple[int, ...], rate: float, seed: int, layer: int) -> npt.NDArray[np.float64]:
    key = mixed(seed ^ layer * GOLDEN % 2**32)
    bits = [mixed(mixed(position) ^ key) < (1 - rate) * 2**32 for position in range(int(np.prod(shape)))]
    return np.array(bits, np.float64).reshape(shape) / (1 - rate)


def test_without_a_seed_nothing_is_dropped(model_file: Path) -> None:
    engine = OnnxRuntimeEngine(model_file, threads=1)
    plain = IMAGES.transpose(0, 3, 1, 2)
    assert_allclose(engine(IMAGES), plain, rtol=1e-6)
    engine.sample(IMAGES, 1)
    assert_allclose(engine(IMAGES), plain, rtol=1e-6)


@pytest.mark.parametrize("seed", [1, 77, 2**32 - 1])
def test_the_masks_are_a_hash_of_seed_layer_and_position(model_file: Path, seed: int) -> None:
    engine = OnnxRuntimeEngine(model_file, threads=1)
    plain = IMAGES.transpose(0, 3, 1, 2)
    masks = [mask(plain.shape, rate, seed, layer) for layer, rate in enumerate(RATES)]
    expected = plain * masks[0] * masks[1]
    assert_allclose(engine.sample(IMAGES, seed), expected, rtol=1e-6)
    assert_array_equal(engine.sample(IMAGES, seed), engine.sample(IMAGES, seed))


def test_what_is_dropped_is_as_often_as_the_rate_says_and_unrelated_from_seed_to_seed(model_file: Path) -> None:
    """Of n = 160,000 values 3/8 are kept, to 5 standard deviations, sqrt(3/8 * 5/8 / n) = 0.0012 each."""
    engine = OnnxRuntimeEngine(model_file, threads=1)
    images = np.full((1, 200, 267, 3), 90, np.uint8)
    samples = [engine.sample(images, seed).ravel() > 0 for seed in (1, 2, 3, 4, 2**31)]
    for sample in samples:
        assert abs(sample.mean() - 0.375) < 0.006
        assert abs(np.corrcoef(sample[1:], sample[:-1])[0, 1]) < 0.0125  # 5 / sqrt(n)
    for one, other in combinations(samples, 2):
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.0125


def test_the_seed_is_optional_and_no_functions_of_the_models_own_remain(model_file: Path) -> None:
    session = onnxruntime.InferenceSession(str(model_file), _quiet(), providers=["CPUExecutionProvider"])
    assert [node.name for node in session.get_inputs()] == ["image"]
    assert [node.name for node in session.get_overridable_initializers()] == [DROPOUT_SEED]
    model = onnx.load(model_file)
    onnx.checker.check_model(model, full_check=True)
    assert not model.functions
    assert [opset.domain for opset in model.opset_import] == [""]


def test_exported_again_it_is_the_same_file_and_the_model_is_as_before(model_file: Path, tmp_path: Path) -> None:
    pipeline = Pipeline(Dropping(), INFO.mean, INFO.std).eval()
    export_onnx(pipeline, INFO, tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == model_file.read_bytes()
    assert not any(module.training for module in pipeline.modules())


def test_only_layers_that_drop_are_awake_while_they_are_kept() -> None:
    model = Dropping().eval()
    with keep_dropout(model):
        assert [layer.training for layer in (model.first, model.never, model.second, model.norm)] == [1, 0, 1, 0]
    assert not any(module.training for module in model.modules())
    with pytest.raises(RuntimeError, match="export failed"), keep_dropout(model):
        raise RuntimeError("export failed")
    assert not any(module.training for module in model.modules())


def test_a_model_without_dropout_has_the_image_as_its_one_input(tmp_path: Path) -> None:
    path = tmp_path / "plain.onnx"
    export_onnx(Pipeline(nn.Sequential(nn.Conv2d(3, 3, 1), nn.Dropout(0.0)), INFO.mean, INFO.std).eval(), INFO, path)
    assert [node.name for node in onnx.load(path).graph.input] == ["image"]
    with pytest.raises(OptionError, match="a model file without dropout"):
        OnnxRuntimeEngine(path, threads=1).sample(IMAGES, 1)


def _quiet() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return options
