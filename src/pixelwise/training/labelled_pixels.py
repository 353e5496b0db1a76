"""The labelled pixels of a sparsely labelled image, on which crops are placed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixelwise.metrics.pixels import counted_pixels

MOST = 4096
"""The most pixels of a class that are stored, evenly spread; crops need no more places."""


@dataclass(frozen=True)
class LabelledPixels:
    """The labelled pixels of each class of an image: (row, column), int32 (n, 2) each."""

    by_class: tuple[npt.NDArray[np.int32], ...]

    @classmethod
    def of(cls, label_map: npt.NDArray[np.uint8]) -> LabelledPixels:
        """Return the labelled pixels of a label map, uint8 (height, width)."""
        rows, columns = np.nonzero(counted_pixels(label_map))
        labels = label_map[rows, columns]
        by_class = []
        for class_index in np.unique(labels).tolist():
            places = np.flatnonzero(labels == class_index)
            places = places[:: -(-len(places) // MOST)]
            by_class.append(np.stack([rows[places], columns[places]], axis=1).astype(np.int32))
        return cls(tuple(by_class))

    def draw(self, rng: np.random.Generator) -> tuple[int, int] | None:
        """Return the (row, column) of a random labelled pixel, each class with the same probability; `None` without
        one."""
        if not self.by_class:
            return None
        pixels = self.by_class[int(rng.integers(len(self.by_class)))]
        row, column = pixels[int(rng.integers(len(pixels)))].tolist()
        return row, column
