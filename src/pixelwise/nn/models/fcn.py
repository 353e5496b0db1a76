"""FCN: a classifier as convolutions, whose class scores are up-sampled and, for 16s and 8s, added to those of finer
maps.

Long, Shelhamer, Darrell, "Fully Convolutional Networks for Semantic Segmentation", CVPR 2015, arXiv:1411.4038, and
Shelhamer, Long, Darrell, PAMI 2017, arXiv:1605.06211: sections 4.1, 4.2 and figure 3; names of layers, kernels and
scales as in the authors' reference code.

Differs from the paper:
- instead of padding the image by 100 pixels, the first fully connected layer pads half its kernel, and crops are
  computed from the centres of the cells' receptive fields ("possible, though less convenient", according to the
  authors' README). Scores are continued beyond the outermost cells, where the authors' fade to zero.
  `reference_padding` restores the padding of 100, its crops and the fading;
- sides that do not fit are extended with zeros at the bottom and right; Caffe's poolings round up instead, which with
  `reference_padding` is the only difference;
- AlexNet (a single tower) and GoogLeNet (batch norm) are torchvision's, see `encoders/torchvision.py`, and also have
  skips, from the poolings that reach strides 8 and 16; the paper has skips only on VGG16;
- encoders without ImageNet's weights start from He-initialised ones;
- `width` scales all channel counts (1 is the paper's net).
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import nn

from pixelwise.nn.encoders.torchvision import STRIDES, ClassifierEncoder, build_classifier
from pixelwise.nn.layers.upsampling import BilinearUpsampling
from pixelwise.nn.models.blocks import he_initialise

SCORES = {32: "score_fr", 16: "score_pool4", 8: "score_pool3"}
UPSAMPLINGS = {
    (32, 16): "upscore2",
    (16, 8): "upscore_pool4",
    (32, 1): "upscore",
    (16, 1): "upscore16",
    (8, 1): "upscore8",
}
AT_ONCE = {16: 0.01, 8: 0.0001}
"""Factors on the finer maps when all scores are trained at once, since their values are larger than those of the last
layer."""


class Grid(NamedTuple):
    """Cells `stride` pixels apart, the first of which is centred at pixel `offset`."""

    stride: int
    offset: float


class FCN(nn.Module):
    """(N, in_channels, H, W) -> logits (N, num_classes, H, W), any H and W.

    `finest` is the stride of the finest map that is scored: 32, 16 or 8. With `at_once` the finer maps are scaled down
    before their score layers, so that one training replaces three stages. With `learnt_upsampling` the up-sampling
    between maps is learnt, and that to the image's size stays bilinear (section 4.3 of the CVPR paper); without it all
    are bilinear, as in the authors' code. With `fading`, scores are not continued beyond the outermost cells.
    Parameters have the names of the coarser nets', so that a net can start from their weights.
    """

    stride = 32

    def __init__(
        self,
        num_classes: int,
        encoder: ClassifierEncoder,
        *,
        finest: int,
        at_once: bool = False,
        learnt_upsampling: bool = False,
        fading: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        grids = [Grid(*cells) for cells in zip(encoder.strides, encoder.offsets, strict=True)]
        levels = [i for i, grid in enumerate(grids) if grid.stride >= finest]
        self.head = Head(
            num_classes,
            [encoder.channels[i] for i in levels],
            [grids[i] for i in levels],
            at_once=at_once,
            learnt=learnt_upsampling,
            fading=fading,
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        height, width = image.shape[-2:]
        logits: torch.Tensor = self.head(self.encoder(image), height, width)
        return logits


class Head(nn.Module):
    """Scores of each map, summed from the coarsest map up, and up-sampled to the image's size. It is the only part that
    depends on the classes.

    `channels` and `grids` are those of the maps, finest first. Score layers start at zero. Unless `fading`, scores are
    continued beyond the outermost cells, so that the weights of up-sampling add up to one everywhere.
    """

    def __init__(
        self,
        num_classes: int,
        channels: list[int],
        grids: list[Grid],
        *,
        at_once: bool = False,
        learnt: bool = False,
        fading: bool = False,
    ) -> None:
        super().__init__()
        for before, grid in zip(channels, grids, strict=True):
            score = nn.Conv2d(before, num_classes, 1)
            for parameter in score.parameters():
                nn.init.zeros_(parameter)
            self.add_module(SCORES[grid.stride], score)
        self.strides = [grid.stride for grid in reversed(grids)]
        self.scales = AT_ONCE if at_once else {}
        at = grids[-1]
        for finer in [*reversed(grids[:-1]), Grid(1, 0)]:
            up = AlignedUpsampling(num_classes, at, finer, learnt=learnt and finer.stride > 1, fading=fading)
            self.add_module(UPSAMPLINGS[at.stride, finer.stride], up)
            at = Grid(finer.stride, finer.offset + finer.stride * max(0, -up.start))  # where the sum of the maps begins

    def forward(self, maps: list[torch.Tensor], height: int, width: int) -> torch.Tensor:
        """Return logits (N, num_classes, height, width) of the encoder's `maps`, finest first."""
        scores = self.get_submodule("score_fr")(maps[-1])
        for coarse, fine in pairwise(self.strides):
            skip = self.get_submodule(SCORES[fine])(self.scales.get(fine, 1) * maps[STRIDES.index(fine)])
            scores = self._upsampling(coarse, fine).add_skip(scores, skip)
        return self._upsampling(self.strides[-1], 1).upsample_to(scores, height, width)

    def _upsampling(self, coarse: int, fine: int) -> AlignedUpsampling:
        return cast(AlignedUpsampling, self.get_submodule(UPSAMPLINGS[coarse, fine]))


