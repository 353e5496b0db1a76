"""A data set in the memory of a device, decoded once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pixelwise.training.memory import available_bytes
from pixelwise.training.samples import SampleStore, objects_of

SHARE = 0.25
"""The share of the device's free memory that samples may take."""


@dataclass(frozen=True)
class DeviceSamples:
    """The samples of a split, one after the other: images uint8 (pixels, C), label maps uint8 (pixels,) and, if needed,
    instance maps int32 (pixels,). starts: the first pixel of each. sizes: its (height, width)."""

    images: torch.Tensor
    label_maps: torch.Tensor
    instance_maps: torch.Tensor | None
    starts: Sequence[int]
    sizes: Sequence[tuple[int, int]]


def load_samples(store: SampleStore, device: torch.device, *, with_objects: bool) -> DeviceSamples | None:
    """Return the samples of a store on a device; `None` where they do not fit."""
    sizes = [store.dataset.image_size(item) for item in store.items]
    pixels = sum(height * width for height, width in sizes)
    channels = store.dataset.channels
    if pixels * (channels + 1 + 4 * with_objects) > SHARE * free_bytes(device):
        return None
    images = torch.empty(pixels, channels, dtype=torch.uint8, device=device)
    label_maps = torch.empty(pixels, dtype=torch.uint8, device=device)
    instance_maps = torch.empty(pixels, dtype=torch.int32, device=device) if with_objects else None
    starts: list[int] = []
    start = 0
    for index, (height, width) in enumerate(sizes):
        sample, place = store[index], slice(start, start + height * width)
        images[place] = torch.from_numpy(np.array(sample.image).reshape(-1, channels))
        label_maps[place] = torch.from_numpy(np.array(sample.label_map).reshape(-1))
        if instance_maps is not None:
            instance_maps[place] = torch.from_numpy(np.array(objects_of(sample), np.int32).reshape(-1))
        starts.append(start)
        start = place.stop
    return DeviceSamples(images, label_maps, instance_maps, starts, sizes)


def free_bytes(device: torch.device) -> int:
    """Return the free memory of a device."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    return available_bytes()
