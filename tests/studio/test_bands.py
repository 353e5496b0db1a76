"""Images of more than 4 bands: the first three are shown, learned from, and what a trained model is given."""

import io
import json

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from pixelwise.core.bands import Bands
from pixelwise.core.value_range import ValueRange
from pixelwise.labels.project import open_project
from pixelwise.studio.pictures import Pictures

rasterio = pytest.importorskip("rasterio", reason="needs the extra geo")
pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

SIZE = (40, 60)


def write_bands(path, values):
    with rasterio.open(
        path, "w", driver="GTiff", count=len(values), height=SIZE[0], width=SIZE[1], dtype=values.dtype
    ) as file:
        file.write(values)


@pytest.fixture
def six_bands(tmp_path):
    """Two images of six bands of 16 bits: band n of column c is 1000 n + c."""
    folder = tmp_path / "photos"
    folder.mkdir()
    values = 1000 * np.arange(1, 7)[:, None, None] + np.zeros((6, *SIZE)) + np.arange(SIZE[1])
    for name in ("a.tif", "b.tif"):
        write_bands(folder / name, values.astype(np.uint16))
    return folder


def test_first_bands_are_shown_and_it_is_said(six_bands):
    with open_project(six_bands) as project:
        assert [(image.name, image.size) for image in project.images] == [("a.tif", SIZE), ("b.tif", SIZE)]
        assert project.bands == (1, 2, 3)
        (remark,) = project.problems
        assert "the first three" in remark
        assert "2 images" in remark
        pictures = Pictures(project.images, project.folder.studio / "tiles")
        tile = np.asarray(Image.open(io.BytesIO(pictures.tile(0, (0, 0, 0), (0.0, 100.0)).content)))
        assert_allclose(tile[5, [0, 59]].astype(int), [[0, 124, 248], [7, 131, 255]], atol=4)  # of 1000 to 3059


def test_a_model_is_given_pixels_in_the_range_that_it_was_trained_on(six_bands):
    with open_project(six_bands) as project:
        pictures = Pictures(project.images, project.folder.studio / "tiles")
        bands = Bands((1, 2, 3), (1000.0, 2000.0, 3000.0), (1255.0, 2255.0, 3255.0))
        expected = np.broadcast_to(np.arange(10, 20)[None, :, None], (2, 10, 3))
        assert_array_equal(pictures.read_as(0, (0, 10, 2, 20), bands, None), expected)
        value_range = ValueRange((1000.0, 2000.0, 3000.0), (1255.0, 2255.0, 3255.0))
        assert_array_equal(pictures.read_as(0, (0, 10, 2, 20), None, value_range), expected)


def test_a_training_is_told_the_bands(six_bands, monkeypatch):
    from pixelwise.studio.scores import ScoreCurve
    from pixelwise.studio.training import Training

    with open_project(six_bands) as project:
        for row, class_index in ((5, 0), (15, 1)):
            stroke = {"type": "stroke", "points": [[row, 10], [row, 30]], "width": 3, "class_index": class_index}
            project.perform(stroke, "a.tif")
        commands = []

        def launch(command, **_):
            commands.append(command)
            raise OSError("not in this test")

        monkeypatch.setattr("subprocess.Popen", launch)
        training = Training(project, ScoreCurve(project), lambda: None, lambda run: None)
        with pytest.raises(OSError, match="not in this test"):
            training.start(1)
        assert json.loads(commands[0][-1])["bands"] == [1, 2, 3]
