"""Targets of objects for a whole batch on a device: those that `pixelwise.instances.targets` computes for one crop."""

from __future__ import annotations

import math

import torch

from pixelwise.tasks.base import Task
from pixelwise.tasks.instance import InstanceTask


def has_device_targets(task: Task) -> bool:
    """Return whether a task has no channels of its own, or ones with the targets of `centre_targets`."""
    return not task.channels or getattr(type(task), "target", None) is InstanceTask.target


def centre_targets(instance_maps: torch.Tensor, heat_width: float) -> torch.Tensor:
    """Return the heat of object centres and the offsets to them (down, right), float32 (N, 3, H, W).

    instance_maps: (N, H, W), 0 = no object. An object's centre is its pixel nearest to its mean position, the first
    one in a tie.
    """
    count, height, width = instance_maps.shape
    target = torch.zeros(count, 3, height, width, device=instance_maps.device)
    image, row, column = instance_maps.nonzero(as_tuple=True)
    if not len(image):
        return target
    ids = instance_maps[image, row, column].long()
    _, label = torch.unique(image * (ids.max() + 1) + ids, return_inverse=True)
    objects = int(label.max()) + 1

    def total(values: torch.Tensor) -> torch.Tensor:
        # Integers: float32 would round the sums of a large object, and a GPU adds in any order.
        return torch.zeros(objects, dtype=values.dtype, device=values.device).index_add_(0, label, values)

    area = total(torch.ones_like(label))
    # area**2 times the squared distance to the mean: an integer, so that ties are exact.
    distance = (row * area[label] - total(row)[label]) ** 2 + (column * area[label] - total(column)[label]) ** 2
    least = torch.full((objects,), torch.iinfo(torch.int64).max, device=label.device)
    least = least.scatter_reduce(0, label, distance, "amin")
    place = torch.arange(len(label), device=label.device).where(distance == least[label], len(label))
    first = torch.full((objects,), len(label), device=label.device).scatter_reduce(0, label, place, "amin")
    down, right = (positions[first][label] - positions for positions in (row, column))
    spread = heat_width * (area[label] / math.pi).sqrt()
    target[image, 0, row, column] = torch.exp(-(down**2 + right**2) / (2 * spread**2))
    target[image, 1, row, column] = down.float()
    target[image, 2, row, column] = right.float()
    return target
