"""The receptive field of a net, from its operations, and its effective receptive field, from gradients.

Receptive field: along one axis a window of k taps, d apart, on a tensor whose neighbours lie `jump` pixels apart widens
a receptive field r to r + (k - 1) * d * jump, and a stride multiplies the jump; see `field_of_view` for branches,
up-sampling and crops. Effective receptive field: Luo, Li, Urtasun, Zemel, "Understanding the Effective Receptive Field
in Deep Convolutional Neural Networks", NIPS 2016, arXiv:1701.04128, section 3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import isfinite, sqrt

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from pixelwise.analysis.tracing import Trace, evaluation_mode, trace, watch_outputs
from pixelwise.core.errors import OptionError, ShapeError

GradientMap = npt.NDArray[np.float64]
TWO_SIGMA = 0.9545
"""The share of a Gaussian within two standard deviations."""
AT_ONCE = 4
"""Images of noise in one batch."""
SIDE = 2048
"""Side of the first image that is traced; it is doubled until the border does not limit any receptive field."""
LARGEST_SIDE = 2**15
"""Side of the largest image that is traced."""


def receptive_field(model: nn.Module, in_channels: int = 3) -> tuple[float, ...]:
    """Return the receptive field of a net: the part of the image that one output depends on.

    Where maps are up-sampled, the receptive fields of outputs differ by a few pixels; the largest is returned. The
    border and the size of an image do not limit it.

    Parameters
    ----------
    model
        A net that takes images (N, in_channels, H, W).
    in_channels
        Channels of the image.

    Returns
    -------
    tuple of float
        (height, width) in pixels, `inf` where an output depends on the whole image.

    Raises
    ------
    ShapeError
        The net cannot be traced.

    Examples
    --------
    Two 3x3 convolutions, the first of stride 2:

    >>> from torch import nn
    >>> receptive_field(nn.Sequential(nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.Conv2d(4, 2, 3, padding=1)))
    (7.0, 7.0)
    """
    return receptive_fields(model, in_channels)[""]


def receptive_fields(model: nn.Module, in_channels: int = 3) -> dict[str, tuple[float, ...]]:
    """Return the receptive field of each module's output by the module's path in `model`; "" is the net itself."""
    traced = trace_without_border(model, in_channels)
    return {path: output.field.extents for path, output in traced.outputs.items()}


def trace_without_border(model: nn.Module, in_channels: int) -> Trace:
    """Trace an image so large that away from its border there are outputs with every alignment to the net's strides."""
    stride: int = getattr(model, "stride", 1)
    side = SIDE
    while side <= LARGEST_SIDE:
        multiple = -(-side // stride) * stride
        traced = trace(model, (multiple, multiple), in_channels)
        extents = [extent for output in traced.outputs.values() for extent in output.field.extents]
        if side >= 2 * max(filter(isfinite, extents), default=0):
            return traced
        side *= 2
    found = f"a receptive field of more than {LARGEST_SIDE // 2} pixels"
    raise ShapeError(type(model).__name__, found, "one that does not grow with the image", "Take another net.")


def effective_receptive_field(
    model: nn.Module, size: tuple[int, int], in_channels: int = 3, *, samples: int = 20, seed: int = 0
) -> tuple[float, GradientMap]:
    """Measure the effective receptive field of the centre of the output of `model`.

    Returns its side in pixels (see `effective_side`) and the map (height, width) float64 that it was read from: the
    absolute gradient of the centre by the image, summed over the image's channels and averaged over `samples` images
    of normally distributed noise, which follow from `seed`. Raises `OptionError` for fewer than one sample.
    """
    maps = gradient_maps(model, size, [""], in_channels, samples=samples, seed=seed)
    return effective_side(maps[""]), maps[""]


def effective_side(gradients: GradientMap) -> float:
    """Return the square root of the number of pixels whose gradient is above 4.55 % (1 - 95.45 %) of the largest.

    For a Gaussian these are the pixels within two and a half standard deviations, the paper's measure. The paper takes
    the centre's gradient, which in nets that skip pixels need not be the largest.
    """
    return sqrt(np.count_nonzero(gradients > (1 - TWO_SIGMA) * gradients.max()))


def gradient_maps(
    model: nn.Module,
    size: tuple[int, int],
    modules: Sequence[str],
    in_channels: int = 3,
    *,
    samples: int = 20,
    seed: int = 0,
) -> Mapping[str, GradientMap]:
    """Return the map of `effective_receptive_field` for the output of each of the `modules`, named by their paths.

    The gradient that is sent back from the centre is random too, normally distributed over the channels: ones, as in
    the paper, would cancel out after a normalisation over channels.
    """
    if samples < 1:
        raise OptionError("samples", str(samples), "at least 1", "20 is the number of the paper.")
    if not modules:
        return {}
    maps = {path: np.zeros(size) for path in modules}
    generator = torch.Generator().manual_seed(seed)
    with evaluation_mode(model), _fix_weights(model):
        for done in range(0, samples, AT_ONCE):
            count = min(AT_ONCE, samples - done)
            images = torch.randn(count, in_channels, *size, generator=generator).requires_grad_()
            outputs: dict[str, torch.Tensor] = {}
            with watch_outputs(model, outputs.__setitem__):
                model(images)
            for path in modules:
                maps[path] += _gradients(outputs[path], images, generator) / samples
    return maps


def _gradients(outputs: torch.Tensor, images: torch.Tensor, generator: torch.Generator) -> GradientMap:
    """Return the sum over the images of the absolute gradient of a signal at the centre of `outputs` (N, C, H, W)."""
    centres = outputs[:, :, outputs.shape[2] // 2, outputs.shape[3] // 2]
    signals = torch.randn(centres.shape, generator=generator)
    (gradients,) = torch.autograd.grad(centres, images, signals, retain_graph=True)
    return gradients.abs().sum((0, 1)).double().numpy()


@contextmanager
def _fix_weights(model: nn.Module) -> Iterator[None]:
    """Compute no gradients of the weights, which are half the work of a backward pass."""
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in trainable:
        parameter.requires_grad = False
    try:
        yield
    finally:
        for parameter in trainable:
            parameter.requires_grad = True
