"""The prediction of the live head for a tile, at the resolution of the image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from pixelwise.labels.boxes import Box
from pixelwise.labels.features import STRIDE, FeatureMaps, Half
from pixelwise.labels.head import Head
from pixelwise.labels.refinement import refine_along_edges
from pixelwise.labels.strokes import UInt8


@dataclass(frozen=True)
class LivePrediction:
    """The prediction of the live model for a tile.

    Attributes
    ----------
    revision
        The number of fits of the model.
    label_map
        uint8 (h, w), the most probable class of each pixel.
    uncertainty
        uint8 (h, w), 0 is certain and 255 a tie: 1 - the difference of the two largest probabilities.
    probabilities
        float16 (K, ceil(h / 4), ceil(w / 4)), before the filter along the edges of the image.
    """

    revision: int
    label_map: UInt8
    uncertainty: UInt8
    probabilities: Half


@torch.inference_mode()
def predict_tile(head: Head, revision: int, maps: FeatureMaps, box: Box) -> LivePrediction:
    """Return the prediction of a head for the box of a tile, which lies inside the region of its features."""
    probabilities = head.probabilities(maps)
    top, left = box[0] - maps.box_tlbr[0], box[1] - maps.box_tlbr[1]
    height, width = box[2] - box[0], box[3] - box[1]
    label_map, uncertainty = np.empty((2, height, width), np.uint8)
    inside = slice(top, top + height), slice(left, left + width)
    for rows, columns, refined in refine_along_edges(probabilities, maps.guide, maps.stride, inside):
        label_map[rows, columns], margin = _best_of(refined)
        uncertainty[rows, columns] = (255 * (1 - margin)).round().to(torch.uint8).numpy()
    places = [_coarse_positions(inside[side], maps.stride, probabilities.shape[side + 1]) for side in (0, 1)]
    coarse = probabilities[:, places[0]][:, :, places[1]].half().numpy()
    return LivePrediction(revision, label_map, uncertainty, coarse)


def _best_of(probabilities: torch.Tensor) -> tuple[UInt8, torch.Tensor]:
    """Return the most probable class of (K, h, w), and its lead in probability over the second."""
    best, second = probabilities[0].clone(), torch.zeros_like(probabilities[0])
    label_map = torch.zeros(best.shape, dtype=torch.uint8)
    for index in range(1, len(probabilities)):
        values = probabilities[index]
        is_better = values > best
        second = torch.maximum(second, torch.minimum(values, best))
        best = torch.maximum(values, best)
        label_map.masked_fill_(is_better, index)
    return label_map.numpy(), best - second


def _coarse_positions(inside: slice, stride: int, count: int) -> torch.Tensor:
    """Return the positions of a map of `count` positions that stand at every fourth pixel of `inside`, from the fourth
    on."""
    pixels = torch.arange(inside.start, inside.stop, STRIDE) + STRIDE - 1
    return ((pixels + 1) // stride - 1).clamp(max=count - 1)
