"""Scores of objects: worked examples, and COCO's own numbers by faster-coco-eval."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from faster_coco_eval import COCO, COCOeval_faster
from faster_coco_eval.core import mask as coco_mask
from scipy import ndimage

from pixelwise.core.classes import ClassMap
from pixelwise.instances.objects import Objects, objects_from_maps
from pixelwise.metrics import instances
from pixelwise.metrics.instances import InstanceScorer, match_objects

CLASSES = ClassMap(("background", "cell", "disc"), ((0, 0, 0), (255, 0, 0), (0, 255, 0)))


def row_of(*objects: tuple[int, int, int, float], width: int = 20) -> Objects:
    """Return objects on a row of pixels, each (start, stop, class, score)."""
    instance_map = np.zeros((1, width), np.int32)
    for number, (start, stop, _, _) in enumerate(objects, 1):
        instance_map[0, start:stop] = number
    _, _, classes, scores = zip(*objects, strict=True) if objects else ((),) * 4
    return Objects(instance_map, np.array(classes, np.int32), np.array(scores, np.float32))


def scores_of(*images: tuple[Objects, ...], ignored: npt.NDArray[np.bool_] | None = None) -> Any:
    scorer = InstanceScorer(CLASSES)
    for prediction, target in images:
        scorer.update(prediction, target, ignored)
    return scorer.scores()


def test_what_is_right_scores_one() -> None:
    target = row_of((0, 4, 1, 1.0), (6, 9, 2, 1.0))
    scores = scores_of((target, target))
    assert (scores.ap, scores.ap50, scores.ap75, scores.pq, scores.sq, scores.rq) == (1,) * 6
    assert scores.dsb == scores.dsb_of_images == dict.fromkeys(("0.5", "0.6", "0.7", "0.8", "0.9"), 1.0)
    assert (scores.images, scores.objects) == (1, 2)


def test_a_worked_example() -> None:
    """Two of three cells found at IoU 3/4 and 1, one invented between them in sureness.

    Precision by sureness 1, 1/2, 2/3: 1 up to recall 1/3 (34 of the 101 recalls), 2/3 up to 2/3 (33 more), then 0.
    """
    target = row_of((0, 4, 1, 1.0), (6, 9, 1, 1.0), (15, 20, 1, 1.0))
    prediction = row_of((0, 3, 1, 0.9), (10, 12, 1, 0.8), (6, 9, 1, 0.7))
    scores = scores_of((prediction, target))
    assert scores.ap50 == pytest.approx((34 + 33 * 2 / 3) / 101)
    assert scores.dsb["0.5"] == scores.dsb["0.7"] == pytest.approx(2 / 4)  # of 2 right, 1 invented and 1 missed
    assert scores.dsb["0.8"] == pytest.approx(1 / 5)
    assert scores.sq == pytest.approx((3 / 4 + 1) / 2)
    assert scores.rq == pytest.approx(2 / (2 + 1 / 2 + 1 / 2))
    assert scores.pq == pytest.approx(scores.sq * scores.rq)


def test_all_images_together_and_the_mean_of_each() -> None:
    one, two = row_of((0, 4, 1, 1.0)), row_of((0, 4, 1, 1.0), (5, 8, 1, 1.0), (10, 14, 1, 1.0))
    scores = scores_of((one, one), (row_of(), two))
    assert scores.dsb["0.5"] == pytest.approx(1 / 4)
    assert scores.dsb_of_images["0.5"] == pytest.approx(1 / 2)


def test_another_class_is_no_match_and_a_class_without_objects_counts_in_no_mean() -> None:
    scores = scores_of((row_of((0, 4, 2, 1.0)), row_of((0, 4, 1, 1.0))))
    assert (scores.ap, scores.pq, scores.dsb["0.5"]) == (0, 0, 0)
    assert np.isnan(scores.per_class["background"]["ap"])
    assert np.isnan(scores.per_class["disc"]["ap"])  # as COCO has it: nothing to find
    assert scores.per_class["disc"]["pq"] == 0  # something invented
    empty = scores_of((row_of(), row_of()))
    assert np.isnan(empty.ap)
    assert np.isnan(empty.dsb["0.5"])
    assert empty.to_json_dict()["ap"] is None


def test_what_lies_on_ignored_pixels_is_not_invented() -> None:
    """Two thirds of the object are ignored: at thresholds of 0.7 and more it counts after all, as in COCO's crowds."""
    ignored = np.zeros((1, 20), bool)
    ignored[0, 12:] = True
    target = row_of((0, 4, 1, 1.0))
    scores = scores_of((row_of((0, 4, 1, 0.5), (11, 14, 1, 0.9)), target), ignored=ignored)
    assert scores.rq == 1
    assert (scores.dsb["0.6"], scores.dsb["0.7"]) == (1, 0.5)


