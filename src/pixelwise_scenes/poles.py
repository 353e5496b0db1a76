"""Poles beside the road, and their wires: structures one or two pixels wide."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pixelwise_scenes.blend import floats, rgb
from pixelwise_scenes.canvas import POLE, Canvas, grid

_THINNEST = 1.1
"""Least width of a pole in pixels. A more distant pole fades instead of getting thinner, as behind a lens."""

_WOOD = rgb(0.36, 0.31, 0.27)
_ARM, _SAG = 1.0, 0.9
"""Metres from the pole to a wire, and the sag of a wire."""


@dataclass(frozen=True)
class Pole:
    """A wooden pole with a cross-arm at (x, z) on ground y; `onward` is the next one towards the viewer."""

    x: float
    y: float
    z: float
    high: float
    onward: Pole | None

    def paint(self, canvas: Canvas, instance: int) -> None:
        """Paint the wires to the next pole, the shaft and the cross-arm."""
        view = canvas.view
        scale = view.focal / self.z
        if self.onward is not None:
            self._paint_wires(canvas, self.onward)
        top, base, middle = view.row(self.y + self.high, self.z), view.row(self.y, self.z), view.column(self.x, self.z)
        wood = canvas.light.shade(_WOOD, floats(0.55))
        half, tip = max(0.5 * _THINNEST, 0.16 * scale), max(0.4 * _THINNEST, 0.13 * scale)
        shaft = [(base, middle - half), (top, middle - tip), (top, middle + tip), (base, middle + half)]
        canvas.paint_polygon(floats(shaft), wood, self.z, POLE, instance)
        row, arm, thick = top + 0.7 * scale, _ARM * scale, max(0.45 * _THINNEST, 0.09 * scale)
        upper, lower = row - thick, row + thick
        beam = [(upper, middle - arm), (upper, middle + arm), (lower, middle + arm), (lower, middle - arm)]
        canvas.paint_polygon(floats(beam), 0.9 * wood, self.z, POLE, instance)

    def _paint_wires(self, canvas: Canvas, onward: Pole) -> None:
        """Hang one wire on each end of the cross-arm; too thin to be labelled."""
        view = canvas.view
        part = np.linspace(0.0, 1.0, 24)
        z = self.z + (onward.z - self.z) * part
        tops = self.y + self.high + (onward.y + onward.high - self.y - self.high) * part
        y = tops - 0.6 - 4.0 * _SAG * part * (1.0 - part)
        for side in (-_ARM, _ARM):
            x = self.x + side + (onward.x - self.x) * part
            columns = 0.5 * view.width + view.focal * x / z
            rows = view.horizon + view.focal * (view.eye - y) / z
            steep = abs(rows[-1] - rows[0]) > abs(columns[-1] - columns[0])
            box = view.box(float(rows.min()), float(rows.max()), float(columns.min()), float(columns.max()))
            if box is None or steep:
                continue
            order = np.argsort(columns)
            at_rows, at_columns = grid(box)
            wire = np.interp(at_columns, columns[order], rows[order]).astype(np.float32)
            within = (at_columns >= columns.min()) & (at_columns <= columns.max())
            alpha = np.clip(1.0 - np.abs(at_rows - wire), 0.0, 1.0) * within * np.float32(0.42)
            canvas.paint(box, alpha, _WOOD * 0.5, onward.z, None)
