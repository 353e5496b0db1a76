"""What the search of the site does with words and pages: which pages come first, and which spellings are one word."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

BOOSTS = {
    "tour/tour.md": 4.0,
    "tour/tour.ko.md": 2.0,
    "reference/operations.md": 2.0,
    "glossary.md": 3.0,
    "guides/": 1.5,
    "project/": 0.1,
    "reference/messages.md": 0.1,
    "reference/run_directory.md": 0.3,
    "reference/cli.md": 0.7,
    "reference/api/": 0.5,
    "experiments/": 0.5,
}
"""Factors on the scores of pages, by the head of their addresses; 1 for all others."""
_HYPHENED = re.compile(r"\b(u|up|down)-(?=net\b|sampl)", flags=re.IGNORECASE)
_HYPHEN = "\u2011"
"""Looks like a hyphen and separates nothing: "U-Net" is not "u" and "net". `assets/worker.js` asks for it."""
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z][a-z])")


def boost_of(address: str) -> float:
    """Return the factor on the scores of a page, by its address below docs/."""
    return next((boost for head, boost in BOOSTS.items() if address.startswith(head)), 1.0)


def change_index(path: Path) -> None:
    """Rewrite the index of the search: `changed_entry` for every entry."""
    index = json.loads(path.read_text(encoding="utf-8"))
    index["docs"] = [changed_entry(entry) for entry in index["docs"]]
    path.write_text(json.dumps(index, separators=(",", ":"), ensure_ascii=False), encoding="utf-8")


def changed_entry(entry: dict[str, Any]) -> dict[str, Any]:
    """Return an entry with whole words for U-Net and up-sampling, and with the words of which a name is made.

    Examples
    --------
    >>> changed_entry({"location": "reference/api/a.html#b", "title": "a.BilinearUpsampling", "text": "Up."})["text"]
    'Bilinear Upsampling. Up.'
    """
    title, text = (_HYPHENED.sub(rf"\1{_HYPHEN}", entry[key]) for key in ("title", "text"))
    name = title.rpartition(".")[2]
    words = _CAPITAL.sub(" ", name)
    if entry["location"].startswith("reference/api/") and words != name and " " not in name:
        text = f"{words}. {text}"
    return {**entry, "title": title, "text": text}