def test_at_half_an_iou_one_object_is_matched_with_one() -> None:
    """The true object falls into two halves: one of them is right by COCO's count (0.5 or more), the other invented;
    panoptic quality wants more than a half."""
    scores = scores_of((row_of((0, 2, 1, 0.4), (2, 4, 1, 0.6)), row_of((0, 4, 1, 1.0))))
    assert scores.dsb["0.5"] == pytest.approx(1 / 2)
    assert scores.ap50 == 1  # the surer half
    assert scores.pq == 0


def blobs(rng: np.random.Generator) -> npt.NDArray[np.int32]:
    instance_map, _ = ndimage.label(ndimage.gaussian_filter(rng.normal(size=(60, 80)), 2.5) > 0.02)
    return instance_map.astype(np.int32)


def classes_of(instance_map: npt.NDArray[np.int32]) -> npt.NDArray[np.uint8]:
    """Return a label map with two objects of the first class to one of the second."""
    return np.where(instance_map == 0, 0, 1 + (instance_map % 3 == 0)).astype(np.uint8)


def disturbed(rng: np.random.Generator, instance_map: npt.NDArray[np.int32]) -> Objects:
    """Return objects moved by up to a pixel, grown or joined, some of another class, in any order of sureness."""
    moved = np.roll(instance_map, rng.integers(-1, 2, 2), (0, 1))
    moved = np.where(rng.random() < 0.5, moved, ndimage.grey_dilation(moved, (3, 1)))
    prediction = objects_from_maps(classes_of(moved), np.where(moved == 2, 1, moved))
    other = rng.random(len(prediction)) < 0.15
    classes = np.where(other, 3 - prediction.class_index, prediction.class_index).astype(np.int32)
    return Objects(prediction.instance_map, classes, np.round(rng.random(len(prediction)), 1).astype(np.float32))


def encoded(mask: npt.NDArray[np.bool_]) -> dict[str, Any]:
    run_length: dict[str, Any] = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return run_length


def annotations(image: int, objects: Objects, first: int) -> list[dict[str, Any]]:
    return [
        {
            "id": first + index,
            "image_id": image,
            "category_id": int(objects.class_index[index]),
            "score": float(objects.score[index]),
            "iscrowd": 0,
            "segmentation": encoded(objects.instance_map == index + 1),
            "area": int(objects.areas()[index]),
            "bbox": [0, 0, 1, 1],
        }
        for index in range(len(objects))
    ]


@pytest.mark.parametrize("seed", range(4))
def test_average_precision_is_cocos(seed: int) -> None:
    """Five images of some twenty objects in two classes, tied scores among them, and a crowd in two of the images."""
    rng = np.random.default_rng(seed)
    scorer, true, predicted = InstanceScorer(CLASSES), [], []
    for image in range(1, 6):
        whole = blobs(rng)
        ignored = np.zeros(whole.shape, bool)
        ignored[:, : 25 if image > 3 else 0] = True
        target = objects_from_maps(classes_of(whole), np.where(ignored, 0, whole))
        prediction = disturbed(rng, whole)
        scorer.update(prediction, target, ignored)
        true += annotations(image, target, len(true) + 1)
        predicted += annotations(image, prediction, len(predicted) + 1)
        if ignored.any():
            crowd = {"image_id": image, "iscrowd": 1, "segmentation": encoded(ignored), "area": 1, "bbox": [0, 0, 1, 1]}
            true += [crowd | {"id": len(true) + 1 + offset, "category_id": 1 + offset} for offset in range(2)]
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "images": [{"id": image, "height": 60, "width": 80} for image in range(1, 6)],
            "categories": [{"id": index, "name": str(index)} for index in (1, 2)],
            "annotations": true,
        }
        coco.createIndex()
        evaluation = COCOeval_faster(coco, coco.loadRes(predicted), "segm")
        evaluation.params.maxDets = [1, 10, 1000]
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][:, :, :, 0, -1]  # thresholds, recalls, classes; all areas, all objects
    scores = scorer.scores()
    for index, name in enumerate(("cell", "disc")):
        figures = scores.per_class[name]
        expected = precision[:, :, index]
        assert 0.05 < expected.mean() < 0.95
        assert figures["ap"] == pytest.approx(expected.mean(), abs=1e-9)
        assert figures["ap50"] == pytest.approx(expected[0].mean(), abs=1e-9)
        assert figures["ap75"] == pytest.approx(expected[5].mean(), abs=1e-9)


