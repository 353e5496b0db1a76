"""Confusion matrix, and the scores computed from it: global and class accuracy, IoU, mIoU, Dice, precision."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pixelwise.metrics.pixels import LabelMap, require_label_maps, require_num_classes

Float64 = npt.NDArray[np.float64]


class ConfusionMatrix:
    """Counted pixels by true class (rows) and predicted class (columns), summed over images.

    Scores are fractions in 0..1 over all pixels of all images. NaN is the score of a class that does not occur, and of
    a mean over no class.

    Parameters
    ----------
    num_classes
        The number of classes, 1..255.

    Attributes
    ----------
    matrix
        int64 (num_classes, num_classes).

    Examples
    --------
    >>> confusion = ConfusionMatrix(2)
    >>> confusion.update(np.array([[0, 1], [1, 1]]), np.array([[0, 0], [1, 255]]))
    >>> confusion.matrix.tolist()
    [[1, 1], [0, 1]]
    >>> confusion.iou().tolist()
    [0.5, 0.5]
    """

    def __init__(self, num_classes: int) -> None:
        require_num_classes(num_classes)
        self.num_classes = num_classes
        self.matrix: npt.NDArray[np.int64] = np.zeros((num_classes, num_classes), np.int64)

    def update(self, prediction: LabelMap, target: LabelMap) -> None:
        """Count one image's label maps, integers of shape (height, width).

        Raises `ShapeError` for shapes or types that do not fit and `MaskError` for values that are no class.
        """
        predicted, truth = require_label_maps(prediction, target, self.num_classes)
        # One 16-bit number a pixel. Uncounted pixels fall into a row and a column beyond the classes, and are cut off.
        pairs = truth.astype(np.uint16) * 256 + predicted
        counts = np.bincount(pairs.ravel(), minlength=1 << 16).reshape(256, 256)
        self.matrix += counts[: self.num_classes, : self.num_classes]

    @property
    def pixels(self) -> int:
        """The number of counted pixels."""
        return int(self.matrix.sum())

    def global_accuracy(self) -> float:
        """Return the fraction of counted pixels whose class is right."""
        return float(np.trace(self.matrix)) / self.pixels if self.pixels else float("nan")

    def accuracy(self) -> Float64:
        """Return the fraction of each class's true pixels that are predicted as it, (num_classes,); NaN if absent from
        truth."""
        return _fraction(self.matrix.diagonal(), self.matrix.sum(axis=1))

    def class_accuracy(self) -> float:
        """Return the mean of `accuracy` over the classes that occur in truth."""
        return mean_present(self.accuracy())

    def iou(self) -> Float64:
        """Return intersection over union, (num_classes,); NaN for a class absent from truth and prediction."""
        hits = self.matrix.diagonal()
        return _fraction(hits, self.matrix.sum(axis=0) + self.matrix.sum(axis=1) - hits)

    def precision(self) -> Float64:
        """Return the fraction of each class's predicted pixels that are right, (num_classes,); NaN if never
        predicted."""
        return _fraction(self.matrix.diagonal(), self.matrix.sum(axis=0))

    def dice(self) -> Float64:
        """Return the Dice score 2 TP / (2 TP + FP + FN), (num_classes,); NaN as `iou`."""
        return _fraction(2 * self.matrix.diagonal(), self.matrix.sum(axis=0) + self.matrix.sum(axis=1))

    def miou(self) -> float:
        """Return the mean of `iou` over the classes that occur in truth or prediction."""
        return mean_present(self.iou())


def mean_present(scores: Float64) -> float:
    """Return the mean of the scores that are not NaN; NaN without any."""
    present = scores[~np.isnan(scores)]
    return float(present.mean()) if present.size else float("nan")


def _fraction(part: npt.NDArray[np.int64], whole: npt.NDArray[np.int64]) -> Float64:
    fraction = np.full(len(whole), np.nan)
    np.divide(part, whole, out=fraction, where=whole > 0)
    return fraction
