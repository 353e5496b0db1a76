"""Panoptic quality against values counted by hand, and against plain loops after the paper's definition."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.core.errors import ShapeError
from pixelwise.instances.objects import Objects, objects_from_maps
from pixelwise.metrics.panoptic import PanopticScorer, PanopticScores

SKY, ROAD, CAR, DOG = range(4)
CLASSES = ClassMap.from_names(["sky", "road", "car", "dog"])
THINGS = (CAR, DOG)
Side = tuple[npt.NDArray[np.uint8], Objects]


def side(label_map: Any, instance_map: Any) -> Side:
    labels, ids = np.array(label_map, np.uint8), np.array(instance_map, np.int32)
    return labels, objects_from_maps(labels, ids)


def score(*pairs: tuple[Side, Side], intervals: bool = False) -> PanopticScores:
    scorer = PanopticScorer(CLASSES, THINGS)
    for number, (prediction, target) in enumerate(pairs):
        scorer.update(prediction, target, f"image {number}")
    return scorer.scores(intervals=intervals)


def test_one_image_by_hand() -> None:
    """Sky: 8 of 9 pixels shared. Road: none is predicted. The first car has 3 of 4 pixels, the second is missed."""
    target = side(
        [[SKY] * 8, [CAR, CAR, CAR, CAR, ROAD, ROAD, CAR, CAR]],
        [[0] * 8, [1, 1, 1, 1, 0, 0, 2, 2]],
    )
    prediction = side(
        [[SKY] * 8, [CAR, CAR, CAR, SKY, CAR, CAR, CAR, DOG]],
        [[0] * 8, [1, 1, 1, 0, 2, 2, 2, 3]],
    )
    scores = score((prediction, target))
    rows = scores.per_class
    assert rows["sky"]["pq"] == pytest.approx(8 / 9)
    assert (rows["road"]["pq"], rows["road"]["sq"], rows["road"]["rq"]) == (0, 0, 0)
    assert rows["car"]["sq"] == pytest.approx(3 / 4)
    assert rows["car"]["rq"] == pytest.approx(1 / (1 + 1 / 2 + 1 / 2))  # the second of both has an IoU of 1 / 4
    assert rows["car"]["pq"] == pytest.approx(3 / 8)
    assert (rows["car"]["precision"], rows["car"]["recall"]) == (1 / 2, 1 / 2)
    assert rows["dog"]["pq"] == 0
    assert scores.pq == pytest.approx((8 / 9 + 0 + 3 / 8 + 0) / 4)
    assert scores.pq_stuff == pytest.approx((8 / 9 + 0) / 2)
    assert scores.pq_things == pytest.approx((3 / 8 + 0) / 2)
    assert scores.sq == pytest.approx((8 / 9 + 0 + 3 / 4 + 0) / 4)
    assert scores.rq == pytest.approx((1 + 0 + 1 / 2 + 0) / 4)
    assert scores.miou == pytest.approx((8 / 9 + 0 + 4 / 8 + 0) / 4)
    assert scores.segments == 4
    assert scores.per_image[0] | {"pq": None, "miou": None} == {
        "name": "image 0",
        "pq": None,
        "miou": None,
        "segments": 4,
        "found": 2,
        "missed": 2,
        "invented": 2,
    }


def test_an_iou_of_one_half_is_no_match() -> None:
    target = side([[CAR, CAR, SKY]], [[1, 1, 0]])
    prediction = side([[CAR, SKY, SKY]], [[1, 0, 0]])
    assert score((prediction, target)).per_class["car"]["pq"] == 0


def test_stuff_is_one_segment_an_image_and_things_add_up_over_images() -> None:
    apart = side([[SKY, ROAD, SKY]], [[0, 0, 0]])
    whole = side([[SKY, SKY, SKY]], [[0, 0, 0]])
    scores = score((apart, apart), (whole, apart))
    assert scores.per_class["sky"]["pq"] == pytest.approx((1 + 2 / 3) / 2)
    assert scores.per_class["road"]["pq"] == pytest.approx(1 / (1 + 1 / 2))
    assert math.isnan(scores.pq_things)
    assert math.isnan(scores.per_class["car"]["pq"])


def test_void_pixels_count_in_no_union_and_an_object_mostly_on_them_is_not_invented() -> None:
    void = IGNORE_INDEX
    target = side([[CAR, CAR, void, void, void, SKY, SKY, SKY]], [[1, 1, 0, 0, 0, 0, 0, 0]])
    prediction = side([[CAR, CAR, CAR, DOG, DOG, DOG, SKY, SKY]], [[1, 1, 1, 2, 2, 2, 0, 0]])
    scores = score((prediction, target))
    assert scores.per_class["car"]["pq"] == 1
    assert math.isnan(scores.per_class["dog"]["pq"])  # two of its three pixels are void
    assert scores.per_class["sky"]["pq"] == pytest.approx(2 / 3)
    half = side([[CAR, CAR, CAR, SKY, DOG, DOG, SKY, SKY]], [[1, 1, 1, 0, 2, 2, 0, 0]])
    assert score((half, target)).per_class["dog"]["pq"] == 0  # one of two: half is not most


def test_a_group_of_a_class_forgives_objects_of_that_class_alone() -> None:
    target = side([[CAR, CAR, CAR, CAR, SKY, SKY]], [[0, 0, 0, 0, 0, 0]])
    cars = side([[CAR, CAR, CAR, CAR, SKY, SKY]], [[1, 1, 2, 2, 0, 0]])
    dogs = side([[DOG, DOG, CAR, CAR, SKY, SKY]], [[1, 1, 2, 2, 0, 0]])
    assert math.isnan(score((cars, target)).per_class["car"]["pq"])
    assert score((dogs, target)).per_class["dog"]["pq"] == 0
    assert score((cars, target)).segments == 1


def test_an_object_of_a_stuff_class_is_part_of_its_stuff() -> None:
    target = side([[ROAD, ROAD, SKY]], [[1, 0, 0]])
    assert score((target, target)).segments == 2


def test_maps_of_other_sizes_are_refused() -> None:
    labels, objects = side([[SKY, SKY]], [[0, 0]])
    with pytest.raises(ShapeError, match="instance_map"):
        score(((labels, objects), (labels, side([[SKY]], [[0]])[1])))


def random_side(rng: np.random.Generator, like: npt.NDArray[np.uint8] | None = None) -> Side:
    """A label map in blocks, some of it as `like` has it, with void and groups, and objects of its things."""
    labels = np.kron(rng.integers(0, 4, (4, 4)), np.ones((4, 4), int)).astype(np.uint8)
    if like is not None:
        labels = np.where(rng.random(labels.shape) < 0.85, like, labels)
    ids = np.kron(rng.integers(0, 4, (2, 2)), np.ones((8, 8), int)).astype(np.int32)
    ids = np.where(np.isin(labels, THINGS), ids * 4 + labels, 0)
    return labels, objects_from_maps(labels, ids)


def plain_panoptic_quality(pairs: list[tuple[Side, Side]]) -> npt.NDArray[np.float64]:
    """PQ, SQ and RQ of each class (3, 4), by loops over masks."""
    counts = np.zeros((4, 4))  # IoU, TP, FP, FN
    for prediction, target in pairs:
        void = target[0] == IGNORE_INDEX
        predicted, true = (plain_segments(*maps) for maps in (prediction, target))
        taken = set()
        for class_index, mask in predicted:
            partner = None
            for number, (other, truth) in enumerate(true):
                union = (mask & ~void) | truth
                iou = (mask & truth).sum() / union.sum()
                if other == class_index and iou > 0.5:
                    partner = number
                    counts[:2, class_index] += iou, 1
            if partner is None:
                group = (target[0] == class_index) & (target[1].instance_map == 0) & (class_index in THINGS)
                counts[2, class_index] += (mask & (void | group)).sum() / mask.sum() <= 0.5
            else:
                taken.add(partner)
        for number, (class_index, _) in enumerate(true):
            counts[3, class_index] += number not in taken
    iou, hits, invented, missed = counts
    with np.errstate(invalid="ignore", divide="ignore"):
        rq = hits / (hits + invented / 2 + missed / 2)
        sq = np.where(hits > 0, iou / hits, np.where(np.isnan(rq), np.nan, 0))
    return np.stack([sq * rq, sq, rq])


def plain_segments(labels: npt.NDArray[np.uint8], objects: Objects) -> list[tuple[int, npt.NDArray[np.bool_]]]:
    known = labels != IGNORE_INDEX
    segments = [
        (int(class_index), known & (objects.instance_map == index + 1))
        for index, class_index in enumerate(objects.class_index)
    ]
    segments += [(stuff, labels == stuff) for stuff in (SKY, ROAD)]
    return [(class_index, mask) for class_index, mask in segments if mask.any()]


@pytest.mark.parametrize("seed", range(8))
def test_random_images_against_plain_loops(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pairs = []
    for _ in range(3):
        target = random_side(rng)
        prediction = random_side(rng, target[0])
        target[0][rng.random(target[0].shape) < 0.1] = IGNORE_INDEX
        pairs.append((prediction, target))
    expected = plain_panoptic_quality(pairs)
    scores = score(*pairs)
    measured = np.array([[row[key] for row in scores.per_class.values()] for key in ("pq", "sq", "rq")])
    np.testing.assert_allclose(measured, expected, atol=1e-12)
    assert scores.pq == pytest.approx(np.nanmean(expected[0]))
    assert scores.pq_things == pytest.approx(np.nanmean(expected[0, 2:]))


def test_two_scorers_are_one_together_and_intervals_hold_the_score() -> None:
    rng = np.random.default_rng(1)
    pairs = []
    for _ in range(6):
        target = random_side(rng)
        pairs.append((random_side(rng, target[0]), target))
    first, second = PanopticScorer(CLASSES, THINGS), PanopticScorer(CLASSES, THINGS)
    for number, (prediction, target) in enumerate(pairs):
        (first if number < 2 else second).update(prediction, target, f"image {number}")
    first.add(second)
    whole = score(*pairs, intervals=True)
    assert first.scores(intervals=True).to_json_dict() == whole.to_json_dict()
    for key in ("pq", "pq_things", "pq_stuff", "miou"):
        low, high = whole.intervals[key] or (1.0, 0.0)
        assert low < getattr(whole, key) < high


def test_no_image_has_no_score() -> None:
    assert score(intervals=True).to_json_dict()["pq"] is None
