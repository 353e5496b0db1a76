"""The batches of a training on a GPU, each a pure function of (seed, step), and the same crops as on a CPU."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing

import torch

from pixelwise.core.bands import repeat_over_channels
from pixelwise.core.prefetch import prefetch
from pixelwise.tasks.base import Task
from pixelwise.tasks.semantic import SEMANTIC
from pixelwise.training.on_device.crops import cut_crops
from pixelwise.training.on_device.samples import DeviceSamples, load_samples
from pixelwise.training.on_device.targets import centre_targets, has_device_targets
from pixelwise.training.recipe import Recipe
from pixelwise.training.samples import (
    ALL,
    Batch,
    SampleStore,
    batch_at,
    crop_positions,
    draw_changes,
    sample_at,
)

MOST_THREADS = 8


class DeviceFeed:
    """Provides the batches of a training on a device. The samples are copied into its memory at the first batch, and
    crops are cut and augmented there. If they do not fit, or the recipe needs something that is computed on a CPU only
    (sparse labels, border weights, further augmentations, targets of a custom task), threads prepare batches ahead, in
    pinned memory.
    """

    def __init__(self, store: SampleStore, device: torch.device) -> None:
        self.store = store
        self.device = device
        self._samples: DeviceSamples | None = None
        self._with_objects: bool | None = None

    def batch_at(self, recipe: Recipe, seed: int, step: int, share: slice = ALL, task: Task = SEMANTIC) -> Batch:
        """Return the batch of a step, or a `share` of it, on the device."""
        samples = self._samples_for(recipe, task)
        if samples is None:
            return self._move(batch_at(self.store, recipe, seed, step, share, task))
        return crop_batch(samples, recipe, seed, crop_positions(recipe, step, share), task)

    def batches(
        self, recipe: Recipe, seed: int, start: int, share: slice = ALL, task: Task = SEMANTIC
    ) -> Iterator[Batch]:
        """Yield the batches of steps `start` to the last, or a `share` of each, on the device."""
        steps = range(start, recipe.steps)
        if self._samples_for(recipe, task) is not None:
            for step in steps:
                yield self.batch_at(recipe, seed, step, share, task)
            return

        def prepare(step: int) -> Batch:
            batch = batch_at(self.store, recipe, seed, step, share, task)
            if self.device.type != "cuda":
                return batch
            return Batch(*(None if part is None else part.pin_memory() for part in batch))  # type: ignore[arg-type]

        threads = max(1, min(MOST_THREADS, (os.cpu_count() or 2) - 1))
        with closing(prefetch(prepare, steps, threads)) as coming:
            for _, batch in coming:
                yield self._move(batch.result())

    def _samples_for(self, recipe: Recipe, task: Task) -> DeviceSamples | None:
        """Return the samples on the device, loaded at the first call with a recipe that can use them."""
        if not is_cut_on_device(recipe, task):
            return None
        with_objects = bool(task.channels)
        if self._with_objects is None or (with_objects and not self._with_objects):
            self._samples = load_samples(self.store, self.device, with_objects=with_objects)
            self._with_objects = with_objects
        return self._samples

    def _move(self, batch: Batch) -> Batch:
        moved = (None if part is None else part.to(self.device, non_blocking=True) for part in batch)
        return Batch(*moved)  # type: ignore[arg-type]


def open_feed(store: SampleStore, device: torch.device) -> DeviceFeed | None:
    """Return the feed of a device; `None` for a CPU, whose batches are prepared between the steps."""
    return DeviceFeed(store, device) if device.type != "cpu" else None


def is_cut_on_device(recipe: Recipe, task: Task) -> bool:
    """Return whether the crops of a recipe can be computed on a device from the samples only."""
    on_cpu_alone = recipe.label_points or recipe.border_weight or recipe.augmentations
    return not on_cpu_alone and has_device_targets(task)


def crop_batch(
    samples: DeviceSamples, recipe: Recipe, seed: int, crops: tuple[range, Recipe], task: Task = SEMANTIC
) -> Batch:
    """Return the batch of some crops (see `crop_positions`) of samples on a device."""
    positions, sized = crops
    indices, changes = [], []
    for position in positions:
        index, rng = sample_at(seed, position, len(samples.sizes))
        indices.append(index)
        changes.append(draw_changes(rng, samples.sizes[index], sized))
    fill = repeat_over_channels(recipe.fill, samples.images.shape[1])
    images, label_maps, instance_maps = cut_crops(samples, indices, changes, fill)
    target = None
    if task.channels and instance_maps is not None:
        target = centre_targets(instance_maps, recipe.heat_width)
    return Batch(images, label_maps.long(), None, target, None)
