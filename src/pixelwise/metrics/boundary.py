"""Boundary F1 (BF score): the agreement of the outlines of classes, independent of their areas.

Csurka, Larlus, Perronnin, "What is a good evaluation measure for semantic segmentation?", BMVC 2013, section 3.2.

A boundary pixel of a class is a pixel of the class with a 4-neighbour of another class; both must be counted, in
prediction and in truth. The border of the image is no boundary, nor is that of an area without labels. A boundary pixel
is matched where the other map has a boundary pixel of the same class within a Euclidean distance, between pixel
centres, of 0.75 % of the image's diagonal. This tolerance is not rounded: it is 4.5 pixels at 360x480, and below a
diagonal of 134 pixels only the same pixel matches.

Precision is the matched fraction of the predicted boundary, recall that of the true boundary, F1 their harmonic mean. A
boundary on one side only scores 0. A class without a boundary on either side, such as one that fills the image, scores
1 if it is in both maps and 0 if it is in one. A class in neither map is left out.
"""

from __future__ import annotations

from fractions import Fraction
from math import isqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.metrics.confusion import mean_present
from pixelwise.metrics.pixels import LabelMap, counted_pixels, require_label_maps, require_num_classes

TOLERANCE = Fraction(75, 10_000)
"""Largest distance of a matching boundary pixel, as a fraction of the image's diagonal."""

_PLANES = 64
"""Classes that fit, one bit each, into the widest integer."""
Bool = npt.NDArray[np.bool_]
Bits = npt.NDArray[np.unsignedinteger[Any]]


class BoundaryF1:
    """The mean over images of `boundary_f1`. An image without a counted pixel is left out.

    Parameters
    ----------
    num_classes
        The number of classes, 1..255.
    """

    def __init__(self, num_classes: int) -> None:
        require_num_classes(num_classes)
        self.num_classes = num_classes
        self._sum = 0.0
        self._images = 0

    def update(self, prediction: LabelMap, target: LabelMap) -> float:
        """Score one image's label maps, integers of shape (height, width), and return the score. Raises as
        `boundary_f1`."""
        score = boundary_f1(prediction, target, self.num_classes)
        if not np.isnan(score):
            self._sum += score
            self._images += 1
        return score

    def add(self, other: BoundaryF1) -> None:
        """Add the images that `other` has scored."""
        self._sum += other._sum
        self._images += other._images

    def score(self) -> float:
        """Return the mean so far, in 0..1; NaN before the first image with a counted pixel."""
        return self._sum / self._images if self._images else float("nan")


def boundary_f1(prediction: LabelMap, target: LabelMap, num_classes: int) -> float:
    """Return the boundary F1 of one image: the mean of `class_boundary_f1` over the classes in either map.

    Parameters
    ----------
    prediction, target
        Label maps, integers (height, width). `IGNORE_INDEX` in `target` marks pixels that do not count.
    num_classes
        The number of classes, 1..255.

    Returns
    -------
    float
        The score, in 0..1; NaN if no pixel counts.

    Raises
    ------
    ShapeError
        For shapes or types that do not fit.
    MaskError
        For values that are no class.

    References
    ----------
    Csurka, Larlus, Perronnin, "What is a good evaluation measure for semantic segmentation?", BMVC 2013, section 3.2.

    Examples
    --------
    >>> boundary_f1(np.array([[0, 1], [0, 1]]), np.array([[0, 1], [0, 1]]), 2)
    1.0
    """
    return mean_present(class_boundary_f1(prediction, target, num_classes))


