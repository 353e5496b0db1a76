"""The live head: a small net from the features of a pixel to its class. It is fitted on few labelled pixels in under a
second.

It is an ensemble of perceptrons of one hidden layer whose probabilities are averaged. The first layers of all members
are one matrix. It is linear, so it is applied to whole maps before they are resized to one size, which is far cheaper
than afterwards. Maps are enlarged from stride to stride: positions of a stride are among those of its half.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from pixelwise.labels.features import FeatureMaps, Float, Half, channel_weights

MEMBERS = 4
HIDDEN = 32
"""Units of the hidden layer of each member."""
BATCH = 512
"""Pixels in the batch of a step."""
RATE = 3e-3
WEIGHT_DECAY = 1e-4
DROPOUT = 0.3
"""Dropout rate of the hidden units."""
ROWS_AT_ONCE = 8
"""Rows of the finest map that are computed together, so that their hidden units fit into the cache of a core."""
LEAST_DEVIATION = 1e-3
"""The smallest deviation that a channel is divided by, so that one that is constant on the labelled pixels is not
amplified."""

Classes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Head:
    """A fitted ensemble. It is immutable: `fit_head` returns a new one.

    Attributes
    ----------
    weights
        float32 (C,): the weight of each channel in the normalisation.
    mean, deviation
        float32 (C,): features are normalised to (feature - mean) / deviation. A channel's deviation is its standard
        deviation over its weight.
    first, first_bias
        float32 (members * hidden, C) and (members * hidden,), of normalised features.
    last, last_bias
        float32 (members, hidden, K) and (members, K).
    known
        bool (K,): the classes that it was fitted on. The others get a probability of 0.
    """

    weights: torch.Tensor
    mean: torch.Tensor
    deviation: torch.Tensor
    first: torch.Tensor
    first_bias: torch.Tensor
    last: torch.Tensor
    last_bias: torch.Tensor
    known: torch.Tensor

    @property
    def num_classes(self) -> int:
        return self.last.shape[2]

    @property
    def channels(self) -> int:
        return self.first.shape[1]

    def probabilities(self, maps: FeatureMaps) -> torch.Tensor:
        """Return the probabilities, float32 (K, h, w), at the positions of the finest map."""
        with torch.inference_mode():
            weight, bias = self.folded()
            *coarser, (stride, finest, part) = _group_by_stride(maps, weight)
            height, width = finest[0].shape[1:]
            factor = coarser[-1][0] // stride if coarser else 1
            below = continue_border(_sum_coarser(coarser), factor, (height, width)) if coarser else None
            result = torch.empty(self.num_classes, height, width)
            for first in range(0, height, ROWS_AT_ONCE):
                rows = slice(first, min(first + ROWS_AT_ONCE, height))
                columns = torch.cat([values[:, rows].float() for values in finest]).flatten(1)
                hidden = torch.addmm(bias, columns.T, part)
                if below is not None:
                    hidden.view(-1, width, len(bias)).add_(enlarge_rows(below, factor, rows, width))
                result[:, rows] = self._top(hidden).view(-1, rows.stop - rows.start, width)
            return result

    def column_probabilities(self, columns: Float) -> Float:
        """Return the probabilities, float32 (N, K), of features (N, C)."""
        with torch.inference_mode():
            weight, bias = self.folded()
            return self._top(torch.from_numpy(columns) @ weight.T + bias).T.numpy()

    def folded(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the weights and the bias of the first layer with the normalisation folded in, for raw features."""
        weight = self.first / self.deviation
        return weight, self.first_bias - weight @ self.mean

    def _top(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return the probabilities (K, N) of hidden units (N, members * hidden), which are overwritten."""
        units = hidden.relu_().view(len(hidden), len(self.last), -1).permute(1, 2, 0)
        logits = torch.baddbmm(self.last_bias[:, :, None], self.last.transpose(1, 2), units)
        return logits.masked_fill(~self.known[:, None], -math.inf).softmax(dim=1).mean(dim=0)


StrideGroup = tuple[int, list[torch.Tensor], torch.Tensor]
"""A stride, its maps, and the weights of their channels, (channels, units)."""


def _group_by_stride(maps: FeatureMaps, weight: torch.Tensor) -> list[StrideGroup]:
    """Return the maps of each stride with their columns of the weights (units, C), the coarsest first."""
    groups: dict[int, tuple[list[torch.Tensor], list[torch.Tensor]]] = {}
    start = 0
    for stride, values in maps.levels:
        levels, parts = groups.setdefault(stride, ([], []))
        levels.append(torch.from_numpy(values))
        parts.append(weight[:, start : start + len(values)])
        start += len(values)
    return [
        (stride, levels, torch.cat(parts, dim=1).T.contiguous())
        for stride, (levels, parts) in sorted(groups.items(), reverse=True)
    ]


def _sum_coarser(groups: Sequence[StrideGroup]) -> torch.Tensor:
    """Return the sum over maps, the coarsest first, of their contributions to the hidden units at the positions of the
    last map, (h, w, units)."""
    total, above = torch.empty(0), 0
    for stride, levels, part in groups:
        values = torch.cat(levels).float()
        height, width = values.shape[1:]
        product = (values.flatten(1).T @ part).view(height, width, -1)
        if above:
            product += enlarge(total, above // stride, slice(0, height), width)
        total, above = product, stride
    return total


def enlarge(values: torch.Tensor, factor: int, rows: slice, width: int) -> torch.Tensor:
    """Return rows of maps (h, w, C) enlarged bilinearly to `width` columns, (rows, width, C).

    Position j of the result stands where position (j + 1) / factor - 1 of the maps does, as positions of strides s and
    s * factor do (see `features`). Beyond the first and the last position, their values are repeated.
    """
    return enlarge_rows(continue_border(values, factor, (rows.stop, width)), factor, rows, width)


def continue_border(values: torch.Tensor, factor: int, size: tuple[int, int]) -> torch.Tensor:
    """Return maps (h, w, C) padded with their border values: by one position before the first, and after the last by as
    many as enlarging to `size` (height, width) needs."""
    for axis, side in enumerate(size):
        places = torch.arange(-1, -(-side // factor)).clamp(0, values.shape[axis] - 1)
        values = values.index_select(axis, places)
    return values


def enlarge_rows(continued: torch.Tensor, factor: int, rows: slice, width: int) -> torch.Tensor:
    """Return rows of enlarged maps, as `enlarge` does, from maps padded by `continue_border`."""
    first = (rows.start + 1) // factor
    part = continued[first : -(-rows.stop // factor) + 1].permute(2, 0, 1)[None]
    size = [(side - 1) * factor + 1 for side in part.shape[2:]]
    enlarged = F.interpolate(part, size=size, mode="bilinear", align_corners=True)[0].permute(1, 2, 0)
    start = rows.start - first * factor + 1
    return enlarged[start : start + rows.stop - rows.start, 1 : width + 1]


def new_head(columns: Half, weights: Float, num_classes: int, seed: int) -> Head:
    """Return an ensemble with random weights, a function of the seed, normalised by the statistics of features (N, C)
    and the channels' weights (C,)."""
    generator = torch.Generator().manual_seed(seed)
    channels = columns.shape[1]
    first = torch.randn(MEMBERS * HIDDEN, channels, generator=generator) * math.sqrt(2 / channels)
    mean, deviation = _statistics(columns, torch.from_numpy(weights))
    head = Head(
        weights=torch.from_numpy(weights),
        mean=mean,
        deviation=deviation,
        first=first,
        first_bias=torch.zeros(MEMBERS * HIDDEN),
        last=torch.zeros(MEMBERS, HIDDEN, 0),
        last_bias=torch.zeros(MEMBERS, 0),
        known=torch.zeros(0, dtype=torch.bool),
    )
    return with_classes(head, num_classes, {}, seed)


def with_classes(head: Head, num_classes: int, mapping: Mapping[int, int | None], seed: int) -> Head:
    """Return an ensemble of other classes.

    Parameters
    ----------
    head
        The ensemble so far.
    num_classes
        Of the new one.
    mapping
        From the old class index to the new one; `None` for a class that is removed. A class that several merge into
        starts from their mean.
    seed
        Determines the weights of classes that no old class maps to.
    """
    generator = torch.Generator().manual_seed(seed + 1)
    last = torch.randn(MEMBERS, HIDDEN, num_classes, generator=generator) / math.sqrt(HIDDEN)
    last_bias, known = torch.zeros(MEMBERS, num_classes), torch.zeros(num_classes, dtype=torch.bool)
    for new in range(num_classes):
        if old := [index for index, target in mapping.items() if target == new]:
            last[:, :, new] = head.last[:, :, old].mean(dim=2)
            last_bias[:, new] = head.last_bias[:, old].mean(dim=1)
            known[new] = head.known[old].any()
    return replace(head, last=last, last_bias=last_bias, known=known)


def with_statistics(head: Head, columns: Half) -> Head:
    """Return an equivalent ensemble, normalised by the statistics of features (N, C)."""
    mean, deviation = _statistics(columns, head.weights)
    weight = head.first / head.deviation
    return replace(
        head,
        mean=mean,
        deviation=deviation,
        first=weight * deviation,
        first_bias=head.first_bias + weight @ (mean - head.mean),
    )


def _statistics(columns: Half, weights: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the mean of each channel, and its standard deviation over its weight."""
    mean = columns.mean(axis=0, dtype=np.float32)
    deviation = columns.std(axis=0, dtype=np.float32)
    return torch.from_numpy(mean), torch.from_numpy(np.maximum(deviation, np.float32(LEAST_DEVIATION))) / weights


def fit_new_head(
    columns: Half,
    classes: Classes,
    num_classes: int,
    *,
    steps: int,
    seed: int,
    should_stop: Callable[[], bool] = lambda: False,
) -> Head:
    """Return an ensemble that is fitted once, to features (N, C) and class indices (N,): what the first fit of a live
    model gives. The other parameters are those of `fit_head`."""
    head = new_head(columns, channel_weights(), num_classes, seed)
    fitted, _ = fit_head(head, columns, classes, steps=steps, seed=seed * 1_000_003, should_stop=should_stop)
    return fitted


def fit_head(
    head: Head,
    columns: Half,
    classes: Classes,
    *,
    steps: int,
    seed: int,
    should_stop: Callable[[], bool] = lambda: False,
) -> tuple[Head, int]:
    """Fit the ensemble further; return it and the number of steps taken.

    All classes have the same weight, however many pixels they have.

    Parameters
    ----------
    head
        Where to start.
    columns
        Features, float16 (N, C).
    classes
        Class indices, int64 (N,).
    steps
        Steps of AdamW on `BATCH` pixels each. The learning rate falls to 0 over them.
    seed
        The batch and the dropout of each step are functions of the seed and the step.
    should_stop
        Asked before each step.
    """
    names = ("first", "first_bias", "last", "last_bias")
    weights = [getattr(head, name).clone().requires_grad_() for name in names]
    optimizer = torch.optim.AdamW(weights, lr=RATE, weight_decay=WEIGHT_DECAY, fused=True)
    features = torch.from_numpy(columns)
    target = torch.from_numpy(classes)
    counts = torch.bincount(target, minlength=head.num_classes)
    known = counts > 0
    share = 1.0 / counts[target]
    done = 0
    while done < steps and not should_stop():
        generator = torch.Generator().manual_seed(seed * 100_003 + done)
        batch = torch.multinomial(share, BATCH, replacement=True, generator=generator)
        optimizer.param_groups[0]["lr"] = (
            RATE * min(1, (done + 1) / 10) * (0.5 + 0.5 * math.cos(math.pi * done / steps))
        )
        normalised = (features[batch].float() - head.mean) / head.deviation
        with torch.enable_grad():
            loss = _loss(weights, normalised, target[batch], known, generator)
            gradients = torch.autograd.grad(loss, weights)
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.grad = gradient
        optimizer.step()
        done += 1
    fitted = {name: weight.detach() for name, weight in zip(names, weights, strict=True)}
    return replace(head, known=known, **fitted), done


def _loss(
    weights: Sequence[torch.Tensor],
    features: torch.Tensor,
    target: torch.Tensor,
    known: torch.Tensor,
    generator: torch.Generator,
) -> torch.Tensor:
    """Return the mean cross-entropy of all members."""
    first, first_bias, last, last_bias = weights
    members = len(last)
    units = (features @ first.T + first_bias).relu().view(len(features), members, -1).transpose(0, 1)
    mask = torch.rand(units.shape, generator=generator) >= DROPOUT
    logits = torch.baddbmm(last_bias[:, None], units * mask / (1 - DROPOUT), last)
    logits = logits.masked_fill(~known, -math.inf)
    return F.cross_entropy(logits.flatten(0, 1), target.repeat(members))
