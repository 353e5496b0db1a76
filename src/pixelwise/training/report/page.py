"""`Report`: what a training run has to tell, and `write_report`, which lays it out as one HTML file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import yaml
from markupsafe import Markup

from pixelwise.core.classes import ClassMap
from pixelwise.core.files import write_text
from pixelwise.core.text import printable
from pixelwise.metrics.instances import InstanceScores
from pixelwise.metrics.pixels import count_of
from pixelwise.metrics.scores import Scores
from pixelwise.render import OBJECT_FATES, is_tinted
from pixelwise.training.report.charts import History, calibration_chart, loss_chart, score_chart
from pixelwise.training.report.pictures import Example, ObjectExample, pictures
from pixelwise.training.report.tables import (
    balance_rows,
    class_rows,
    css,
    image_table,
    largest_confusions,
    row_shares,
)

OF_CLASSES = ("dice", "precision", "recall")
"""What the table of classes shows of every task."""
MOST_MATRIX_CLASSES = 40
"""With more classes the matrix is no longer read, and the page lists the largest confusions alone."""
FATE_LINES = {"matched": "solid", "missed": "dashed", "invented": "hatched"}
"""How `object_errors` draws what became of objects, beside their colours."""


@dataclass(frozen=True)
class Report:
    """One training run, ready to be laid out.

    command: the command line that repeats the run. history: rows of step, epoch, loss, learning_rate, seconds, and
    val_miou or val_ap (`None` where the row was not validated). scores: on the split `split_name`; `None` without
    validation images. class_pixels: each class's share, 0..1, of the labelled training pixels. splits: number of images
    by split. skipped: files left out and why. facts: whatever describes run and machine; `model`, `encoder` and
    `minutes` show in the headline too.
    """

    title: str
    command: str
    config: dict[str, Any]
    classes: ClassMap
    history: History
    scores: Scores | InstanceScores | None
    split_name: str
    class_pixels: dict[str, float]
    splits: dict[str, int]
    examples_best: Sequence[Example | ObjectExample]
    examples_worst: Sequence[Example | ObjectExample]
    skipped: list[tuple[str, str]]
    warnings: list[str]
    facts: dict[str, str]
    measured_on: str = ""
    """Where the scores are from, in words; the split where nothing is said."""

    @property
    def place(self) -> str:
        return self.measured_on or self.split_name


def write_report(report: Report, path: Path) -> None:
    """Write the report to `path`: a page that needs no network, no script and no other file.

    Raises `OutputError` where it cannot be written.
    """
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_own_file),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    measured = ("val_ap", "AP") if isinstance(report.scores, InstanceScores) else ("val_miou", "mean IoU")
    environment.filters |= {"percent": percent, "share": share}
    page = environment.get_template("template.html.jinja").render(
        report=report,
        config=yaml.safe_dump(report.config, sort_keys=False, allow_unicode=True),
        measured=measured[1],
        loss_chart=loss_chart(report.history),
        score_chart=score_chart(report.history, *measured),
        balance=balance_rows(report.classes, report.class_pixels),
        examples=_examples(report),
        legend=_legend(report),
        **_scored(report),
    )
    write_text(path, page)


def percent(value: float | None, decimals: int = 1) -> str:
    """Return a fraction in percent without its sign; a dash for what is not known."""
    return "–" if value is None or math.isnan(value) else f"{100 * value:.{decimals}f}"


def share(value: float | None) -> str:
    """Return a share of pixels in percent; rare classes keep two decimals, a trace of pixels does not become none."""
    if value is None or value == 0:
        return percent(value, 0)
    if value < 0.0001:
        return "< 0.01"
    return percent(value, 1 if value >= 0.01 else 2)


def _shown(value: object) -> object:
    """Return what the page writes of a value: no control characters, which names of files may have."""
    return value if isinstance(value, Markup) or not isinstance(value, str) else printable(value, lines=True)


def _own_file(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


@dataclass(frozen=True)
class _Figure:
    """A score of the headline, 0..1, and its bootstrap interval where it is known."""

    label: str
    value: float | None
    note: str
    interval: tuple[float, float] | None = None


def _scored(report: Report) -> dict[str, Any]:
    """What the template shows of the scores; nothing where there are none."""
    keys = ("figures", "columns", "rows", "shares", "confusions", "dsb", "calibration", "images")
    shown: dict[str, Any] = dict.fromkeys(keys)
    if report.scores is not None:
        shown["images"] = image_table(report.scores.per_image)
    if isinstance(report.scores, InstanceScores):
        return shown | _of_objects(report, report.scores)
    return shown | (_of_pixels(report, report.scores) if report.scores else {})


def _of_objects(report: Report, scores: InstanceScores) -> dict[str, Any]:
    return {
        "figures": [
            _Figure(label, value, note, scores.intervals.get(key))
            for label, value, note, key in (
                (
                    "AP",
                    scores.ap,
                    f"{report.place}, {count_of(scores.images, 'image')}, {scores.objects:,} objects",
                    "ap",
                ),
                ("AP at 0.5", scores.ap50, "IoU of a match", "ap50"),
                ("AP at 0.75", scores.ap75, "IoU of a match", "ap75"),
                ("Panoptic quality", scores.pq, "mean over classes", "pq"),
            )
        ],
        "columns": ["AP", "AP at 0.5", "Panoptic quality", "Dice", "Precision", "Recall"],
        "rows": class_rows(report.classes, scores.per_class, report.class_pixels, ("ap", "ap50", "pq", *OF_CLASSES)),
        "dsb": scores.dsb,
        "calibration": calibration_chart(scores.calibration),
    }


def _of_pixels(report: Report, scores: Scores) -> dict[str, Any]:
    names = report.classes.names
    shares = row_shares(np.array(scores.confusion, np.int64))
    few = len(names) <= MOST_MATRIX_CLASSES
    return {
        "figures": [
            _Figure(label, value, note, scores.intervals.get(key))
            for label, value, note, key in (
                ("Mean IoU", scores.miou, f"{report.place}, {count_of(scores.images, 'image')}", "miou"),
                ("Global accuracy", scores.global_accuracy, "of all pixels", "global_accuracy"),
                ("Class accuracy", scores.class_accuracy, "mean over classes", "class_accuracy"),
                ("Boundary F1", scores.boundary_f1, "of outlines", "boundary_f1"),
            )
        ],
        "columns": ["IoU", "Dice", "Precision", "Recall"],
        "rows": class_rows(report.classes, scores.per_class, report.class_pixels, ("iou", *OF_CLASSES)),
        "shares": shares.tolist() if few else None,
        "confusions": largest_confusions(shares, names, most=6 if few else 24),
    }


def _examples(report: Report) -> list[dict[str, Any]]:
    """The two galleries, those that are not empty, with their pictures drawn."""
    groups = (
        ("worst", "Worst predictions", report.examples_worst),
        ("best", "Best predictions", report.examples_best),
    )
    return [
        {
            "id": key,
            "title": title,
            "rows": [{"name": e.name, "score": e.score, "pictures": pictures(e, report.classes)} for e in examples],
        }
        for key, title, examples in groups
        if examples
    ]


def _legend(report: Report) -> list[tuple[str, str]]:
    """Names and colours of the classes that occur, tinted, in the examples, in the order of the classes; of objects
    those of what became of them.
    """
    examples = [*report.examples_worst, *report.examples_best]
    if any(isinstance(example, ObjectExample) for example in examples):
        return [(f"{name}, {FATE_LINES[name]}", css(color)) for name, color in OBJECT_FATES.items()]
    maps = (own for e in examples if isinstance(e, Example) for own in (e.target, e.prediction))
    seen = {int(value) for label_map in maps for value in np.unique(label_map)}
    pairs = zip(report.classes.names, report.classes.colors, strict=True)
    shown = [pair for index, pair in enumerate(pairs) if index in seen and is_tinted(*pair)]
    return [(name, css(color)) for name, color in shown]
