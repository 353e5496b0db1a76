"""The choice between engines: by time, made once, remembered with all that it depends on."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from numpy.testing import assert_array_equal

from pixelwise.inference import engine_benchmark as paces
from pixelwise.inference.engine_benchmark import EngineTiming, fastest_engine, installed_engines, time_engine
from pixelwise.inference.engines.openvino import OpenVinoEngine
from pixelwise.inference.loading import load

if TYPE_CHECKING:
    from tests.inference.conftest import ColourModel, UInt8


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "pixelwise" / "engines.json"


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The engines that are timed: OpenVINO takes 2 ms, onnxruntime 3."""
    asked: list[str] = []

    def known(path: Path, engine: str, size: tuple[int, int]) -> EngineTiming:
        asked.append(engine)
        return EngineTiming(engine, 1.0, {"onnxruntime": 3.0, "openvino": 2.0}[engine])

    monkeypatch.setattr(paces, "time_engine", known)
    return asked


def test_the_fastest_is_timed_once_and_remembered(
    model_file: Path, colour: ColourModel, tmp_path: Path, cache: Path, timed: list[str]
) -> None:
    assert [fastest_engine(model_file), fastest_engine(model_file)] == ["openvino", "openvino"]
    assert timed == ["onnxruntime", "openvino"]
    other = colour.save(tmp_path / "other.onnx", output_name="logits", input_shape=("n", "h", "w", 3))
    assert other.read_bytes() != model_file.read_bytes()
    fastest_engine(other)
    assert len(timed) == 4
    assert sorted(json.loads(cache.read_text()).values()) == ["openvino", "openvino"]


@pytest.mark.parametrize("content", ["", "[1]", "{}"])
def test_a_damaged_memory_is_made_anew(model_file: Path, cache: Path, timed: list[str], content: str) -> None:
    cache.parent.mkdir(parents=True)
    cache.write_text(content)
    assert fastest_engine(model_file) == "openvino"
    assert list(json.loads(cache.read_text()).values()) == ["openvino"]


def test_without_a_place_to_remember_it_is_timed_each_time(model_file: Path, cache: Path, timed: list[str]) -> None:
    cache.parent.parent.write_text("a file where the folder should be")
    assert [fastest_engine(model_file), fastest_engine(model_file)] == ["openvino", "openvino"]
    assert len(timed) == 4


def test_where_one_alone_is_installed_none_is_timed(
    model_file: Path, cache: Path, timed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert installed_engines() == ["onnxruntime", "openvino"]
    monkeypatch.setattr(paces, "CANDIDATES", ("onnxruntime", "no_such_package"))
    assert fastest_engine(model_file) == "onnxruntime"
    assert timed == []
    assert not cache.exists()


def test_auto_loads_the_fastest(
    model_file: Path, colour: ColourModel, image: UInt8, cache: Path, timed: list[str]
) -> None:
    predictor = load(model_file, "auto")
    assert isinstance(predictor.engine, OpenVinoEngine)
    assert_array_equal(predictor.label_map(image), colour.labels(image))


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_an_engine_takes_time(model_file: Path, engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two seconds to open by this clock, and 5, 1, 3, 4 and 2 for an image."""
    ticks = iter([0, 2, 10, 15, 20, 21, 30, 33, 40, 44, 50, 52])
    monkeypatch.setattr(paces, "time", SimpleNamespace(perf_counter=lambda: next(ticks)))
    assert time_engine(model_file, engine, (40, 70)) == EngineTiming(engine, opening_ms=2000, image_ms=3000)
    assert next(ticks, None) is None
