"""Panels of lines with bands, as SVG: a score over something that is seen on a logarithmic axis."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#5c5c5c")
"""Of lines, in their order: of Okabe and Ito, told apart by the colour-blind."""
WIDTH, HEIGHT, LEFT, TOP, GAP = 420, 300, 48, 40, 56
"""Of a panel's axes, and what lies left of them, above, and between two."""
LINE = 18
"""Pixels between two lines of the legend."""


@dataclass(frozen=True)
class Point:
    """Where on the axis, above 0, and the scores of all seeds there."""

    where: float
    scores: Sequence[float]


@dataclass(frozen=True)
class Panel:
    """What its axis shows, and the points of each line by name, from left to right."""

    label: str
    lines: Mapping[str, Sequence[Point]]


def draw_panels(score: str, panels: Sequence[Panel]) -> str:
    """Return panels beside each other, of the same lines and one scale of scores."""
    names = list(dict.fromkeys(name for panel in panels for name in panel.lines))
    colours = dict(zip(names, COLOURS, strict=False))
    highest = max(
        value for panel in panels for points in panel.lines.values() for point in points for value in point.scores
    )
    most = math.ceil(10 * highest) / 10
    marks = []
    for number, panel in enumerate(panels):
        marks += [f'<g transform="translate({LEFT + number * (WIDTH + GAP)} {TOP})">', *_axes(panel, most)]
        for name, points in panel.lines.items():
            marks += _line(points, _limits(panel), most, colours[name])
        marks.append("</g>")
    marks.append(f'<text x="{LEFT}" y="22" font-weight="600">{escape(score)}</text>')
    for row, name in enumerate(names):
        y = TOP + HEIGHT + 62 + row * LINE
        marks.append(f'<path d="M{LEFT} {y - 4}h22" stroke="{colours[name]}" stroke-width="2.5"/>')
        marks.append(f'<text x="{LEFT + 30}" y="{y}">{escape(name)}</text>')
    width = LEFT + len(panels) * (WIDTH + GAP)
    height = TOP + HEIGHT + 62 + len(names) * LINE
    style = 'font-family="system-ui, sans-serif" font-size="13" fill="#333"'
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    body = "\n".join([f'<rect width="{width}" height="{height}" fill="white"/>', *marks])
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>\n{body}\n</svg>\n'


def _limits(panel: Panel) -> tuple[float, float]:
    """Return the powers of ten that the axis ends at."""
    places = [math.log10(point.where) for points in panel.lines.values() for point in points]
    low, high = math.floor(min(places)), math.ceil(max(places))
    return low, max(high, low + 1)


def _axes(panel: Panel, most: float) -> list[str]:
    marks = []
    for tenth in range(round(10 * most) + 1):
        y = _down(tenth / 10, most)
        marks.append(f'<path d="M0 {y:.1f}H{WIDTH}" stroke="#ddd"/>')
        marks.append(f'<text x="-8" y="{y + 4:.1f}" text-anchor="end">{tenth / 10:.1f}</text>')
    low, high = _limits(panel)
    for power in range(int(low), int(high) + 1):
        x = WIDTH * (power - low) / (high - low)
        marks.append(f'<path d="M{x:.1f} {HEIGHT}v5" stroke="#999"/>')
        marks.append(f'<text x="{x:.1f}" y="{HEIGHT + 20}" text-anchor="middle">{_number(power)}</text>')
    marks.append(f'<text x="{WIDTH}" y="{HEIGHT + 40}" text-anchor="end">{escape(panel.label)}</text>')
    return marks


def _number(power: int) -> str:
    if power >= 6:
        return f"{10 ** (power - 6):,} M"
    return f"{10**power:,}" if power >= 0 else f"{10.0**power:g}"


def _line(points: Sequence[Point], limits: tuple[float, float], most: float, colour: str) -> list[str]:
    low, high = limits
    across = [WIDTH * (math.log10(point.where) - low) / (high - low) for point in points]
    upper = [_down(max(point.scores), most) for point in points]
    lower = [_down(min(point.scores), most) for point in points]
    middle = [_down(statistics.median(point.scores), most) for point in points]
    outline = [*zip(across, upper, strict=True), *reversed(list(zip(across, lower, strict=True)))]
    band = " ".join(f"{x:.1f},{y:.1f}" for x, y in outline)
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, middle, strict=True))
    return [
        f'<polygon points="{band}" fill="{colour}" opacity="0.15"/>',
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>',
        *(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in zip(across, middle, strict=True)),
    ]


def _down(score: float, most: float) -> float:
    return HEIGHT * (1 - score / most)
