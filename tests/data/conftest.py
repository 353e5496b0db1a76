"""Small data sets on disk, made from seeds."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Save = Callable[..., Path]


@pytest.fixture
def save_palette(tmp_path: Path) -> Save:
    """Write indices as a palette file with these colours, and no others, under tmp_path; return its path."""

    def write(name: str, indices: object, colors: list[tuple[int, int, int]]) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(np.asarray(indices).astype(np.uint8))
        image.putpalette(bytes(channel for color in colors for channel in color))
        image.save(path)
        return path

    return write


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Write an array, or without one a photo of noise that its name decides, 6x8, under tmp_path; return its path."""

    def write(name: str, array: object = None, **options: object) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if array is None:
            array = np.random.default_rng(zlib.crc32(name.encode())).integers(0, 256, (6, 8, 3))
        pixels = np.asarray(array)
        Image.fromarray(pixels if pixels.dtype in (np.uint16, np.int32) else pixels.astype(np.uint8)).save(
            path, **options
        )
        return path

    return write


@pytest.fixture
def discs() -> Callable[..., np.ndarray]:
    """Draw discs at places and of sizes that a seed decides: int64 (size, size), 0 between them."""

    def draw(seed: int, values: list[int], size: int = 64, radii: tuple[int, int] = (3, 8)) -> np.ndarray:
        rng = np.random.default_rng(seed)
        rows, columns = np.ogrid[:size, :size]
        drawn = np.zeros((size, size), np.int64)
        for value in values:
            while True:  # discs that touch no other
                row, column = rng.integers(0, size, 2)
                distance = (rows - row) ** 2 + (columns - column) ** 2
                radius = rng.integers(*radii)
                if not drawn[distance <= (radius + 2) ** 2].any():
                    break
            drawn[distance <= radius**2] = value
        return drawn

    return draw
