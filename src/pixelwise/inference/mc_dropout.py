"""Monte Carlo dropout: mean and variance of several passes with dropout on.

Gal, Ghahramani, "Dropout as a Bayesian Approximation", ICML 2016, arXiv:1506.02142; for segmentation: Kendall,
Badrinarayanan, Cipolla, "Bayesian SegNet", BMVC 2017, arXiv:1511.02680.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixelwise.core.errors import OptionError
from pixelwise.inference.engines.base import Engine

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]

MAX_VARIANCE = 0.25
"""The largest variance of probabilities in 0..1, and so the largest mean of such variances."""


@dataclass(frozen=True)
class MonteCarloDropout:
    """Settings of Monte Carlo dropout: several passes over an image with dropout on. Their mean is the prediction,
    their variance a measure of its uncertainty.

    The units that are dropped depend only on the seed, the pass and the tile, so the same image always gives the same
    result.

    Parameters
    ----------
    passes
        The number of passes, 2 or more. 20 is a good start: the variance of few passes tells little.
    seed
        The seed of the dropout, 0 or more.

    Raises
    ------
    OptionError
        `passes` is below 2, or `seed` is negative.

    References
    ----------
    Gal, Ghahramani, "Dropout as a Bayesian Approximation", ICML 2016, arXiv:1506.02142.

    Examples
    --------
    >>> MonteCarloDropout(passes=40)
    MonteCarloDropout(passes=40, seed=0)
    >>> MonteCarloDropout(passes=1)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    pixelwise.core.errors.OptionError: passes: found 1; expected at least 2 passes. ...
    """

    passes: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        if self.passes < 2:
            remedy = "Ask for 20 or more: a variance of few passes says little."
            raise OptionError("passes", str(self.passes), "at least 2 passes", remedy)
        if self.seed < 0:
            raise OptionError("seed", str(self.seed), "at least 0", "Leave it out for 0.")

    def seed_of(self, number: int, tile: int) -> int:
        """Return the seed of the engine's dropout in one pass over one tile.

        Parameters
        ----------
        number
            The number of the pass, from 0.
        tile
            The number of the tile, from 0.

        Returns
        -------
        int
            1..2**32 - 1. It depends on `seed`, `number` and `tile` alone.

        Examples
        --------
        >>> sampling = MonteCarloDropout(passes=3, seed=1)
        >>> sampling.seed_of(0, 0) == sampling.seed_of(0, 0) != sampling.seed_of(1, 0)
        True
        """
        (bits,) = np.random.SeedSequence((self.seed, number, tile)).generate_state(1)
        return max(1, int(bits))


def moments_of_passes(engine: Engine, sampling: MonteCarloDropout) -> Callable[[UInt8], Float32]:
    """Return a function from one image or tile, uint8 (1, height, width, C), to float32 (1, K + 1, height, width).

    The first K channels are the mean of the passes' probabilities; the last is their variance over the passes (divided
    by their number), averaged over the classes: 0..0.25. When called for one tile after the other, it drops other units
    in each. Raises `OptionError` for an engine or a model without dropout.
    """
    tiles = itertools.count()

    def moments(images: UInt8) -> Float32:
        tile = next(tiles)
        mean = softmax(engine.sample(images, sampling.seed_of(0, tile))[0])
        squares = np.zeros(mean.shape[1:], np.float32)
        for number in range(1, sampling.passes):  # Welford, Technometrics 1962: avoids large sums that cancel
            change = softmax(engine.sample(images, sampling.seed_of(number, tile))[0]) - mean
            mean += change / (number + 1)
            squares += np.square(change).sum(axis=0) * (number / (number + 1))
        variance = squares / (sampling.passes * len(mean))
        return np.concatenate([mean, variance[None]])[None]

    return moments


def softmax(logits: Float32) -> Float32:
    """Return the softmax over axis 0. The largest score is subtracted first, so that no exponential overflows."""
    probabilities: Float32 = np.exp(logits - logits.max(axis=0))
    probabilities /= probabilities.sum(axis=0)
    return probabilities
