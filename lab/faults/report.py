"""What came of it, as a table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

HEAD = """# Bad moments

Commands are killed, stopped, or lose their disk, their input or their clock while they run, and are then run once
more: `python -m lab.faults --out DIR`. A cell shows how many moments were tried, and how often a rule was broken. The
moments are spread over the duration of the command; for a full disk over the bytes that it writes, and for handles
over the limit of open files.

The rules:

- The command ends with an exit code and a message, never with a traceback, a hang or a crash.
- Inputs and earlier outputs keep their bytes.
- Each file under its final name is complete.
- After the next run no temporary file is left, and the files are those of a run without a fault: predictions and
  conversions with the same bytes, a training with the same weights.

"""


@dataclass
class Cell:
    """How a command fared with a fault. seconds: how long it takes undisturbed."""

    command: str
    kind: str
    moments: int
    seconds: float
    violations: list[str] = field(default_factory=list)


def write_report(out: Path, cells: Sequence[Cell], machine: str) -> None:
    """Write `faults.json` and `faults.md` into a directory."""
    out.mkdir(parents=True, exist_ok=True)
    content = {"machine": machine, "cells": [asdict(cell) for cell in cells]}
    (out / "faults.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    (out / "faults.md").write_text(_page(cells, machine), encoding="utf-8")


def _page(cells: Sequence[Cell], machine: str) -> str:
    kinds = list(dict.fromkeys(cell.kind for cell in cells))
    commands = list(dict.fromkeys(cell.command for cell in cells))
    table = {(cell.command, cell.kind): cell for cell in cells}
    lines = [f"| command | s | {' | '.join(kinds)} |", "|---" * (2 + len(kinds)) + "|"]
    for command in commands:
        row = [table.get((command, kind)) for kind in kinds]
        seconds = next(cell.seconds for cell in row if cell is not None)
        lines.append(f"| {command} | {seconds:.1f} | {' | '.join(map(_in_words, row))} |")
    moments, broken = sum(cell.moments for cell in cells), sum(len(cell.violations) for cell in cells)
    lines += ["", f"{moments:,} moments, {broken} violations ({machine}; s: seconds without a fault)."]
    for cell in cells:
        if cell.violations:
            lines += ["", f"{cell.command}, {cell.kind}:", ""]
            lines += [f"- {sentence}" for sentence in cell.violations[:20]]
    return HEAD + "\n".join(lines) + "\n"


def _in_words(cell: Cell | None) -> str:
    return "-" if cell is None else f"{cell.moments} / {len(cell.violations)}"
