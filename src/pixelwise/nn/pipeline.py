"""The whole pipeline as one module, which model files contain and validation runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import nn

from pixelwise.instances.grouping_parameters import GroupingParameters
from pixelwise.nn.encoders.base import IMAGENET_MEAN as IMAGENET_MEAN
from pixelwise.nn.encoders.base import IMAGENET_STD as IMAGENET_STD
from pixelwise.nn.layers.padding import pad_to_multiple
from pixelwise.nn.layers.upsampling import bilinear_interpolation
from pixelwise.nn.models.base import UpsampledModel

OFFSET_UNIT = 16.0
"""Pixels per unit of a net's offsets, so that offsets to the centres of small objects are about as large as class
scores."""


@dataclass(frozen=True)
class TTA:
    """Test-time augmentation: the views of an image whose logits are averaged.

    `scales` are factors on the sides of the image, rounded to a fraction with a denominator of at most 8; a net whose
    logits are coarser than the image resolves finer lines in an enlarged one. The image is also flipped along each of
    the `flip_axes` of (height, width), -1, -2 or both; with both, also along both at once.
    """

    scales: Sequence[float] = (1.0,)
    flip_axes: Sequence[int] = ()


NO_TTA = TTA()


class Pipeline(nn.Module):
    """uint8 images (N, H, W, C) -> float32 logits (N, K, H, W): normalisation, model, TTA and class bias in one.

    There is no TTA in training, where crops are drawn at many scales and flipped.

    Parameters
    ----------
    model
        As `pixelwise.nn.models` describes it.
    mean, std
        Mean and standard deviation of the channel values, in 0..1; an image of the mean colour becomes zeros.
    tta
        The views in evaluation mode.
    grouping
        The grouping of an instance model, whose last two channels are distances (down, right) in pixels of the input
        image.
    offset_unit
        Pixels per unit of the model's own distances.

    Attributes
    ----------
    class_bias
        Added to every pixel's logits; initially `None`, see `set_class_bias`.
    """

    scale: torch.Tensor
    shift: torch.Tensor
    class_bias: torch.Tensor | None

    def __init__(
        self,
        model: nn.Module,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        *,
        tta: TTA = NO_TTA,
        grouping: GroupingParameters | None = None,
        offset_unit: float = OFFSET_UNIT,
    ) -> None:
        super().__init__()
        self.offset_unit = offset_unit
        self.grouping = grouping
        self.test_scales = tuple(Fraction(scale).limit_denominator(8) for scale in tta.scales)
        self.flip_axes = tuple(tta.flip_axes)
        self.model = model
        self.mean = mean
        self.std = std
        self.register_buffer("scale", 1 / (255 * torch.tensor(std)).view(1, -1, 1, 1))
        self.register_buffer("shift", (torch.tensor(mean) / torch.tensor(std)).view(1, -1, 1, 1))
        self.register_buffer("class_bias", None, persistent=False)

    def set_class_bias(self, class_bias: Sequence[float] | None) -> Pipeline:
        """Set the class bias to one value per class, or to `None`; return the pipeline itself."""
        self.class_bias = None if class_bias is None else self.shift.new_tensor(class_bias).view(1, -1, 1, 1)
        return self

    def normalise(self, images: torch.Tensor) -> torch.Tensor:
        """Return normalised images, float32 (N, C, H, W), channels-last in memory; zero where an image has the mean
        colour."""
        return images.permute(0, 3, 1, 2).float() * self.scale - self.shift

    @property
    def stride(self) -> int:
        """The stride: tiles that start at its multiples are sampled like the whole image."""
        return int(self.model.stride) * math.lcm(*(scale.denominator for scale in self.test_scales))  # type: ignore[arg-type]

    def forward(self, images: torch.Tensor, step: int = 1) -> torch.Tensor:
        """Return the logits; with a `step` above 1 those at every `step`-th row and column (see `UpsampledModel`)."""
        if self.is_coarse and step == 1:
            return self.upsample(self.coarse(images), images)
        image = self.normalise(images)
        logits: torch.Tensor
        if step > 1:
            logits = self.model(image, step)
        elif self.training or (set(self.test_scales) == {Fraction(1)} and not self.flip_axes):
            logits = self.model(image)
        else:
            logits = self._average_scales(image)
        if self.grouping:
            logits = _scale_offsets(logits, self.offset_unit, self.offset_unit)
        return logits if self.class_bias is None else logits + self.class_bias

    @property
    def is_coarse(self) -> bool:
        """Whether the logits are up-sampled from one coarser map."""
        upsampled = isinstance(self.model, UpsampledModel)
        return upsampled and not self.training and not self.grouping and len(self.test_scales) == 1

    def coarse(self, images: torch.Tensor) -> torch.Tensor:
        """Return the logits (N, K, h, w) of the coarser map, if the pipeline `is_coarse`."""
        padded = pad_to_multiple(self.normalise(images), self.stride)
        logits = self._average_flips(padded, self.test_scales[0])
        return logits if self.class_bias is None else logits + self.class_bias

    def upsample(self, coarse: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
        """Return the logits (N, K, H, W) of images (N, H, W, C) from those of the coarser map."""
        height, width = images.shape[1:3]
        size = [(side + self.stride - 1) // self.stride * self.stride for side in (height, width)]
        return bilinear_interpolation(coarse, size)[..., :height, :width]

    def _average_scales(self, image: torch.Tensor) -> torch.Tensor:
        """Return the mean logits of the image over all scales, at its own size, with aligned corners of all grids."""
        height, width = image.shape[-2:]
        padded = pad_to_multiple(image, self.stride)
        logits = self._logits_at(padded, self.test_scales[0])
        for scale in self.test_scales[1:]:
            logits = logits + self._logits_at(padded, scale)
        if len(self.test_scales) > 1:
            logits = logits / len(self.test_scales)
        return logits[..., :height, :width]

    def _logits_at(self, image: torch.Tensor, scale: Fraction) -> torch.Tensor:
        """Return the logits at one scale, at the size of the image, whose sides are multiples of the stride."""
        logits, size = self._average_flips(image, scale), image.shape[-2:]
        if self.grouping and scale != 1:
            logits = _scale_offsets(logits, 1 / float(scale), 1 / float(scale))
        if scale != 1 or isinstance(self.model, UpsampledModel):
            logits = bilinear_interpolation(logits, size)
        return logits

    def _average_flips(self, image: torch.Tensor, scale: Fraction) -> torch.Tensor:
        """Return the mean logits over all flips at one scale, at the resolution of the model's output: that size or
        coarser."""
        size = [side * scale.numerator // scale.denominator for side in image.shape[-2:]]
        views = image if scale == 1 else bilinear_interpolation(image, size)
        for axis in self.flip_axes:
            views = torch.cat([views, views.flip(axis)])
        logits: torch.Tensor = self.model.coarse(views) if isinstance(self.model, UpsampledModel) else self.model(views)
        for axis in reversed(self.flip_axes):
            plain, mirror = logits.view(2, -1, *logits.shape[1:])
            mirror = mirror.flip(axis)
            if self.grouping:
                mirror = _scale_offsets(mirror, *((-1, 1) if axis == -2 else (1, -1)))
            logits = (plain + mirror) / 2
        return logits


def _scale_offsets(logits: torch.Tensor, down: float, right: float) -> torch.Tensor:
    """Return logits (N, C, H, W) with their last two channels multiplied."""
    return torch.cat([logits[:, :-2], logits[:, -2:-1] * down, logits[:, -1:] * right], dim=1)
