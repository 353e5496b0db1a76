"""The page on `pixelwise inspect`, and the sizes that other pages tell: what the command prints today."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from lab.store import Places, Store
from pixelwise.cli.app import app
from pixelwise.nn.models import MODELS, build
from pixelwise.nn.parameters import count_parameters

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "guides" / "inspect.md").read_text(encoding="utf-8")


def rows(text: str) -> dict[str, list[str]]:
    """Return the cells of a printed table by the name of the stage, without what is measured on noise."""
    table: dict[str, list[str]] = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in re.split("[│┃]", line)[1:-1]]
        if len(cells) == 7 and cells[0]:
            table[cells[0]] = cells[1:4] + cells[5:]
    return table


def test_the_table_of_the_page_is_what_the_command_prints() -> None:
    command, shown = re.findall(r"\n\$ pixelwise (inspect [^\n]*)\n(.*?)```", PAGE, flags=re.DOTALL)[0]
    result = CliRunner().invoke(app, command.split())
    assert result.exit_code == 0
    assert len(rows(shown)) > 10
    assert rows(result.stdout) == rows(shown)
    notes = [line for line in shown.splitlines() if "convolutions" in line]
    assert notes
    for line in notes:
        assert line in result.stdout


CLASSICS = {title: figures for title, figures in Store("classics", Places()).items() if "costs" in figures}


@pytest.mark.parametrize("title", CLASSICS)
def test_the_sizes_of_the_classics_are_those_of_the_nets_or_said_to_be_outdated(title: str) -> None:
    measured, page = CLASSICS[title], (DOCS / "experiments" / "classics.md").read_text(encoding="utf-8")
    stated = f"Measured on an earlier version of the net: `{title}`." in page
    assert stated == measured.get("outdated", False)
    name, *rest = title.split()
    width = float(rest.pop()) if "width" in rest else None
    encoder = next((word for word in rest if word != "width"), None)
    assert name in MODELS
    with torch.device("meta"):
        net = build(name, 11, encoder=encoder, width=width)
    assert (count_parameters(net) != measured["costs"]["parameters"]) == stated
