"""The score of the live model on test images, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from pixelwise.studio.live_score import measure_on_test
from pixelwise.studio.prediction_store import TilePrediction


def test_labels_of_one_class_say_nothing_of_a_model(studio: Any) -> None:
    """The model sees class 1 everywhere; 4 pixels of class 1 are labelled, then 4 of class 0."""
    project = studio.project
    label_map = np.ones(project.images[0].size, np.uint8)
    prediction = TilePrediction(1, label_map, label_map, np.zeros((2, 1, 1), np.float16))

    def score() -> float | None:
        return measure_on_test(project, lambda image, tile: prediction, lambda: False)

    project.perform({"type": "mark_test", "value": True}, "p0.png")
    assert score() is None
    for row, class_index, expected in ((2, 1, None), (6, 0, (0.5 + 0) / 2)):
        box = [[row, 2], [row, 6], [row + 1, 6], [row + 1, 2]]
        project.perform({"type": "polygon", "points": box, "class_index": class_index}, "p0.png")
        assert score() == expected
