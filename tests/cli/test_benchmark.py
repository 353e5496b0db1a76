"""`pixelwise benchmark`: a row for each engine."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import openvino
import pytest
import typer
from typer.testing import CliRunner

from pixelwise.cli.benchmark import benchmark
from pixelwise.core.errors import ModelFileError, OptionError
from pixelwise.training.config import RunConfig
from pixelwise.training.finish import export_run
from pixelwise.training.weights import build_pipeline, save_weights

APP = typer.Typer()
APP.command()(benchmark)


@pytest.fixture
def model(config_of: Callable[..., RunConfig], tmp_path: Path) -> Path:
    config = config_of("sky", "road")
    config.save(tmp_path / "config.yaml")
    save_weights(tmp_path / "weights.safetensors", build_pipeline(config, pretrained=False), config)
    export_run(tmp_path, tmp_path / "model.onnx")
    return tmp_path


def test_each_engine_has_a_row(model: Path) -> None:
    result = CliRunner().invoke(APP, [str(model), "--size", "40", "60"])
    assert result.exit_code == 0
    rows = [line.split() for line in result.stdout.splitlines()[3:]]
    assert [row[0] for row in rows] == engines()
    for _, _, milliseconds, megapixels in rows:
        assert float(megapixels) == pytest.approx(40 * 60 / float(milliseconds) / 1000, abs=0.1, rel=0.2)
    found = json.loads(CliRunner().invoke(APP, [str(model), "--size", "40", "60", "--json"]).stdout)
    assert found["size"] == [40, 60]
    assert [row["engine"] for row in found["engines"]] == engines()


def engines() -> list[str]:
    half = "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return ["onnxruntime", "openvino", *["openvino-bf16"] * half]


def test_mistakes_are_named(model: Path) -> None:
    assert isinstance(CliRunner().invoke(APP, [str(model), "--size", "0", "60"]).exception, OptionError)
    assert isinstance(CliRunner().invoke(APP, [str(model / "none.onnx")]).exception, ModelFileError)
