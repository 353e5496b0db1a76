"""Engines by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest

from pixelwise.core.errors import OptionError
from pixelwise.inference.engines.base import Engine
from pixelwise.inference.engines.onnxruntime import OnnxRuntimeEngine
from pixelwise.inference.engines.registry import ENGINES, open_engine
from pixelwise.inference.loading import load

if TYPE_CHECKING:
    from tests.inference.conftest import UInt8


class Constant(Engine):
    """Class 2 everywhere."""

    def __init__(self, path: Path, at_once: int) -> None:
        self.path, self.at_once = path, at_once

    def __call__(self, images: UInt8) -> npt.NDArray[np.float32]:
        logits = np.zeros((len(images), 4, *images.shape[1:3]), np.float32)
        logits[:, 2] = 1
        return logits


def test_the_engines_of_pixelwise() -> None:
    assert list(ENGINES)[:4] == ["onnxruntime", "openvino", "openvino-bf16", "auto"]


def test_a_name_that_is_none_is_answered_with_the_close_ones(model_file: Path) -> None:
    with pytest.raises(OptionError, match=r"engine: found 'banana'; expected one of onnxruntime, openvino, .*auto"):
        open_engine(model_file, "banana")
    with pytest.raises(
        OptionError, match=r"engine: found 'onnx-runtime' \(did you mean onnxruntime.*\?\); expected one of onnxruntime"
    ):
        load(model_file, "onnx-runtime")


def test_the_default_is_onnxruntime(model_file: Path) -> None:
    assert isinstance(open_engine(str(model_file)), OnnxRuntimeEngine)


def test_an_engine_of_another_package(model_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ENGINES, "_entries", {**ENGINES._entries, "constant": Constant})
    predictor = load(model_file, engine="constant")
    assert isinstance(predictor.engine, Constant)
    assert (predictor.engine.path, predictor.engine.at_once) == (model_file, 1)
    assert (predictor.predict(np.zeros((70, 5, 3), np.uint8)).label_map == 2).all()


def test_a_device_goes_to_engines_that_can_be_told(model_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = {**ENGINES._entries, "constant": Constant}
    monkeypatch.setattr(ENGINES, "_entries", entries)
    assert isinstance(load(model_file, "onnxruntime", device="cpu").engine, OnnxRuntimeEngine)
    assert load(model_file, "openvino", device="cpu").label_map(np.zeros((2, 3, 3), np.uint8)).tolist() == [[0] * 3] * 2
    with pytest.raises(OptionError, match="device: found cuda with OpenVINO; expected cpu"):
        load(model_file, "openvino", device="cuda")
    with pytest.raises(OptionError, match="device: found cpu with the engine constant; expected an engine that can"):
        load(model_file, "constant", device="cpu")
    with pytest.raises(OptionError, match="device: found 'gpu'"):
        load(model_file, device="gpu")
