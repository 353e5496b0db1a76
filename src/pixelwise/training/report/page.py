"""`Report`: the content of the report of a run, and `write_report`, which writes it as one HTML file."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import yaml
from markupsafe import Markup, escape

from pixelwise.core.classes import ClassMap
from pixelwise.core.files import write_text
from pixelwise.core.text import escape_controls, quantity
from pixelwise.render import is_tinted
from pixelwise.tasks import DEFAULT_TASK, TASKS
from pixelwise.tasks.base import Task, TaskScores
from pixelwise.training.report.charts import History, calibration_chart, loss_chart, score_chart
from pixelwise.training.report.pictures import Example, pictures
from pixelwise.training.report.tables import (
    balance_rows,
    class_rows,
    css,
    image_table,
    largest_confusions,
    row_shares,
)

MOST_MATRIX_CLASSES = 40
"""With more classes than this, the matrix is illegible, and the page lists only the largest confusions."""


@dataclass(frozen=True)
class Report:
    """The content of the report of a training run.

    command: the command line that repeats the run. history: rows of step, epoch, loss, learning_rate, seconds, and the
    task's measure, such as val_miou (`None` where the row was not validated). scores: those on the split `split_name`;
    `None` without validation images. class_pixels: each class's share, 0..1, of the labelled training pixels. splits:
    number of images by split. skipped: files left out and why. facts: descriptions of run and machine; `model`,
    `encoder` and `minutes` are shown in the headline, too. task: its name.
    """

    title: str
    command: str
    config: dict[str, Any]
    classes: ClassMap
    history: History
    scores: TaskScores | None
    split_name: str
    class_pixels: dict[str, float]
    splits: dict[str, int]
    examples_best: Sequence[Example]
    examples_worst: Sequence[Example]
    skipped: list[tuple[str, str]]
    warnings: list[str]
    facts: dict[str, str]
    task: str = DEFAULT_TASK
    measured_on: str = ""
    """The origin of the scores, in words; by default the split."""

    @property
    def place(self) -> str:
        return self.measured_on or self.split_name


def write_report(report: Report, path: Path) -> None:
    """Write the report to `path`: a page without network access, scripts and other files.

    Raises `OutputError` where it cannot be written.
    """
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_load_file),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_escape_controls,
    )
    task = TASKS[report.task]
    legend, untinted = _legend(report, task)
    measured = next((figure.label for figure in task.tables.figures if figure.key == task.measure), task.measure_name)
    environment.filters |= {"percent": percent, "share": share, "capitalize_first": capitalize, "mark_code": mark_code}
    page = environment.get_template("template.html.jinja").render(
        report=report,
        config=yaml.safe_dump(report.config, sort_keys=False, allow_unicode=True),
        measured=measured,
        tables=task.tables,
        loss_chart=loss_chart(report.history),
        score_chart=score_chart(report.history, f"val_{task.measure}", measured),
        balance=balance_rows(report.classes, report.class_pixels),
        examples=_examples(report, task),
        legend=legend,
        untinted=untinted,
        **_score_parts(report, task),
    )
    write_text(path, page)


def percent(value: float | None, decimals: int = 1) -> str:
    """Return a fraction in percent, without the % sign; a dash for an unknown value."""
    return "–" if value is None or math.isnan(value) else f"{100 * value:.{decimals}f}"


def share(value: float | None) -> str:
    """Return a share of pixels in percent, with two decimals for rare classes; a trace of pixels is not rounded to
    zero."""
    if value is None or value == 0:
        return percent(value, 0)
    if value < 0.0001:
        return "< 0.01"
    return percent(value, 1 if value >= 0.01 else 2)


def capitalize(text: str) -> str:
    """Return a text with a capital letter at its start."""
    return text[:1].upper() + text[1:]


def mark_code(text: str) -> Markup:
    """Return a text for the page in which what stands in backticks is set as code."""
    escaped = str(escape(escape_controls(text, lines=True)))
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped))


def _escape_controls(value: object) -> object:
    """Return a value for the page, with control characters, which names of files may have, escaped."""
    return value if isinstance(value, Markup) or not isinstance(value, str) else escape_controls(value, lines=True)


def _load_file(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


@dataclass(frozen=True)
class _Figure:
    """A score of the headline, in 0..1, with its bootstrap interval if that is known."""

    label: str
    value: float | None
    note: str
    interval: tuple[float, float] | None = None


def _score_parts(report: Report, task: Task) -> dict[str, Any]:
    """Return the values of the template that depend on scores; none without scores."""
    scores, tables, names = report.scores, task.tables, report.classes.names
    if scores is None:
        return dict.fromkeys(("figures", "rows", "shares", "confusions", "matches", "calibration", "images", "metrics"))
    values, details = scores.to_json_dict(), task.details(scores)
    counted = [quantity(scores.images, "image"), *(f"{count:,} {name}" for name, count in details.counts.items())]
    first = ", ".join([report.place, *counted])
    few = len(names) <= MOST_MATRIX_CLASSES
    shares = row_shares(np.array(details.confusion, np.int64)) if details.confusion else None
    return {
        "figures": [
            _Figure(figure.label, values[figure.key], figure.note if place else first, scores.intervals.get(figure.key))
            for place, figure in enumerate(tables.figures)
        ],
        "rows": class_rows(report.classes, scores.per_class, report.class_pixels, list(tables.class_columns)),
        "shares": shares.tolist() if few and shares is not None else None,
        "confusions": None if shares is None else largest_confusions(shares, names, most=6 if few else 24),
        "matches": details.matches,
        "calibration": calibration_chart(details.calibration),
        "images": image_table(scores.per_image, tables.image_columns),
        "metrics": scores.metrics,
    }


def _examples(report: Report, task: Task) -> list[dict[str, Any]]:
    """Return the galleries of best and worst predictions that are not empty, with their pictures."""
    groups = (
        ("worst", "Worst predictions", report.examples_worst),
        ("best", "Best predictions", report.examples_best),
    )
    return [
        {
            "id": key,
            "title": title,
            "rows": [
                {"name": example.name, "score": example.score, "pictures": pictures(example, report.classes, task)}
                for example in examples
            ],
        }
        for key, title, examples in groups
        if examples
    ]


def _legend(report: Report, task: Task) -> tuple[list[tuple[str, str]], list[str]]:
    """Return names and colours of the tinted classes that occur in the examples, in the order of the classes, and the
    names of the others; or the legend of the task, if it has one."""
    if task.legend is not None:
        return [(name, css(color)) for name, color in task.legend.items()], []
    examples = [*report.examples_worst, *report.examples_best]
    maps = (labels.label_map for example in examples for labels in (example.target, example.prediction))
    occurring = {int(value) for label_map in maps for value in np.unique(label_map)}
    pairs = list(zip(report.classes.names, report.classes.colors, strict=True))
    shown = [pair for index, pair in enumerate(pairs) if index in occurring]
    tinted = [(name, css(color)) for name, color in shown if is_tinted(name, color)]
    return tinted, [name for name, color in shown if not is_tinted(name, color)]
