from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from pixelwise.cli.inspect import inspect
from pixelwise.errors import ModelFileError, OptionError, RunError

pytestmark = pytest.mark.usefixtures("one_thread")
APP = typer.Typer()
APP.command()(inspect)
SMALL = ["--width", "0.0625", "--size", "32", "64"]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(APP, arguments)


def rows(result: Result) -> dict[str, list[str]]:
    """Return the cells of the table's rows by the name of their stage."""
    lines = [[cell.strip() for cell in line.split("│")[1:-1]] for line in result.stdout.splitlines() if "│" in line]
    return {name: cells for name, *cells in lines}


def test_the_table_shows_every_stage_and_the_whole() -> None:
    """A sixteenth of SegNet's channels is 4 in its first stage, so 3 * 4 and 4 * 4 kernels of 9."""
    result = run("segnet", *SMALL)
    assert result.exit_code == 0, result.exception
    table = rows(result)
    assert next(iter(table)) == "encoder.0"
    assert list(table)[-2:] == ["head", "the whole net"]
    channels, stride, field, effective, parameters, adds = table["encoder.0"]
    assert (channels, stride, field) == ("4", "1", "5")
    assert 1 <= int(effective) <= 5
    assert parameters == str(3 * 4 * 9 + 4 * 4 * 9 + 2 * (4 + 2 * 4))
    assert adds == f"{32 * 64 * (3 * 4 * 9 + 4 * 4 * 9) / 1000:.0f} k"
    assert table["the whole net"][1:3] == ["32", "404"]
    assert "image 32x64 (height x width)" in result.stdout
    assert "No dilated convolutions." in result.stdout


def test_what_cheaper_convolutions_saved_is_said() -> None:
    result = run("deeplabv3plus", "--encoder", "test_resnet", *SMALL)
    assert "depthwise separable convolutions save" in result.stdout
    assert "dilated convolutions save" in result.stdout
    assert rows(result)["the whole net"][2] == "all"


def test_json_is_one_object_with_the_keys_that_scripts_rely_on() -> None:
    content = json.loads(run("segnet", "--classes", "5", "--channels", "1", *SMALL, "--json").stdout)
    assert {"parameters", "multiply_adds", "stride", "receptive_field", "stages"} <= content.keys()
    assert (content["stride"], content["receptive_field"], content["size"]) == (32, 404, [32, 64])
    assert content["stages"][0]["parameters"] == 1 * 4 * 9 + 4 * 4 * 9 + 2 * (4 + 2 * 4)
    assert content["stages"][-1]["channels"] == 5
    assert content["parameters"] == sum(stage["parameters"] for stage in content["stages"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no_such_net"], "--model: found 'no_such_net'"),
        (["segnet", "--classes", "1"], "num_classes: found 1; expected at least 2"),
        (["segnet", "--classes", "0"], "num_classes: found 0; expected at least 2"),
        (["segnet", "--channels", "0"], "in_channels: found 0; expected at least 1"),
        (["segnet", "--encoder", "resnet18"], "--encoder: found 'resnet18'"),
        (["segnet", "--option", "depth=3"], "--option: found 'depth'"),
        (["segnet", "--width", "0.03", "--size", "0", "64"], "--size: found 0x64"),
    ],
)
def test_mistakes_are_told(arguments: list[str], message: str) -> None:
    error = run(*arguments).exception
    assert isinstance(error, OptionError)
    assert str(error).startswith(message)


def test_files_and_directories_that_hold_no_model_are_told(tmp_path: Path) -> None:
    assert isinstance(run(str(tmp_path)).exception, RunError)
    (tmp_path / "model.onnx").touch()
    assert isinstance(run(str(tmp_path / "model.onnx")).exception, ModelFileError)
    error = run(str(tmp_path), "--classes", "3").exception
    assert isinstance(error, OptionError)
    assert "--classes: found 3; expected none with" in str(error)
    error = run(str(tmp_path / "missing.onnx")).exception
    assert isinstance(error, ModelFileError)
    assert "no such file" in str(error)
