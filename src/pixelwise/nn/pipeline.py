"""The whole pipeline as one module: what a model file holds, and what validation during training runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
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
"""Pixels: a net's offsets to the centres of small objects are about as large as its scores then."""


class Pipeline(nn.Module):
    """uint8 (N, H, W, C) RGB -> float32 logits (N, K, H, W): normalisation, model and class bias in one.

    mean and std are of channel values in 0..1. The class bias (`biased`), none at first, is added to every pixel's
    logits. In evaluation mode the model sees images enlarged by each of `magnifications`: one whose logits are coarser
    than the image draws finer lines then. It sees each flipped too along the axes `flipped` of (height, width), -1, -2
    or both: along each and along both at once. The logits are the mean of all. In training it sees them as they come,
    since crops are drawn at many magnifications and all these ways round. With a `grouping`, that of an instance model,
    the last two channels are distances (down, right) in pixels of the image that came in, whatever it is enlarged by;
    the model gives them in units of `offset_unit`.
    """

    scale: torch.Tensor
    shift: torch.Tensor
    class_bias: torch.Tensor | None

    def __init__(
        self,
        model: nn.Module,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        magnifications: Sequence[float] = (1.0,),
        flipped: Sequence[int] = (),
        grouping: GroupingParameters | None = None,
        offset_unit: float = OFFSET_UNIT,
    ) -> None:
        super().__init__()
        self.offset_unit = offset_unit
        self.grouping = grouping
        self.magnifications = tuple(Fraction(own).limit_denominator(8) for own in magnifications)
        self.flipped = tuple(flipped)
        self.model = model
        self.mean = mean
        self.std = std
        self.register_buffer("scale", 1 / (255 * torch.tensor(std)).view(1, -1, 1, 1))
        self.register_buffer("shift", (torch.tensor(mean) / torch.tensor(std)).view(1, -1, 1, 1))
        self.register_buffer("class_bias", None, persistent=False)

    def biased(self, class_bias: Sequence[float] | None) -> Pipeline:
        """Take `class_bias`, a value a class, in place of what there was; `None` for none. Returns itself."""
        self.class_bias = None if class_bias is None else self.shift.new_tensor(class_bias).view(1, -1, 1, 1)
        return self

    def normalised(self, images: torch.Tensor) -> torch.Tensor:
        """Return float32 (N, C, H, W), channels-last in memory, zero where an image has the mean colour."""
        return images.permute(0, 3, 1, 2).float() * self.scale - self.shift

    @property
    def stride(self) -> int:
        """Tiles that start at its multiples are sampled as the whole image is."""
        return int(self.model.stride) * math.lcm(*(own.denominator for own in self.magnifications))  # type: ignore[arg-type]

    def forward(self, images: torch.Tensor, step: int = 1) -> torch.Tensor:
        """Run all. A `step` above 1 gives every so manieth logit: for models that take one (`UpsampledModel`)."""
        if self.is_coarse and step == 1:
            return self.spread(self.coarse(images), images)
        image = self.normalised(images)
        logits: torch.Tensor
        if step > 1:
            logits = self.model(image, step)
        elif self.training or (set(self.magnifications) == {Fraction(1)} and not self.flipped):
            logits = self.model(image)
        else:
            logits = self._predicted(image)
        if self.grouping:
            logits = _offsets_times(logits, self.offset_unit, self.offset_unit)
        return logits if self.class_bias is None else logits + self.class_bias

    @property
    def is_coarse(self) -> bool:
        """Whether the logits are those of one coarser map, up-sampled."""
        upsampled = isinstance(self.model, UpsampledModel)
        return upsampled and not self.training and not self.grouping and len(self.magnifications) == 1

    def coarse(self, images: torch.Tensor) -> torch.Tensor:
        """Return the logits (N, K, h, w) of the coarser map, where the pipeline `is_coarse`."""
        padded = pad_to_multiple(self.normalised(images), self.stride)
        logits = self._coarsely_seen(padded, self.magnifications[0])
        return logits if self.class_bias is None else logits + self.class_bias

    def spread(self, coarse: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
        """Return the logits (N, K, H, W) of images (N, H, W, C) from those of the coarser map."""
        height, width = images.shape[1:3]
        size = [(side + self.stride - 1) // self.stride * self.stride for side in (height, width)]
        return bilinear_interpolation(coarse, size)[..., :height, :width]

    def _predicted(self, image: torch.Tensor) -> torch.Tensor:
        """Return the mean logits of the image at all magnifications, at its own size, all grids' corners in line."""
        height, width = image.shape[-2:]
        padded = pad_to_multiple(image, self.stride)
        logits = self._seen(padded, self.magnifications[0])
        for magnification in self.magnifications[1:]:
            logits = logits + self._seen(padded, magnification)
        if len(self.magnifications) > 1:
            logits = logits / len(self.magnifications)
        return logits[..., :height, :width]

    def _seen(self, image: torch.Tensor, magnification: Fraction) -> torch.Tensor:
        """Return the logits of an image, whose sides are multiples of the stride, enlarged and flipped."""
        logits, size = self._coarsely_seen(image, magnification), image.shape[-2:]
        if self.grouping and magnification != 1:
            logits = _offsets_times(logits, 1 / float(magnification), 1 / float(magnification))
        if magnification != 1 or isinstance(self.model, UpsampledModel):
            logits = bilinear_interpolation(logits, size)
        return logits

    def _coarsely_seen(self, image: torch.Tensor, magnification: Fraction) -> torch.Tensor:
        """Return the logits as the model gives them, at the enlarged size or coarser."""
        size = image.shape[-2:]
        larger = [side * magnification.numerator // magnification.denominator for side in size]
        seen = image if magnification == 1 else bilinear_interpolation(image, larger)
        for axis in self.flipped:
            seen = torch.cat([seen, seen.flip(axis)])
        logits: torch.Tensor = self.model.coarse(seen) if isinstance(self.model, UpsampledModel) else self.model(seen)
        for axis in reversed(self.flipped):
            plain, mirror = logits.view(2, -1, *logits.shape[1:])
            mirror = mirror.flip(axis)
            if self.grouping:
                mirror = _offsets_times(mirror, *((-1, 1) if axis == -2 else (1, -1)))
            logits = (plain + mirror) / 2
        return logits


def _offsets_times(logits: torch.Tensor, down: float, right: float) -> torch.Tensor:
    """Return logits (N, C, H, W) with their last two channels multiplied."""
    return torch.cat([logits[:, :-2], logits[:, -2:-1] * down, logits[:, -1:] * right], dim=1)
