"""Which stored values become 0 and 255, where an image has more than 8 bits a channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.core.errors import OptionError
from pixelwise.core.lookup import look_up, rows_of

UInt8 = npt.NDArray[np.uint8]
Values = npt.NDArray[Any]


@dataclass(frozen=True)
class ValueRange:
    """For red, green and blue the values that become 0 and 255; values between are scaled linearly, values beyond are
    clipped.

    Images of 8 bits stay as they are, whatever the range. Raises `OptionError` for other than three finite values each.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]

    def __post_init__(self) -> None:
        if not len(self.low) == len(self.high) == 3 or not np.isfinite(self.low + self.high).all():
            raise OptionError("value range", f"{self.low} to {self.high}", "3 finite values each", "Measure it again.")

    def scale(self, values: Values) -> UInt8:
        """Return values (height, width, 1 or 3) as uint8 (height, width, 3); NaN becomes 0."""
        if values.dtype == np.uint8:
            return np.ascontiguousarray(values) if values.shape[2] == 3 else np.repeat(values, 3, axis=2)
        channels = range(values.shape[2])
        if len(channels) == 1 and len(set(self.low)) == len(set(self.high)) == 1:
            return np.repeat(self._spread(values[..., 0], 0)[..., None], 3, axis=2)
        scaled = np.empty((*values.shape[:2], 3), np.uint8)
        for channel in range(3):
            scaled[..., channel] = self._spread(values[..., min(channel, channels[-1])], channel)
        return scaled

    def _spread(self, values: Values, channel: int) -> UInt8:
        low, high = self.low[channel], self.high[channel]
        if values.dtype == np.uint16:
            return look_up(_eight_bits(np.arange(2**16), low, high), values)
        spread = np.empty(values.shape, np.uint8)
        for rows in rows_of(values.shape):
            spread[rows] = _eight_bits(values[rows], low, high)
        return spread


def _eight_bits(values: Values, low: float, high: float) -> UInt8:
    spread = (values.astype(np.float64) - low) * (255 / (high - low if high > low else 1))
    return np.rint(np.clip(np.nan_to_num(spread, nan=0.0), 0, 255)).astype(np.uint8)


FULL = ValueRange((0.0,) * 3, (65535.0,) * 3)
"""The full range of 16 bits: the meaning of model files and runs from before ranges were stored."""
