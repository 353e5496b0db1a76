"""Batch norm over the batches of all processes of a run. torch's `nn.SyncBatchNorm` works on GPUs only."""

from __future__ import annotations

from typing import Any

import torch
from torch import distributed, nn

from pixelwise.nn.layers.normalisation import apply_activation


def synchronise(module: nn.Module) -> None:
    """Make every `nn.BatchNorm2d` of `module`, also timm's with an activation, use the batches of all processes. The
    layers stay the same objects, so that hooks on them and lists of them stay valid.
    """
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.__class__ = SynchronisedBatchNorm2d


class SynchronisedBatchNorm2d(nn.BatchNorm2d):
    """Batch norm by the mean and variance of all processes' batches: (N, C, H, W) -> the same shape.

    Processes may differ in N.
    """

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        normed = self._over_all(image) if self.training else super().forward(image)
        return apply_activation(self, normed)

    def _over_all(self, image: torch.Tensor) -> torch.Tensor:
        local_variance, local_mean = torch.var_mean(image, (0, 2, 3), correction=0)
        local_mean, local_variance = local_mean.double(), local_variance.double()  # the sums below nearly cancel
        count = image.numel() // image.shape[1]
        moments = torch.stack([torch.ones_like(local_mean), local_mean, local_variance + local_mean**2])
        total, first, second = _Sum.apply(count * moments)
        mean = first / total
        variance = second / total - mean**2
        self._track(mean.detach(), (variance * total / (total - 1)).detach())
        scale = self.weight * (variance + self.eps).rsqrt()
        shift = self.bias - mean * scale
        return torch.addcmul(_by_channel(shift, image), image, _by_channel(scale, image))

    def _track(self, mean: torch.Tensor, variance: torch.Tensor) -> None:
        for running, new in ((self.running_mean, mean), (self.running_var, variance)):
            if running is not None:
                running.lerp_(new.to(running), 0.1 if self.momentum is None else self.momentum)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked += 1


class _Sum(torch.autograd.Function):
    """The sum over all processes. Its gradient is a sum over all processes too, since each term influences every
    loss."""

    @staticmethod
    def forward(ctx: Any, values: torch.Tensor) -> torch.Tensor:
        return _sum_over_processes(values)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        return _sum_over_processes(gradient)


def _sum_over_processes(values: torch.Tensor) -> torch.Tensor:
    summed = values.clone(memory_format=torch.contiguous_format)
    distributed.all_reduce(summed)
    return summed


def _by_channel(values: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
    return values.to(image.dtype).view(1, -1, 1, 1)
