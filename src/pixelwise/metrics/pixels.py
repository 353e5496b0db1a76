"""The one place that decides which pixels count, for every metric and every loss."""

from __future__ import annotations

from typing import Any, TypeVar, overload

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import IGNORE_INDEX, MAX_CLASSES
from pixelwise.core.errors import MaskError, OptionError, ShapeError

LabelMap = npt.NDArray[np.integer[Any]]
Array = TypeVar("Array")


@overload
def counted_pixels(target: LabelMap, ignore_index: int = ...) -> npt.NDArray[np.bool_]: ...
@overload
def counted_pixels(target: Array, ignore_index: int = ...) -> Array: ...
def counted_pixels(target: Any, ignore_index: int = IGNORE_INDEX) -> Any:
    """Return where pixels have a label and therefore count.

    Parameters
    ----------
    target
        A label map; a torch tensor in the losses.
    ignore_index
        The value of pixels without a label.

    Returns
    -------
    numpy.ndarray or torch.Tensor
        Boolean, of the shape of `target`.

    Examples
    --------
    >>> counted_pixels(np.array([[0, 255], [2, 1]])).tolist()
    [[True, False], [True, True]]
    """
    return target != ignore_index


def require_num_classes(num_classes: int) -> None:
    """Raise `OptionError` unless `num_classes` is in 1..255, what a label map can hold."""
    if not 1 <= num_classes <= MAX_CLASSES:
        raise OptionError("num_classes", str(num_classes), f"1 to {MAX_CLASSES}", "Give the number of classes.")


def require_label_maps(
    prediction: LabelMap, target: LabelMap, num_classes: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Return a checked pair of label maps as uint8, with `IGNORE_INDEX` wherever the target is not counted.

    The prediction may hold anything at pixels that do not count. Raises `ShapeError` unless both are integer arrays of
    one (height, width) with a pixel or more, and `MaskError` for a value at a counted pixel outside 0..num_classes-1.
    """
    for where, label_map in (("prediction", prediction), ("target", target)):
        if label_map.ndim != 2 or label_map.size == 0 or not np.issubdtype(label_map.dtype, np.integer):
            found = f"{label_map.dtype} of shape {label_map.shape}"
            expected = "integers of shape (height, width) with at least one pixel"
            raise ShapeError(where, found, expected, "Score one label map at a time.")
    if prediction.shape != target.shape:
        found, expected = str(prediction.shape), f"{target.shape}, the target's shape"
        raise ShapeError("prediction", found, expected, "Predict at the size of the label map.")
    counted = counted_pixels(target)
    predicted = _blank_uncounted(prediction, counted, num_classes, "prediction")
    return predicted, _blank_uncounted(target, counted, num_classes, "target")


def _blank_uncounted(
    label_map: LabelMap, counted: npt.NDArray[np.bool_], num_classes: int, where: str
) -> npt.NDArray[np.uint8]:
    """Return a label map as uint8 with `IGNORE_INDEX` at pixels that do not count. Raises as `require_label_maps`."""
    labels = np.where(counted, label_map, label_map.dtype.type(0))  # 0 is a class for every num_classes
    for value in (int(labels.min()), int(labels.max())):
        if not 0 <= value < num_classes:
            expected = f"0..{num_classes - 1} wherever the target is not {IGNORE_INDEX}"
            raise MaskError(where, f"the value {value}", expected, "Check that both were made with the same classes.")
    labels = labels.astype(np.uint8, copy=False)
    labels[~counted] = IGNORE_INDEX
    return labels
