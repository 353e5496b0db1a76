"""A training on files whose names are no text, or act on a terminal or a page, from its first line to its report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixelwise.core.errors import OptionError, RunError
from pixelwise.training.config import RunConfig
from pixelwise.training.run import train

BYTES = os.fsdecode(b"caf\xe9")
SCRIPT = "<script>alert(1)</script>"
ESCAPE = "a\x1b[31mb"
NAMES = (BYTES, "<img src=x onerror=alert(2)>", ESCAPE, "[red]g[bold]:smile:", "l" * 249)
ONE_STEP = ("--model", "segnet_basic", "--width", "0.06", "--epochs", "1", "--skip-bad")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("odd") / "data"
    for split in ("train", "val"):
        for folder in ("images", "masks"):
            (root / split / folder).mkdir(parents=True)
        for number, name in enumerate(NAMES):
            rng = np.random.default_rng((len(split), number))
            file = f"{name}.png"
            Image.fromarray(rng.integers(0, 256, (32, 32, 3), np.uint8)).save(root / split / "images" / file)
            Image.fromarray(rng.integers(0, 3, (32, 32), np.uint8)).save(root / split / "masks" / file)
    (root / f"train/images/{ESCAPE}bad.png").write_bytes(b"no image")
    (root / "classes.yaml").write_text(json.dumps({"classes": ["=1+1", SCRIPT, "[red]x:smile:"]}), encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def done(data: Path) -> subprocess.CompletedProcess[bytes]:
    """A run in a terminal that takes ASCII alone."""
    out = data.parent / "run"
    command = [sys.executable, "-m", "pixelwise", "train", str(data), "--out", str(out), *ONE_STEP, "--json"]
    environment = os.environ | {"PYTHONIOENCODING": "ascii:strict", "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, env=environment, timeout=300)


def test_it_ends_well_and_its_messages_act_on_nothing(done: subprocess.CompletedProcess[bytes]) -> None:
    assert done.returncode == 0, done.stderr
    assert b"\x1b" not in done.stderr
    assert rb"a\x1b[31mbbad.png" in done.stderr
    assert b"Warning" not in done.stderr
    assert json.loads(done.stdout)["val_miou"] is not None


def test_its_metrics_have_the_names_themselves(done: subprocess.CompletedProcess[bytes], data: Path) -> None:
    metrics = json.loads((data.parent / "run/metrics.json").read_text(encoding="utf-8"))
    assert {row["name"] for row in metrics["per_image"]} == set(NAMES)
    assert set(metrics["per_class"]) == {"=1+1", SCRIPT, "[red]x:smile:"}


class _Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str | None] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value for key, value in attributes if key == "src" or key.startswith("on")]


def test_its_report_shows_names_and_runs_none(done: subprocess.CompletedProcess[bytes], data: Path) -> None:
    page = (data.parent / "run/report.html").read_text(encoding="utf-8")
    tags = _Tags(page)
    assert "script" not in tags.tags
    assert all(source is not None and source.startswith("data:image/jpeg;base64,") for source in tags.sources)
    assert "\x1b" not in page
    for shown in (
        r"caf\xe9",
        "&lt;img src=x onerror=alert(2)&gt;",
        r"a\x1b[31mb",
        "&lt;script&gt;",
        "[red]g[bold]:smile:",
    ):
        assert shown in page


def test_a_resumed_run_knows_its_classes(done: subprocess.CompletedProcess[bytes], data: Path) -> None:
    assert RunConfig.load(data.parent / "run/config.yaml").class_map.names == ("=1+1", SCRIPT, "[red]x:smile:")


def test_a_folder_that_config_yaml_cannot_name_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"out: .*not UTF-8.*Rename it"):
        train(data, out=tmp_path / BYTES, epochs=1, quiet=True)
    (tmp_path / BYTES).symlink_to(data)
    with pytest.raises(OptionError, match=r"data: .*not UTF-8"):
        train(tmp_path / BYTES, out=tmp_path / "run", epochs=1, quiet=True)


def test_there_is_nothing_to_resume_where_nothing_was_started(data: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").touch()
    for name, problem in (("new", "no such directory"), ("other", r"no config\.yaml")):
        with pytest.raises(RunError, match=f"{name}: found {problem}; .*nothing to resume: .*leave `resume` out"):
            train(data, out=tmp_path / name, resume=True, epochs=1, quiet=True)
    assert not (tmp_path / "new").exists()
