"""Scores as they are reported, gathered over two small images."""

from __future__ import annotations

import json
from math import isnan

import numpy as np
import pytest

from pixelwise.classes import ClassMap
from pixelwise.errors import MaskError, ShapeError
from pixelwise.metrics.scores import SemanticScorer, mean_iou

CLASSES = ClassMap.named(("sky", "road", "pole"))
PAIRS = [
    (np.array([[0, 0], [0, 1]], np.uint8), np.array([[0, 0], [1, 1]], np.uint8)),
    (np.array([[0, 0]], np.uint8), np.array([[0, 255]], np.uint8)),
]


def scorer(**options: bool) -> SemanticScorer:
    gathered = SemanticScorer(CLASSES, **options)
    for prediction, target in PAIRS:
        gathered.update(prediction, target)
    return gathered


def test_scores_by_hand() -> None:
    scores = scorer().scores()
    assert scores.confusion == [[3, 0, 0], [1, 1, 0], [0, 0, 0]]
    assert (scores.images, scores.pixels) == (2, 5)
    assert scores.global_accuracy == 4 / 5
    assert scores.class_accuracy == pytest.approx((1 + 1 / 2) / 2, abs=1e-15)
    assert scores.miou == pytest.approx((3 / 4 + 1 / 2) / 2, abs=1e-15)
    assert scores.per_class["road"] == {"iou": 1 / 2, "accuracy": 1 / 2}
    assert list(scores.per_class) == ["sky", "road", "pole"]
    assert isnan(scores.per_class["pole"]["iou"])
    # First image, whose tolerance is below a pixel. Sky: 2 true boundary pixels, 2 predicted (the upper left pixel has
    # sky on both sides), 1 in common: 1/2. Road: 2 true, 1 predicted and right: precision 1, recall 1/2: 2/3.
    # Second image: one counted pixel of sky, without boundary: 1.
    assert scores.boundary_f1 == pytest.approx(((1 / 2 + 2 / 3) / 2 + 1) / 2, abs=1e-15)


def test_json_of_scores() -> None:
    content = json.loads(json.dumps(scorer().scores().to_json_dict(), allow_nan=False))
    assert content.pop("boundary_f1") == pytest.approx(19 / 24, abs=1e-15)
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
