"""Faults on purpose, for a worker of the fuzz suite to import: opening the data of input N fails in the N-th way."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from pixelwise import data

original = data.open_dataset
USED, ASKED = 250 * 2**20, 8 * 2**30
"""Bytes, of memory and of address space."""


def broken(path: Path, *arguments: Any, **options: Any) -> Any:
    number = int(Path(path).parent.name.rpartition("-")[2])
    if number == 1:
        raise KeyError("planted")
    if number == 2:
        time.sleep(600)
    if number == 3:
        while True:
            pass
    if number == 4:
        np.ones(USED, np.uint8)
    if number == 5:
        np.ones(ASKED, np.uint8)
    if number == 6:
        os.abort()
    if number == 7:
        print("\x1b[31m")
    return original(path, *arguments, **options)


data.open_dataset = broken
