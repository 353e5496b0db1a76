"""The training curves as inline SVG, without plotting library or script; colours come from the CSS of the page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from markupsafe import Markup, escape

Float64 = npt.NDArray[np.float64]
History = Sequence[Mapping[str, float | None]]

WIDTH, HEIGHT = 520, 290
LEFT, RIGHT, TOP, BOTTOM = 54, 506, 34, 244
"""The edges of the plot inside the picture; labels are drawn around it."""

MOST_POINTS = 1200
"""On some 450 pixels, more points than these add bytes, but nothing visible."""

FEW_POINTS = 60
"""Up to this many points do not overlap, and are drawn larger."""


@dataclass(frozen=True)
class Axis:
    """A scale from the values low..high to the pixels start..end, with the ticks to label, `step` apart."""

    low: float
    high: float
    start: float
    end: float
    step: float

    def __call__(self, value: float) -> float:
        """Return the pixel of `value`; values beyond the scale are clipped to its ends."""
        share = (value - self.low) / (self.high - self.low)
        return self.start + min(max(share, 0.0), 1.0) * (self.end - self.start)

    @property
    def ticks(self) -> list[float]:
        """Multiples of `step` within low..high."""
        first, last = math.ceil(self.low / self.step - 1e-9), math.floor(self.high / self.step + 1e-9)
        return [multiple * self.step for multiple in range(first, last + 1)]

    def label(self, tick: float) -> str:
        """Return `tick` with as many decimals as distinguish neighbouring ticks, long scales in thousands (k) or
        millions (M)."""
        if self.high >= 1e4:
            unit, size = ("M", 1e6) if self.high >= 1e6 else ("k", 1e3)
            return f"{tick / size:g}{unit}" if tick else "0"
        decimals = max(0, -math.floor(math.log10(self.step) + 1e-9))
        return f"{tick:,.{decimals}f}" if decimals <= 4 else f"{tick:.0e}"


def steps_axis(last: float) -> Axis:
    """Return the horizontal scale of training steps, 0..last."""
    high = max(last, 1.0)
    return Axis(0.0, high, LEFT, RIGHT, max(round_step(high, 5), 1.0))


def values_axis(low: float, high: float) -> Axis:
    """Return a vertical scale over low..high with ends at round numbers. If the values come near zero, the scale
    includes it, so that a curve that fell to a tenth looks like a tenth.
    """
    if 0 <= low <= high / 2:
        low = 0.0
    if low == high:
        low, high = (min(low, 0.0), max(low, 0.0)) if low else (0.0, 1.0)
    step = round_step(high - low, 4)
    return Axis(step * math.floor(low / step + 1e-9), step * math.ceil(high / step - 1e-9), BOTTOM, TOP, step)


def round_step(span: float, count: int) -> float:
    """Return the smallest 1, 2 or 5 times a power of ten that is at least span / count."""
    wanted = span / count
    power = 10.0 ** math.floor(math.log10(wanted))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= wanted * (1 - 1e-9))


def smooth(values: Float64, window: int) -> Float64:
    """Return the centred mean over `window` neighbours, an odd number, fewer at both ends. Values that are not finite
    are left out; without a finite neighbour the mean is NaN.
    """
    finite = np.isfinite(values)
    half = window // 2
    sums = np.cumsum(np.concatenate([[0.0], np.where(finite, values, 0.0)]))
    counts = np.cumsum(np.concatenate([[0], finite]))
    first = np.maximum(np.arange(len(values)) - half, 0)
    beyond = np.minimum(np.arange(len(values)) + half + 1, len(values))
    number = counts[beyond] - counts[first]
    return np.where(number > 0, (sums[beyond] - sums[first]) / np.maximum(number, 1), np.nan)


def column(history: History, key: str) -> Float64:
    """Return one column of the history as float64; NaN where a row has no value."""
    values = [row.get(key) for row in history]
    return np.array([np.nan if value is None else value for value in values], np.float64)


def loss_chart(history: History) -> Markup:
    """Return the chart of the loss over steps: rows as faint points, their smoothed curve as a line; empty without a
    finite loss. The scale covers the curve and 99 of 100 points; points beyond it are drawn on its edge.
    """
    steps, losses = column(history, "step"), column(history, "loss")
    finite = np.isfinite(losses)
    if not finite.any():
        return Markup("")
    course = smooth(losses, max(1, len(losses) // 20) // 2 * 2 + 1)
    low = float(np.percentile(losses[finite], 1))
    high = max(float(np.percentile(losses[finite], 99)), float(np.nanmax(course)))
    x, y = steps_axis(float(steps.max())), values_axis(low, high)
    shown = _thin(len(steps))
    points = zip(steps[shown], losses[shown], strict=True)
    dots = "".join(f"M{x(step):.1f} {y(loss):.1f}h0" for step, loss in points if math.isfinite(loss))
    size = " few" if len(steps) <= FEW_POINTS else ""
    marks = f'<path class="dots{size}" d="{dots}"/>' + _line(x, y, steps[shown], course[shown])
    return _svg("Training loss over steps", x, y, marks)


def score_chart(history: History, measured: str, name: str) -> Markup:
    """Return the chart of the validation score in percent over steps, with the best one marked; empty without a
    validation. measured: the column of the history; name: the name of the score for readers.
    """
    steps, values = column(history, "step"), column(history, measured) * 100
    validated = np.isfinite(values)
    if not validated.any():
        return Markup("")
    x = steps_axis(float(steps.max()))
    steps, values = steps[validated], values[validated]
    y = values_axis(float(values.min()), float(values.max()))
    dots = "".join(
        f'<circle class="dot" cx="{x(s):.1f}" cy="{y(v):.1f}" r="2.5"><title>step {s:,.0f}: {v:.1f} %</title></circle>'
        for s, v in zip(steps, values, strict=True)
    )
    best = int(np.argmax(values))
    marks = _line(x, y, steps, values) + dots + _best(x(steps[best]), y(values[best]), steps[best], values[best])
    return _svg(f"Validation {name} over steps", x, y, marks, unit=" %")


def calibration_chart(points: Sequence[tuple[float, float]]) -> Markup:
    """Return the chart of the share of matched objects over their score, with the diagonal on which scores are
    probabilities. points: (score, share), in 0..1; empty without points.
    """
    if not points:
        return Markup("")
    x, y = Axis(0.0, 100.0, LEFT, RIGHT, 20.0), values_axis(0.0, 100.0)
    ideal = f'<path class="grid" d="M{x(0):.1f} {y(0):.1f}L{x(100):.1f} {y(100):.1f}"/>'
    dots = "".join(
        f'<circle class="dot" cx="{x(100 * score):.1f}" cy="{y(100 * share):.1f}" r="4">'
        f"<title>score {score:.2f}: {100 * share:.0f} % are objects</title></circle>"
        for score, share in points
    )
    return _svg("Objects matched by score", x, y, ideal + dots, unit=" %", across="score, %")


def _thin(count: int) -> npt.NDArray[np.intp]:
    return np.unique(np.linspace(0, count - 1, min(count, MOST_POINTS)).round().astype(np.intp))


def _line(x: Axis, y: Axis, steps: Float64, values: Float64) -> str:
    """Return a line through the points, interrupted where a value is NaN."""
    commands, pen = [], "M"
    for step, value in zip(steps, values, strict=True):
        if not math.isfinite(value):
            pen = "M"
            continue
        commands.append(f"{pen}{x(step):.1f} {y(value):.1f}")
        pen = "L"
    return f'<path class="line" d="{"".join(commands)}"/>'


def _best(x: float, y: float, step: float, value: float) -> str:
    """Return a ring around the best value, with its label above, on the side that has room."""
    side = "end" if x > (LEFT + RIGHT) / 2 else "start"
    return (
        f'<circle class="best" cx="{x:.1f}" cy="{y:.1f}" r="5.5"/>'
        f'<text class="best-label" text-anchor="{side}" x="{x:.1f}" y="{y - 13:.1f}">'
        f"best {value:.1f} % at step {step:,.0f}</text>"
    )


def _svg(label: str, x: Axis, y: Axis, marks: str, unit: str = "", across: str = "step") -> Markup:
    rows = "".join(
        f'<path class="{"base" if tick == y.low else "grid"}" d="M{LEFT} {y(tick):.1f}H{RIGHT}"/>'
        f'<text class="tick" text-anchor="end" x="{LEFT - 8}" y="{y(tick) + 4:.1f}">'
        f"{escape(y.label(tick) + unit)}</text>"
        for tick in y.ticks
    )
    columns = "".join(
        f'<path class="base" d="M{x(tick):.1f} {BOTTOM}v5"/>'
        f'<text class="tick" text-anchor="middle" x="{x(tick):.1f}" y="{BOTTOM + 20}">'
        f"{escape(x.label(tick))}</text>"
        for tick in x.ticks
    )
    return Markup(
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">{rows}{columns}'
        f'<text class="tick" text-anchor="end" x="{RIGHT}" y="{BOTTOM + 37}">{across}</text>{marks}</svg>'
    )
