"""The pixels of a batch that the loss reads: one of each square, or for sparse labels, the labelled ones."""

from __future__ import annotations

from typing import NamedTuple

import torch

from pixelwise.metrics.pixels import counted_pixels
from pixelwise.training.samples import Batch


class PixelView(NamedTuple):
    """Pixels of a batch: logits float32 (N, C, H, W), targets int64 (N, H, W) and, optionally, border weights float32
    (N, H, W) and the target of the task's own channels (N, channels, H, W). `stands_for`: how many pixels each one
    represents."""

    logits: torch.Tensor
    targets: torch.Tensor
    border: torch.Tensor | None
    task_target: torch.Tensor | None
    stands_for: float


def one_in_each_square(logits: torch.Tensor, batch: Batch, step: int, draw: torch.Generator) -> PixelView:
    """Return one pixel of each square of `step` x `step` pixels, at a place that `draw` picks for all squares. logits:
    of each square, (N, C, H // step, W // step).
    """
    device = logits.device
    rows, columns = (_one_in(step, side, draw) for side in batch.targets.shape[1:])
    return PixelView(
        logits,
        batch.targets[:, rows, columns].to(device),
        None if batch.border is None else batch.border[:, rows, columns].to(device),
        None if batch.task_target is None else batch.task_target[:, :, rows, columns].to(device),
        step**2,
    )


def labelled_pixels(logits: torch.Tensor, batch: Batch, step: int, draw: torch.Generator, most: int) -> PixelView:
    """Return the labelled pixels of a batch as a row of a single image; if there are more than `most`, `draw` picks
    `most` of them.

    logits: at every `step`-th row and column (see `UpsampledModel`).
    """
    places = counted_pixels(batch.targets).nonzero()
    total = len(places)
    if total > most:
        places = places[torch.randperm(total, generator=draw)[:most]]
    image, row, column = places.unbind(1)
    border, task_target = batch.border, batch.task_target
    device = logits.device
    return PixelView(
        logits_at(logits, places.to(device), step),
        batch.targets[image, row, column].view(1, 1, -1).to(device),
        None if border is None else border[image, row, column].view(1, 1, -1).to(device),
        None if task_target is None else task_target[image, :, row, column].t()[None, :, None].to(device),
        total / max(1, len(places)),
    )


def pseudo_labelled_pixels(
    logits: torch.Tensor, pseudo: torch.Tensor, step: int, draw: torch.Generator, drawn: int
) -> PixelView:
    """Return those of `drawn` random pixels that have a pseudo-label, as a row of a single image.

    pseudo: pseudo-labels, uint8 (N, H, W).
    """
    flat = torch.randint(pseudo.numel(), (drawn,), generator=draw)
    flat = flat[counted_pixels(pseudo.view(-1)[flat])]
    height, width = pseudo.shape[1:]
    places = torch.stack([flat // (height * width), flat // width % height, flat % width], dim=1)
    targets = pseudo.view(-1)[flat].long().view(1, 1, -1)
    return PixelView(logits_at(logits, places.to(logits.device), step), targets.to(logits.device), None, None, 1.0)


def logits_at(logits: torch.Tensor, places: torch.Tensor, step: int) -> torch.Tensor:
    """Return the logits, (1, C, 1, n), at the pixels (image, row, column) of `places`, int64 (n, 3).

    logits: (N, C, H // step, W // step), at the centres of squares of `step` pixels. Between these they are
    interpolated bilinearly, and continued beyond the outermost.
    """
    channels, height, width = logits.shape[1:]
    flat = logits.permute(0, 2, 3, 1).reshape(-1, channels)
    image, row, column = places.unbind(1)
    (top, bottom, down), (left, right, across) = (
        _neighbours(index, step, side) for index, side in ((row, height), (column, width))
    )

    def at(rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
        return flat.index_select(0, (image * height + rows) * width + columns)

    upper = torch.lerp(at(top, left), at(top, right), across)
    lower = torch.lerp(at(bottom, left), at(bottom, right), across)
    return torch.lerp(upper, lower, down).t()[None, :, None]


def _neighbours(index: torch.Tensor, step: int, side: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the two squares between whose centres each pixel lies, and the weight, (n, 1), of the second."""
    position = ((index + 0.5) / step - 0.5).clamp(0, side - 1)
    first = position.floor().long()
    return first, (first + 1).clamp(max=side - 1), (position - first)[:, None]


def _one_in(step: int, side: int, draw: torch.Generator) -> slice:
    """Return every `step`-th position of a side, from a random start in the first `step` that `draw` picks."""
    return slice(int(torch.randint(step, (), generator=draw)), side // step * step, step)
