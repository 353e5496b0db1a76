"""The entropy of the probabilities: a map of the model's uncertainty."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pixelwise.inference.writers.base import Writer, write_gray16

if TYPE_CHECKING:
    from pixelwise.inference.result import Result


def write_entropy(path: Path, result: Result) -> None:
    """Write the entropy of the probabilities as a 16-bit gray PNG: 0 where one class has probability 1, 65535 where all
    have the same."""
    probabilities = result.probabilities
    logarithms = np.log(probabilities, where=probabilities > 0, out=np.zeros_like(probabilities))
    entropy = -(probabilities * logarithms).sum(axis=0) / np.log(max(2, len(probabilities)))
    write_gray16(path, np.rint(np.clip(entropy, 0, 1) * 65535).astype(np.uint16), result)


WRITER = Writer("_entropy.png", write_entropy, needs_probabilities=True, geotiff_ending="_entropy.tif")
