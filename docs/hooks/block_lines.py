"""Lists and tables right below a paragraph, as GitHub reads them; Python-Markdown asks for an empty line between."""

from __future__ import annotations

import re

_ITEM = re.compile(r"(?:[-*+]|\d+\.) ")
_FENCE = re.compile(r" *(`{3,})")


def part_blocks(markdown: str) -> str:
    """Return a page with an empty line before each list and each table that follows a line of another kind."""
    lines: list[str] = []
    fence, kind = "", ""
    for line in markdown.split("\n"):
        mark = _FENCE.match(line)
        if fence:
            if mark and line.strip() == fence:
                fence, kind = "", "code"
        elif mark:
            fence = mark[1]
        elif not line.strip():
            kind = ""
        elif _ITEM.match(line) or line.startswith("|"):
            new = "table" if line.startswith("|") else "list"
            if kind not in ("", new):
                lines.append("")
            kind = new
        elif not kind or kind == "code":
            kind = "text" if not line.startswith(" ") else kind
        lines.append(line)
    return "\n".join(lines)
