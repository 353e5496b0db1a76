"""The guides: every block of commands and of Python runs on small data, or says why it does not."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pixelwise.core.safe_yaml import yaml_value
from pixelwise.modelfile.info import ModelInfo
from tests.docs.pages import ROOT, Block, blocks, commands, make_world, run_page

PAGES = [
    ROOT / "docs" / "index.md",
    ROOT / "docs" / "reference" / "model_file.md",
    *sorted((ROOT / "docs" / "guides").glob("*.md")),
]
ELSEWHERE = {"inspect.md", "few_labels.md"}
"""`test_inspect_page.py` and `test_few_labels_page.py` run these, and compare what they print."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    before = Path.cwd()
    os.chdir(folder)
    try:
        make_world(folder)
    finally:
        os.chdir(before)
    return folder


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_blocks_of_the_page_run(
    page: Path, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Callable[..., int]
) -> None:
    if page.name in ELSEWHERE:
        return
    here = tmp_path / "here"
    shutil.copytree(world, here)
    monkeypatch.chdir(here)
    run_page(page.read_text(encoding="utf-8"), run)


def test_the_reference_names_every_file_and_field_of_a_run(world: Path) -> None:
    run = world / "runs" / "first"
    reference = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "reference").glob("*.md")}
    page = reference["run_directory"]
    for path in run.iterdir():
        name = "checkpoints/last.ckpt" if path.name == "checkpoints" else path.name + "/" * path.is_dir()
        assert f"`{name}`" in page
    with (run / "history.csv").open(encoding="utf-8") as file:
        names = [*next(csv.reader(file)), *yaml_value((run / "config.yaml").read_text(encoding="utf-8"))]
    for name in names:
        assert f"`{name}`" in page, name
    for name, value in json.loads((run / "metrics.json").read_text(encoding="utf-8")).items():
        assert f"`{name}`" in reference["json"], name
        row = value[0] if name == "per_image" else next(iter(value.values())) if name == "per_class" else {}
        for inner in row:
            assert f"`{inner}`" in reference["json"], inner
    for name in json.loads(ModelInfo.read(run / "model.onnx").to_json()):
        assert f"`{name}`" in reference["model_file"], name


def test_blocks_are_read_from_a_page() -> None:
    page = """
```
pixelwise check a/   # which
```
<!-- not run: it installs -->
```bash
pip install x
```
```yaml
a: b
```
1. Then

    ```python
    print(1)
    ```
```
$ pixelwise models
fpn  the default
```
"""
    assert blocks(page) == [
        Block("pixelwise check a/   # which\n", False),
        Block("pip install x\n", False, "it installs"),
        Block("print(1)\n", True),
        Block("$ pixelwise models\nfpn  the default\n", False),
    ]
    assert commands("$ pixelwise models\nfpn  the default\n") == [["pixelwise", "models"]]
    assert commands("pixelwise check a \\\n  --json  # all\n") == [["pixelwise", "check", "a", "--json"]]
