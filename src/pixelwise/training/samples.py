"""Batches for training, each a pure function of (seed, step)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from pixelwise.core.bands import repeat_over_channels
from pixelwise.data.dataset import Dataset, Item, Sample
from pixelwise.instances.parts import label_components
from pixelwise.metrics.pixels import counted_pixels
from pixelwise.nn.augment import AUGMENTATIONS, color, crop, elastic
from pixelwise.nn.losses.border import border_weights
from pixelwise.tasks.base import Task
from pixelwise.tasks.semantic import SEMANTIC
from pixelwise.training.memory import available_bytes, count_local_processes
from pixelwise.training.recipe import Recipe
from pixelwise.training.sample_cache import SampleFile
from pixelwise.training.schedule import count_crops, crops_at_step

LABEL_BYTES = 5
"""Bytes per pixel: 1 (label map) + 4 (instance map)."""
CACHE_SHARE = 0.4
"""Share of the available memory that decoded samples may take."""
ALL = slice(None)
"""The share of a batch that a process on its own takes."""


class AugmentedSample(NamedTuple):
    """One augmented sample: image uint8 (H, W, C), label map uint8 (H, W), border weights float32 (H, W) where the
    recipe asks for them, and the target of a task with channels of its own, float32 (channels, H, W)."""

    image: npt.NDArray[np.uint8]
    label_map: npt.NDArray[np.uint8]
    border: npt.NDArray[np.float32] | None
    task_target: npt.NDArray[np.float32] | None


class Batch(NamedTuple):
    """Images uint8 (N, H, W, C), targets int64 (N, H, W), and float32, or none, border weights (N, H, W) and the
    target of the task's own channels (N, channels, H, W)."""

    images: torch.Tensor
    targets: torch.Tensor
    border: torch.Tensor | None = None
    task_target: torch.Tensor | None = None


class SampleStore:
    """The samples of one split, decoded once and kept: in memory if they fit into it, else in a file in `folder`.

    Without a folder, or room in it, they are read each time.
    """

    def __init__(
        self,
        dataset: Dataset,
        items: Sequence[Item],
        folder: Path | None = None,
        *,
        cache_share: float = CACHE_SHARE,
    ) -> None:
        self.dataset = dataset
        self.items = items
        self._decoded: dict[int, Sample] = {}
        self._file: SampleFile | None = None
        pixels = sum(height * width for height, width in map(dataset.image_size, items))
        if pixels * (dataset.channels + LABEL_BYTES) <= cache_share * available_bytes() / count_local_processes():
            with ThreadPoolExecutor() as pool:
                self._decoded = dict(enumerate(pool.map(dataset.read, items)))
        elif folder is not None:
            self._file = SampleFile(folder)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Sample:
        sample = self._decoded.get(index)
        if sample is None and self._file is not None:
            sample = self._file.get(index)
        if sample is None:
            sample = self.dataset.read(self.items[index])
            if self._file is not None:
                self._file.add(index, sample)
        return sample


@lru_cache(maxsize=2)  # a batch may span two epochs
def sample_order(seed: int, epoch: int, count: int) -> np.ndarray:
    """Return the order (count,) in which an epoch visits the samples; read-only, since it is remembered."""
    order = np.random.default_rng((seed, epoch, 0)).permutation(count)
    order.setflags(write=False)
    return order


def batch_at(
    store: SampleStore, recipe: Recipe, seed: int, step: int, share: slice = ALL, task: Task = SEMANTIC
) -> Batch:
    """Return the batch of `step`, or a `share` of its crops. Batches run on from epoch to epoch, so none is short."""
    crops = []
    first = count_crops(recipe, step)
    size, number = crops_at_step(recipe, step)
    recipe = recipe.replace(crop=size)
    for position in range(first, first + number)[share]:
        epoch, place = divmod(position, len(store))
        index = int(sample_order(seed, epoch, len(store))[place])
        crops.append(augment_sample(store[index], recipe, np.random.default_rng((seed, epoch, 1 + index)), task))
    images, targets, border, task_targets = zip(*crops, strict=True)
    return Batch(
        torch.from_numpy(np.stack(images)),
        torch.from_numpy(np.stack(targets)).long(),
        torch.from_numpy(np.stack(border)) if recipe.border_weight else None,
        torch.from_numpy(np.stack(task_targets)) if task.channels else None,
    )


def augment_sample(sample: Sample, recipe: Recipe, rng: np.random.Generator, task: Task = SEMANTIC) -> AugmentedSample:
    """Return one crop of a sample. Border weights and the task's target are those of the objects as the crop shows
    them."""
    height, width = sample.label_map.shape
    window = crop.draw(
        rng,
        (height, width),
        recipe.crop,
        recipe.scale,
        rotate=recipe.rotate,
        flip_probability=recipe.flip_probability,
    )
    change = color.draw(rng, (height, width), recipe.color, recipe.color_ranges) if recipe.color else None
    image, label_map = sample.image, sample.label_map
    instance_map = _objects(sample) if recipe.border_weight or task.channels else None
    if recipe.elastic:
        bend = elastic.draw(rng, (height, width), recipe.elastic, recipe.elastic_nodes)
        image, label_map = elastic.on_image(image, bend), elastic.on_label_map(label_map, bend)
        instance_map = None if instance_map is None else elastic.on_instance_map(instance_map, bend)
    label_map = crop.on_label_map(label_map, window)
    instance_map = None if instance_map is None else crop.on_instance_map(instance_map, window)
    image = crop.on_image(image, window, repeat_over_channels(recipe.fill, image.shape[2]))
    if change is not None:
        image = color.on_image(image, change)
    for augmentation in (AUGMENTATIONS[name] for name in recipe.augmentations):
        params = augmentation.draw(rng, label_map.shape)
        image, label_map = augmentation.on_image(image, params), augmentation.on_label_map(label_map, params)
        instance_map = None if instance_map is None else augmentation.on_instance_map(instance_map, params)
    border = target = None
    if instance_map is not None:
        border = _border_weights(instance_map, recipe) if recipe.border_weight else None
        target = task.target(label_map, instance_map, recipe) if task.channels else None
    return AugmentedSample(image, label_map, border, target)


def _objects(sample: Sample) -> npt.NDArray[np.int32]:
    """Return the sample's instance map, or without one the 4-connected parts of everything but the first class."""
    if sample.instance_map is not None:
        return sample.instance_map
    return label_components(counted_pixels(sample.label_map) & (sample.label_map > 0))


def _border_weights(instance_map: npt.NDArray[np.int32], recipe: Recipe) -> npt.NDArray[np.float32]:
    return border_weights(instance_map, w0=recipe.border_weight, sigma=recipe.border_sigma, reach=recipe.border_reach)


def batches(
    store: SampleStore, recipe: Recipe, seed: int, start: int, share: slice = ALL, task: Task = SEMANTIC
) -> Iterator[Batch]:
    """Yield the batches of steps `start` to the last, or a `share` of each.

    They are prepared between the steps, not in a background thread: where every core computes, a thread that loads
    takes more from the step than it hides (docs/experiments/step.md).
    """
    for step in range(start, recipe.steps):
        yield batch_at(store, recipe, seed, step, share, task)
