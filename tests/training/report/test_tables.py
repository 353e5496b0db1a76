from __future__ import annotations

import numpy as np
from numpy.testing import assert_array_equal

from pixelwise.core.classes import ClassMap
from pixelwise.training.report.tables import (
    Confusion,
    balance_rows,
    class_rows,
    css,
    largest_confusions,
    row_shares,
)

CLASSES = ClassMap(("sky", "road", "tram"), ((0, 128, 255), (10, 9, 8), (255, 255, 255)))
NAN = float("nan")


def test_css():
    assert css((0, 128, 255)) == "#0080ff"


def test_class_rows_run_from_the_best_iou_to_the_worst_with_absent_classes_last():
    per_class = {
        "sky": {"iou": 0.0, "accuracy": 0.1, "images": 6, "missed_images": 5, "false_alarm_images": 0},
        "road": {"iou": NAN, "accuracy": NAN, "images": 0, "missed_images": 0, "false_alarm_images": 0},
        "tram": {"iou": 0.7, "accuracy": 0.8, "images": 1200, "missed_images": 0, "false_alarm_images": 2},
    }
    rows = class_rows(CLASSES, per_class, {"sky": 0.75, "tram": 0.25}, ("iou", "accuracy"))
    assert [(row.name, *row.scores, row.share) for row in rows] == [
        ("tram", 0.7, 0.8, 0.25),
        ("sky", 0.0, 0.1, 0.75),
        ("road", None, None, None),
    ]
    assert [(row.missed, row.false_alarms) for row in rows] == [("0 of 1,200", "2"), ("5 of 6", "0"), ("0 of 0", "0")]


def test_balance_rows_run_from_the_largest_share_to_the_smallest():
    rows = balance_rows(CLASSES, {"sky": 0.25, "tram": 0.75})
    assert [(row.name, row.share) for row in rows] == [("tram", 0.75), ("sky", 0.25), ("road", 0.0)]


def test_row_shares_are_of_the_truth_and_nan_where_it_is_absent():
    shares = row_shares(np.array([[3, 1, 0], [0, 0, 0], [5, 0, 5]]))
    assert_array_equal(shares, [[0.75, 0.25, 0], [NAN, NAN, NAN], [0.5, 0, 0.5]])


def test_largest_confusions_leave_out_hits_absent_classes_and_traces():
    shares = np.array([[0.70, 0.296, 0.004], [NAN, NAN, NAN], [0.4, 0.1, 0.5]])
    expected = [Confusion("tram", "sky", 0.4), Confusion("sky", "road", 0.296), Confusion("tram", "road", 0.1)]
    assert largest_confusions(shares, CLASSES.names, most=5) == expected
    assert largest_confusions(shares, CLASSES.names, most=1) == expected[:1]
