"""What the page shows of a model file."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pixelwise.core.classes import ClassMap
from pixelwise.instances.grouping_parameters import GroupingParameters
from pixelwise.studio.predictors import RunPredictor

SIZE = (30, 60)


@pytest.fixture
def two_cells() -> Any:
    """A model of objects that sees two cells side by side, 20 x 40 pixels together; its centres tell them apart."""
    logits = np.zeros((5, *SIZE), np.float32)
    logits[0] = 4
    logits[1, 5:25, 10:50] = 8
    logits[2, 15, [20, 40]] = 1
    columns = np.arange(SIZE[1])
    logits[4] = np.where(columns < 30, 20, 40) - columns
    logits[3] = 15 - np.arange(SIZE[0])[:, None]
    info = SimpleNamespace(bands=None, value_range=None, grouping=GroupingParameters((1,)))
    classes = ClassMap.from_names(["background", "cell"])
    predictor = RunPredictor.__new__(RunPredictor)
    predictor._predictor = SimpleNamespace(info=info, classes=classes, logits=lambda pixels: logits)  # type: ignore[assignment]
    predictor._pictures = SimpleNamespace(read_as=lambda *arguments: np.zeros((*SIZE, 3), np.uint8))  # type: ignore[assignment]
    return predictor


def test_objects_that_touch_have_a_border_where_the_project_has_one(two_cells: Any) -> None:
    box = (0, 0, *SIZE)
    cell = np.zeros(SIZE, bool)
    cell[5:25, 10:50] = True
    with_border = ClassMap.from_names(["background", "border", "cell"])
    label_map = two_cells.predict(0, SIZE, box, with_border).label_map
    expected = np.where(cell, 2, 0)
    expected[5:25, 29:31] = 1
    assert_array_equal(label_map, expected)
    assert_array_equal(two_cells.predict(0, SIZE, box, ClassMap.from_names(["background", "cell"])).label_map, cell)
