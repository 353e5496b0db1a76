"""Objects proposed from small label maps, and what a person's labels change in them."""

from __future__ import annotations

import numpy as np
from numpy.testing import assert_array_equal

from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.labels.proposals import propose_objects

CLASSES = ClassMap(("background", "nucleus", "border"), ((0, 0, 0), (1, 1, 1), (2, 2, 2)))


def bar() -> np.ndarray:
    """Return the prediction of three nuclei that touch, as one."""
    predicted = np.zeros((30, 60), np.uint8)
    predicted[10:20, 6:54] = 1
    return predicted


def test_drawn_borders_separate_what_is_predicted_as_one() -> None:
    labels = np.full((30, 60), IGNORE_INDEX, np.uint8)
    assert propose_objects(bar(), CLASSES, labels)[0].max() == 1
    labels[4:26, 21:23] = labels[4:26, 38:40] = 2  # beyond the nuclei on both sides
    instance_map, class_of = propose_objects(bar(), CLASSES, labels)
    assert class_of.tolist() == [IGNORE_INDEX, 1, 1, 1]
    assert_array_equal(instance_map > 0, bar() == 1)  # the ends of the lines are no part of an object
    for columns in (slice(6, 21), slice(23, 38), slice(40, 54)):
        assert len(np.unique(instance_map[10:20, columns])) == 1


def test_a_drawn_line_alone_is_no_object() -> None:
    labels = np.full((30, 60), IGNORE_INDEX, np.uint8)
    labels[2:5, 5:50] = 2
    predicted = bar()
    predicted[2:5, 5:50] = 2  # the model has learned it
    assert propose_objects(predicted, CLASSES)[0].max() == 2
    assert propose_objects(predicted, CLASSES, labels)[0].max() == 1


def test_labels_replace_the_prediction() -> None:
    labels = np.full((30, 60), IGNORE_INDEX, np.uint8)
    labels[10:20, 6:40] = 0
    labels[22:28, 2:12] = 1
    instance_map, _ = propose_objects(bar(), CLASSES, labels)
    expected = np.zeros((30, 60), bool)
    expected[10:20, 40:54] = expected[22:28, 2:12] = True
    assert_array_equal(instance_map > 0, expected)
    assert instance_map.max() == 2
