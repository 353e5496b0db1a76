"""The features of ilastik's pixel classification, beside a random forest: what people use for strokes today.

Berg et al., "ilastik: interactive machine learning for (bio)image analysis", Nature Methods 2019. Its six filters at
its seven scales, all that its dialog offers, on each channel in 0..255 as ilastik reads it; a forest of 100 trees.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Float32 = npt.NDArray[np.float32]
SCALES = (0.3, 0.7, 1.0, 1.6, 3.5, 5.0, 10.0)
"""Standard deviations in pixels. The smallest is for smoothing alone: derivatives need a wider window."""
NARROW = 0.66
"""Of the scale: the second Gaussian of a difference of two."""
OUTER = 0.5
"""Of the scale: the Gaussian that sums up a structure tensor."""
TREES = 100


class Classifier(Protocol):
    """A classifier of scikit-learn, as far as it is needed."""

    def fit(self, features: Any, classes: Any) -> Any: ...

    def predict(self, features: Any) -> Any: ...


def make_forest(seed: int) -> Classifier:
    """Return a random forest. Raises `ImportError` without scikit-learn, which pixelwise itself does not need."""
    from sklearn.ensemble import RandomForestClassifier

    forest: Classifier = RandomForestClassifier(TREES, random_state=seed)
    return forest


def compute_bank(image: npt.NDArray[np.uint8]) -> Float32:
    """Return the features (H, W, F) of an image (H, W, C)."""
    channels = np.moveaxis(image, -1, 0).astype(np.float32)
    return np.stack([values for channel in channels for values in _filters(channel)], axis=-1)


def _filters(channel: Float32) -> Iterator[Float32]:
    for scale in SCALES:
        smooth = ndimage.gaussian_filter(channel, scale)
        yield smooth
        if scale < SCALES[1]:
            continue
        yield ndimage.gaussian_laplace(channel, scale)
        yield ndimage.gaussian_gradient_magnitude(channel, scale)
        yield smooth - ndimage.gaussian_filter(channel, NARROW * scale)
        down, right = (ndimage.gaussian_filter(channel, scale, order) for order in ((1, 0), (0, 1)))
        yield from _eigenvalues(
            *(ndimage.gaussian_filter(product, OUTER * scale) for product in (down * down, down * right, right * right))
        )
        yield from _eigenvalues(*(ndimage.gaussian_filter(channel, scale, order) for order in ((2, 0), (1, 1), (0, 2))))


def _eigenvalues(first: Float32, mixed: Float32, second: Float32) -> tuple[Float32, Float32]:
    """Return the eigenvalues, the larger first, of symmetric 2x2 matrices."""
    half = np.float32(0.5)
    mean, radius = half * (first + second), np.hypot(half * (first - second), mixed)
    return mean + radius, mean - radius
