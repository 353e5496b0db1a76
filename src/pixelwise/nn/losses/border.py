"""Border weights: background between two objects has a larger weight, the closer they are.

Ronneberger, Fischer, Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation", MICCAI 2015,
arXiv:1505.04597, equation 2, the term beside the class balance.
"""

from __future__ import annotations

from math import ceil, inf

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt, find_objects

from pixelwise.core.errors import OptionError
from pixelwise.instances.objects import AnyInstanceMap, renumber

REACH = 5
"""Second objects are searched up to this many sigmas away. Beyond, the weight would be less than w0 exp(-REACH**2 /
2)."""


def border_weights(
    instance_map: AnyInstanceMap, *, w0: float = 10.0, sigma: float = 5.0, reach: float = REACH
) -> npt.NDArray[np.float32]:
    """Return U-Net's border weights: w0 exp(-(d1 + d2)² / (2 sigma²)) on the background between objects.

    d1 and d2 are the distances in pixels to the nearest and the second nearest object. The weight is 0 inside objects,
    and, instead of less than 4e-6 w0, where the second object is more than `reach` sigmas away. The parts of an object
    need not be connected. Equation 2 adds the class weight w_c, which is left to the caller.

    Parameters
    ----------
    instance_map
        Integers (height, width), object ids, 0 = no object.
    w0
        The largest weight, at least 0.
    sigma
        The distance in pixels at which weights fall off, above 0.
    reach
        How many sigmas away a second object is looked for.

    Returns
    -------
    numpy.ndarray
        float32 (height, width).

    Raises
    ------
    ShapeError
        `instance_map` has no integers, not two dimensions, or no pixels.
    MaskError
        An id is negative.
    OptionError
        `w0` is negative, or `sigma` not above 0.

    References
    ----------
    Ronneberger, Fischer, Brox, "U-Net", MICCAI 2015, arXiv:1505.04597, equation 2.

    Examples
    --------
    >>> [round(float(weight), 2) for weight in border_weights(np.array([[1, 0, 2, 0, 0, 0]]))[0]]
    [0.0, 9.23, 0.0, 7.26, 4.87, 2.78]
    """
    _require_valid(w0, sigma)
    labels, _ = renumber(instance_map)
    nearest = np.full(labels.shape, inf)
    second = np.full(labels.shape, inf)
    margin = ceil(reach * sigma)
    for label, box in enumerate(find_objects(labels), 1):
        around = tuple(slice(max(side.start - margin, 0), side.stop + margin) for side in box)
        distance = distance_transform_edt(labels[around] != label)
        second[around] = np.minimum(second[around], np.maximum(nearest[around], distance))
        nearest[around] = np.minimum(nearest[around], distance)
    weights: npt.NDArray[np.float32] = (w0 * np.exp(-((nearest + second) ** 2) / (2 * sigma**2))).astype(np.float32)
    weights[labels > 0] = 0
    return weights


def _require_valid(w0: float, sigma: float) -> None:
    if not 0 <= w0 < inf:
        raise OptionError("w0", str(w0), "a number of at least 0", "The paper takes 10.")
    if not 0 < sigma < inf:
        raise OptionError("sigma", str(sigma), "a number of pixels above 0", "The paper takes 5.")
