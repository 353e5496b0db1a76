"""A studio on small pictures, and a client of it."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

SIZE = (90, 140)


@pytest.fixture
def photos(tmp_path):
    """Three pictures: the right half of each is brighter."""
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(1)
    for number in range(3):
        picture = rng.integers(0, 60, (*SIZE, 3), np.uint8)
        picture[:, SIZE[1] // 2 :] += 150
        Image.fromarray(picture).save(folder / f"p{number}.png")
    return folder


@pytest.fixture
def studio(photos):
    from pixelwise.labels.project import open_project
    from pixelwise.studio.state import Studio

    opened = Studio(open_project(photos))
    yield opened
    opened.close()


@pytest.fixture
def client(studio):
    from starlette.testclient import TestClient

    from pixelwise.studio.app import build_app

    return TestClient(build_app(studio), base_url="http://127.0.0.1:8765")
