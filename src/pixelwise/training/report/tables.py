"""The tables of the report as plain values: classes by IoU, confusions as shares of the truth, class balance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import ClassMap, Color

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ClassRow:
    """One class with its CSS colour; fractions in 0..1, `None` where the class does not occur.

    scores: the first is the one that rows are sorted by. missed: how many of the images with the class have none of its
    pixels found; false_alarms: how many images without the class have pixels of it predicted.
    """

    name: str
    color: str
    share: float | None
    scores: tuple[float | None, ...] = ()
    missed: str = ""
    false_alarms: str = ""


@dataclass(frozen=True)
class Confusion:
    """A share of the truth's pixels, 0..1, that were predicted as another class."""

    truth: str
    predicted: str
    share: float


def css(color: Color) -> str:
    """Return an RGB colour in CSS notation, #rrggbb."""
    return "#{:02x}{:02x}{:02x}".format(*color)


def class_rows(
    classes: ClassMap,
    per_class: Mapping[str, Mapping[str, float]],
    class_pixels: Mapping[str, float],
    keys: Sequence[str],
) -> list[ClassRow]:
    """Return the classes with the scores in `keys`, the best by the first score first, absent classes last."""
    rows = [
        ClassRow(
            name,
            css(color),
            class_pixels.get(name),
            tuple(_known_score(per_class[name][key]) for key in keys),
            f"{per_class[name]['missed_images']:,.0f} of {per_class[name]['images']:,.0f}",
            f"{per_class[name]['false_alarm_images']:,.0f}",
        )
        for name, color in zip(classes.names, classes.colors, strict=True)
    ]
    return sorted(rows, key=lambda row: -1.0 if row.scores[0] is None else row.scores[0], reverse=True)


MOST_IMAGES = 200
"""The number of images in the report, the worst ones; metrics.json has all."""


def image_table(per_image: Sequence[Mapping[str, Any]], headings: Mapping[str, str]) -> dict[str, Any] | None:
    """Return the columns, named by `headings`, and the rows of the table of images, the worst by the first column at
    the top; `None` without images."""
    if not per_image:
        return None
    first, *others = (key for key in headings if key in per_image[0])
    ordered = sorted(per_image, key=lambda row: (row[first] is None, row[first]))[:MOST_IMAGES]
    return {
        "columns": [headings[key] for key in (first, *others)],
        "rows": [(row["name"], *(_cell(row[key]) for key in (first, *others))) for row in ordered],
        "count": len(per_image),
    }


def _cell(value: float | int | Sequence[str] | None) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{100 * value:.1f}"
    return f"{value:,}" if isinstance(value, int) else ", ".join(value)


def balance_rows(classes: ClassMap, class_pixels: Mapping[str, float]) -> list[ClassRow]:
    """Return the classes from the largest share of the training pixels to the smallest."""
    rows = [
        ClassRow(name, css(color), class_pixels.get(name, 0.0))
        for name, color in zip(classes.names, classes.colors, strict=True)
    ]
    return sorted(rows, key=lambda row: row.share or 0.0, reverse=True)


def row_shares(confusion: npt.NDArray[np.int64]) -> Float64:
    """Return the (truth, prediction) counts as shares of each truth class; NaN in the row of a class that is absent."""
    totals = confusion.sum(axis=1, keepdims=True)
    return np.where(totals > 0, confusion / np.maximum(totals, 1), np.nan)


def largest_confusions(shares: Float64, names: tuple[str, ...], most: int) -> list[Confusion]:
    """Return up to `most` pairs of different classes, the largest share first; none below half a percent."""
    wrong = np.where(np.eye(len(names), dtype=bool) | np.isnan(shares), 0.0, shares)
    order = np.argsort(wrong, axis=None, kind="stable")[::-1][:most]
    pairs = [(int(i) // len(names), int(i) % len(names)) for i in order]
    return [Confusion(names[t], names[p], float(wrong[t, p])) for t, p in pairs if wrong[t, p] >= 0.005]


def _known_score(score: float | None) -> float | None:
    """Return a score, or `None` for the NaN of a class that does not occur."""
    return None if score is None or math.isnan(score) else score
