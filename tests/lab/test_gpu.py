"""The script for a GPU, small, on a CPU."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab import gpu
from pixelwise.core.device import Device
from pixelwise.data import open_dataset


@pytest.fixture
def bench(scenes: Path, tmp_path: Path) -> gpu.Bench:
    small = {"model": "segnet_basic", "width": 1 / 16}
    return gpu.Bench(
        open_dataset(scenes),
        tmp_path / "out",
        Device("cpu"),
        minutes=(0.02,),
        steps=2,
        crop=(32, 64),
        batch=2,
        encoder="mobilenetv3_small_050",
        width=1 / 16,
        scan=(70, 90),
        predictions=2,
        options=small,
    )


@pytest.mark.usefixtures("one_thread")
def test_sections_are_measured_and_written(bench: gpu.Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    assert gpu.expected_seconds("classics", bench) == 3 * 65
    monkeypatch.setattr(gpu, "expected_seconds", lambda section, bench: 2e6 if section == "classics" else 0)
    figures = gpu.run_sections(bench, ["speed", "train", "classics", "predict"], limit=1e6)
    assert figures == json.loads((bench.out / "gpu.json").read_text())
    assert figures["left_out"] == ["classics"]
    assert [row["loop"] for row in figures["speed"]] == ["plain loop", "pixelwise"]
    assert all(row["images_s"] > 0 for row in figures["speed"])
    (row,) = figures["train"]
    assert 0 <= row["miou"] <= 1
    assert 0 < row["other_share"] < 1
    assert row["wall_s"] > row["steps_s"] > 0
    engines = {row["engine"]: row for row in figures["predict"]}
    assert engines["torch"]["mpx_s"] > 0
    assert engines["onnxruntime"]["images_s"] > 0
    assert "missing" in engines["onnxruntime-tensorrt"]
    page = (bench.out / "gpu.md").read_text()
    assert "## train" in page
    assert "Left out for want of time: classics" in page
