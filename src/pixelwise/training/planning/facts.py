"""Facts about the data, the model and the budget of a run, on which its recipe depends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixelwise.data.check import CheckResult
from pixelwise.data.dataset import Dataset
from pixelwise.nn.models import DEFAULT_MODEL, FINE_TUNED, default_encoder, has_coarse_logits
from pixelwise.training.options import TrainOptions

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class DataFacts:
    """Facts about a data set."""

    image_sizes: tuple[tuple[int, int], ...]
    """(height, width) of each image."""
    train_images: int
    class_pixels: Counts
    """Training pixels of each class, (K,)."""
    class_image_pixels: Counts
    """Pixels of the training images that contain each class, (K,); with sparse labels, all labelled pixels."""
    object_areas: tuple[Counts, ...] = ()
    """Areas of the objects of each training image, in pixels."""
    is_rgb: bool = True
    """Whether channels are red, green and blue, which pretrained layers know."""
    is_sparse: bool = False
    """Whether most pixels of the training images have no label."""
    unlabelled_images: int = 0
    """The number of images without labels, in addition to the training images."""

    @classmethod
    def of(cls, dataset: Dataset, check_result: CheckResult) -> DataFacts:
        """Collect the facts about a data set that was checked."""
        class_pixels, class_image_pixels = check_result.train_class_pixels, check_result.class_image_pixels
        if check_result.is_sparse:  # a class that is not labelled in an image may still be in it
            class_image_pixels = np.full_like(class_pixels, class_pixels.sum())
        return cls(
            image_sizes=tuple(size for size, count in check_result.sizes.items() for _ in range(count)),
            train_images=len(dataset.splits["train"]),
            class_pixels=class_pixels,
            class_image_pixels=class_image_pixels,
            object_areas=tuple(check_result.train_object_areas),
            is_rgb=dataset.bands is None,
            is_sparse=check_result.is_sparse,
            unlabelled_images=len(dataset.unlabelled),
        )


@dataclass(frozen=True)
class ModelFacts:
    """Facts about a model."""

    name: str
    encoder: str | None
    """`None` for a model without an encoder."""
    has_coarse_logits: bool = True
    """Whether its logits are up-sampled from a coarser map."""
    is_pretrained: bool = True
    is_fine_tuned: bool = False
    """Whether all layers learn from pretrained weights, too."""

    @classmethod
    def of(cls, options: TrainOptions) -> ModelFacts:
        """Collect the facts about the model that the options name."""
        name = options.model or DEFAULT_MODEL
        return cls(
            name=name,
            encoder=options.encoder or default_encoder(name),
            has_coarse_logits=has_coarse_logits(name),
            is_pretrained=options.pretrained is not False,
            is_fine_tuned=name in FINE_TUNED,
        )


@dataclass(frozen=True)
class Budget:
    """The budget of a run."""

    minutes: float | None = None
    processes: int = 1
    is_long: bool = False
    """Whether there is time for the larger crops and the larger encoder."""
    on_gpu: bool = False
