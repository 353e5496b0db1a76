"""Scores as they are reported, gathered over two small images."""

from __future__ import annotations

import json
from math import isnan

import numpy as np
import pytest

from pixelwise.core.classes import ClassMap
from pixelwise.core.errors import MaskError, ShapeError
from pixelwise.metrics.scores import SemanticScorer, mean_iou

CLASSES = ClassMap.from_names(("sky", "road", "pole"))
PAIRS = [
    (np.array([[0, 0], [0, 1]], np.uint8), np.array([[0, 0], [1, 1]], np.uint8)),
    (np.array([[0, 0]], np.uint8), np.array([[0, 255]], np.uint8)),
]


def scorer(**options: bool) -> SemanticScorer:
    gathered = SemanticScorer(CLASSES, **options)
    for name, (prediction, target) in zip("ab", PAIRS, strict=True):
        gathered.update(prediction, target, name)
    return gathered


def test_scores_by_hand() -> None:
    scores = scorer().scores()
    assert scores.confusion == [[3, 0, 0], [1, 1, 0], [0, 0, 0]]
    assert (scores.images, scores.pixels) == (2, 5)
    assert scores.global_accuracy == 4 / 5
    assert scores.class_accuracy == pytest.approx((1 + 1 / 2) / 2, abs=1e-15)
    assert scores.miou == pytest.approx((3 / 4 + 1 / 2) / 2, abs=1e-15)
    assert scores.per_class["road"] == {
        "iou": 1 / 2,
        "accuracy": 1 / 2,
        "dice": 2 / 3,
        "precision": 1,
        "recall": 1 / 2,
        "images": 1,
        "missed_images": 0,
        "false_alarm_images": 0,
    }
    assert list(scores.per_class) == ["sky", "road", "pole"]
    assert isnan(scores.per_class["pole"]["iou"])
    # First image, whose tolerance is below a pixel. Sky: 2 true boundary pixels, 2 predicted (the upper left pixel has
    # sky on both sides), 1 in common: 1/2. Road: 2 true, 1 predicted and right: precision 1, recall 1/2: 2/3.
    # Second image: one counted pixel of sky, without boundary: 1.
    assert scores.boundary_f1 == pytest.approx(((1 / 2 + 2 / 3) / 2 + 1) / 2, abs=1e-15)


def test_json_of_scores() -> None:
    content = json.loads(json.dumps(scorer().scores().to_json_dict(), allow_nan=False))
    assert content.pop("boundary_f1") == pytest.approx(19 / 24, abs=1e-15)
    assert content.pop("remarks") == ["Measured on 2 images: fewer than 20 say little about other images."]
    assert content.pop("intervals") == {}
    first, second = content.pop("per_image")
    assert first.pop("miou") == pytest.approx((2 / 3 + 1 / 2) / 2, abs=1e-15)
    assert first.pop("boundary_f1") == pytest.approx((1 / 2 + 2 / 3) / 2, abs=1e-15)
    assert first == {"name": "a", "global_accuracy": 0.75, "missed": [], "false_alarms": []}
    assert second["name"] == "b"
    for row in content["per_class"].values():
        for key in ("dice", "precision", "recall", "images", "missed_images", "false_alarm_images"):
            row.pop(key)
    assert content == {
        "miou": 0.625,
        "global_accuracy": 0.8,
        "class_accuracy": 0.75,
        "per_class": {
            "sky": {"iou": 0.75, "accuracy": 1.0},
            "road": {"iou": 0.5, "accuracy": 0.5},
            "pole": {"iou": None, "accuracy": None},
        },
        "images": 2,
        "pixels": 5,
        "confusion": [[3, 0, 0], [1, 1, 0], [0, 0, 0]],
    }


def test_boundary_can_be_left_out() -> None:
    scores = scorer(boundary=False).scores()
    assert scores.boundary_f1 is None
    assert scores.miou == scorer().scores().miou
    assert scores.to_json_dict()["boundary_f1"] is None


def test_no_image_scores_nothing() -> None:
    content = SemanticScorer(CLASSES).scores().to_json_dict()
    assert [content[key] for key in ("miou", "global_accuracy", "class_accuracy", "boundary_f1")] == [None] * 4
    assert (content["images"], content["pixels"]) == (0, 0)


def test_an_image_that_is_refused_leaves_the_scores_as_they_were() -> None:
    gathered = scorer()
    before = gathered.scores()
    with pytest.raises(MaskError):
        gathered.update(np.array([[3]]), np.array([[0]]))
    with pytest.raises(ShapeError):
        gathered.update(np.array([[0]]), np.array([[0, 1]]))
    after = gathered.scores()
    assert (after.images, after.confusion, after.boundary_f1) == (before.images, before.confusion, before.boundary_f1)


