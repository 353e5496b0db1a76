"""What a panoptic model's logits become, by hand: a class for each pixel and an object for each pixel of a thing."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from numpy.testing import assert_array_equal

from pixelwise.core.classes import ClassMap
from pixelwise.core.errors import DataError, OptionError
from pixelwise.data.dataset import Item, Sample
from pixelwise.inference.decoding import decoding_of
from pixelwise.instances.grouping_parameters import GroupingParameters
from pixelwise.instances.objects import objects_from_maps
from pixelwise.metrics.panoptic import PanopticScores
from pixelwise.modelfile.info import ModelInfo
from pixelwise.tasks.base import Labelled
from pixelwise.tasks.panoptic import PANOPTIC
from pixelwise.tiling.stitch import Block

SKY, CAR, ROAD = range(3)
CLASSES = ClassMap(("sky", "car", "road"), ((0, 0, 200), (200, 0, 0), (90, 90, 90)))
INFO = ModelInfo(
    "by hand",
    None,
    "panoptic",
    CLASSES,
    (0.0,) * 3,
    (1.0,) * 3,
    1,
    64,
    32,
    grouping=GroupingParameters((CAR,), radius=1),
)
ITEM = Item("a", Path("a.png"))


def logits_of(best: Any, second: Any, centres: dict[tuple[int, int], float]) -> npt.NDArray[np.float32]:
    """Scores of 2 for the `best` class of each pixel and 1 for the `second`; heat at some pixels; each pixel leads to
    itself."""
    best, second = np.array(best), np.array(second)
    logits = np.zeros((3 + 3, *best.shape), np.float32)
    for index in range(3):
        logits[index] = 2 * (best == index) + (second == index)
    for place, heat in centres.items():
        logits[(3, *place)] = heat
    return logits


def find(logits: npt.NDArray[np.float32], info: ModelInfo = INFO) -> tuple[Any, Any, list[int]]:
    """The label map, the ids and the objects' classes that come of blocks of two columns."""
    size = logits.shape[1:]
    blocks = [Block(0, first, logits[..., first : first + 2]) for first in range(0, size[1], 2)]
    label_map, objects = decoding_of(info).decode(blocks, size)
    return label_map.tolist(), objects.instance_map.tolist(), objects.class_index.tolist()


def test_every_thing_is_an_object_and_the_rest_is_stuff() -> None:
    """Two cars, each with a centre. Two car pixels apart from them are too few for an object: they become the stuff
    that is second best there."""
    best = [
        [CAR, CAR, SKY, CAR, CAR, SKY],
        [CAR, CAR, SKY, CAR, CAR, ROAD],
        [ROAD, ROAD, ROAD, ROAD, CAR, ROAD],
        [CAR, ROAD, ROAD, ROAD, ROAD, CAR],
    ]
    second = [[SKY] * 6, [SKY] * 6, [SKY] * 6, [SKY, SKY, SKY, SKY, SKY, ROAD]]
    labels, ids, classes = find(logits_of(best, second, {(0, 0): 0.9, (1, 4): 0.8}))
    assert classes == [CAR, CAR]
    assert ids == [
        [1, 1, 0, 2, 2, 0],
        [1, 1, 0, 2, 2, 0],
        [0, 0, 0, 0, 2, 0],
        [0, 0, 0, 0, 0, 0],
    ]
    assert labels == [
        [CAR, CAR, SKY, CAR, CAR, SKY],
        [CAR, CAR, SKY, CAR, CAR, ROAD],
        [ROAD, ROAD, ROAD, ROAD, CAR, ROAD],
        [SKY, ROAD, ROAD, ROAD, ROAD, ROAD],
    ]


def test_the_hole_of_an_object_has_its_class() -> None:
    best = np.full((5, 5), SKY)
    best[1:4, 1:4] = CAR
    best[2, 2] = ROAD
    labels, ids, _ = find(logits_of(best, np.full((5, 5), SKY), {(1, 1): 0.9}))
    assert (labels[2][2], ids[2][2]) == (CAR, 1)


def test_where_all_classes_are_things_a_pixel_without_an_object_keeps_its_class() -> None:
    info = dataclasses.replace(INFO, grouping=GroupingParameters((SKY, CAR, ROAD), radius=1))
    labels, ids, classes = find(logits_of([[CAR, ROAD]], [[SKY, SKY]], {}), info)
    assert (labels, ids, classes) == ([[CAR, ROAD]], [[0, 0]], [])


def test_parts_of_an_image_are_labelled_as_the_whole_is() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(6, 24, 24)).astype(np.float32)
    logits[3] = rng.random((24, 24))
    label_map, objects = decoding_of(INFO).decode([Block(0, 0, logits)], (24, 24))
    assert len(objects) > 0
    parts = [
        PANOPTIC.label_objects(PANOPTIC.labels(logits[:, rows], INFO), objects.instance_map[rows], objects.class_index)
        for rows in (slice(0, 7), slice(7, 24))
    ]
    assert_array_equal(np.concatenate(parts), label_map)
    assert_array_equal(label_map == CAR, objects.instance_map > 0)


def test_a_model_scores_its_own_labels_in_full() -> None:
    label_map = np.array([[SKY, SKY, CAR, CAR], [ROAD, ROAD, CAR, CAR]], np.uint8)
    ids = np.array([[0, 0, 1, 2], [0, 0, 1, 2]], np.int32)
    sample = Sample(np.zeros((2, 4, 3), np.uint8), label_map, ids)
    truth = Labelled(label_map, objects_from_maps(label_map, ids))
    scorer = PANOPTIC.scorer(INFO)
    scorer.update(truth, sample, ITEM)
    scores = scorer.scores()
    assert isinstance(scores, PanopticScores)
    assert (scores.pq, scores.pq_things, scores.pq_stuff, scores.miou) == (1, 1, 1, 1)
    assert PANOPTIC.details(scores).counts == {"segments": 4}
    as_one = Labelled(label_map, objects_from_maps(label_map, (ids > 0).astype(np.int32)))
    assert PANOPTIC.image_score(as_one, truth, INFO) == pytest.approx((1 + 1 + 0) / 3)
    with pytest.raises(DataError, match="no instance map"):
        scorer.update(truth, dataclasses.replace(sample, instance_map=None), ITEM)
    with pytest.raises(OptionError, match="a prediction without objects"):
        scorer.update(Labelled(label_map), sample, ITEM)


def test_pictures_show_classes_and_outlines_of_objects() -> None:
    """Inside an object half of the colour is that of its class; its edge is in a colour of its own."""
    label_map = np.full((64, 64), CAR, np.uint8)
    ids = np.zeros((64, 64), np.int32)
    ids[:, :32], ids[:, 32:] = 1, 2
    labels = Labelled(label_map, objects_from_maps(label_map, ids))
    drawn = PANOPTIC.overlay(np.full((64, 64, 3), 100, np.uint8), labels, CLASSES)
    assert_array_equal(drawn[10, 10], [150, 50, 50])
    assert not (drawn[10, 31:33] == [150, 50, 50]).all(axis=1).any()
