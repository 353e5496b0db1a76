"""Bootstrap intervals: how much a score would vary with other images.

Efron, Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 12 and 13. The percentiles are expanded as in
Hesterberg, "What Teachers Should Know About the Bootstrap", The American Statistician 69(4), 2015, section 3.3: by
sqrt(n / (n - 1)) and from the normal distribution to Student's t. For few images no percentile is wide enough, since no
resample lies beyond the best or the worst image. They get Student's interval with the bootstrap's standard error.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.stats import norm, t

from pixelwise.core.text import quantity

LEVEL = 0.95
RESAMPLES = 2000
BLOCK_VALUES = 2_000_000
"""Weights in memory at a time."""
FEW_IMAGES = 20
"""A score on fewer images comes with a remark, and its interval is Student's."""

Float64 = npt.NDArray[np.float64]
Interval = tuple[float, float]


def draw_resamples(images: int, count: int = RESAMPLES) -> Iterator[Float64]:
    """Yield how often each image is drawn, in blocks float64 (r, images), `count` rows in all. The draws are always the
    same."""
    rng = np.random.default_rng(0)
    rows = max(1, BLOCK_VALUES // max(1, images))
    for start in range(0, count, rows):
        size = min(rows, count - start)
        yield rng.multinomial(images, np.full(images, 1 / images), size=size).astype(np.float64)


def score_interval(scores: Float64, images: int) -> Interval | None:
    """Return the bootstrap interval of a score at `LEVEL`.

    Parameters
    ----------
    scores
        float64 (resamples,), the score of each resample, in 0..1 or NaN.
    images
        The number of images.

    Returns
    -------
    tuple of float, or None
        The bounds, in 0..1; `None` for a single image, or where every score is NaN.
    """
    known = scores[~np.isnan(scores)]
    if images < 2 or not known.size:
        return None
    expansion = float(-t.ppf((1 - LEVEL) / 2, images - 1) * np.sqrt(images / (images - 1)))
    if images < FEW_IMAGES:
        half = expansion * known.std()
        return float(max(0, known.mean() - half)), float(min(1, known.mean() + half))
    tail = float(norm.cdf(-expansion))
    low, high = np.quantile(known, [tail, 1 - tail])
    return float(low), float(high)


def few_images_remark(images: int) -> list[str]:
    """Return a remark on scores of fewer than `FEW_IMAGES` images; none for more."""
    if images >= FEW_IMAGES:
        return []
    return [f"Measured on {quantity(images, 'image')}: fewer than {FEW_IMAGES} say little about other images."]


def missed_class_remarks(per_class: dict[str, dict[str, float]]) -> list[str]:
    """Return a remark on each class of which nothing was found in half or more of the images that show it."""
    return [
        f"{name}: nothing of it was found in {row['missed_images']:.0f} of the {quantity(int(row['images']), 'image')} "
        "with it."
        for name, row in per_class.items()
        if row["images"] and 2 * row["missed_images"] >= row["images"]
    ]
