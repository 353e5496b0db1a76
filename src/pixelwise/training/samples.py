"""Batches for training, each a pure function of (seed, step)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from pixelwise.core.bands import repeat_over_channels
from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.core.registry import extension_errors
from pixelwise.data.dataset import Dataset, Item, Sample
from pixelwise.instances.parts import label_components
from pixelwise.metrics.pixels import counted_pixels
from pixelwise.nn.augment import AUGMENTATIONS, color, crop, elastic
from pixelwise.nn.losses.border import border_weights
from pixelwise.tasks.base import Task
from pixelwise.tasks.semantic import SEMANTIC
from pixelwise.training.labelled_pixels import LabelledPixels
from pixelwise.training.memory import available_bytes, count_local_processes
from pixelwise.training.recipe import Recipe
from pixelwise.training.sample_cache import SampleFile
from pixelwise.training.schedule import count_crops, crops_at_step

LABEL_BYTES = 5
"""Bytes per pixel: 1 (label map) + 4 (instance map)."""
CACHE_SHARE = 0.4
"""Largest share of the available memory for decoded samples."""
ALL = slice(None)
"""The share of a batch for a single process: all of it."""


class AugmentedSample(NamedTuple):
    """One augmented sample: image uint8 (H, W, C), label map uint8 (H, W), border weights float32 (H, W) if the recipe
    has them, the target float32 (channels, H, W) of a task with channels of its own, and pseudo-labels uint8 (H, W) if
    there are any."""

    image: npt.NDArray[np.uint8]
    label_map: npt.NDArray[np.uint8]
    border: npt.NDArray[np.float32] | None
    task_target: npt.NDArray[np.float32] | None
    pseudo: npt.NDArray[np.uint8] | None = None


class Batch(NamedTuple):
    """Images uint8 (N, H, W, C), targets int64 (N, H, W), and, each optional, border weights float32 (N, H, W), the
    target of the task's own channels float32 (N, channels, H, W), and pseudo-labels uint8 (N, H, W)."""

    images: torch.Tensor
    targets: torch.Tensor
    border: torch.Tensor | None = None
    task_target: torch.Tensor | None = None
    pseudo: torch.Tensor | None = None


class Hints(NamedTuple):
    """What a crop of sparse labels needs in addition to the sample: its labelled pixels, and its pseudo-labels, uint8
    (H, W), if there are any."""

    labelled: LabelledPixels | None = None
    pseudo: npt.NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class Changes:
    """The random parameters of one crop: its window; colours and an elastic deformation, each optional; and the
    parameters of further augmentations by name."""

    window: crop.Crop
    colors: color.Color | None
    bend: elastic.Elastic | None
    further: tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class PseudoLabels:
    """Pseudo-labels of training images, label maps uint8 (H, W) by index. labelled: those of the store's own images.
    unlabelled: those of `images`, a store of images without labels.
    """

    labelled: Mapping[int, npt.NDArray[np.uint8]]
    unlabelled: Mapping[int, npt.NDArray[np.uint8]]
    images: SampleStore


class SampleStore:
    """The samples of one split, decoded once and cached: in memory if they fit, else in a file in `folder`. Without a
    folder, or room in it, they are read each time. `read` reads an item, by default as the data set does.
    """

    def __init__(
        self,
        dataset: Dataset,
        items: Sequence[Item],
        folder: Path | None = None,
        *,
        cache_share: float = CACHE_SHARE,
        read: Callable[[Item], Sample] | None = None,
    ) -> None:
        self.dataset = dataset
        self._read = read or dataset.read
        self.items = items
        self.pseudo: PseudoLabels | None = None
        """Pseudo-labels of self-training, after the first round."""
        self._labelled: dict[int, LabelledPixels] = {}
        self._decoded: dict[int, Sample] = {}
        self._file: SampleFile | None = None
        self._lock = threading.Lock()
        pixels = sum(height * width for height, width in map(dataset.image_size, items))
        if pixels * (dataset.channels + LABEL_BYTES) <= cache_share * available_bytes() / count_local_processes():
            with ThreadPoolExecutor() as pool:
                self._decoded = dict(enumerate(pool.map(self._read, items)))
        elif folder is not None:
            self._file = SampleFile(folder)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Sample:
        sample = self._decoded.get(index)
        if sample is not None:
            return sample
        if self._file is None:
            return self._read(self.items[index])
        with self._lock:
            sample = self._file.get(index)
        if sample is None:
            sample = self._read(self.items[index])
            with self._lock:
                self._file.add(index, sample)
        return sample

    def labelled_pixels(self, index: int) -> LabelledPixels:
        """Return labelled pixels of a sample: all, or some if there are many."""
        if index not in self._labelled:
            self._labelled[index] = LabelledPixels.of(self[index].label_map)
        return self._labelled[index]


