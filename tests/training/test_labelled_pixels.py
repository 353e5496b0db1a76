from __future__ import annotations

from collections import Counter

import numpy as np

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.training import labelled_pixels
from pixelwise.training.labelled_pixels import LabelledPixels


def test_a_rare_class_is_drawn_as_often_as_another() -> None:
    label_map = np.full((20, 20), IGNORE_INDEX, np.uint8)
    label_map[:10], label_map[15, 3] = 0, 7
    pixels = LabelledPixels.of(label_map)
    drawn = [pixels.draw(np.random.default_rng(key)) for key in range(400)]
    counts = Counter(int(label_map[pixel]) for pixel in drawn if pixel is not None)
    assert sum(counts.values()) == 400
    assert abs(counts[7] - 200) < 50
    assert len(set(drawn)) > 100


def test_of_many_pixels_some_over_all_the_image_are_remembered(monkeypatch) -> None:
    monkeypatch.setattr(labelled_pixels, "MOST", 10)
    (pixels,) = LabelledPixels.of(np.zeros((12, 12), np.uint8)).by_class
    assert 5 < len(pixels) <= 10
    assert set(pixels[:, 0].tolist()) >= {0, 10}


def test_an_image_without_a_label_has_no_pixel_to_aim_at() -> None:
    assert LabelledPixels.of(np.full((4, 4), IGNORE_INDEX, np.uint8)).draw(np.random.default_rng(0)) is None
