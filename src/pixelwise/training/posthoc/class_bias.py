"""A bias for the logits of each class, fitted to the validation images after the training.

With class weights a net learns rare classes early, but predicts them too often: with loss weights w it estimates w_c
p(c | x), scaled to sum to 1. Subtracting log w_c from its logits restores p. This is the post-hoc logit adjustment of
Menon, Jayasumana, Rawat, Jain, Veit, Kumar, "Long-tail learning via logit adjustment", ICLR 2021, arXiv:2007.07314,
with the training's weights in place of the classes' frequencies. The optimum for the mean IoU lies in between: what is
gained by assigning an uncertain pixel to a rare class depends on how well the class is recognised. So first the
strength of the logit adjustment is fitted, then the bias of one class after the other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from pixelwise.data.dataset import Item, Sample
from pixelwise.inference.predictor import Predictor
from pixelwise.metrics.pixels import counted_pixels
from pixelwise.training.recipe import Recipe

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Pixels = tuple[Float32, npt.NDArray[np.uint8]]
"""Logits (K, n) and true classes (n,) of pixels of one image."""


def class_bias(class_weights: Sequence[float], share: float) -> tuple[float, ...]:
    """Return -share log w_c for each class, to be added to its logits; 0 for a class that never counted (w_c = 0)."""
    return tuple(share * -math.log(weight) if weight > 0 else 0.0 for weight in class_weights)


def select_evenly(items: Sequence[Item], most: int) -> list[Item]:
    """Return all items, or `most` evenly spaced ones."""
    count = min(most, len(items))
    return [items[i * len(items) // count] for i in range(count)]


def fit_class_bias(pixels: Sequence[Pixels], recipe: Recipe) -> tuple[float, tuple[float, ...]]:
    """Fit the strength of the logit adjustment, in 0..1, and the bias of each class to these pixels, and return both. A
    class without pixels has only the bias of the logit adjustment. Without any pixels the result is (0, all zeros).
    """
    if not sum(truth.size for _, truth in pixels):
        return 0.0, (0.0,) * len(recipe.class_weights)
    logits = np.concatenate([scores for scores, _ in pixels], axis=1)
    truth = np.concatenate([classes for _, classes in pixels]).astype(np.int64)
    shares = recipe.bias_shares
    shared = [np.array(class_bias(recipe.class_weights, share)) for share in shares]
    offsets = np.linspace(-recipe.bias_reach, recipe.bias_reach, recipe.bias_candidates)
    scores = _mean_iou(np.stack([_confusion(logits, truth, bias) for bias in shared]))
    best = int(np.argmax(scores))
    share, start, reached = shares[best], shared[best], scores[best]
    bias = start.copy()
    for _ in range(recipe.bias_rounds):
        before = reached
        for class_index in np.flatnonzero(np.bincount(truth) >= max(1, recipe.bias_pixels)).tolist():
            candidates = start[class_index] + offsets
            scores = _mean_iou(_confusions(logits, truth, bias, class_index, candidates))
            best = int(np.argmax(scores))
            if scores[best] > reached + recipe.bias_least_gain:
                reached, bias[class_index] = scores[best], candidates[best]
        if reached == before:
            break
    return share, tuple(bias.tolist())


def sample_logits(
    predictor: Predictor, samples: Iterable[Sample], count: int, most: int, *, sparse: bool = False
) -> list[Pixels]:
    """Return the logits (K, n) and true classes (n,) of pixels on a grid over each of `count` images, about `most`
    logits in all. With `sparse` labels all labelled pixels of an image are taken, unless they are more than the
    grid's."""
    num_classes = predictor.classes.num_classes
    pixels: list[Pixels] = []
    for sample in samples:
        size = sample.label_map.size
        labelled = int(counted_pixels(sample.label_map).sum())
        is_whole = sparse and labelled * num_classes * count <= most
        step = 1 if is_whole else math.ceil(math.sqrt(size * num_classes * count / most))
        blocks: list[Pixels] = []
        for block in predictor.blocks(sample.image):
            rows, columns = (slice(-first % step, None, step) for first in (block.row, block.column))
            truth = sample.label_map[block.place][rows, columns]
            counted = counted_pixels(truth)
            blocks.append((block.logits[:num_classes, rows, columns][:, counted], truth[counted]))
        scores, classes = zip(*blocks, strict=True)
        pixels.append((np.concatenate(scores, axis=1), np.concatenate(classes)))
    return pixels


def _confusion(logits: Float32, truth: Int64, bias: Float64) -> Int64:
    """Return pixels by class of truth and of prediction, (K, K)."""
    classes = len(logits)
    predicted = (logits + bias.astype(np.float32)[:, None]).argmax(axis=0)
    counts: Int64 = np.bincount(truth * classes + predicted, minlength=classes**2)
    return counts.reshape(classes, classes)


def _confusions(logits: Float32, truth: Int64, bias: Float64, class_index: int, candidates: Float64) -> Int64:
    """Return `_confusion`, (T, K, K), for each of T ascending biases of one class, in one pass over the pixels.

    A pixel changes from the best of the other classes to this one when the bias exceeds the difference of the two
    logits.
    """
    classes = len(logits)
    others = logits + bias.astype(np.float32)[:, None]
    others[class_index] = -np.inf
    rival = others.argmax(axis=0)
    distance = np.take_along_axis(others, rival[None], axis=0)[0] - logits[class_index]
    first = np.searchsorted(candidates, distance, side="right")  # candidate at which the pixel gets this class
    size = (len(candidates) + 1) * classes**2
    moving = np.bincount((first * classes + truth) * classes + rival, minlength=size).reshape(-1, classes, classes)
    taken = moving.cumsum(axis=0)
    confusions: Int64 = taken[-1] - taken[:-1]
    confusions[:, :, class_index] += taken[:-1].sum(axis=2)
    return confusions


def _mean_iou(confusion: Int64) -> Float64:
    """Return the mean IoU, (...), of confusions (..., K, K) over the classes that occur in truth."""
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    true, predicted = confusion.sum(axis=-1), confusion.sum(axis=-2)
    present = true > 0
    mean: Float64 = (hits / np.maximum(true + predicted - hits, 1) * present).sum(axis=-1) / present.sum(axis=-1)
    return mean
