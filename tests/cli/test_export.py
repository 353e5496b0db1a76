"""`pixelwise export`: what the file holds, and what `--fast` leaves out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from numpy.testing import assert_allclose

from pixelwise.inference.loading import load
from pixelwise.training.config import RunConfig
from pixelwise.training.posthoc import quantization
from pixelwise.training.posthoc.quantization import Int8
from pixelwise.training.weights import build_pipeline, save_weights

Cli = Callable[..., Any]

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def trained(config_of: Callable[..., RunConfig], tmp_path: Path) -> Path:
    """A run directory with an FPN, with a test-time scale and flip TTA."""
    config = config_of("sky", "road").replace(model="fpn", encoder="test_resnet", width=None)
    recipe = config.recipe.replace(magnifications=(1.25, 1.5), mirrored=True, tile=256)
    config = config.replace(recipe=recipe)
    config.save(tmp_path / "config.yaml")
    save_weights(tmp_path / "weights.safetensors", build_pipeline(config, pretrained=False), config)
    return tmp_path


@pytest.mark.parametrize("fast", [False, True])
def test_the_file_says_what_the_runs_pipeline_says(cli: Cli, trained: Path, fast: bool) -> None:
    out = trained / "small.onnx"
    result = cli("export", trained, "--out", out, "--json", *["--fast"] * fast)
    assert json.loads(result.out) == {"model": str(out), "bytes": out.stat().st_size}
    image = np.random.default_rng(0).integers(0, 256, (1, 60, 93, 3), np.uint8)
    (logits,) = onnxruntime.InferenceSession(out).run(["logits"], {"image": image})
    pipeline = build_pipeline(RunConfig.load(trained / "config.yaml"), pretrained=False).eval()
    pixels = torch.from_numpy(image)
    with torch.no_grad():
        expected = pipeline.model(pipeline.normalise(pixels)) if fast else pipeline(pixels)
    assert_allclose(logits, expected, atol=1e-4)
    info, recipe = load(out).info, RunConfig.load(trained / "config.yaml").recipe
    assert (info.tile, info.overlap) == ((1536, 512) if fast else (recipe.tile, recipe.overlap))


def test_another_ending_is_refused_and_the_right_one_named(cli: Cli, trained: Path) -> None:
    result = cli("export", trained, "--out", trained / "small.pt")
    assert (result.code, result.out) == (2, "")
    assert f"Use --out {trained / 'small.onnx'}." in result.err
    assert not (trained / "small.pt").exists()


def test_data_without_int8_is_refused(cli: Cli, trained: Path) -> None:
    result = cli("export", trained, "--out", trained / "a.onnx", "--data", trained)
    assert result.code == 2
    assert result.err.startswith(f"error: --data: found {trained}; expected --int8 beside it.")
    assert not (trained / "a.onnx").exists()


def test_a_file_in_8_bits_says_what_it_costs(cli: Cli, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def made(run: Path, out: Path, *, fast: bool, data: Path | None, on_try: Callable[[Int8], None]) -> Int8:
        out.write_bytes(b"12345")
        on_try(attempt := Int8("miou", 0.59, 0.6, 2, 7))
        return attempt

    monkeypatch.setattr(quantization, "export_int8", made)
    out = trained / "a.onnx"
    result = cli("export", trained, "--out", out, "--int8", "--json")
    costs = {"measure": "miou", "score": 0.59, "float_score": 0.6, "kept": 2, "images": 7}
    assert json.loads(result.out) == {"model": str(out), "bytes": 5, "int8": costs}
    assert "the first 2 convolutions in float: val miou 0.5900, in float 0.6000, 7 images" in result.err
