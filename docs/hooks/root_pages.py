"""Pages from the files at the root of the repository: changes, contributing, security."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = {
    "project/roadmap.md": "ROADMAP.md",
    "project/changes.md": "CHANGELOG.md",
    "project/contributing.md": "CONTRIBUTING.md",
    "project/security.md": "SECURITY.md",
}


def root_page(name: str) -> str:
    """Return a file of the root with its links as a page of `project/` needs them."""
    text = (ROOT / name).read_text(encoding="utf-8")
    places = {file: address.removeprefix("project/") for address, file in PAGES.items()} | {"README.md": "../index.md"}
    for file, place in places.items():
        text = re.sub(rf"\]\({re.escape(file)}(#[^)]*)?\)", rf"]({place}\1)", text)
    return text.replace("](docs/", "](../")
