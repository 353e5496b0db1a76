"""Batches for training, each a pure function of (seed, step)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np
import torch

from pixelwise.augment import color, crop
from pixelwise.formats.dataset import Dataset, Item, Sample
from pixelwise.raster.image import image_size
from pixelwise.training.config import Recipe
from pixelwise.training.memory import available_bytes

FILL = (124, 116, 104)
"""The colour around an image that is smaller than the crop: the mean of ImageNet."""
BYTES_A_PIXEL = 8
"""Of an image, its label map and, where there is one, its instance map."""
CACHE_SHARE = 0.4
"""Share of the available memory that decoded samples may take."""

Batch = tuple[torch.Tensor, torch.Tensor]
"""Images uint8 (N, H, W, 3) and targets int64 (N, H, W)."""


class SampleStore:
    """The samples of one split: decoded once and kept as uint8 if they fit into memory, else read each time."""

    def __init__(self, dataset: Dataset, items: Sequence[Item]) -> None:
        self.dataset = dataset
        self.items = items
        self._kept: dict[int, Sample] = {}
        pixels = sum(height * width for height, width in (image_size(item.image) for item in items))
        if pixels * BYTES_A_PIXEL <= CACHE_SHARE * available_bytes():
            with ThreadPoolExecutor() as pool:
                self._kept = dict(enumerate(pool.map(dataset.read, items)))

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Sample:
        return self._kept[index] if self._kept else self.dataset.read(self.items[index])


@lru_cache(maxsize=2)  # a batch may span two epochs
def sample_order(seed: int, epoch: int, count: int) -> np.ndarray:
    """Return the order (count,) in which an epoch visits the samples; read-only, since it is remembered."""
    order = np.random.default_rng((seed, epoch, 0)).permutation(count)
    order.setflags(write=False)
    return order


def batch_at(store: SampleStore, recipe: Recipe, seed: int, step: int) -> Batch:
    """Return the batch of `step`. Batches run on from epoch to epoch, so none is short."""
    images, targets = [], []
    for position in range(step * recipe.batch, (step + 1) * recipe.batch):
        epoch, place = divmod(position, len(store))
        index = int(sample_order(seed, epoch, len(store))[place])
        image, label_map = augmented(store[index], recipe, np.random.default_rng((seed, epoch, 1 + index)))
        images.append(image)
        targets.append(label_map)
    return torch.from_numpy(np.stack(images)), torch.from_numpy(np.stack(targets)).long()


def augmented(sample: Sample, recipe: Recipe, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return one sample's crop, image uint8 (h, w, 3) and label map uint8 (h, w)."""
    height, width = sample.label_map.shape
    window = crop.draw(rng, (height, width), recipe.crop, recipe.scale)
    image = crop.on_image(sample.image, window, FILL)
    image = color.on_image(image, color.draw(rng, recipe.color))
    return image, crop.on_label_map(sample.label_map, window)


def batches(store: SampleStore, recipe: Recipe, seed: int, start: int) -> Iterator[Batch]:
    """Yield the batches of steps `start` to the last.

    They are prepared between the steps, not in a thread beside them: where every core computes, a thread that loads
    takes more from the step than it hides (`benchmarks/step.py`).
    """
    for step in range(start, recipe.steps):
        yield batch_at(store, recipe, seed, step)
