"""Augmentation: random parameters are drawn once, then applied to each kind of array by its own rule.

Only `crop` changes the size of an image; all others are `Augmentation`s, listed in `AUGMENTATIONS` by name.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from pixelwise.core.registry import Registry, requires_attributes
from pixelwise.nn.augment import color, elastic

UInt8 = npt.NDArray[np.uint8]
Int32 = npt.NDArray[np.int32]


class Augmentation(Protocol):
    """The protocol of the entries of `AUGMENTATIONS`: a module or an object with these functions.

    Examples
    --------
    >>> class Invert:
    ...     "Turn half of the images into their negatives."
    ...     def draw(self, rng, size): return bool(rng.random() < 0.5)
    ...     def on_image(self, image, inverted): return 255 - image if inverted else image
    ...     def on_label_map(self, label_map, inverted): return label_map
    ...     def on_instance_map(self, instance_map, inverted): return instance_map
    """

    def draw(self, rng: np.random.Generator, size: tuple[int, int], /) -> Any:
        """Draw the random parameters of one crop.

        Parameters
        ----------
        rng
            The only source of randomness. It is created for each crop from the run's seed, the epoch and the sample.
        size
            (height, width) of the arrays, in pixels.

        Returns
        -------
        Any
            The parameters, which are passed to the other functions.
        """
        ...

    def on_image(self, image: UInt8, params: Any, /) -> UInt8:
        """Return the changed image, uint8 (height, width, C), of the same size."""
        ...

    def on_label_map(self, label_map: UInt8, params: Any, /) -> UInt8:
        """Return the changed label map, uint8 (height, width); `IGNORE_INDEX` outside of the image."""
        ...

    def on_instance_map(self, instance_map: Int32, params: Any, /) -> Int32:
        """Return the changed instance map, int32 (height, width); 0, no object, outside of the image."""
        ...


AUGMENTATIONS: Registry[Augmentation] = Registry(
    "augmentation",
    "pixelwise.augmentations",
    {"color": color, "elastic": elastic},
    requires_attributes("a module or an object", "draw", "on_image", "on_label_map", "on_instance_map"),
)
"""The augmentations by name. `pixelwise.register_augmentation` and the entry points `pixelwise.augmentations` add to
them."""
