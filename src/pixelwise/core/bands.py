"""The bands of images whose channels are not red, green and blue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from pixelwise.core.errors import OptionError

UInt8 = npt.NDArray[np.uint8]
T = TypeVar("T")

MAX_BANDS = 64


@dataclass(frozen=True)
class Bands:
    """Which bands of a file are the channels of an image, counted from 1, and the values of each that become 0 and 255;
    values between are scaled linearly, values beyond are clipped."""

    numbers: tuple[int, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    def __post_init__(self) -> None:
        require_numbers(self.numbers)
        if not len(self.numbers) == len(self.low) == len(self.high) or not np.isfinite(self.low + self.high).all():
            expected = f"{len(self.numbers)} finite values each"
            raise OptionError("bands", f"{self.low} to {self.high}", expected, "Name bands that hold values.")

    def scale(self, values: npt.NDArray[np.generic]) -> UInt8:
        """Return values (channels, height, width) of any type as uint8 (height, width, channels); NaN becomes 0."""
        plain = (0.0,) * len(self.low), (255.0,) * len(self.high)
        if values.dtype == np.uint8 and (self.low, self.high) == plain:
            return np.ascontiguousarray(values.transpose(1, 2, 0))
        low, high = (np.array(limit, np.float32)[:, None, None] for limit in (self.low, self.high))
        spread = (values.astype(np.float32) - low) * (255 / np.where(high > low, high - low, 1))
        rounded = np.rint(np.clip(np.nan_to_num(spread, nan=0.0), 0, 255))
        return np.ascontiguousarray(rounded.astype(np.uint8).transpose(1, 2, 0))


def channel_count(bands: Bands | None) -> int:
    """Return how many channels an image has; `None` stands for red, green and blue."""
    return 3 if bands is None else len(bands.numbers)


def repeat_over_channels(values: tuple[T, ...], channels: int) -> tuple[T, ...]:
    """Return the values of red, green and blue in turn, one for each of `channels` channels."""
    return (-(-channels // 3) * values)[:channels]


def parse_bands(text: str) -> tuple[int, ...]:
    """Parse band numbers such as "4,3,2". Raises `OptionError` for any other text."""
    try:
        numbers = tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise _numbers_error(repr(text)) from error
    require_numbers(numbers)
    return numbers


def require_numbers(numbers: Sequence[int]) -> None:
    """Raise `OptionError` unless these are band numbers."""
    if not 1 <= len(numbers) <= MAX_BANDS or min(numbers) < 1 or len(set(numbers)) < len(numbers):
        raise _numbers_error(", ".join(map(str, numbers)) or "none")


def _numbers_error(text: str) -> OptionError:
    expected = f"1 to {MAX_BANDS} different bands, counted from 1"
    return OptionError("bands", text, expected, "Give their numbers in the order of the channels, such as 4,3,2.")
