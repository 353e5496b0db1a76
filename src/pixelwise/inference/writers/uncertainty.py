"""The variance of Monte Carlo dropout."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pixelwise.core.errors import OptionError
from pixelwise.inference.mc_dropout import MAX_VARIANCE
from pixelwise.inference.writers.base import Writer, write_gray16

if TYPE_CHECKING:
    from pixelwise.inference.result import Result


def write_uncertainty(path: Path, result: Result) -> None:
    """Write the variance as a 16-bit gray PNG. A value v stands for v / 65535 / 4, so 65535 is the largest variance,
    0.25."""
    if result.variance is None:
        raise no_variance()
    write_gray16(path, np.rint(result.variance * (65535 / MAX_VARIANCE)).astype(np.uint16), result)


def no_variance() -> OptionError:
    """Return the error of a result that was predicted in one pass."""
    remedy = "Add `passes=20`; it writes the file by itself."
    return OptionError("as_='uncertainty'", "a single pass", "a number of passes to take the variance of", remedy)


WRITER = Writer("_uncertainty.png", write_uncertainty, geotiff_ending="_uncertainty.tif")
