"""`pixelwise benchmark`: a row for each engine."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openvino
import pytest
import torch

from pixelwise.torch_runtime import speed
from pixelwise.training.config import RunConfig
from pixelwise.training.finish import export_run
from pixelwise.training.weights import build_pipeline, save_weights

Cli = Callable[..., Any]


@pytest.fixture
def model(config_of: Callable[..., RunConfig], tmp_path: Path) -> Path:
    config = config_of("sky", "road")
    config.save(tmp_path / "config.yaml")
    save_weights(tmp_path / "weights.safetensors", build_pipeline(config, pretrained=False), config)
    export_run(tmp_path, tmp_path / "model.onnx")
    return tmp_path


def test_each_engine_has_a_row(cli: Cli, model: Path) -> None:
    result = cli("benchmark", model, "--size", "40", "60")
    assert result.code == 0
    rows = [line.split() for line in result.out.splitlines()[3:]]
    assert [row[0] for row in rows] == engines()
    for _, _, milliseconds, megapixels in rows:
        assert float(megapixels) == pytest.approx(40 * 60 / float(milliseconds) / 1000, abs=0.1, rel=0.2)
    report = json.loads(cli("benchmark", model, "--size", "40", "60", "--json").out)
    assert report["size"] == [40, 60]
    assert [row["engine"] for row in report["engines"]] == engines()


def engines() -> list[str]:
    half = "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return ["onnxruntime", "openvino", *["openvino-bf16"] * half]


def test_mistakes_are_named(cli: Cli, model: Path) -> None:
    small = cli("benchmark", model, "--size", "0", "60")
    assert (small.code, small.out) == (2, "")
    assert small.err.startswith("error: --size: found 0 60; expected a height and a width of 1 or more.")
    missing = cli("benchmark", model / "none.onnx")
    assert (missing.code, missing.out) == (2, "")
    assert missing.err.startswith(f"error: {model / 'none.onnx'}: found no such file")


def test_a_device_tells_what_it_reaches(cli: Cli, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "SECONDS", 0.001)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    text = cli("benchmark", model, "--size", "32", "32", "--device", "cpu").out
    assert "cpu: products of matrices " in text.replace("\n", " ")
    report = json.loads(cli("benchmark", model, "--size", "32", "32", "--device", "cpu", "--json").out)
    assert [row["engine"] for row in report["engines"]][:3] == ["onnxruntime", "openvino", "torch"]
    assert report["device"]["memory_gib"] is None
    assert min(report["device"][name] for name in ("float32_tflops", "bfloat16_tflops", "copy_gb_s")) > 0
    missing = cli("benchmark", model, "--device", "cuda:7")
    assert missing.code == 2
    assert missing.err.startswith(("error: --device: found", "error: --device cuda:7: found"))
    assert "--device cpu" in missing.err
