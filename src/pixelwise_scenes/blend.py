"""The operations that all painters share.

Pictures are planes, (3, height, width), and a colour is a picture of one pixel, (3, 1, 1): numpy then spreads colours
over pictures, and (height, width) weights over colours, at full speed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.floating[Any]]
"""float32 throughout; spelled wider because type checkers believe that a Python number widens an array."""


def floats(values: float | Sequence[Any]) -> Float:
    """Return a number, or nested ones, as a float32 array."""
    return np.array(values, np.float32)


def mix(start: Float, end: Float, part: Float | float) -> Float:
    """Return `start` where `part` is 0, `end` where it is 1, and the straight line between."""
    mixed: Float = start + (end - start) * part
    return mixed


def smooth(value: Float, low: float, high: float) -> Float:
    """Return the S-curve that is 0 at `low` (or below), 1 at `high` (or above) and level at both ends."""
    part: Float = np.clip((value - low) * (1.0 / (high - low)), 0.0, 1.0)
    curve: Float = part * part * (3.0 - 2.0 * part)
    return curve


def rgb(red: float, green: float, blue: float) -> Float:
    """Return one colour, 0..1 a channel, as a picture of one pixel."""
    return floats((red, green, blue)).reshape(3, 1, 1)
