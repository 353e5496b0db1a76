"""Scales, ticks and coordinates of the training curves, worked out by hand for a plot of x 54..506 and y 244..34."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from numpy.testing import assert_allclose

from pixelwise.training.report.charts import (
    calibration_chart,
    loss_chart,
    round_step,
    score_chart,
    smooth,
    steps_axis,
    values_axis,
)


def _history(losses, mious=None):
    rows = zip(losses, mious or [None] * len(losses), strict=True)
    return [{"step": i + 1, "loss": loss, "val_miou": miou} for i, (loss, miou) in enumerate(rows)]


def _elements(svg, css_class):
    return [e for e in ElementTree.fromstring(str(svg)).iter() if e.get("class", "").split()[:1] == [css_class]]


@pytest.mark.parametrize(
    ("span", "count", "step"),
    [(10, 5, 2), (7, 4, 2), (100, 4, 50), (0.3, 3, 0.1), (1e6, 5, 2e5), (4, 4, 1), (9, 1, 10)],
)
def test_round_step_is_one_two_or_five(span, count, step):
    assert_allclose(round_step(span, count), step)


def test_values_axis_ends_at_round_numbers_and_includes_a_near_zero():
    axis = values_axis(0.2, 2.3)
    assert (axis.low, axis.high, axis.ticks) == (0, 3, [0, 1, 2, 3])
    assert [axis(value) for value in (0, 1, 2, 3)] == [244, 174, 104, 34]


def test_values_axis_of_a_narrow_range_leaves_zero_out():
    axis = values_axis(60.2, 61.7)
    assert axis.ticks == [60, 60.5, 61, 61.5, 62]
    assert [axis.label(tick) for tick in axis.ticks] == ["60.0", "60.5", "61.0", "61.5", "62.0"]


def test_values_axis_below_zero():
    assert values_axis(-3, 1).ticks == [-3, -2, -1, 0, 1]


@pytest.mark.parametrize(("value", "ticks"), [(4.0, [0, 1, 2, 3, 4]), (0.0, [0, 0.5, 1]), (-4.0, [-4, -3, -2, -1, 0])])
def test_values_axis_of_one_value_reaches_to_zero(value, ticks):
    assert values_axis(value, value).ticks == ticks


def test_values_beyond_an_axis_land_on_its_ends():
    axis = values_axis(0, 3)
    assert (axis(99), axis(-5)) == (34, 244)


def test_steps_axis():
    axis = steps_axis(2400)
    assert axis.ticks == [0, 500, 1000, 1500, 2000]
    assert axis.label(1500) == "1,500"
    assert (axis(0), axis(1200), axis(2400)) == (54, 280, 506)
    assert steps_axis(1).ticks == [0, 1]


def test_long_scales_are_labelled_in_thousands_and_millions():
    thousands, millions = steps_axis(12_000), steps_axis(2_500_000)
    assert [thousands.label(tick) for tick in thousands.ticks] == ["0", "5k", "10k"]
    assert [millions.label(tick) for tick in millions.ticks] == ["0", "0.5M", "1M", "1.5M", "2M", "2.5M"]


def test_tiny_values_are_labelled_in_powers_of_ten():
    assert [values_axis(0, 4e-6).label(tick) for tick in values_axis(0, 4e-6).ticks][:2] == ["0e+00", "1e-06"]


def test_smooth_is_the_centred_mean_of_finite_neighbours():
    values = np.array([1, 2, 6, np.nan, 4, np.inf])
    assert_allclose(smooth(values, 3), [1.5, 3, 4, 5, 4, 4])
    assert_allclose(smooth(np.array([1, np.nan, 3]), 1), [1, np.nan, 3])


def test_loss_chart_draws_points_and_line_where_they_belong():
    svg = loss_chart(_history([3.0, 1.0]))
    (line,), (dots,) = _elements(svg, "line"), _elements(svg, "dots")
    assert line.get("d") == "M280.0 34.0L506.0 174.0"
    assert dots.get("d") == "M280.0 34.0h0M506.0 174.0h0"


@pytest.mark.parametrize("missing", [None, float("nan"), float("inf")])
def test_a_loss_that_is_missing_leaves_a_gap(missing):
    svg = loss_chart(_history([3.0, missing, 1.0]))
    (line,), (dots,) = _elements(svg, "line"), _elements(svg, "dots")
    assert line.get("d") == "M204.7 34.0M506.0 174.0"
    assert dots.get("d") == "M204.7 34.0h0M506.0 174.0h0"
    assert "nan" not in svg
    assert "inf" not in svg


def test_a_single_spike_does_not_flatten_the_curve():
    losses = [1.0] * 400
    losses[200] = 21.0  # The mean over 21 rows around it is 2 - 1/21, so the scale ends at 2.
    labels = [e.text for e in _elements(loss_chart(_history(losses)), "tick")]
    assert labels[:3] == ["1.0", "1.5", "2.0"]


def test_long_histories_are_thinned_and_keep_both_ends():
    svg = loss_chart(_history([2.0] + [1.0] * 9_998 + [2.0]))
    points = _elements(svg, "dots")[0].get("d").split("h0")[:-1]
    assert len(points) == 1200
    assert points[0].startswith("M54.0 ")
    assert points[-1].startswith("M506.0 ")


def test_score_chart_marks_the_best():
    svg = score_chart(_history([1.0] * 4, [None, 0.2, 0.6, 0.4]), "val_miou", "mIoU")
    assert _elements(svg, "line")[0].get("d") == "M280.0 174.0L393.0 34.0L506.0 104.0"
    (best,), (label,) = _elements(svg, "best"), _elements(svg, "best-label")
    assert (best.get("cx"), best.get("cy")) == ("393.0", "34.0")
    assert (label.get("x"), label.get("y"), label.get("text-anchor")) == ("393.0", "21.0", "end")
    assert label.text == "best 60.0 % at step 3"
    assert [e.text for e in _elements(svg, "tick")][:4] == ["0 %", "20 %", "40 %", "60 %"]


def test_charts_of_nothing_are_empty():
    assert loss_chart([]) == score_chart([], "val_miou", "mIoU") == ""
    assert loss_chart(_history([None, float("nan")])) == ""
    assert score_chart(_history([1.0, 2.0]), "val_miou", "mIoU") == ""


def test_one_row_is_enough():
    history = _history([0.5], [0.25])
    assert _elements(loss_chart(history), "dots")[0].get("d") == "M506.0 69.0h0"  # 5/6 of 0..0.6.
    assert _elements(score_chart(history, "val_miou", "mIoU"), "best-label")[0].text == "best 25.0 % at step 1"


def test_calibration_chart_has_a_dot_a_group_at_its_score_and_share():
    svg = calibration_chart([(0.25, 0.5), (1.0, 1.0)])
    places = [(float(dot.get("cx")), float(dot.get("cy"))) for dot in _elements(svg, "dot")]
    assert places == [(167, 139), (506, 34)]
    assert calibration_chart([]) == ""
