"""A live head that is fitted once says what a live model says of the same labels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pixelwise.labels.features import ArrayImage
from pixelwise.labels.live import SETTLED_STEPS, LiveModel
from pixelwise.labels.teacher import Teacher

pytestmark = pytest.mark.usefixtures("one_thread")
IMAGES = {"square": (96, 96), "of two tiles": (64, 1080)}


def picture(size: tuple[int, int]) -> np.ndarray:
    """Return a dark noise whose right half is brighter."""
    image = np.random.default_rng(size).integers(0, 60, (*size, 3), np.uint8)
    image[:, size[1] // 2 :] += 120
    return image


def strokes(size: tuple[int, int]) -> np.ndarray:
    """Return a label map with a line in each half."""
    label_map = np.full(size, 255, np.uint8)
    label_map[20:23, 10 : size[1] // 2 - 20] = 0
    label_map[40:43, size[1] // 2 + 20 : -10] = 1
    return label_map


def reader(size: tuple[int, int]) -> Callable[[], tuple[np.ndarray, np.ndarray]]:
    return lambda: (picture(size), strokes(size))


def test_it_labels_as_a_live_model_does(tmp_path: Path) -> None:
    model = LiveModel(2, tmp_path / "features", seed=3)
    for name, size in IMAGES.items():
        model.add_image(name, ArrayImage(picture(size)))
        model.set_labels(name, ArrayImage(strokes(size)))
    for name, tile in model.missing_tiles():
        model.compute_features(name, tile)
    model.fit(steps=SETTLED_STEPS)
    teacher = Teacher.fit([reader(size) for size in IMAGES.values()], 2, seed=3, should_stop=lambda: False)
    assert teacher is not None
    for name, size in IMAGES.items():
        label_map, lead = teacher.label(picture(size))
        for number, (top, left, bottom, right) in enumerate(model.tiles(name)):
            prediction = model.predict(name, number)
            assert_array_equal(label_map[top:bottom, left:right], prediction.label_map)
            assert_array_equal(lead[top:bottom, left:right], 255 - prediction.uncertainty)
        is_right = np.broadcast_to(np.arange(size[1]) >= size[1] // 2, size)
        assert (label_map == is_right).mean() > 0.95
        assert lead[label_map == is_right].mean() > 128


@pytest.mark.parametrize("calls", [0, 2])
def test_it_ends_where_it_is_to_stop(calls: int) -> None:
    """Before the first of two images, or in the fit."""
    answers = iter([*[False] * calls, *[True] * 1000])
    images = [reader(size) for size in IMAGES.values()]
    assert Teacher.fit(images, 2, seed=0, should_stop=lambda: next(answers)) is None