class AlignedUpsampling(BilinearUpsampling):
    """Bilinear up-sampling from one grid to a finer one, cell to cell.

    (N, C, H, W) -> (N, C, h, w). `start` is the place of the finer grid's first cell in the output. If cells of the
    coarser grid are centred on cells of the finer one, and not between them, the kernel's side is odd. Unless `fading`,
    the outermost scores are repeated beyond the border.
    """

    def __init__(self, channels: int, coarse: Grid, fine: Grid, *, learnt: bool, fading: bool) -> None:
        first = (coarse.offset - fine.offset) / fine.stride
        factor = coarse.stride // fine.stride
        super().__init__(channels, factor, on_pixels=first.is_integer(), learnt=learnt)
        self.border = 0 if fading else 1
        self.start = int(self.border * factor + (self.kernel_size[0] - 1) / 2 - first)

    def forward(self, scores: torch.Tensor) -> torch.Tensor:  # type: ignore[override]  # no size to choose
        return super().forward(F.pad(scores, (self.border,) * 4, mode="replicate"))

    def add_skip(self, scores: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        """Add up-sampled `scores` to those of the finer map, both cropped to their common cells."""
        upsampled: torch.Tensor = self(scores)
        if self.start < 0:
            return upsampled + _crop(skip, -self.start, *upsampled.shape[-2:])
        return _crop(upsampled, self.start, *skip.shape[-2:]) + skip

    def upsample_to(self, scores: torch.Tensor, height: int, width: int) -> torch.Tensor:
        """Return the finer grid's first `height` x `width` cells of the up-sampled `scores`."""
        upsampled: torch.Tensor = self(scores)
        return _crop(upsampled, self.start, height, width)


def _crop(maps: torch.Tensor, start: int, height: int, width: int) -> torch.Tensor:
    return maps[..., start : start + height, start : start + width]


def fcn32s(
    num_classes: int,
    in_channels: int = 3,
    encoder: str = "vgg16",
    *,
    width: float = 1.0,
    pretrained: bool = False,
    reference_padding: bool = False,
) -> FCN:
    """FCN-32s: a classifier as convolutions, its coarse class scores up-sampled 32 times."""
    classifier = _initial_encoder(
        encoder, in_channels, width=width, pretrained=pretrained, reference_padding=reference_padding
    )
    return FCN(num_classes, classifier, finest=32, fading=reference_padding)


def fcn16s(
    num_classes: int,
    in_channels: int = 3,
    encoder: str = "vgg16",
    *,
    width: float = 1.0,
    pretrained: bool = False,
    at_once: bool = False,
    learnt_upsampling: bool = False,
    reference_padding: bool = False,
) -> FCN:
    """FCN-16s: FCN-32s with the class scores of a map at stride 16 added."""
    classifier = _initial_encoder(
        encoder, in_channels, width=width, pretrained=pretrained, reference_padding=reference_padding
    )
    return FCN(
        num_classes,
        classifier,
        finest=16,
        at_once=at_once,
        learnt_upsampling=learnt_upsampling,
        fading=reference_padding,
    )


def fcn8s(
    num_classes: int,
    in_channels: int = 3,
    encoder: str = "vgg16",
    *,
    width: float = 1.0,
    pretrained: bool = False,
    at_once: bool = False,
    learnt_upsampling: bool = False,
    reference_padding: bool = False,
) -> FCN:
    """FCN-8s: FCN-16s with the class scores of a map at stride 8 added."""
    classifier = _initial_encoder(
        encoder, in_channels, width=width, pretrained=pretrained, reference_padding=reference_padding
    )
    return FCN(
        num_classes,
        classifier,
        finest=8,
        at_once=at_once,
        learnt_upsampling=learnt_upsampling,
        fading=reference_padding,
    )


def _initial_encoder(
    name: str, in_channels: int, *, width: float, pretrained: bool, reference_padding: bool
) -> ClassifierEncoder:
    """Build the classifier with ImageNet's weights, or else He-initialised ones."""
    encoder = build_classifier(
        name, in_channels, width=width, pretrained=pretrained, reference_padding=reference_padding
    )
    if not pretrained:
        he_initialise(encoder)
    return encoder
