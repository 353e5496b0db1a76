"""`Engine`: the interface that computes logits from images. Engines know nothing about tiles, classes or image
files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from pixelwise.core.errors import OptionError
from pixelwise.tiling.grid import Tiling
from pixelwise.tiling.stitch import Image, LabelBlock

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]
LabelBlocks = Callable[[Image, Tiling, int], Iterator[LabelBlock]]


class Engine(ABC):
    """Runs a net.

    A subclass implements `__call__`, and declares other capabilities by its attributes. Any number of threads may call
    it at the same time.

    Attributes
    ----------
    coarse : callable or None
        Takes images as a call does, and returns float32 (N, K, h, w): the coarser logits that a call up-samples. Label
        maps are computed from them in less time. `None` if the net has no coarser logits.
    can_sample : bool
        Whether `sample` is available.
    input_side : int or None
        For an engine that takes only square images of one size: their side in pixels. `None` if it takes any size.
        Smaller images are padded to this side, larger ones are cut into tiles of it.
    label_blocks : callable or None
        For an engine that blends tiles on its device: takes an image, its tiling and the row to start with, and yields
        the class with the highest score of each pixel in blocks, in the order of `stitch_blocks`. `None` if logits are
        blended in numpy.

    Examples
    --------
    An engine that scores each pixel by its red and by its green value:

    >>> import numpy as np
    >>> class RedOrGreen(Engine):
    ...     def __call__(self, images):
    ...         return images[..., :2].transpose(0, 3, 1, 2).astype(np.float32)
    >>> RedOrGreen()(np.array([[[[9, 7, 0], [4, 5, 0]]]], np.uint8)).tolist()
    [[[[9.0, 4.0]], [[7.0, 5.0]]]]
    """

    coarse: Callable[[UInt8], Float32] | None = None
    can_sample: bool = False
    input_side: int | None = None
    label_blocks: LabelBlocks | None = None

    @abstractmethod
    def __call__(self, images: UInt8) -> Float32:
        """Return the logits of a batch of images.

        Parameters
        ----------
        images
            uint8 (N, height, width, C), contiguous, N and sizes of 1 or more.

        Returns
        -------
        numpy.ndarray
            float32 (N, K, height, width); for a model with objects (N, K + 3, height, width).
        """

    def sample(self, images: UInt8, seed: int) -> Float32:
        """Return the logits of a batch of images with dropout on.

        Parameters
        ----------
        images
            uint8 (N, height, width, C), as a call takes them.
        seed
            Which units are dropped is a function of this number, 1..2**32 - 1, alone.

        Returns
        -------
        numpy.ndarray
            float32, of the shape that a call returns.

        Raises
        ------
        OptionError
            The engine or its model has no dropout.

        Examples
        --------
        An engine that drops each score with probability 1/2:

        >>> import numpy as np
        >>> class DroppedScores(Engine):
        ...     can_sample = True
        ...     def __call__(self, images):
        ...         return images[..., :2].transpose(0, 3, 1, 2).astype(np.float32)
        ...     def sample(self, images, seed):
        ...         logits = self(images)
        ...         return 2 * logits * (np.random.default_rng(seed).random(logits.shape) < 0.5)
        >>> engine, images = DroppedScores(), np.full((1, 2, 2, 3), 9, np.uint8)
        >>> np.array_equal(engine.sample(images, seed=1), engine.sample(images, seed=1))
        True
        >>> np.array_equal(engine.sample(images, seed=1), engine.sample(images, seed=2))
        False
        """
        remedy = "Use `engine='onnxruntime'`, or leave `sampling` out."
        raise OptionError("sampling", "an engine without dropout", "one that can leave dropout on", remedy)


OpenEngine = Callable[..., Engine]
"""Opens a model file, a `Path`, for a number of threads that call the engine at the same time. If it has a keyword
`device`, it gets the `pixelwise.core.device.Device` to compute on; otherwise it is only used with the device `auto`."""


class FunctionEngine(Engine):
    """An engine from a function with the signature of `Engine.__call__`."""

    def __init__(self, function: Callable[[UInt8], Float32]) -> None:
        self._function = function

    def __call__(self, images: UInt8) -> Float32:
        return self._function(images)


class PaddedEngine(Engine):
    """Wraps an engine with a fixed `input_side`, so that it also takes smaller images: their last row and column are
    repeated."""

    def __init__(self, engine: Engine, side: int) -> None:
        self._engine = engine
        self.input_side = self._side = side
        self.can_sample = engine.can_sample

    def __call__(self, images: UInt8) -> Float32:
        return self._crop(self._engine(self._pad(images)), images)

    def sample(self, images: UInt8, seed: int) -> Float32:
        return self._crop(self._engine.sample(self._pad(images), seed), images)

    def _pad(self, images: UInt8) -> UInt8:
        height, width = images.shape[1:3]
        return np.pad(images, ((0, 0), (0, self._side - height), (0, self._side - width), (0, 0)), "edge")

    def _crop(self, logits: Float32, images: UInt8) -> Float32:
        return np.ascontiguousarray(logits[:, :, : images.shape[1], : images.shape[2]])
