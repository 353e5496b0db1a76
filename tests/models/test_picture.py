"""A net as a picture: a block a stage, as tall as its map and with its numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from pixelwise.cli.app import app
from pixelwise.models import build
from pixelwise.models.picture import COLUMN, PARTS, SCALE, TALLEST, draw_net
from pixelwise.models.summary import Summary, summarise


@pytest.fixture(scope="module")
def summary() -> Summary:
    net = build("segnet_basic", 3, width=1 / 16)
    return summarise(net, (64, 64), effective=False)


def heights(picture: np.ndarray, color: tuple[int, int, int]) -> list[int]:
    """Return the heights of the blocks with an edge of this colour, from left to right, in the picture's units."""
    edge = (picture == color).all(axis=2)
    columns = edge.sum(axis=0) > SCALE * 6  # an edge's side, no letter
    starts = np.flatnonzero(columns & ~np.roll(columns, 1))
    found = []
    for start in starts[::2]:  # each block has a left and a right side
        run = np.flatnonzero(edge[:, start])
        longest = max(np.split(run, np.flatnonzero(np.diff(run) > 1) + 1), key=len)
        found.append(round(len(longest) / SCALE))
    return found


def test_blocks_are_as_tall_as_their_maps(summary: Summary) -> None:
    """SegNet-Basic's encoder runs at strides 1, 2, 4 and 8; its stages are named by the place of their pooling."""
    picture = draw_net(summary, "SegNet-Basic")
    strides = [
        stage.stride for stage in summary.stages if stage.name.startswith(summary.stages[0].name.partition(".")[0])
    ]
    expected = [TALLEST / (stride or 1) for stride in strides]
    assert heights(picture, PARTS[0]) == pytest.approx(expected, abs=2)


def test_every_stage_has_a_column(summary: Summary) -> None:
    fewer = draw_net(summary, "net").shape[1]
    more = draw_net(Summary(**(summary.__dict__ | {"stages": summary.stages * 2})), "net").shape[1]
    assert more - fewer == SCALE * COLUMN * len(summary.stages)


def test_the_command_draws_into_a_png_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "net.png"
    line = ["inspect", "segnet_basic", "--width", "0.0625", "--size", "32", "32", "--picture", str(file)]
    assert CliRunner().invoke(app, line).exit_code == 0
    with Image.open(file) as picture:
        assert picture.format == "PNG"
    result = CliRunner().invoke(app, [*line[:-1], str(tmp_path / "net.jpg")])
    assert "net.jpg; expected a .png file. Write --picture" in str(result.exception)
    assert not (tmp_path / "net.jpg").exists()
