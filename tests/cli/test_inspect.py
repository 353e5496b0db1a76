from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pixelwise.core.bands import Bands
from pixelwise.core.value_range import FULL, ValueRange
from pixelwise.training.config import RunConfig
from pixelwise.training.weights import build_pipeline, save_weights

Cli = Callable[..., Any]

pytestmark = pytest.mark.usefixtures("one_thread")
SMALL = ["--width", "0.0625", "--size", "32", "64"]


def rows(result: Any) -> dict[str, list[str]]:
    """Return the cells of the table's rows by the name of their stage."""
    lines = [[cell.strip() for cell in line.split("│")[1:-1]] for line in result.out.splitlines() if "│" in line]
    return {name: cells for name, *cells in lines}


def test_the_table_shows_every_stage_and_the_whole(cli: Cli) -> None:
    """A sixteenth of SegNet's channels is 4 in its first stage, so 3 * 4 and 4 * 4 kernels of 9."""
    result = cli("inspect", "segnet", *SMALL)
    assert result.code == 0
    table = rows(result)
    assert next(iter(table)) == "encoder.0"
    assert list(table)[-2:] == ["head", "the whole net"]
    channels, stride, field, effective, parameters, adds = table["encoder.0"]
    assert (channels, stride, field) == ("4", "1", "5")
    assert 1 <= int(effective) <= 5
    assert parameters == str(3 * 4 * 9 + 4 * 4 * 9 + 2 * (4 + 2 * 4))
    assert adds == f"{32 * 64 * (3 * 4 * 9 + 4 * 4 * 9) / 1000:.0f} k"
    assert table["the whole net"][1:3] == ["32", "404"]
    assert "image 32x64 (height x width)" in result.out
    assert "No dilated convolutions." in result.out


def test_what_cheaper_convolutions_saved_is_said(cli: Cli) -> None:
    result = cli("inspect", "deeplabv3plus", "--encoder", "test_resnet", *SMALL)
    assert "depthwise separable convolutions save" in result.out
    assert "dilated convolutions save" in result.out
    assert rows(result)["the whole net"][2] == "all"


def test_json_is_one_object_with_the_keys_that_scripts_rely_on(cli: Cli) -> None:
    content = json.loads(cli("inspect", "segnet", "--classes", "5", "--channels", "1", *SMALL, "--json").out)
    assert {"parameters", "multiply_adds", "stride", "receptive_field", "stages"} <= content.keys()
    assert (content["stride"], content["receptive_field"], content["size"]) == (32, 404, [32, 64])
    assert content["stages"][0]["parameters"] == 1 * 4 * 9 + 4 * 4 * 9 + 2 * (4 + 2 * 4)
    assert content["stages"][-1]["channels"] == 5
    assert content["parameters"] == sum(stage["parameters"] for stage in content["stages"])


def saved_run(config: RunConfig, path: Path, **options: object) -> Path:
    config = config.replace(width=1 / 32, **options)
    path.mkdir()
    config.save(path / "config.yaml")
    save_weights(path / "weights.safetensors", build_pipeline(config, pretrained=False), config)
    return path


def test_what_a_model_file_holds_is_shown(cli: Cli, config_of: Callable[..., RunConfig], tmp_path: Path) -> None:
    range_ = ValueRange((33_010.0, 100.0, 100.5), (33_900.0, 4000.0, 4000.0))
    run_path = saved_run(config_of("sky", "road"), tmp_path / "a", value_range=range_)
    text = cli("inspect", run_path, "--size", "32", "64").out
    facts = dict(line.split(maxsplit=1) for line in text.splitlines() if " " in line and line[0].islower())
    assert facts["task"] == "semantic"
    assert facts["channels"] == "red, green, blue"
    spans = "red 33,010 to 33,900, green 100 to 4,000, blue 100.5 to 4,000"
    assert facts["values"] == f"8 bits unchanged; in deeper images {spans} become 0 to 255"
    assert facts["normalisation"].startswith("mean 0.485, 0.456, 0.406, std 0.229, 0.224, 0.225, of values from 0 to 1")
    assert facts["tiles"] == "64 pixels a side, overlap 16, where an image is larger"
    assert "padding" not in facts
    table = rows(cli("inspect", run_path, "--size", "32", "64"))
    assert table["0"][1:] == ["sky", "0, 20, 255"]
    assert table["1"][1:] == ["road", "10, 20, 255"]


