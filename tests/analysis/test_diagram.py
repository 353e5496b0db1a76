"""A net as a picture: a block a stage, as tall as its map and with its numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from scipy.ndimage import find_objects, label
from typer.testing import CliRunner

from pixelwise.analysis.diagram import COLUMN, PARTS, SCALE, SHORTEST, TALLEST, draw_net
from pixelwise.analysis.summary import Summary, summarise
from pixelwise.cli.app import app
from pixelwise.nn.models import build


@pytest.fixture(scope="module")
def summary() -> Summary:
    net = build("segnet_basic", 3, width=1 / 16)
    return summarise(net, (64, 64), effective=False)


def test_blocks_are_as_tall_as_their_maps(summary: Summary) -> None:
    """A block is filled with its part's colour at 30 %, inside an edge of two pixels."""
    picture = draw_net(summary, "SegNet-Basic")
    blocks = []
    for color in PARTS:
        fill = [round(0.3 * value + 0.7 * 255) for value in color]
        for rows, columns in find_objects(label((picture == fill).all(axis=2))[0]):
            blocks.append((columns.start, rows.stop - rows.start))
    inside = [height / SCALE for _, height in sorted(blocks)]
    expected = [max(SHORTEST, TALLEST / (stage.stride or 1)) for stage in summary.stages]
    assert inside == pytest.approx(expected, abs=5)


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
