"""Accuracy by minutes of training, and milliseconds of a prediction, of models and encoders.

`lab/front.py` measures the figures and writes `front.json` beside this file. Only the list of models reads it:
no part of training or prediction depends on it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pixelwise.core.errors import DataError
from pixelwise.core.files import write_text

FILE = Path(__file__).with_name("front.json")


@dataclass(frozen=True)
class FrontRow:
    """A net: `prediction_ms` a prediction, and the mIoU (0..1) by the minutes of training on one core.

    `pretrained` is whether the encoder started from ImageNet weights; a `width` of `None` is the model's own.
    """

    model: str
    encoder: str
    width: float | None
    pretrained: bool
    prediction_ms: float
    miou: dict[float, float]

    def is_beaten_by(self, other: FrontRow, minutes: float) -> bool:
        """Whether `other` is as accurate after `minutes` at less cost, or more accurate at no more."""
        gain, saving = other.miou[minutes] - self.miou[minutes], self.prediction_ms - other.prediction_ms
        return gain >= 0 and saving >= 0 and (gain > 0 or saving > 0)


def read_front() -> dict[str, Any]:
    """Return the content of `front.json`. Raises `DataError` before anything was measured."""
    if not FILE.is_file():
        remedy = "Run `python -m lab.front`; it writes this file."
        raise DataError(FILE, "no such file", "the figures of lab/front.py", remedy)
    content: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return content


def load_front() -> tuple[str, list[FrontRow]]:
    """Return what was measured on, and the rows in the order of their cost. Raises as `read_front`."""
    content = read_front()
    rows = []
    for entry in content["rows"]:
        miou = {float(minutes): value for minutes, value in entry.pop("miou").items()}
        rows.append(FrontRow(**entry, miou=miou))
    return content["measured_on"], sorted(rows, key=lambda row: row.prediction_ms)


def save_front(measured_on: str, rows: Sequence[FrontRow]) -> None:
    """Write `front.json`."""
    content = {"measured_on": measured_on, "rows": [asdict(row) for row in rows]}
    write_text(FILE, json.dumps(content, indent=1) + "\n")


def pareto_front(rows: Sequence[FrontRow], minutes: float) -> list[FrontRow]:
    """Return the rows that no other beats after `minutes` of training."""
    return [row for row in rows if not any(row.is_beaten_by(other, minutes) for other in rows)]
