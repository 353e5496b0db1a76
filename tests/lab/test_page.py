"""Pages come from the store: those in docs/experiments are what the suites write from the stored figures."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lab import classics, growth, labels, minutes, nuclei, peers, predict
from lab.page import format_page, format_table
from lab.store import Origin, Places, Store

PAGES: dict[str, Callable[[Store], str]] = {
    "classics": classics.make_page,
    "growth": growth.make_page,
    "labels": labels.make_page,
    "minutes": minutes.make_page,
    "nuclei": nuclei.make_page,
    "nuclei_all": nuclei.make_page_of_kinds,
    "peers": peers.make_page,
    "predict": predict.make_page,
}


def test_a_table() -> None:
    table = format_table(("", "mIoU", "BF"), [("fpn", "0.5", "0.4"), ("unet", "", "")])
    assert table == "| | mIoU | BF |\n|---|---|---|\n| fpn | 0.5 | 0.4 |\n| unet | | |"


def test_a_page_has_title_origin_parts_and_notes(places: Places) -> None:
    store = Store("suite", places)
    store.add("a", 1, Origin("2026-01-02", "abc", "1 core", "python -m lab.suite"))
    store.notes = ["Busy."]
    assert format_page("Title", store, ["Two\nlines.", "| a |\n|---|"]) == (
        "# Title\n\n*Date: 2026-01-02. Commit: abc. Machine: 1 core. Command: `python -m lab.suite`.*\n\n"
        "Two lines.\n\n| a |\n|---|\n\nBusy.\n"
    )


@pytest.mark.parametrize("suite", PAGES)
def test_the_page_is_written_from_the_stored_figures(suite: str) -> None:
    store, page = Store(suite, Places()), Places().pages / f"{suite}.md"
    assert page.is_file() == bool(store)
    if store:
        assert page.read_text(encoding="utf-8") == PAGES[suite](store)
