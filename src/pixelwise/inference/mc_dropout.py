"""How sure a model is: several passes with dropout left on, their mean and their variance.

Gal, Ghahramani, "Dropout as a Bayesian Approximation", ICML 2016, arXiv:1506.02142; for segmentation: Kendall,
Badrinarayanan, Cipolla, "Bayesian SegNet", BMVC 2017, arXiv:1511.02680.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from pixelwise.core.errors import OptionError

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]

MAX_VARIANCE = 0.25
"""No variance of probabilities in 0..1, and so no mean of such, is larger."""


@runtime_checkable
class SamplingEngine(Protocol):
    """An engine that can leave dropout on: logits like those of `Engine`, that depend on `seed`, 1..2**32 - 1, too.

    Raises `OptionError` where the model has no dropout.
    """

    def sample(self, images: UInt8, seed: int) -> Float32: ...


@dataclass(frozen=True)
class MonteCarloDropout:
    """How many passes with dropout on, at least 2, and the seed, at least 0, of what they drop.

    What a pass drops depends on the seed, the pass and the tile alone: the same image is always answered alike.
    Raises `OptionError` for fewer passes or a negative seed.
    """

    passes: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        if self.passes < 2:
            remedy = "Ask for 20 or more: a variance of few passes says little."
            raise OptionError("passes", str(self.passes), "at least 2 passes", remedy)
        if self.seed < 0:
            raise OptionError("seed", str(self.seed), "at least 0", "Leave it out for 0.")

    def draw(self, number: int, tile: int) -> int:
        """Return what the engine's dropout is seeded with in pass `number` over `tile`: 1..2**32 - 1."""
        (bits,) = np.random.SeedSequence((self.seed, number, tile)).generate_state(1)
        return max(1, int(bits))


def moments_of_passes(engine: object, sampling: MonteCarloDropout) -> Callable[[UInt8], Float32]:
    """Return a function from one image or tile, uint8 (1, height, width, 3), to float32 (1, K + 1, height, width).

    The first K channels are the mean of the passes' probabilities; the last is their variance over the passes (divided
    by their number), averaged over the classes: 0..0.25. Called on one tile after the other, each draws anew.
    Raises `OptionError` for an engine that cannot sample.
    """
    if not isinstance(engine, SamplingEngine):
        remedy = "Use `engine='onnxruntime'`, or leave `sampling` out."
        raise OptionError("sampling", "an engine without dropout", "one that can leave dropout on", remedy)
    tiles = itertools.count()

    def moments(images: UInt8) -> Float32:
        tile = next(tiles)
        mean = softmax(engine.sample(images, sampling.draw(0, tile))[0])
        squares = np.zeros(mean.shape[1:], np.float32)
        for number in range(1, sampling.passes):  # Welford, Technometrics 1962: no large sums that cancel
            change = softmax(engine.sample(images, sampling.draw(number, tile))[0]) - mean
            mean += change / (number + 1)
            squares += np.square(change).sum(axis=0) * (number / (number + 1))
        variance = squares / (sampling.passes * len(mean))
        return np.concatenate([mean, variance[None]])[None]

    return moments


def softmax(logits: Float32) -> Float32:
    """Return the soft-max over axis 0; less the largest score, no exponential overflows."""
    probabilities: Float32 = np.exp(logits - logits.max(axis=0))
    probabilities /= probabilities.sum(axis=0)
    return probabilities
