"""The suite of the studio's page, on small pictures in a real Chromium."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("uvicorn", reason="needs the extra studio")
pytest.importorskip("playwright", reason="needs Playwright")
pytest.importorskip("rasterio", reason="needs the extra geo")
pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), reason="needs Chromium"
)

from lab import studio_latency  # noqa: E402
from lab.store import Places, Store  # noqa: E402


@pytest.mark.slow
def test_stages_and_frames_are_timed(places: Places, tmp_path: Path) -> None:
    words = [
        "--only",
        "strokes",
        "frames",
        "--strokes",
        "2",
        "--side",
        "200",
        "--frame-side",
        "300",
        "--seconds",
        "0.3",
    ]
    studio_latency.main([str(tmp_path / "out"), *words], places)
    store = Store("studio_latency", places)
    assert list(store) == ["strokes, 200x200", "frames, 300x300, 1280x800", "frames, 300x300, 3840x2160"]
    strokes = store["strokes, 200x200"]
    saved, told, shown = (strokes[stage][0] for stage in studio_latency.STAGES)
    assert 0 < saved < shown
    assert 0 < told < shown
    page = (places.pages / "studio_latency.md").read_text()
    assert f"| {saved:.0f} ms |" in page
    assert f"| {store['frames, 300x300, 1280x800']['drawing'][0]:.0f} |" in page


def test_pictures_are_functions_of_the_seed() -> None:
    one, other = studio_latency.draw_discs(100), studio_latency.draw_discs(100)
    assert one.shape == (100, 100, 3)
    assert np.array_equal(one, other)
    assert not np.array_equal(one, studio_latency.draw_discs(100, seed=1))
    assert (one > 127).any()