def test_json_has_what_a_model_file_holds(cli: Cli, config_of: Callable[..., RunConfig], tmp_path: Path) -> None:
    bands = Bands((4, 1), (0.0, 5.0), (255.0, 900.0))
    grouped = {"task": "instance", "things": (1,), "bands": bands, "value_range": None}
    path = saved_run(config_of("sky", "road"), tmp_path / "a", **grouped)
    content = json.loads(cli("inspect", path, "--size", "32", "64", "--json").out)["file"]
    assert content["bands"] == {"numbers": [4, 1], "low": [0, 5], "high": [255, 900]}
    assert content["classes"] == [{"name": "sky", "color": [0, 20, 255]}, {"name": "road", "color": [10, 20, 255]}]
    assert (content["value_range"], content["encoder_padding"]) == (None, None)
    assert (content["task"], content["grouping"]["things"]) == ("instance", [1])
    assert (content["tile"], content["overlap"]) == (64, 16)
    text = cli("inspect", path, "--size", "32", "64").out
    assert "the bands 4, 1 of a file, counted from 1" in text
    assert "in band 4 0 to 255, in band 1 5 to 900 become 0 to 255" in text
    assert "objects        road; centres 5 pixels apart" in text
    assert json.loads(cli("inspect", "segnet", *SMALL, "--json").out)["file"] is None


def test_a_range_of_its_own_or_none(cli: Cli, config_of: Callable[..., RunConfig], tmp_path: Path) -> None:
    config = config_of("sky", "road")
    plain = saved_run(config, tmp_path / "plain", value_range=None)
    assert "the model was trained on nothing deeper" in cli("inspect", plain, "--size", "32", "64").out
    deep = saved_run(config, tmp_path / "deep", value_range=FULL)
    assert "in deeper images 0 to 65,535 become 0 to 255" in cli("inspect", deep, "--size", "32", "64").out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no_such_net"], "MODEL: found 'no_such_net'"),
        (["segnet", "--classes", "1"], "--classes: found 1; expected at least 2"),
        (["segnet", "--classes", "0"], "--classes: found 0; expected at least 2"),
        (["segnet", "--channels", "0"], "--channels: found 0; expected at least 1"),
        (["segnet", "--encoder", "resnet18"], "--encoder: found 'resnet18'"),
        (["segnet", "--option", "depth=3"], "--option: found 'depth'"),
        (["segnet", "--width", "0.03", "--size", "0", "64"], "--size: found 0x64"),
        (["segnet", "--width", "0.03", "--size", "64", "3000000000"], "--size: found 64x3000000000"),
    ],
)
def test_mistakes_are_told(cli: Cli, arguments: list[str], message: str) -> None:
    refused = cli("inspect", *arguments)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith(f"error: {message}")


def test_files_and_directories_that_hold_no_model_are_told(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "empty.onnx").touch()
    for arguments, message in (
        ((tmp_path,), f"{tmp_path}: found "),
        ((tmp_path / "empty.onnx",), f"{tmp_path / 'empty.onnx'}: found "),
        ((tmp_path, "--classes", "3"), f"--classes: found 3; expected none with {tmp_path}"),
        ((tmp_path / "missing.onnx",), f"{tmp_path / 'missing.onnx'}: found no such file"),
    ):
        refused = cli("inspect", *arguments)
        assert (refused.code, refused.out) == (2, "")
        assert refused.err.startswith(f"error: {message}")
