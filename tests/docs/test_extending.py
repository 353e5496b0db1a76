"""The page on extensions: its files are installed as a package outside the tree, and its blocks run as they stand."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image

from pixelwise.cli.app import app
from pixelwise.raster.image import read_values

PAGE = (Path(__file__).parents[2] / "docs" / "extending.md").read_text(encoding="utf-8")
KINDS = {"layouts", "models", "encoders", "losses", "augmentations", "tasks", "metrics", "engines", "writers"}


def blocks(language: str, page: str = PAGE) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page, flags=re.DOTALL)


def files() -> dict[str, str]:
    """Return the files of the package by their names: each is named at the end of the text before its block."""
    pairs = re.findall(r"`(cracks/\w+\.py)`:\n```python\n(.*?)```", PAGE, flags=re.DOTALL)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package as pip leaves it, and photos of walls with cracks."""
    folder = tmp_path_factory.mktemp("extending")
    (folder / "cracks").mkdir()
    (folder / "cracks" / "__init__.py").touch()
    for name, code in files().items():
        (folder / name).write_text(code, encoding="utf-8")
    about = folder / "cracks-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: cracks\nVersion: 1.0\n")
    groups = entry_points()
    assert set(groups) == {f"pixelwise.{kind}" for kind in KINDS}
    lines = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in groups[group].items()) for group in groups
    ]
    (about / "entry_points.txt").write_text("\n".join(lines))
    (folder / "photos").mkdir()
    (folder / "walls").mkdir()
    rows = ["image,runs"]
    for index in range(10):
        write_wall(folder / "photos", index)
        (folder / "walls" / f"wall-{index}.jpg").write_bytes((folder / "photos" / f"wall-{index}.jpg").read_bytes())
        rows.append(f"wall-{index}.jpg,{(8 + 2 * index) * 64 + 1} {3 * 64}")  # the rows of `write_wall`
    (folder / "walls" / "runs.csv").write_text("\n".join(rows) + "\n")
    return folder


def entry_points() -> dict[str, dict[str, str]]:
    """Return the entry points of the page by group; one that is shown twice is the same twice."""
    groups: dict[str, dict[str, str]] = {}
    tables = re.findall(r'\[project\.entry-points\."(.+?)"\]\n((?:\w+ = ".+"\n)+)', "".join(blocks("toml")))
    for group, entries in tables:
        for name, value in re.findall(r'(\w+) = "(.+)"', entries):
            assert groups.setdefault(group, {}).setdefault(name, value) == value
    return groups


def write_wall(folder: Path, index: int) -> None:
    rng = np.random.default_rng(index)
    mask = np.zeros((48, 64), np.uint8)
    mask[8 + 2 * index : 11 + 2 * index] = 1
    image = np.where(mask[..., None] > 0, 20, 180) + rng.integers(-15, 16, (48, 64, 3))
    Image.fromarray(image.astype(np.uint8)).save(folder / f"wall-{index}.jpg", quality=95)
    Image.fromarray(mask).save(folder / f"wall-{index}.mask.png")


def test_each_extension_is_one_file_and_one_registration() -> None:
    assert len(files()) == len(KINDS) + 2  # two layouts and two losses
    modules = [value.partition(":")[0] for group in entry_points().values() for value in group.values()]
    assert sorted(f"{module.replace('.', '/')}.py" for module in modules) == sorted(files())


def test_the_blocks_of_the_page_run(installed: Path) -> None:
    uses = [block for block in blocks("python") if block not in files().values()]
    assert len(uses) == 10
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(installed), os.environ.get("PYTHONPATH", "")])}
    line = [sys.executable, "-W", "error::UserWarning", "-c", "\n".join(uses)]
    done = subprocess.run(line, cwd=installed, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert_commands_run(installed, environment)
    wall = read_values(installed / "photos" / "wall-0.mask.png")
    shares = (installed / "wall_shares.txt").read_text().splitlines()
    assert [line.split()[0] for line in shares] == ["wall", "crack"]
    assert float(shares[1].split()[1]) == pytest.approx((wall == 1).mean(), abs=0.01)


def assert_commands_run(folder: Path, environment: dict[str, str]) -> None:
    """Run the `check` commands of the page, the second layout with a broken line, and parse the `train` command."""
    (block,) = blocks("bash")
    commands = [shlex.split(line)[1:] for line in block.splitlines() if line.startswith("pixelwise ")]
    checks = [words for words in commands if words[0] == "check"]
    assert (len(checks), len(commands)) == (2, 3)
    for words in checks:
        assert json.loads(run(folder, environment, *words, "--json").stdout)["format"] == "cracks"
    parser = typer.main.get_group(app).commands["train"]
    with parser.make_context("train", commands[-1][1:]) as context:
        assert context.params["loss"] == "focal"
    text = (folder / "walls" / "runs.csv").read_text()
    (folder / "walls" / "runs.csv").write_text(text.replace("wall-3.jpg,", "wall-3.jpg,0 "))
    checked = run(folder, environment, "check", "walls/", "--json")
    (problem,) = [problem for problem in json.loads(checked.stdout)["problems"] if problem["kind"] == "bad_annotation"]
    assert checked.returncode == 1
    assert problem["file"].endswith("runs.csv:5")


def run(folder: Path, environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "pixelwise", *words]
    done = subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode in (0, 1), done.stderr
    return done
