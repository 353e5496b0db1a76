"""Times and memory of predictions."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixelwise.inference.predictor import Predictor

ROUNDS = 3
PREDICTIONS = 15


def alternate(*calls: Callable[[], float]) -> list[float]:
    """Return the median seconds of each call. They take turns, so that the machine's state is the same for all."""
    rounds = [[call() for call in calls] for _ in range(ROUNDS)]
    return [statistics.median(seconds) for seconds in zip(*rounds, strict=True)]


def prediction_milliseconds(model: Predictor, image: npt.NDArray[np.uint8]) -> float:
    """Return the median of some predictions of an image, in milliseconds."""
    seconds = []
    for _ in range(PREDICTIONS):
        started = time.perf_counter()
        model.predict(image)
        seconds.append(time.perf_counter() - started)
    return 1000 * statistics.median(seconds)


def process_memory(field: str, process: int | str = "self") -> int:
    """Return the bytes that a process holds: VmRSS now, VmHWM at most so far; 0 once it has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(f"{field}:")), 0)
