"""The score of the live model on the images marked as test, from which it never learns."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from pixelwise.labels.boxes import Box, tile_boxes
from pixelwise.labels.project import Project
from pixelwise.metrics.confusion import ConfusionMatrix
from pixelwise.metrics.pixels import counted_pixels
from pixelwise.studio.prediction_store import TilePrediction

MOST_TILES = 64
"""The most labelled tiles of test images that are scored, spread over the images."""


def measure_on_test(
    project: Project, predict: Callable[[int, int], TilePrediction], should_stop: Callable[[], bool]
) -> float | None:
    """Return the mean IoU over the labelled pixels of test images; `None` where the measurement was stopped, or where
    these have fewer than two classes, which says nothing of a model."""
    classes = project.classes
    confusion = ConfusionMatrix(classes.num_classes)
    tiles = list(_labelled_tiles(project))
    for image, tile, box_tlbr in tiles[:: -(-len(tiles) // MOST_TILES) or 1]:
        if should_stop() or project.classes is not classes:
            return None
        label_map = project.labels(project.images[image].name).label_map.read(box_tlbr)
        prediction = predict(image, tile)
        if project.classes is not classes:
            return None
        confusion.update(prediction.label_map, label_map)
    return float(confusion.miou()) if np.count_nonzero(confusion.matrix.sum(axis=1)) > 1 else None


def _labelled_tiles(project: Project) -> Iterator[tuple[int, int, Box]]:
    """Yield image, tile and box of the tiles of test images that have labels."""
    for number, image in enumerate(project.images):
        if project.history.of(image.name).is_test and project.counts(image.name):
            label_map = project.labels(image.name).label_map
            for tile, box_tlbr in enumerate(tile_boxes(image.size)):
                if np.any(counted_pixels(label_map.read(box_tlbr))):
                    yield number, tile, box_tlbr
