"""Run a page of the tour from top to bottom and draw its pictures: python docs/tour/run.py [tour.ko.md] [--out DIR]."""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path

HERE = Path(__file__).parent


def code_of(page: Path) -> list[str]:
    """Return the Python blocks of a page, from top to bottom."""
    return re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def run(page: Path, out: Path) -> None:
    """Run the blocks of a page one after the other, in one namespace; their pictures go to `out`."""
    sys.path.insert(0, str(HERE.parent))
    os.chdir(out)
    namespace: dict[str, object] = {"__name__": "tour"}
    for number, block in enumerate(code_of(page), start=1):
        exec(compile(block, f"{page.name}, block {number}", "exec"), namespace)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("page", nargs="?", default="tour.md")
    parser.add_argument("--out", type=Path, default=HERE)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    run(HERE / args.page, args.out)


if __name__ == "__main__":
    main()