@lru_cache(maxsize=2)  # a batch may span two epochs
def sample_order(seed: int, epoch: int, count: int) -> np.ndarray:
    """Return the order (count,) in which an epoch visits the samples; read-only, since it is cached."""
    order = np.random.default_rng((seed, epoch, 0)).permutation(count)
    order.setflags(write=False)
    return order


def crop_positions(recipe: Recipe, step: int, share: slice = ALL) -> tuple[range, Recipe]:
    """Return the positions, among all crops of a run, of the crops of a step, or of a `share` of them; and the recipe
    with their size."""
    first = count_crops(recipe, step)
    size, number = crops_at_step(recipe, step)
    return range(first, first + number)[share], recipe.replace(crop=size)


def sample_at(seed: int, position: int, count: int) -> tuple[int, np.random.Generator]:
    """Return the index of the sample, of `count`, for the crop at a position of a run, and the crop's random
    generator."""
    epoch, place = divmod(position, count)
    index = int(sample_order(seed, epoch, count)[place])
    return index, np.random.default_rng((seed, epoch, 1 + index))


def batch_at(
    store: SampleStore, recipe: Recipe, seed: int, step: int, share: slice = ALL, task: Task = SEMANTIC
) -> Batch:
    """Return the batch of `step`, or a `share` of its crops. Batches continue across epochs, so none is smaller."""
    crops = []
    positions, recipe = crop_positions(recipe, step, share)
    for position in positions:
        if recipe.label_points:
            crops.append(_sparse_crop(store, recipe, seed, position, task))
            continue
        index, rng = sample_at(seed, position, len(store))
        crops.append(augment_sample(store[index], recipe, rng, task))
    images, targets, border, task_targets, pseudo = zip(*crops, strict=True)
    return Batch(
        torch.from_numpy(np.stack(images)),
        torch.from_numpy(np.stack(targets)).long(),
        torch.from_numpy(np.stack(border)) if recipe.border_weight else None,
        torch.from_numpy(np.stack(task_targets)) if task.channels else None,
        None if store.pseudo is None else torch.from_numpy(np.stack(pseudo)),
    )


def _sparse_crop(store: SampleStore, recipe: Recipe, seed: int, position: int, task: Task) -> AugmentedSample:
    """Return the crop at a position of a run on sparse labels. It shows an image with labels; after the first
    pseudo-labels, crops of images without labels are evenly mixed in."""
    pseudo = store.pseudo
    share = recipe.unlabelled_share if pseudo is not None and pseudo.unlabelled else 0.0
    before = int(position * share)
    if pseudo is not None and int((position + 1) * share) > before:
        indices = sorted(pseudo.unlabelled)
        epoch, place = divmod(before, len(indices))
        index = indices[int(sample_order(seed, epoch, len(indices))[place])]
        rng = np.random.default_rng((seed, epoch, 1 + index, 1))
        return augment_sample(pseudo.images[index], recipe, rng, task, Hints(None, pseudo.unlabelled[index]))
    epoch, place = divmod(position - before, len(store))
    index = int(sample_order(seed, epoch, len(store))[place])
    sample, rng = store[index], np.random.default_rng((seed, epoch, 1 + index))
    pseudo_map = None
    if pseudo is not None:
        pseudo_map = pseudo.labelled.get(index, np.full(sample.label_map.shape, IGNORE_INDEX, np.uint8))
    return augment_sample(sample, recipe, rng, task, Hints(store.labelled_pixels(index), pseudo_map))


