"""Figures keep their origin, and no path of the machine gets into it."""

from __future__ import annotations

import argparse
import datetime
import json
import re
from pathlib import Path

import pytest

from lab.store import NOT_RECORDED, ROOT, Origin, Places, Store, describe_command, describe_machine, make_origin

RESULTS = sorted((ROOT / "lab" / "results").glob("*.json"))


def test_an_entry_is_on_disk_as_soon_as_it_is_added(places: Places) -> None:
    store = Store("suite", places)
    assert not store
    store.add("b", {"miou": 0.5}, Origin("2026-01-02", "abc", "1 core", "python -m lab.suite"))
    store.add("a", [1, 2], Origin())
    again = Store("suite", places)
    assert dict(again) == {"b": {"miou": 0.5}, "a": [1, 2]}
    assert [origin.commit for origin in again.origins()] == ["abc", NOT_RECORDED]
    assert json.loads((places.results / "suite.json").read_text())["entries"]["b"]["origin"]["machine"] == "1 core"


def test_a_new_figure_replaces_the_old_one_and_its_notes(places: Places) -> None:
    places.results.mkdir()
    entry = {"origin": {"date": "2026-01-02"}, "figures": 1}
    (places.results / "suite.json").write_text(json.dumps({"notes": ["busy"], "entries": {"a": entry}}))
    store = Store("suite", places)
    assert (store["a"], store.notes) == (1, ["busy"])
    store.add("a", 2, Origin())
    assert (Store("suite", places)["a"], Store("suite", places).notes) == (2, [])


def test_the_command_names_options_in_place_of_paths() -> None:
    args = argparse.Namespace(camvid=Path("/some/where/camvid"), out=Path("out"), minutes=[3.0])
    words = ["/some/where/camvid", "out", "--minutes", "3"]
    assert describe_command("minutes", words, args) == "python -m lab.minutes CAMVID OUT --minutes 3"


def test_an_origin_is_of_today_and_of_this_machine() -> None:
    origin = make_origin("growth", [], argparse.Namespace())
    assert origin.date == datetime.date.today().isoformat()
    assert re.fullmatch(r"\d+ cores? \(.+, .+\), \w+", describe_machine())
    assert origin.command == "python -m lab.growth"


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_stored_results_have_origins_without_paths(path: Path) -> None:
    store = Store(path.stem, Places())
    assert store
    for origin in store.origins():
        assert origin.date != NOT_RECORDED
        assert "/" not in re.sub(r"python benchmarks/|images/s", "", origin.command + origin.machine)
