"""Engines: what turns images into logits. An engine knows nothing of tiles, classes or files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt


class Engine(Protocol):
    """Takes uint8 (N, height, width, 3) of any size, returns float32 logits (N, K, height, width)."""

    def __call__(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]: ...
