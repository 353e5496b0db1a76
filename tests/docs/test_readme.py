"""README: its length, its tables, and its Python lines and commands, which run as they stand on small data."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pixelwise_scenes import write_scenes

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
RUN = Callable[..., int]


def test_readme_is_short() -> None:
    assert len(README.split()) <= 700
    rows = [line for line in README.splitlines() if line.startswith("|") and not set(line) <= set("|- ")]
    assert rows
    for row in rows:
        for cell in row.strip("|").split("|"):
            assert len(cell.split()) <= 20, cell
    measured = README.partition("## Measured")[2].partition("\n## ")[0]
    assert len(re.findall(r"^\| (?!what)", measured, flags=re.MULTILINE)) <= 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `photos/`, a data set of small scenes, and `new/street.jpg`, an image of another scene."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("readme")
    write_scenes(folder / "photos", 0, {"train": 4, "val": 2, "test": 2}, size=(64, 96))
    (folder / "new").mkdir()
    with Image.open(folder / "photos" / "test" / "images" / "test-0000.png") as image:
        image.save(folder / "new" / "street.jpg")
    return folder


def test_the_python_lines_and_the_commands_of_readme_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch, run: RUN
) -> None:
    """With an epoch of a small net in place of ten minutes; the command that trains is that of the Python lines, so it
    is not run."""
    monkeypatch.chdir(folder)
    (lines,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert "minutes=10" in lines
    names: dict[str, object] = {}
    exec(lines.replace("minutes=10", "model='segnet_basic', width=0.06, epochs=1, quiet=True"), names)
    result = names["result"]
    assert result.label_map.shape == (64, 96)
    assert result.label_map.dtype == np.uint8

    (block,) = re.findall(r"## From photos to a prediction\n```\n(.*?)```", README, flags=re.DOTALL)
    commands = [shlex.split(line, comments=True) for line in block.splitlines()]
    assert [command[:2] for command in commands] == [
        ["pixelwise", name] for name in ("check", "train", "evaluate", "predict", "export")
    ]
    for _, name, *arguments in commands:
        if name != "train":
            words = [str(path) for word in arguments for path in (Path().glob(word) if "*" in word else [word])]
            assert run(name, *words) == 0, name
    assert Path("masks", "street.png").is_file()
    assert Path("polygons", "street.geojson").is_file()
    assert Path("fast.onnx").is_file()
