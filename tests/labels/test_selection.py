"""What to label next, on maps and vectors small enough to check by eye."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from pixelwise.core.errors import OptionError, ShapeError
from pixelwise.labels.selection import entropy, margin, rank_images, suggest_pixels, suggest_region


def test_margin_and_entropy_of_known_probabilities() -> None:
    probabilities = np.array([[[1.0, 0.5, 1 / 3]], [[0.0, 0.3, 1 / 3]], [[0.0, 0.2, 1 / 3]]])
    assert_allclose(margin(probabilities), [[0, 0.8, 1]], atol=1e-6)
    middle = -(0.5 * np.log(0.5) + 0.3 * np.log(0.3) + 0.2 * np.log(0.2)) / np.log(3)
    assert_allclose(entropy(probabilities), [[0, middle, 1]], atol=1e-6)
    for measure in (margin, entropy):
        assert measure(probabilities.astype(np.float16)).dtype == np.float32
        assert not measure(np.ones((1, 2, 2))).any()
        with pytest.raises(ShapeError, match="probabilities"):
            measure(np.ones((2, 2)))


def bumps(*values: tuple[int, int, float]) -> np.ndarray:
    """Squares of uncertainty, 9 pixels wide, around pixels."""
    uncertainty = np.zeros((100, 120), np.float32)
    for row, column, value in values:
        uncertainty[row - 4 : row + 5, column - 4 : column + 5] = value
    return uncertainty


def test_the_least_sure_come_first_and_neighbours_are_not_asked_twice() -> None:
    pixels = suggest_pixels(bumps((20, 20, 0.6), (60, 90, 0.9), (26, 20, 0.8)), 5, distance=16)
    assert len(pixels) == 2  # all of the third is within 16 pixels of the first
    assert abs(pixels[0][0] - 60) <= 4
    assert abs(pixels[0][1] - 90) <= 4
    assert abs(pixels[1][0] - 26) <= 4


def test_no_two_are_nearer_than_the_distance() -> None:
    uncertainty = np.random.default_rng(0).random((90, 110))
    pixels = np.array(suggest_pixels(uncertainty, 30, distance=12))
    assert len(pixels) == 30
    apart = np.linalg.norm(pixels[:, None] - pixels[None], axis=2) + 1e9 * np.eye(30)
    assert apart.min() >= 12


def test_an_area_of_doubt_comes_before_a_line_of_more() -> None:
    uncertainty = bumps((50, 90, 0.7))
    uncertainty[:, 20] = 1
    row, column = suggest_pixels(uncertainty, 1, distance=20)[0]
    assert abs(column - 90) <= 4
    assert abs(row - 50) <= 4


def test_what_is_labelled_is_not_asked() -> None:
    uncertainty = bumps((20, 20, 0.9), (60, 90, 0.8))
    labelled = np.zeros(uncertainty.shape, bool)
    labelled[20, 20] = True
    pixels = suggest_pixels(uncertainty, 2, labelled=labelled, distance=16)
    assert abs(pixels[0][1] - 90) <= 4
    assert suggest_pixels(uncertainty, 3, labelled=np.ones(uncertainty.shape, bool)) == []
    assert suggest_pixels(np.zeros((9, 9)), 3) == []


def test_bytes_of_a_live_prediction_are_taken() -> None:
    uncertainty = bumps((20, 20, 0.6), (60, 90, 0.9))
    as_bytes = np.rint(255 * uncertainty).astype(np.uint8)
    assert suggest_pixels(as_bytes, 2) == suggest_pixels(uncertainty, 2)


def test_with_features_the_pixels_show_different_things() -> None:
    """Three places look alike and one does not: it comes second although it is the surest."""
    uncertainty = bumps((20, 20, 0.9), (20, 60, 0.88), (20, 100, 0.86), (80, 60, 0.6))
    features = np.zeros((3, 25, 30), np.float32)
    features[0, 15:] = 1
    pixels = suggest_pixels(uncertainty, 2, features=features)
    assert [row > 50 for row, _ in pixels] == [False, True]
    labelled = np.zeros(uncertainty.shape, bool)
    labelled[90:, :3] = True  # that look is labelled already
    pixels = suggest_pixels(uncertainty, 2, features=features, labelled=labelled)
    assert [row > 50 for row, _ in pixels] == [False, False]


def test_the_region_with_most_doubt() -> None:
    uncertainty = bumps((20, 20, 0.9), (60, 90, 0.8))
    top, left, bottom, right = suggest_region(uncertainty, (30, 40))
    assert (bottom - top, right - left) == (30, 40)
    assert top <= 16 < 25 <= bottom
    assert left <= 16 < 25 <= right
    labelled = uncertainty > 0.85
    top, left, bottom, right = suggest_region(uncertainty, (30, 40), labelled=labelled)
    assert top <= 56 < 65 <= bottom
    assert suggest_region(uncertainty, (500, 500)) == (0, 0, 100, 120)
    assert suggest_region(np.zeros((9, 9)), (2, 3)) == (0, 0, 2, 3)


def vectors(**values: float) -> dict[str, np.ndarray]:
    return {name: np.array([value, 0.0]) for name, value in values.items()}


def test_images_that_stand_for_many_come_first() -> None:
    """A group of five, one of three, and an odd image: the middle of each group, then the odd one or the rest."""
    embeddings = vectors(a=0.0, b=0.1, c=0.2, d=0.3, e=0.4, f=10.0, g=10.1, h=10.2, z=22.0)
    order = rank_images(dict.fromkeys(embeddings, 1.0), embeddings, labelled=[])
    assert order[0] in "abcde"
    assert order[1] in "fgh"
    assert order[2] == "z"
    assert sorted(order) == sorted(embeddings)


def test_images_like_labelled_ones_come_late_and_copies_last() -> None:
    embeddings = vectors(a=0.0, b=0.0, c=5.0, d=5.2, e=5.4)
    assert rank_images(dict.fromkeys(embeddings, 1.0), embeddings, labelled=["a"]) == ["d", "c", "e", "b"]
    assert rank_images({"c": 1.0, "e": 1.0}, embeddings, labelled=["d"])[0] in "ce"


def test_unsure_images_come_first_where_all_look_different() -> None:
    embeddings = dict(zip("abcd", np.eye(4), strict=True))
    scores = {"a": 0.2, "b": 0.9, "c": 0.0, "d": 0.5}
    assert rank_images(scores, embeddings, labelled=[]) == ["b", "d", "a", "c"]
    assert rank_images(scores, embeddings, labelled=[], count=1) == ["b", "d", "a", "c"]  # the rest by score


def test_the_lazy_choice_is_the_greedy_one() -> None:
    rng = np.random.default_rng(1)
    points, scores = rng.normal(size=(40, 3)), rng.random(40)
    names = [f"{i:02}" for i in range(40)]
    order = rank_images(dict(zip(names, scores, strict=True)), dict(zip(names, points, strict=True)), labelled=[])
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    nearest = np.full(40, distances.max())
    for name in order[:25]:
        gains = scores * np.maximum(nearest[None] - distances, 0).sum(axis=1)
        assert gains[int(name)] >= gains.max() * (1 - 1e-5)
        nearest = np.minimum(nearest, distances[int(name)])


def test_nothing_to_rank_and_embeddings_that_are_missing() -> None:
    assert rank_images({}, {}, []) == []
    assert rank_images({"a": 1.0}, vectors(a=0.0), ["a"]) == []
    with pytest.raises(OptionError, match="embeddings: found none of b"):
        rank_images({"a": 1.0, "b": 1.0}, vectors(a=0.0), [])
    with pytest.raises(OptionError, match="vectors of different lengths"):
        rank_images({"a": 1.0, "b": 1.0}, {"a": np.zeros(2), "b": np.zeros(3)}, [])


def test_maps_and_numbers_that_make_no_sense() -> None:
    with pytest.raises(ShapeError, match="uncertainty"):
        suggest_pixels(np.zeros((2, 2, 2)), 1)
    with pytest.raises(ShapeError, match="labelled: found int64"):
        suggest_pixels(np.zeros((2, 2)), 1, labelled=np.zeros((2, 2), int))  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="features"):
        suggest_pixels(np.ones((2, 2)), 1, features=np.zeros((2, 2)))
    with pytest.raises(OptionError, match="distance"):
        suggest_pixels(np.zeros((2, 2)), 1, distance=0)
    with pytest.raises(OptionError, match="size: found 0x3"):
        suggest_region(np.zeros((2, 2)), (0, 3))