def class_boundary_f1(prediction: LabelMap, target: LabelMap, num_classes: int) -> npt.NDArray[np.float64]:
    """Return the boundary F1 of each class in one image, (num_classes,), in 0..1; NaN for a class in neither map.

    Raises as `boundary_f1`.
    """
    predicted, truth = require_label_maps(prediction, target, num_classes)
    edge_predicted, edge_truth = boundary(predicted), boundary(truth)
    on_predicted = _count_classes(predicted[edge_predicted], num_classes)
    on_truth = _count_classes(truth[edge_truth], num_classes)
    height, width = truth.shape
    radius_squared = int(TOLERANCE**2 * (height**2 + width**2))  # squares of pixel distances are whole numbers
    hits_predicted = np.zeros(num_classes, np.int64)
    hits_truth = np.zeros(num_classes, np.int64)
    shared = np.flatnonzero((on_predicted > 0) & (on_truth > 0))
    for start in range(0, len(shared), _PLANES):
        bit = _bit_of_class(shared[start : start + _PLANES])
        hits_predicted += _count_matches(predicted, edge_predicted, truth, edge_truth, bit, radius_squared)[
            :num_classes
        ]
        hits_truth += _count_matches(truth, edge_truth, predicted, edge_predicted, bit, radius_squared)[:num_classes]
    precision = hits_predicted / np.maximum(on_predicted, 1)
    recall = hits_truth / np.maximum(on_truth, 1)
    f1 = 2 * precision * recall / np.where(precision + recall > 0, precision + recall, 1)
    in_predicted, in_truth = _count_classes(predicted, num_classes) > 0, _count_classes(truth, num_classes) > 0
    f1[(on_predicted + on_truth == 0) & in_predicted & in_truth] = 1
    f1[~(in_predicted | in_truth)] = np.nan
    return f1


def boundary(label_map: npt.ArrayLike) -> Bool:
    """Return where a counted pixel has a counted 4-neighbour of another class; both are boundary.

    Parameters
    ----------
    label_map
        Integers (height, width).

    Returns
    -------
    numpy.ndarray
        Boolean (height, width).

    Examples
    --------
    >>> boundary([[0, 1, 1], [0, 1, 1]]).tolist()
    [[True, True, False], [True, True, False]]
    """
    labels = np.asarray(label_map)
    counted = counted_pixels(labels)
    edge = np.zeros(labels.shape, np.bool_)
    for before, after in (np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:]):
        differs = (labels[before] != labels[after]) & counted[before] & counted[after]
        edge[before] |= differs
        edge[after] |= differs
    return edge


def _bit_of_class(classes: npt.NDArray[np.intp]) -> Bits:
    """Return a table from label-map values to one bit for each of these classes (at most 64), 0 for all other
    values."""
    table = np.zeros(256, np.min_scalar_type((1 << len(classes)) - 1))
    table[classes] = np.left_shift(table.dtype.type(1), np.arange(len(classes), dtype=table.dtype))
    return table


def _count_matches(
    label_map: LabelMap, edge: Bool, other: LabelMap, other_edge: Bool, bit: Bits, radius_squared: int
) -> npt.NDArray[np.int64]:
    """Return, by label, the number of `edge` pixels with a pixel of `other_edge` of their class within the radius.

    One dilation serves all classes at once: each class has its own bit in an integer image.
    """
    reach = _dilate(bit[other] * other_edge, radius_squared)
    labels = label_map[edge]
    return np.bincount(labels[(reach[edge] & bit[labels]) != 0], minlength=256)


def _dilate(planes: Bits, radius_squared: int) -> Bits:
    """Return the OR of `planes` over a disc of `dy**2 + dx**2 <= radius_squared` around each pixel.

    The disc is composed of its rows, from the narrowest at the rim to the widest in the middle, so that each horizontal
    run grows from the one before.
    """
    height = len(planes)
    run, half_width = planes.copy(), 0
    out = np.zeros_like(planes)
    for dy in range(min(isqrt(radius_squared), height - 1), -1, -1):
        while half_width < isqrt(radius_squared - dy * dy):
            half_width += 1
            run[:, half_width:] |= planes[:, :-half_width]
            run[:, :-half_width] |= planes[:, half_width:]
        out[dy:] |= run[: height - dy]
        out[: height - dy] |= run[dy:]
    return out


def _count_classes(labels: LabelMap, num_classes: int) -> npt.NDArray[np.int64]:
    return np.bincount(labels.ravel(), minlength=256)[:num_classes]
