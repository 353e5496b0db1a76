"""Links between the pages: every relative link leads to a file, and to a heading where it names one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GENERATED = {"api/index.md", "cli.md", "messages.md", "names.md"}
"""Pages of docs/reference/ that the build of the site makes; `test_site.py` follows the links to them."""
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def links(page: Path) -> list[str]:
    """Return the relative targets of links and pictures, outside of code blocks."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = [*re.findall(r"\]\(([^)\s]+)\)", text), *re.findall(r'<img src="([^"]+)"', text)]
    return [target for target in targets if "://" not in target and not target.startswith("mailto:")]


def anchors(page: Path) -> set[str]:
    """Return the names that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_to_a_file_or_a_heading(page: Path) -> None:
    for target in links(page):
        name, _, heading = target.partition("#")
        destination = (page.parent / name).resolve() if name else page
        if destination in {ROOT / "docs" / "reference" / made for made in GENERATED}:
            continue
        assert destination.exists(), target
        assert not heading or heading in anchors(destination), target


def test_the_index_of_experiments_names_every_page() -> None:
    folder = ROOT / "docs" / "experiments"
    pages = {path.name for path in folder.glob("*.md")} - {"README.md"}
    assert len(pages) >= 14
    assert pages <= set(links(folder / "README.md"))
    for name in pages - {"sunrgbd.md", "measured.md", "trials.md"}:
        assert "Command: `" in (folder / name).read_text(encoding="utf-8"), name
