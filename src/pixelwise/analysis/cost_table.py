"""The measured accuracy and cost of models and encoders: mIoU by minutes of training, milliseconds of a prediction.

`lab/front.py` measures the figures and writes `front.json` beside this file. Only the list of models reads it;
training and prediction do not depend on it.
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
    """The figures of one net.

    width: `None` for the model's own. pretrained: whether the encoder started from ImageNet weights. prediction_ms: the
    time of a prediction in milliseconds. miou: the mIoU (0..1) by the minutes of training on one core.
    """

    model: str
    encoder: str
    width: float | None
    pretrained: bool
    prediction_ms: float
    miou: dict[float, float]

    def is_beaten_by(self, other: FrontRow, minutes: float) -> bool:
        """Return whether `other` is as accurate after `minutes` of training and cheaper, or more accurate and no more
        expensive."""
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
    """Return a text on the data and machine that were measured on, and the rows, the cheapest first. Raises as
    `read_front`."""
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