def test_mean_iou_of_one_image() -> None:
    assert mean_iou(*PAIRS[0], 3) == pytest.approx((2 / 3 + 1 / 2) / 2, abs=1e-15)
    assert mean_iou(*PAIRS[1], 3) == 1
    assert isnan(mean_iou(np.array([[0]]), np.array([[255]]), 3))


def test_images_of_a_class_that_is_missed_or_invented_are_counted_and_told() -> None:
    """A pole in three of four images is found in one; once there is one too many."""
    gathered, nothing = SemanticScorer(CLASSES), np.zeros((4, 4), np.uint8)
    pole = nothing.copy()
    pole[1:3, 2] = 2
    for name, prediction, target in (
        ("found", pole, pole),
        ("missed", nothing, pole),
        ("elsewhere", pole.T, np.where(pole.T == 2, 0, pole)),
        ("invented", pole, nothing),
    ):
        gathered.update(prediction, target, name)
    scores = gathered.scores()
    row = scores.per_class["pole"]
    assert (row["images"], row["missed_images"], row["false_alarm_images"]) == (3, 2, 1)
    assert "pole: nothing of it was found in 2 of the 3 images with it." in scores.remarks
    assert [(image["name"], image["missed"], image["false_alarms"]) for image in scores.per_image] == [
        ("found", [], []),
        ("missed", ["pole"], []),
        ("elsewhere", ["pole"], []),
        ("invented", [], ["pole"]),
    ]


def test_a_class_that_is_invented_alone_is_told_with_the_mean_without_it() -> None:
    """Four pixels of sky, one of them taken for a pole: IoU 3/4 and 0, and road nowhere."""
    gathered = SemanticScorer(ClassMap.from_names(["sky", "pole", "road"]))
    gathered.update(np.array([[0, 0], [0, 1]], np.uint8), np.zeros((2, 2), np.uint8), "a")
    scores = gathered.scores()
    assert scores.miou == 0.375
    assert scores.remarks[-1] == (
        "No image shows pole, but pixels were taken for it: an IoU of 0 in the mean IoU, which is 0.750 over the other "
        "classes."
    )


def test_a_rare_class_that_is_missed_does_not_hide_behind_the_accuracy() -> None:
    """One crack of six is found: 98 % of the pixels are right."""
    gathered = SemanticScorer(ClassMap.from_names(("wall", "crack")))
    for number in range(6):
        target = np.zeros((20, 20), np.uint8)
        target[5, 3:13] = 1
        gathered.update(target if number == 0 else np.zeros_like(target), target, str(number))
    scores = gathered.scores()
    assert scores.global_accuracy > 0.97
    assert scores.per_class["crack"]["recall"] == pytest.approx(1 / 6)
    assert "crack: nothing of it was found in 5 of the 6 images with it." in scores.remarks


def test_gathered_in_two_scorers_the_scores_are_those_of_one() -> None:
    first, second = SemanticScorer(CLASSES), SemanticScorer(CLASSES)
    for scorer, (prediction, target) in zip((first, second), PAIRS, strict=True):
        scorer.update(prediction, target)
    first.add(second)
    gathered = SemanticScorer(CLASSES)
    for prediction, target in PAIRS:
        gathered.update(prediction, target)
    assert str(first.scores(intervals=True)) == str(gathered.scores(intervals=True))


def test_intervals_hold_the_score_and_shrink_with_more_images() -> None:
    widths = []
    for count in (5, 20, 80):
        rng, gathered = np.random.default_rng(0), SemanticScorer(ClassMap.from_names(("a", "b")))
        for _ in range(count):
            target = (rng.random((16, 16)) < 0.5).astype(np.uint8)
            wrong = rng.random((16, 16)) < rng.uniform(0, 0.4)
            gathered.update(np.where(wrong, 1 - target, target).astype(np.uint8), target)
        scores = gathered.scores(intervals=True)
        for key in ("miou", "global_accuracy", "class_accuracy", "boundary_f1"):
            low, high = scores.intervals[key]
            assert low < getattr(scores, key) < high
        widths.append(np.subtract(*scores.intervals["miou"][::-1]))
    assert widths[0] > 1.5 * widths[1] > 2 * widths[2]


def test_one_image_has_no_interval() -> None:
    gathered = SemanticScorer(CLASSES)
    gathered.update(*PAIRS[0])
    assert set(gathered.scores(intervals=True).intervals.values()) == {None}
    assert set(SemanticScorer(CLASSES).scores(intervals=True).intervals.values()) == {None}
