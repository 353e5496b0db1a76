"""The page on extensions: its files are installed as a package outside the tree, and its blocks run as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

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
    tables = re.findall(r'\[project\.entry-points\."(.+?)"\]\n((?:\w+ = ".+"\n)+)', "".join(blocks("toml")))
    assert {group for group, _ in tables} == {f"pixelwise.{kind}" for kind in KINDS}
    lines = [f"[{group}]\n{entries}".replace('"', "") for group, entries in tables]
    (about / "entry_points.txt").write_text("\n".join(lines))
    (folder / "photos").mkdir()
    for index in range(10):
        write_wall(folder / "photos", index)
    return folder


def write_wall(folder: Path, index: int) -> None:
    rng = np.random.default_rng(index)
    mask = np.zeros((48, 64), np.uint8)
    mask[8 + 2 * index : 11 + 2 * index] = 1
    image = np.where(mask[..., None] > 0, 20, 180) + rng.integers(-15, 16, (48, 64, 3))
    Image.fromarray(image.astype(np.uint8)).save(folder / f"wall-{index}.jpg", quality=95)
    Image.fromarray(mask).save(folder / f"wall-{index}.mask.png")


def test_each_extension_is_one_file_and_one_registration() -> None:
    assert len(files()) == len(KINDS)
    registrations = re.findall(r'^\w+ = "(cracks\.\w+):\w+"$', "".join(blocks("toml")), flags=re.MULTILINE)
    assert sorted(f"{module.replace('.', '/')}.py" for module in registrations) == sorted(files())


def test_the_blocks_of_the_page_run(installed: Path) -> None:
    uses = [block for block in blocks("python") if block not in files().values()]
    assert len(uses) == 8
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(installed), os.environ.get("PYTHONPATH", "")])}
    line = [sys.executable, "-W", "error::UserWarning", "-c", "\n".join(uses)]
    done = subprocess.run(line, cwd=installed, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    wall = read_values(installed / "photos" / "wall-0.mask.png")
    shares = (installed / "wall_shares.txt").read_text().splitlines()
    assert [line.split()[0] for line in shares] == ["wall", "crack"]
    assert float(shares[1].split()[1]) == pytest.approx((wall == 1).mean(), abs=0.01)
