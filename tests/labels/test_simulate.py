"""Simulated strokes lie in their regions, and are functions of the seed."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import ndimage

from pixelwise.core.errors import OptionError
from pixelwise.labels.simulate import sample_pixels, simulate_strokes
from pixelwise.labels.strokes import Stroke, paint_stroke, stroke_mask


def scene() -> np.ndarray:
    """Ground 0; a large and a small disc of class 1; a pole of class 2, two pixels wide; a pixel of class 3; a corner
    without labels.
    """
    rows, columns = np.mgrid[:120, :160]
    label_map = np.zeros((120, 160), np.uint8)
    label_map[(rows - 60) ** 2 + (columns - 50) ** 2 < 40**2] = 1
    label_map[(rows - 100) ** 2 + (columns - 140) ** 2 < 8**2] = 1
    label_map[10:110, 110:112] = 2
    label_map[5, 5] = 3
    label_map[:30, 130:] = 255
    return label_map


def length_of(stroke: Stroke) -> float:
    return float(np.linalg.norm(np.diff(np.array(stroke.points), axis=0), axis=1).sum())


@pytest.mark.parametrize("seed", range(3))
def test_every_pixel_of_a_stroke_has_its_class(seed: int) -> None:
    label_map = scene()
    strokes = simulate_strokes(label_map, seed)
    assert [class_index for _, class_index in strokes] == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    for stroke, class_index in strokes:
        (top, left, bottom, right), mask = stroke_mask(stroke, (120, 160))
        assert (label_map[top:bottom, left:right][mask] == class_index).all()
        assert mask.any()


def test_strokes_have_the_length_and_width_that_their_regions_allow() -> None:
    strokes = simulate_strokes(scene(), 0, length=50, width=3.0)
    for stroke, class_index in strokes:
        if class_index == 0 or (class_index == 1 and length_of(stroke) > 16):
            assert length_of(stroke) == pytest.approx(50, abs=1)
            assert stroke.width == 3
        elif class_index == 2:  # the hand needs no more than the pole's width
            assert stroke.width < 3
            assert length_of(stroke) > 25
        elif class_index == 3:
            assert stroke.points == ((5.5, 5.5),)


def test_a_stroke_keeps_away_from_the_edge_and_is_smooth() -> None:
    """In a disc of radius 40 no point comes within 2 pixels of the edge, and no step turns by more than 0.7 rad."""
    label_map = np.where(scene() == 1, 1, 255).astype(np.uint8)
    clearance = ndimage.distance_transform_edt(label_map == 1)
    for seed in range(5):
        stroke = simulate_strokes(label_map, seed, per_class=1)[0][0]
        points = np.array(stroke.points)
        assert clearance[tuple(points.astype(int).T)].min() >= 2
        steps = np.diff(points, axis=0)
        headings = np.unwrap(np.arctan2(steps[:, 0], steps[:, 1]))
        assert np.abs(np.diff(headings)).max() < 0.7


def test_large_regions_come_first_and_share_strokes_by_their_sides() -> None:
    """sqrt(5025) = 71 and sqrt(193) = 14: of three strokes the large disc has all, as 71 / 3 > 14; of six both."""
    label_map = np.where(scene() == 1, 1, 255).astype(np.uint8)
    in_large = [stroke.points[0][1] < 100 for stroke, _ in simulate_strokes(label_map, 0, per_class=3)]
    assert in_large == [True] * 3
    in_large = [stroke.points[0][1] < 100 for stroke, _ in simulate_strokes(label_map, 0, per_class=6)]
    assert in_large == [True] * 5 + [False]


def test_strokes_of_a_region_lie_apart() -> None:
    label_map = np.where(scene() == 1, 1, 255).astype(np.uint8)
    painted = np.zeros((120, 160), int)
    for stroke, _ in simulate_strokes(label_map, 1, per_class=2, length=20):
        single = np.full((120, 160), 255, np.uint8)
        paint_stroke(single, stroke, 0)
        painted += single == 0
    assert painted.max() == 1


def test_strokes_are_a_function_of_the_seed() -> None:
    state = np.random.get_state()[1].copy()  # type: ignore[index,union-attr]  # noqa: NPY002
    label_map = scene()
    assert simulate_strokes(label_map, 7) == simulate_strokes(label_map, 7)
    assert simulate_strokes(label_map, 7) != simulate_strokes(label_map, 8)
    assert_array_equal(np.random.get_state()[1], state)  # type: ignore[index]  # noqa: NPY002


def test_a_class_gets_the_same_strokes_whatever_the_other_classes_are() -> None:
    label_map = scene()
    without = np.where(label_map == 2, 255, label_map).astype(np.uint8)
    expected = [stroke for stroke, class_index in simulate_strokes(label_map, 0) if class_index == 1]
    assert [stroke for stroke, class_index in simulate_strokes(without, 0) if class_index == 1] == expected


def test_an_image_without_labels_gets_no_strokes() -> None:
    assert simulate_strokes(np.full((9, 9), 255, np.uint8), 0) == []


def test_pixels_are_drawn_among_the_labelled_ones() -> None:
    label_map = scene()
    sparse = sample_pixels(label_map, 0, 20)
    chosen = sparse != 255
    assert chosen.sum() == 20
    assert_array_equal(sparse[chosen], label_map[chosen])
    assert_array_equal(sparse, sample_pixels(label_map, 0, 20))
    assert (sparse != sample_pixels(label_map, 1, 20)).any()


def test_all_pixels_where_there_are_no_more() -> None:
    label_map = np.array([[1, 255], [255, 0]], np.uint8)
    assert_array_equal(sample_pixels(label_map, 0, 5), label_map)
    assert_array_equal(sample_pixels(np.full((2, 2), 255, np.uint8), 0, 5), 255)


def test_numbers_that_make_no_sense() -> None:
    with pytest.raises(OptionError, match="per_class: found 0 strokes"):
        simulate_strokes(scene(), 0, per_class=0)
    with pytest.raises(OptionError, match="count: found -1"):
        sample_pixels(scene(), 0, -1)
