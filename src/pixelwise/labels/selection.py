"""What to label next: which pixel, which region, which image.

A pixel or image is worth labelling where the model is uncertain, where it resembles many others, and where it does not
resemble what is labelled. The functions are pure.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial.distance import cdist

from pixelwise.core.errors import OptionError, ShapeError
from pixelwise.labels.boxes import Box
from pixelwise.labels.strokes import Mask

Float = npt.NDArray[np.floating[Any]]
Float32 = npt.NDArray[np.float32]
Real = npt.NDArray[np.floating[Any] | np.integer[Any]]
_MOST_CANDIDATES = 2000
"""The most pixels or images of which the greedy choice compares all pairs."""
_LEAST_LABELLED = 256
"""The most labelled pixels whose features are compared."""


def margin(probabilities: Float) -> Float32:
    """Return how close the two best classes of each pixel are.

    Parameters
    ----------
    probabilities
        (K, height, width), which sum to 1 over K.

    Returns
    -------
    uncertainty
        float32 (height, width): 1 - the difference of the two highest probabilities. 0 is certain, 1 is a tie.

    Raises
    ------
    ShapeError
        The array has not three axes, or no class.

    References
    ----------
    Joshi, Porikli, Papanikolopoulos, "Multi-class active learning for image classification", CVPR 2009.

    Examples
    --------
    >>> margin(np.array([[[0.5]], [[0.25]], [[0.25]]])).tolist()
    [[0.75]]
    """
    _require_probabilities(probabilities)
    if len(probabilities) == 1:
        return np.zeros(probabilities.shape[1:], np.float32)
    second, best = np.partition(probabilities, (-2, -1), axis=0)[-2:].astype(np.float32)
    uncertainty: Float32 = 1 - (best - second)
    return uncertainty


def entropy(probabilities: Float) -> Float32:
    """Return the entropy of each pixel's probabilities.

    Parameters
    ----------
    probabilities
        (K, height, width), which sum to 1 over K.

    Returns
    -------
    uncertainty
        float32 (height, width) in units of log(K): 0 where one class has probability 1, 1 where all have the same.

    Raises
    ------
    ShapeError
        The array has not three axes, or no class.

    Examples
    --------
    >>> entropy(np.array([[[0.5, 1.0]], [[0.5, 0.0]]])).tolist()
    [[1.0, 0.0]]
    """
    _require_probabilities(probabilities)
    values = probabilities.astype(np.float32)
    logarithms = np.log(values, where=values > 0, out=np.zeros_like(values))
    uncertainty: Float32 = -(values * logarithms).sum(axis=0) / np.float32(np.log(max(2, len(values))))
    return np.abs(uncertainty)  # -0.0 becomes 0.0


def suggest_pixels(
    uncertainty: Real,
    count: int,
    *,
    labelled: Mask | None = None,
    features: Float | None = None,
    distance: float = 20.0,
) -> list[tuple[int, int]]:
    """Return the pixels to label next, the most useful first.

    The score of a pixel is the mean uncertainty around it: an uncertain area scores higher than the thin uncertain
    lines along every border. Within `distance` of a labelled pixel, the score falls off linearly to 0 at the pixel. No
    two pixels are nearer to each other than `distance`. With features, pixels are also chosen to differ in appearance,
    from each other and from labelled ones: each next pixel covers most of what is not covered yet (see `rank_images`).

    Parameters
    ----------
    uncertainty
        (height, width), higher is less certain. Pixels surrounded by 0 are not chosen.
    count
        The number of pixels; fewer are returned where there are no more.
    labelled
        Which pixels have a label, bool (height, width).
    features
        (channels, h, w), a coarser map of the same image, such as those of a `FeatureExtractor`.
    distance
        In pixels, at least 1.

    Returns
    -------
    pixels
        (row, column) of each.

    Raises
    ------
    ShapeError
        The arrays are not of one image.
    OptionError
        The distance is below 1.

    Examples
    --------
    >>> uncertainty = np.zeros((64, 64), np.float32)
    >>> uncertainty[10, 10], uncertainty[12, 12], uncertainty[50, 20] = 0.9, 0.8, 0.7
    >>> suggest_pixels(uncertainty, 2, distance=4)
    [(10, 10), (50, 20)]
    """
    _require_map(uncertainty, labelled)
    if distance < 1:
        raise OptionError("distance", f"{distance:g}", "1 pixel or more", "Choose a larger distance.")
    score = _question_score(uncertainty, labelled, distance)
    candidates = _best_of_cells(score, max(1, int(distance / 2)))
    scores = score[tuple(candidates.T)]
    if features is None:
        order = list(range(len(candidates)))
    else:
        vectors = _features_at(features, candidates, score.shape)
        places = np.argwhere(labelled) if labelled is not None else np.empty((0, 2), np.intp)
        step = max(1, len(places) // _LEAST_LABELLED)
        order = _cover(scores, vectors, _features_at(features, places[::step], score.shape))
    chosen: list[tuple[int, int]] = []
    for index in order:
        row, column = candidates[index].tolist()
        if all((row - r) ** 2 + (column - c) ** 2 >= distance**2 for r, c in chosen):
            chosen.append((row, column))
        if len(chosen) >= count:
            break
    return chosen[:count]


def suggest_region(uncertainty: Real, size: tuple[int, int], *, labelled: Mask | None = None) -> Box:
    """Return the region of an image that is most worth labelling: the one with the largest sum of uncertainty over
    unlabelled pixels.

    Parameters
    ----------
    uncertainty
        (height, width), higher is less sure.
    size
        (height, width) of the region in pixels; it is cut to the image's.
    labelled
        Which pixels have a label, bool (height, width).

    Returns
    -------
    box_tlbr
        (top, left, bottom, right), half open; of equal ones the first in reading order.

    Raises
    ------
    ShapeError
        The arrays are not of one image.
    OptionError
        The size is below 1x1.

    Examples
    --------
    >>> suggest_region(np.array([[0, 0, 0, 0], [0, 0, 1, 1], [0, 0, 0, 1]]), (2, 2))
    (1, 2, 3, 4)
    """
    _require_map(uncertainty, labelled)
    if min(size) < 1:
        raise OptionError("size", f"{size[0]}x{size[1]}", "1x1 or more", "Choose a larger region.")
    values = uncertainty.astype(np.float64)
    if labelled is not None:
        values[labelled] = 0
    height, width = min(size[0], values.shape[0]), min(size[1], values.shape[1])
    sums = np.pad(values.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    totals = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
    totals = np.round(totals, 6)  # ties stay ties, whatever the order of summation
    top, left = map(int, np.unravel_index(int(totals.argmax()), totals.shape))
    return top, left, top + height, left + width


def rank_images(
    scores: Mapping[str, float],
    embeddings: Mapping[str, Float],
    labelled: Collection[str],
    count: int | None = None,
) -> list[str]:
    """Return the images to label next, the most useful first: uncertain ones that differ from each other and from
    labelled ones.

    Each next image is the one with the largest product of its score and its coverage: how much it shortens the
    distances, in the space of embeddings, from all unlabelled images to the nearest labelled or chosen image. An
    outlier, which resembles no other image, comes late; a copy of a labelled image comes last.

    Parameters
    ----------
    scores
        The uncertainty of the model for each image, 0 or more. Without a model all are equal.
    embeddings
        For each image a vector (channels,) that describes what it shows.
    labelled
        The images that have labels. They are not in the result.
    count
        How many are chosen in this way; the rest follows in the order of the scores. All by default.

    Returns
    -------
    names
        All images of `scores` that are not labelled.

    Raises
    ------
    OptionError
        An image of `scores`, or a labelled one, has no embedding, or embeddings differ in length.

    References
    ----------
    The coverage is the facility location of Wei, Iyer, Bilmes, "Submodularity in data subset selection and active
    learning", ICML 2015, maximised greedily as there.

    Examples
    --------
    >>> embeddings = {name: np.array([value]) for name, value in zip("abcde", (0.0, 1.0, 5.0, 6.0, 6.5))}
    >>> rank_images(dict.fromkeys("abcde", 1.0), embeddings, labelled=["a"])  # d stands for c and e
    ['d', 'b', 'c', 'e']
    """
    names = sorted(name for name in scores if name not in labelled)
    missing = [name for name in (*names, *labelled) if name not in embeddings]
    if missing:
        remedy = "Compute the features of every image."
        raise OptionError("embeddings", f"none of {missing[0]}", "one of each image", remedy)
    if len({embeddings[name].shape for name in (*names, *labelled)}) > 1:
        remedy = "Compute them with one encoder."
        raise OptionError("embeddings", "vectors of different lengths", "vectors of one length", remedy)
    if not names:
        return []
    values = np.array([scores[name] for name in names], np.float64)
    vectors = np.stack([embeddings[name] for name in names]).astype(np.float64)
    covered = np.array([embeddings[name] for name in sorted(labelled)], np.float64).reshape(-1, vectors.shape[1])
    order = _cover(values, vectors, covered, len(names) if count is None else count)
    return [names[index] for index in order]


def _cover(
    scores: npt.NDArray[Any], vectors: npt.NDArray[Any], covered: npt.NDArray[Any], count: int | None = None
) -> list[int]:
    """Return all indices of `vectors`, (n, channels): first up to `count` by score times coverage, then by score.

    covered: (m, channels), what is labelled. Gains only shrink as others are chosen, so the index on top of the heap is
    the best as soon as its gain is up to date (Minoux, "Accelerated greedy algorithms", 1978).
    """
    positive = np.asarray(scores, np.float64)
    positive = positive if positive.any() else np.ones(len(positive))
    by_score = np.lexsort((np.arange(len(vectors)), -positive)).tolist()
    references = vectors[:: max(1, -(-len(vectors) // _MOST_CANDIDATES))]
    distances = cdist(vectors, references).astype(np.float32)
    nearest = np.full(len(references), distances.max() if distances.size else 0.0, np.float32)
    if len(covered):
        nearest = cdist(covered, references).min(axis=0).astype(np.float32)

    def gain(index: int) -> float:
        return float(positive[index] * np.maximum(nearest - distances[index], 0).sum(dtype=np.float64))

    heap = [(-gain(index), index, 0) for index in by_score]
    heapq.heapify(heap)
    chosen: list[int] = []
    while heap and len(chosen) < (len(vectors) if count is None else count):
        negative, index, checked = heapq.heappop(heap)
        if checked == len(chosen):
            if negative == 0:
                break
            chosen.append(index)
            nearest = np.minimum(nearest, distances[index])
        else:
            heapq.heappush(heap, (-gain(index), index, len(chosen)))
    rest = set(range(len(vectors))) - set(chosen)
    return chosen + [index for index in by_score if index in rest]


def _question_score(uncertainty: Real, labelled: Mask | None, distance: float) -> Float32:
    """Return the mean uncertainty around each pixel, lowered near labelled pixels, float32 (height, width) in 0..1.
    Among pixels with equal surroundings, the less certain one scores higher.
    """
    values = uncertainty.astype(np.float64)
    values /= max(float(values.max()), np.finfo(np.float64).tiny)
    mean = ndimage.uniform_filter(values, 2 * int(distance / 8) + 1, mode="nearest")
    score = 0.99 * mean + 0.01 * values
    score[score < 1e-9] = 0  # rounding errors of the filter's running sums
    if labelled is not None and labelled.any():
        score *= np.minimum(ndimage.distance_transform_edt(~labelled) / distance, 1)
    rounded: Float32 = score.astype(np.float32)
    return rounded


def _best_of_cells(score: Float32, side: int) -> npt.NDArray[np.intp]:
    """Return (row, column) of the best pixel of each cell of `side`, (n, 2), best first; cells of score 0 have none."""
    height, width = score.shape
    padded = np.pad(score, ((0, -height % side), (0, -width % side)), constant_values=-1)
    rows, columns = padded.shape[0] // side, padded.shape[1] // side
    cells = padded.reshape(rows, side, columns, side).transpose(0, 2, 1, 3).reshape(rows * columns, -1)
    best = cells.argmax(axis=1)
    cell = np.flatnonzero(cells[np.arange(len(cells)), best] > 0)
    places = np.stack([cell // columns * side + best[cell] // side, cell % columns * side + best[cell] % side], axis=1)
    order = np.argsort(-score[tuple(places.T)], kind="stable")[:_MOST_CANDIDATES]
    return places[order]


def _features_at(features: Float, places: npt.NDArray[np.intp], size: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """Return the features at pixels, (n, channels), each channel in units of its standard deviation."""
    if features.ndim != 3 or features.size == 0:
        raise ShapeError("features", f"{features.shape}", "(channels, h, w), not empty", "Pass the image's features.")
    rows, columns = (places[:, axis] * features.shape[axis + 1] // size[axis] for axis in (0, 1))
    scale = features.reshape(len(features), -1).astype(np.float64).std(axis=1)
    return features[:, rows, columns].T.astype(np.float64) / np.where(scale > 0, scale, 1)


def _require_probabilities(probabilities: Float) -> None:
    if probabilities.ndim != 3 or len(probabilities) == 0:
        expected = "(K, height, width) with a class or more"
        raise ShapeError("probabilities", f"{probabilities.shape}", expected, "Pass one image's probabilities.")


def _require_map(uncertainty: Real, labelled: Mask | None) -> None:
    if uncertainty.ndim != 2 or uncertainty.size == 0:
        expected = "(height, width) with a pixel or more"
        raise ShapeError("uncertainty", f"{uncertainty.shape}", expected, "Pass one image's uncertainty.")
    if labelled is not None and (labelled.shape != uncertainty.shape or labelled.dtype != np.bool_):
        expected = f"bool {uncertainty.shape}, as the uncertainty"
        remedy = "Pass the labelled pixels of the same image."
        raise ShapeError("labelled", f"{labelled.dtype} {labelled.shape}", expected, remedy)
