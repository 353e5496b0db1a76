"""What the live head says about a tile, at the resolution of the image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from pixelwise.labels.features import STRIDE, FeatureMaps, Half
from pixelwise.labels.head import Head
from pixelwise.labels.refinement import refine_along_edges
from pixelwise.labels.strokes import Box, UInt8


@dataclass(frozen=True)
class LivePrediction:
    """What the live model says about a tile.

    Attributes
    ----------
    revision
        Of the model.
    label_map
        uint8 (h, w), the most probable class of each pixel.
    uncertainty
        uint8 (h, w), from 0 for sure to 255: one less the difference of the two largest probabilities.
    probabilities
        float16 (K, ceil(h / 4), ceil(w / 4)), before they were drawn along the image's edges.
    """

    revision: int
    label_map: UInt8
    uncertainty: UInt8
    probabilities: Half


@torch.inference_mode()
def predict_tile(head: Head, revision: int, maps: FeatureMaps, box: Box) -> LivePrediction:
    """Return what a head says about the box of a tile, which lies inside the region of its features."""
    probabilities = head.probabilities(maps)
    top, left = box[0] - maps.box_tlbr[0], box[1] - maps.box_tlbr[1]
    height, width = box[2] - box[0], box[3] - box[1]
    label_map, uncertainty = np.empty((2, height, width), np.uint8)
    inside = slice(top, top + height), slice(left, left + width)
    for rows, refined in refine_along_edges(probabilities, maps.guide, inside):
        values, classes = refined.topk(min(2, len(refined)), dim=0)
        label_map[rows] = classes[0].to(torch.uint8).numpy()
        margin = values[0] - values[1] if len(values) > 1 else torch.ones_like(values[0])
        uncertainty[rows] = (255 * (1 - margin)).round().to(torch.uint8).numpy()
    coarse = probabilities[
        :, top // STRIDE : -(-(top + height) // STRIDE), left // STRIDE : -(-(left + width) // STRIDE)
    ]
    return LivePrediction(revision, label_map, uncertainty, coarse.half().numpy().copy())
