"""Two models on the same labels: counts and scores worked out by hand, and when a difference counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pixelwise.instances.objects import Objects
from pixelwise.metrics.scores import mean_iou
from pixelwise.studio.comparison import Comparison, count_objects, count_pixels, difference_interval, score

NONE = 255


def test_regions_add_up_to_the_mean_iou_of_their_pixels() -> None:
    truth = np.array([[0, 0, NONE, 1], [NONE, NONE, NONE, 1], [1, 1, NONE, NONE]], np.uint8)
    net = np.array([[0, 1, 0, 1], [0, 0, 0, 0], [1, 1, 0, 0]], np.uint8)
    counts = count_pixels(truth, {"net": net}, 2)["net"]
    # Three regions: two pixels of class 0, of which one is right; of class 1 one with one right, one with two.
    assert counts[:, 0].tolist() == [[1, 0], [0, 1], [0, 2]]
    assert counts[:, 1].tolist() == [[2, 0], [0, 2], [0, 2]]
    assert counts[:, 2].tolist() == [[1, 1], [1, 1], [0, 2]]
    assert score(counts.sum(axis=0)) == pytest.approx(mean_iou(net, truth, 2)) == pytest.approx((1 / 3 + 3 / 5) / 2)
    nowhere = count_pixels(truth, {"net": np.full_like(net, NONE)}, 2)["net"]  # no class is a miss
    assert nowhere[:, 1].tolist() == counts[:, 1].tolist()
    assert score(nowhere.sum(axis=0)) == 0


def test_objects_are_found_missed_and_invented() -> None:
    def objects(rows: list[list[int]]) -> Objects:
        instance_map = np.array(rows, np.int32)
        count = int(instance_map.max())
        return Objects(instance_map, np.ones(count, np.int32), np.ones(count, np.float32))

    truth = objects([[1, 1, 0, 2, 2, 0, 0, 0]])
    net = objects([[1, 1, 0, 0, 0, 2, 3, 3]])  # one found, one missed, one invented, one where nobody knows
    live = objects([[1, 1, 0, 2, 2, 0, 0, 0]])
    unknown = np.array([[0, 0, 0, 0, 0, 0, 1, 1]], bool)
    counts = count_objects(truth, {"net": net, "live": live}, unknown)
    assert counts["net"][:, :, 0].tolist() == [[1, 1, 1], [0, 1, 0], [0, 0, 1]]
    assert counts["live"][:, :, 0].tolist() == [[1, 1, 1], [1, 1, 1], [0, 0, 0]]
    assert score(counts["net"].sum(axis=0)) == pytest.approx(1 / 3)  # TP / (TP + FN + FP)
    assert score(counts["live"].sum(axis=0)) == 1


def counts_of(hits: list[int]) -> np.ndarray:
    """Return the counts of units of ten pixels of one class each, of which so many are right."""
    classes = np.arange(len(hits)) % 2
    counts = np.zeros((len(hits), 3, 2))
    for unit, (count, class_index) in enumerate(zip(hits, classes, strict=True)):
        counts[unit, 0, class_index], counts[unit, 1, class_index] = count, 10
        counts[unit, 2, class_index], counts[unit, 2, 1 - class_index] = count, 10 - count
    return counts


def test_a_difference_counts_where_it_is_beyond_chance() -> None:
    good, bad = counts_of([9, 10, 9, 8, 10, 9, 9, 10]), counts_of([5, 4, 6, 5, 4, 5, 5, 4])
    low, high = difference_interval(good, bad) or (0, 0)
    difference = float(score(good.sum(axis=0)) - score(bad.sum(axis=0)))
    assert 0 < low < difference < high
    assert difference_interval(bad, good) == pytest.approx((-high, -low))
    low, high = difference_interval(good, counts_of([10, 9, 9, 9, 9, 10, 8, 10])) or (0, 0)
    assert low < 0 < high
    assert difference_interval(good[:4], bad[:4]) is None  # too few


@pytest.mark.parametrize(
    ("low", "high", "better"), [(0.1, 0.2, "net"), (-0.2, -0.1, "live"), (-0.1, 0.2, None), (None, None, None)]
)
def test_comparison_is_kept_in_a_file(tmp_path: Path, low: float | None, high: float | None, better: str) -> None:
    comparison = Comparison(net=0.5, live=0.4, low=low, high=high, units=7, pixels=70, images=2)
    comparison.save(tmp_path / "comparison.json")
    assert Comparison.load(tmp_path / "comparison.json") == comparison
    assert comparison.to_json_dict()["better"] == better
    assert Comparison.load(tmp_path / "none.json") is None
    (tmp_path / "comparison.json").write_text('{"of": "another version"}')
    assert Comparison.load(tmp_path / "comparison.json") is None
