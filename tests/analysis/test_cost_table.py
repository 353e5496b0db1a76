"""Which nets of the front no other beats, and how `pixelwise models --front` shows them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pixelwise.analysis import cost_table
from pixelwise.analysis.cost_table import FrontRow, load_front, pareto_front, save_front
from pixelwise.cli.app import app
from pixelwise.core.errors import DataError
from pixelwise.nn.models import MODELS


def row(name: str, milliseconds: float, *miou: float) -> FrontRow:
    return FrontRow(name, "resnet18", None, True, milliseconds, dict(zip((2.0, 6.0), miou, strict=True)))


CHEAP, GOOD, DEAR = row("fpn", 10, 0.4, 0.5), row("unet", 20, 0.5, 0.6), row("segnet", 30, 0.6, 0.6)


def test_a_net_that_costs_more_must_be_more_accurate() -> None:
    assert pareto_front([CHEAP, GOOD, DEAR], 2) == [CHEAP, GOOD, DEAR]
    assert pareto_front([CHEAP, GOOD, DEAR], 6) == [CHEAP, GOOD]


def test_equals_do_not_beat_each_other() -> None:
    assert pareto_front([GOOD, GOOD], 6) == [GOOD, GOOD]


def test_the_command_prints_the_cheapest_first_and_marks_the_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cost_table, "FILE", tmp_path / "front.json")
    save_front("a data set", [DEAR, GOOD, CHEAP])
    assert load_front() == ("a data set", [CHEAP, GOOD, DEAR])
    printed = CliRunner().invoke(app, ["models", "--front"]).stdout.splitlines()
    assert "a data set" in printed[0]
    assert [line.split()[0] for line in printed[3:]] == ["fpn", "unet", "segnet"]
    assert printed[5].split()[-2:] == ["0.600*", "0.600"]
    content = json.loads(CliRunner().invoke(app, ["models", "--front", "--json"]).stdout)
    assert len(content["rows"]) == 3


def test_before_anything_was_measured_the_command_says_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost_table, "FILE", tmp_path / "front.json")
    with pytest.raises(DataError, match=r"front\.json: found no such file; .*python -m lab\.front"):
        load_front()


def test_the_front_that_was_measured_names_models_that_are_there() -> None:
    measured_on, rows = load_front()
    assert "CamVid" in measured_on
    assert {row.model for row in rows} <= set(MODELS)
    assert all(row.miou.keys() == rows[0].miou.keys() for row in rows)
