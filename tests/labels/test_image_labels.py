"""Actions on one image: large strokes and polygons agree with the whole shape, and undo has the pixels before."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pixelwise.labels import image_labels
from pixelwise.labels.image_labels import ImageLabels
from pixelwise.labels.strokes import Stroke, paint_polygon, paint_stroke

SIZE = (2100, 1900)
WHOLE = (0, 0, *SIZE)


@pytest.mark.parametrize("seed", range(4))
def test_large_shapes_are_painted_tile_by_tile_to_the_same_pixels(monkeypatch, tmp_path, seed):
    monkeypatch.setattr(image_labels, "AT_ONCE", 0)
    rng = np.random.default_rng(seed)
    labels, expected = ImageLabels(SIZE), np.full(SIZE, 255, np.uint8)
    for number, width in enumerate((0.5, 3.0, 400.0, 2.5), start=1):
        points = rng.integers(-200, 2300, (int(rng.integers(1, 5)), 2)).astype(float) + 0.25
        entry = {"points": points.tolist(), "width": width, "class_index": number, "number": number}
        labels.apply({**entry, "type": "stroke"}, tmp_path)
        paint_stroke(expected, Stroke(tuple(map(tuple, points.tolist())), width), number)
    points = rng.integers(-100, 2300, (5, 2)).astype(float).tolist()
    labels.apply({"type": "polygon", "points": points, "class_index": 9, "number": 9}, tmp_path)
    paint_polygon(expected, [tuple(point) for point in points], 9)
    assert_array_equal(labels.label_map.read(WHOLE), expected)


def test_what_takes_too_much_memory_is_not_kept_for_undo(monkeypatch, tmp_path):
    monkeypatch.setattr(image_labels, "MOST_UNDO_AREA", 100)
    labels = ImageLabels((40, 40))
    dot = {"type": "stroke", "points": [[5.5, 5.5]], "width": 1, "class_index": 1}
    labels.apply({**dot, "number": 1}, tmp_path)
    assert labels.take_back(1, 2) == (5, 5, 6, 6)
    labels.apply({**dot, "number": 3}, tmp_path)
    labels.apply({"type": "clean", "class_index": 0, "number": 4}, tmp_path)
    assert labels.take_back(4, 5) is None
    assert labels.take_back(3, 5) is None