def test_which_objects_match() -> None:
    """One is found, one in part, one of another class; the last is invented."""
    target = row_of((0, 4, 1, 1.0), (5, 9, 1, 1.0), (10, 14, 1, 1.0))
    prediction = row_of((0, 3, 1, 0.9), (5, 6, 1, 0.9), (10, 14, 2, 0.9), (15, 18, 1, 0.9))
    is_match, partner = match_objects(prediction, target)
    assert is_match.tolist() == [True, False, False, False]
    assert partner.tolist() == [True, False, False]


def test_calibration_goes_from_the_least_sure_tenth_to_the_surest() -> None:
    """Twenty objects of a pixel, of which the ten surest are true; what is ignored does not count."""
    target = row_of(*((2 * i, 2 * i + 1, 1, 1.0) for i in range(10, 20)), width=50)
    prediction = row_of(*((2 * i, 2 * i + 1, 1, i / 20) for i in range(21)), width=50)
    ignored = np.zeros((1, 50), bool)
    ignored[0, 40] = True
    calibration = scores_of((prediction, target), ignored=ignored).calibration
    assert calibration == [(pytest.approx((2 * i + 0.5) / 20), float(i >= 5)) for i in range(10)]
    assert scores_of((row_of(width=50), target)).calibration == []


def test_scorers_are_joined() -> None:
    target, half = row_of((0, 4, 1, 1.0)), row_of((0, 2, 1, 1.0))
    one, other = InstanceScorer(CLASSES), InstanceScorer(CLASSES)
    one.update(target, target)
    other.update(half, target)
    one.add(other)
    assert one.scores().images == 2
    assert one.scores().dsb == scores_of((target, target), (half, target)).dsb


def _squares(*corners: int, size: int = 32) -> Objects:
    """Objects of 4x4 pixels, class 1, at (corner, corner), the surest first."""
    ids = np.zeros((size, size), np.int32)
    for number, corner in enumerate(corners, start=1):
        ids[corner : corner + 4, corner : corner + 4] = number
    count = len(corners)
    return Objects(ids, np.ones(count, np.int32), np.linspace(0.9, 0.5, count).astype(np.float32))


def test_found_missed_and_invented_objects_are_counted_by_class_and_by_image() -> None:
    scorer = InstanceScorer(ClassMap.from_names(["background", "cell"]))
    scorer.update(_squares(2, 10), _squares(2, 20), name="both")
    scorer.update(_squares(), _squares(5), name="missed")
    scorer.update(_squares(7), _squares(), name="false alarm")
    scores = scorer.scores()
    row = scores.per_class["cell"]
    assert (row["precision"], row["recall"], row["dice"]) == (1 / 3, 1 / 3, 1 / 3)
    assert (row["images"], row["missed_images"], row["false_alarm_images"]) == (2, 1, 1)
    assert [(image["name"], image["found"], image["missed"], image["invented"]) for image in scores.per_image] == [
        ("both", 1, 1, 1),
        ("missed", 0, 1, 0),
        ("false alarm", 0, 0, 1),
    ]
    assert "cell: nothing of it was found in 1 of the 2 images with it." in scores.remarks
    assert scores.to_json_dict()["intervals"] == {}


def test_intervals_of_objects_hold_the_score() -> None:
    rng, scorer = np.random.default_rng(0), InstanceScorer(ClassMap.from_names(["background", "cell"]))
    for _ in range(12):
        corners = [corner for corner in (0, 6, 12, 18, 24) if rng.random() < 0.7]
        scorer.update(_squares(*corners), _squares(0, 6, 12, 18, 24))
    scores = scorer.scores(intervals=True)
    for key in ("ap", "ap50", "ap75", "pq"):
        low, high = scores.intervals[key]
        assert low < getattr(scores, key) < high
        assert high - low < 0.5


def test_an_image_drawn_twice_counts_twice() -> None:
    """The weighted scores of two images are those of the first twice and the second three times."""
    pairs = [(_squares(0, 6, 13), _squares(0, 6, 18)), (_squares(3, 20), _squares(3))]
    once, often = (InstanceScorer(ClassMap.from_names(["background", "cell"])) for _ in range(2))
    for pair, count in zip(pairs, (2, 3), strict=True):
        once.update(*pair)
        for _ in range(count):
            often.update(*pair)
    every = instances._concatenate(once._images)
    weights = instances._class_scores(every, 1, np.array([2.0, 2, 2, 3, 3]), np.array([2.0, 2, 2, 3]))
    plain = instances._class_scores(instances._concatenate(often._images), 1)
    assert {key: weights[key] for key in ("ap50", "ap75", "pq", "sq", "rq")} == pytest.approx(
        {key: plain[key] for key in ("ap50", "ap75", "pq", "sq", "rq")}, abs=0.05
    )
    assert (weights["sq"], weights["rq"]) == pytest.approx((plain["sq"], plain["rq"]), abs=1e-12)
