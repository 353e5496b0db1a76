"""`pixelwise demo`: pictures, a training, a measurement, predictions and a report."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytestmark = pytest.mark.usefixtures("one_thread")
Cli = Callable[..., Any]


def test_the_whole_story_is_told_in_a_second(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On few small pictures: how well a model is trained in a second is not what is tested."""
    import pixelwise_scenes

    write_scenes = pixelwise_scenes.write_scenes

    def write_few(out: Path, seed: int, **options: Any) -> None:
        write_scenes(out, seed, counts={"train": 4, "val": 2, "test": 2}, size=(64, 96), **options)

    monkeypatch.setattr(pixelwise_scenes, "write_scenes", write_few)
    out = tmp_path / "demo"
    told = cli("demo", "--out", out, "--minutes", "0.01", "--json")
    assert told.code == 0, told.err
    report = json.loads(told.out)
    assert Path(report["report"]) == out / "run/report.html"
    assert report["test"]["images"] == 2
    assert "drawing landscapes" in told.err
    assert (out / "run/report.html").is_file()
    predicted = sorted(path.name for path in (out / "predictions").iterdir())
    names = sorted(path.stem for path in (out / "data/test/images").iterdir())
    assert predicted == sorted(f"{name}{ending}" for name in names for ending in (".png", "_overlay.png"))
    with Image.open(out / "predictions" / f"{names[0]}.png") as mask:
        assert mask.size == (96, 64)

    again = cli("demo", "--out", out)
    assert (again.code, again.out) == (2, "")
    expected = "found a file or directory; expected a path that does not exist yet. Remove it, or choose another --out."
    assert again.err == f"error: {out}: {expected}\n"
