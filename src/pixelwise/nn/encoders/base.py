"""The interface between encoders of all families and decoders."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Encoder(nn.Module):
    """A feature pyramid: image (N, in_channels, H, W) -> a list of maps, finest first.

    Map i has the shape (N, channels[i], H / strides[i], W / strides[i]). H and W are multiples of the last stride: the
    decoders pad the image.

    Parameters
    ----------
    net
        Takes the image and returns the list of maps.
    channels
        The channels of each map.
    strides
        The distance in image pixels between neighbouring positions of each map. Strides ascend; the last ones of a
        dilated net are equal.
    mean, std
        Mean and standard deviation of the channel values, in 0..1, that the weights were trained with; by default
        ImageNet's.

    Examples
    --------
    >>> class TwoMaps(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.first = nn.Conv2d(3, 8, 3, stride=2, padding=1)
    ...         self.second = nn.Conv2d(8, 16, 3, stride=2, padding=1)
    ...     def forward(self, image):
    ...         fine = self.first(image)
    ...         return [fine, self.second(fine)]
    >>> encoder = Encoder(TwoMaps(), channels=[8, 16], strides=[2, 4])
    >>> [tuple(features.shape) for features in encoder(torch.zeros(1, 3, 32, 64))]
    [(1, 8, 16, 32), (1, 16, 8, 16)]
    """

    def __init__(
        self,
        net: nn.Module,
        channels: Sequence[int],
        strides: Sequence[int],
        mean: tuple[float, ...] = IMAGENET_MEAN,
        std: tuple[float, ...] = IMAGENET_STD,
    ) -> None:
        super().__init__()
        self.net = net
        self.channels = list(channels)
        self.strides = list(strides)
        self.mean = mean
        self.std = std

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        features: list[torch.Tensor] = self.net(image)
        return features

    def freeze(self, stride: int) -> None:
        """Freeze the layers that lead to the first map of `stride`; at the last map's stride and beyond, all layers.

        Frozen layers do not learn, and also use their stored statistics for normalisation in training.
        """
        if stride >= self.strides[-1]:
            self._freeze(set(self.net.parameters()))
        elif count := len({finer for finer in self.strides if finer <= stride}):
            self._freeze(self._parameters_before(count))

    def freeze_unused(self) -> None:
        """Freeze the layers that lead to none of the maps."""
        used = self._parameters_before(len(self.strides))
        self._freeze({parameter for parameter in self.net.parameters() if parameter not in used})

    def _parameters_before(self, count: int) -> set[nn.Parameter]:
        """Return the learning parameters that the first `count` maps depend on."""
        training = self.training
        learning = [parameter for parameter in self.net.parameters() if parameter.requires_grad]
        in_channels, side = next(self.net.parameters()).shape[1], 2 * self.strides[-1]
        with torch.enable_grad():
            maps = self.eval()(torch.zeros(1, in_channels, side, side))
            gradients = torch.autograd.grad([map_.sum() for map_ in maps[:count]], learning, allow_unused=True)
        self.train(training)
        return {parameter for parameter, gradient in zip(learning, gradients, strict=True) if gradient is not None}

    def _freeze(self, parameters: set[nn.Parameter]) -> None:
        for parameter in parameters:
            parameter.requires_grad = False
        self.train(self.training)

    def train(self, mode: bool = True) -> Encoder:  # noqa: FBT001, FBT002 - torch's signature
        super().train(mode)
        for layer in self.frozen_layers():
            layer.eval()
        return self

    def frozen_layers(self) -> list[nn.Module]:
        """Return the layers whose parameters are all frozen; layers without parameters are left out."""
        layers = ((layer, list(layer.parameters(recurse=False))) for layer in self.net.modules())
        return [
            layer
            for layer, parameters in layers
            if parameters and not any(parameter.requires_grad for parameter in parameters)
        ]