def draw_changes(rng: np.random.Generator, size: tuple[int, int], recipe: Recipe, hints: Hints = Hints()) -> Changes:
    """Draw the random parameters of one crop of an image of `size` (height, width)."""
    window = crop.draw(
        rng, size, recipe.crop, recipe.scale, rotate=recipe.rotate, flip_probability=recipe.flip_probability
    )
    if hints.labelled is not None and (pixel := hints.labelled.draw(rng)) is not None:
        window = crop.aim(rng, window, size, pixel)
    change = color.draw(rng, size, recipe.color, recipe.color_ranges) if recipe.color else None
    bend = elastic.draw(rng, size, recipe.elastic, recipe.elastic_nodes) if recipe.elastic else None
    further = tuple((name, _draw_change(name, rng, recipe)) for name in recipe.augmentations)
    return Changes(window, change, bend, further)


def _draw_change(name: str, rng: np.random.Generator, recipe: Recipe) -> object:
    """Draw the parameters of an additional augmentation."""
    with extension_errors(AUGMENTATIONS.origin(name), "parameters of `draw`"):
        return AUGMENTATIONS[name].draw(rng, recipe.crop)


def augment_sample(
    sample: Sample, recipe: Recipe, rng: np.random.Generator, task: Task = SEMANTIC, hints: Hints = Hints()
) -> AugmentedSample:
    """Return one crop of a sample. Border weights and the task's target are computed from the objects in the crop. With
    `hints` the crop contains a labelled pixel, and resizing drops none."""
    changes = draw_changes(rng, sample.label_map.shape, recipe, hints)
    window = changes.window
    image, label_map, pseudo = sample.image, sample.label_map, hints.pseudo
    instance_map = objects_of(sample) if recipe.border_weight or task.channels else None
    if changes.bend is not None:
        bend = changes.bend
        image, label_map = elastic.on_image(image, bend), elastic.on_label_map(label_map, bend)
        instance_map = None if instance_map is None else elastic.on_instance_map(instance_map, bend)
        pseudo = None if pseudo is None else elastic.on_label_map(pseudo, bend)
    label_map, instance_map = _crop_labels(label_map, instance_map, window, keep=hints.labelled is not None)
    pseudo = None if pseudo is None else crop.on_label_map(pseudo, window)
    image = crop.on_image(image, window, repeat_over_channels(recipe.fill, image.shape[2]))
    if changes.colors is not None:
        image = color.on_image(image, changes.colors)
    for name, params in changes.further:
        augmentation = AUGMENTATIONS[name]
        with extension_errors(AUGMENTATIONS.origin(name), "an array as its methods get it"):
            image, label_map = augmentation.on_image(image, params), augmentation.on_label_map(label_map, params)
            instance_map = None if instance_map is None else augmentation.on_instance_map(instance_map, params)
            pseudo = None if pseudo is None else augmentation.on_label_map(pseudo, params)
    border = target = None
    if instance_map is not None:
        border = _border_weights(instance_map, recipe) if recipe.border_weight else None
        target = task.target(label_map, instance_map, recipe) if task.channels else None
    return AugmentedSample(image, label_map, border, target, pseudo)


def _crop_labels(
    label_map: npt.NDArray[np.uint8], instance_map: npt.NDArray[np.int32] | None, window: crop.Crop, *, keep: bool
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32] | None]:
    """Return the maps in a crop. With `keep`, resizing keeps every labelled pixel, unless another one takes its
    place."""
    cropped = crop.on_label_map(label_map, window)
    objects = None if instance_map is None else crop.on_instance_map(instance_map, window)
    if keep:
        sources, places = crop.label_positions(label_map, window)
        is_free = ~counted_pixels(cropped[tuple(places)])
        source, place = tuple(sources[:, is_free]), tuple(places[:, is_free])
        cropped[place] = label_map[source]
        if objects is not None and instance_map is not None:
            objects[place] = instance_map[source]
    return cropped, objects


def objects_of(sample: Sample) -> npt.NDArray[np.int32]:
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

    They are prepared between the steps, not in a background thread: when all cores compute, a loading thread slows the
    step down by more than it saves (docs/experiments/step.md).
    """
    for step in range(start, recipe.steps):
        yield batch_at(store, recipe, seed, step, share, task)
