"""A small data set and a small run, from which a stand-in for training copies."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from lab.store import Places
from pixelwise.data import open_dataset
from pixelwise.inference.evaluate import evaluate
from pixelwise.inference.loading import load
from pixelwise.training.run import train
from pixelwise_scenes import write_scenes

COUNTS = {"train": 4, "val": 2, "test": 4}
SMALL: dict[str, Any] = {"model": "segnet_basic", "width": 0.06, "epochs": 1, "quiet": True}


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten scenes of 64x96."""
    path = tmp_path_factory.mktemp("lab") / "scenes"
    write_scenes(path, 0, COUNTS, size=(64, 96))
    return path


@pytest.fixture(scope="session")
def small_run(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one epoch."""
    return train(scenes, out=tmp_path_factory.mktemp("lab-run") / "run", **SMALL).path


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """Empty folders for figures and pages."""
    folders = Places(tmp_path / "results", tmp_path / "pages")
    folders.pages.mkdir()
    return folders


@pytest.fixture
def copy_run(small_run: Path, scenes: Path) -> Callable[[Path, Path, float, Sequence[str]], dict[str, Any]]:
    """A training in place of a real one: the small run, scored on its own data. It notes how it was called."""
    scores = evaluate(load(small_run), open_dataset(scenes), "test").to_json_dict()

    def copy(data: Path, run: Path, minutes: float, options: Sequence[str]) -> dict[str, Any]:
        shutil.copytree(small_run, run, dirs_exist_ok=True)
        (run / "test.json").write_text(json.dumps(scores), encoding="utf-8")
        (run / "called.json").write_text(json.dumps([str(data), minutes, list(options)]), encoding="utf-8")
        return scores

    return copy
