from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pixelwise.inference.loading import load
from pixelwise.labels import suggest
from pixelwise.labels.descriptions import describe_colors
from pixelwise.labels.features import ArrayImage
from pixelwise.labels.live import SETTLED_STEPS, LiveModel
from pixelwise.modelfile.graph import require_safe_graph

Cli = Callable[..., Any]


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three images, of which the first has a mask."""
    monkeypatch.setattr(suggest, "choose_description", lambda: (describe_colors, "colours"))
    rng = np.random.default_rng(0)
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for name in "abc":
        Image.fromarray(rng.integers(0, 256, (64, 80, 3)).astype(np.uint8)).save(tmp_path / "images" / f"{name}.png")
    Image.fromarray((rng.random((64, 80)) > 0.5).astype(np.uint8)).save(tmp_path / "masks" / "a.png")
    (tmp_path / "classes.yaml").write_text("classes: [ground, leaf]\n")
    return tmp_path


def test_json_is_one_object(cli: Cli, photos: Path) -> None:
    result = cli("label", "suggest", photos, "--count", "2", "--pixels", "3", "--json")
    assert (result.code, result.err) == (0, "")
    report = json.loads(result.out)
    assert report["total"] == 3
    assert report["model"] is None
    assert report["compared_by"] == "colours"
    assert sorted(Path(row["image"]).name for row in report["images"]) == ["b.png", "c.png"]
    for row in report["images"]:
        assert row["labelled"] == 0
        assert row["uncertainty"] is None
        assert len(row["pixels"]) == 3
        assert all(0 <= r < 64 and 0 <= c < 80 for r, c in row["pixels"])
        top, left, bottom, right = row["region_tlbr"]
        assert (top, bottom, right - left) == (0, 64, 64)
        assert 0 <= left <= row["pixels"][0][1] < right <= 80


def test_the_table_names_images_and_pixels(cli: Cli, photos: Path) -> None:
    result = cli("label", "suggest", photos, "--count", "1", "--pixels", "1")
    assert result.code == 0
    assert "what to label next in 3 images. Images are compared by their colours." in result.out
    assert "images/b.png" in result.out or "images/c.png" in result.out
    assert "64" in result.out


def test_a_folder_without_labels_is_told(cli: Cli, photos: Path) -> None:
    result = cli("label", "suggest", photos / "images")
    assert result.code == 0
    assert "note: No labels were recognised, so all images count as unlabelled: found" in result.err


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_the_live_model_is_a_model_file(cli: Cli, tmp_path: Path) -> None:
    """On an image whose sides are no multiples of a stride."""
    image = np.random.default_rng(0).integers(0, 90, (75, 110, 3)).astype(np.uint8)
    image[:, 55:] += 120
    mask = np.full((75, 110), 255, np.uint8)
    mask[10:20, 10:40], mask[40:60, 70:100] = 0, 1
    for folder, values in (("images", image), ("masks", mask)):
        (tmp_path / "data" / folder).mkdir(parents=True)
        Image.fromarray(values).save(tmp_path / "data" / folder / "a.png")
    (tmp_path / "data" / "classes.yaml").write_text("classes: [ground, leaf]\nignore: 255\n")
    out = tmp_path / "live.onnx"
    result = cli("label", "export", tmp_path / "data", "--out", out, "--json")
    assert (result.code, result.err) == (0, "")
    report = {"model": str(out), "bytes": out.stat().st_size, "images": 1, "pixels": 900, "scale": 2, "remarks": []}
    assert json.loads(result.out) == report
    require_safe_graph(out)

    model = LiveModel(2, tmp_path / "features")
    model.add_image("a", ArrayImage(image))
    model.set_labels("a", ArrayImage(mask))
    model.compute_features("a", 0)
    model.fit(steps=SETTLED_STEPS)
    expected = model.predict("a", 0).label_map
    predictor = load(out)
    assert predictor.info.model == "live"
    assert (predictor.label_map(image) == expected).mean() >= 0.999
    assert (expected[:, 60:].mean(), expected[:, :50].mean()) == pytest.approx((1, 0), abs=0.1)
    assert predictor.label_map(image[:1, :1]).shape == (1, 1)

    inspected = cli("inspect", out)
    assert inspected.code == 2
    assert "the live model" in inspected.err


def test_export_of_another_ending_names_the_flag(cli: Cli, photos: Path) -> None:
    result = cli("label", "export", photos, "--out", photos / "live.pt")
    assert result.code == 2
    assert result.err.endswith(f"Use --out {photos / 'live.onnx'}.\n")


def test_a_mistake_names_the_flag(cli: Cli, photos: Path) -> None:
    result = cli("label", "suggest", photos, "--count", "0")
    assert result.code == 2
    assert result.err == "error: --count: found 0; expected 1 or more. Ask for more.\n"
    result = cli("label", "suggest", photos, "--model", photos / "none.onnx")
    assert result.code == 2
    assert "no such file or directory" in result.err


def test_the_group_shows_its_commands(cli: Cli) -> None:
    shown = cli("label", "-h")
    assert shown.code == 0
    assert "suggest" in shown.out
    assert "pixelwise label suggest photos/" in shown.out
    assert "--count" in cli("label", "suggest", "-h").out
