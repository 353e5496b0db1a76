"""Elastic deformation: random displacements at 3x3 nodes, drawn once, applied to the image and to its labels.

Ronneberger, Fischer, Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation", MICCAI 2015,
arXiv:1505.04597, section 3.1.

The paper leaves some details open. Here the nodes span the image from corner to corner; "bicubic" is the cubic spline
through the nodes with zero slope at the image's border; beyond its border the image is mirrored.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import map_coordinates, zoom

NODES = 3
"""Nodes along each side."""
SIGMA = 10.0
"""Standard deviation of a node's displacement, in pixels."""

UInt8 = npt.NDArray[np.uint8]
Int32 = npt.NDArray[np.int32]
Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Elastic:
    """The displacements, down and to the right, from each node to its source, in pixels: all nodes in reading order."""

    down: tuple[float, ...]
    right: tuple[float, ...]


def draw(rng: np.random.Generator, size: tuple[int, int], sigma: float = SIGMA, nodes: int = NODES) -> Elastic:
    """Draw displacements of nodes x nodes with a standard deviation of `sigma` pixels; `size` has no influence."""
    down, right = sigma * rng.standard_normal((2, nodes * nodes))
    return Elastic(tuple(down.tolist()), tuple(right.tolist()))


def displacements(elastic: Elastic, size: tuple[int, int]) -> Float64:
    """Return each pixel's displacement down and to the right, float64 (2, height, width), for an image of `size`."""
    count = math.isqrt(len(elastic.down))
    nodes = np.array([elastic.down, elastic.right]).reshape(2, count, count)
    rows, columns = (spline_basis(side, count) for side in size)
    field: Float64 = rows @ nodes @ columns.T
    return field


def on_image(image: UInt8, elastic: Elastic) -> UInt8:
    """Deform uint8 (H, W, C), bilinear."""
    positions = _positions(elastic, image.shape[:2])
    deformed = np.empty_like(image)
    for channel in range(image.shape[2]):
        map_coordinates(image[..., channel], positions, deformed[..., channel], order=1, mode="mirror")
    return deformed


def on_label_map(label_map: UInt8, elastic: Elastic) -> UInt8:
    """Deform uint8 (H, W), nearest neighbour."""
    positions = _positions(elastic, label_map.shape)
    deformed: UInt8 = map_coordinates(label_map, positions, order=0, mode="mirror")
    return deformed


def on_instance_map(instance_map: Int32, elastic: Elastic) -> Int32:
    """Deform int32 (H, W), nearest neighbour. An object may fall into parts where the image is mirrored."""
    positions = _positions(elastic, instance_map.shape)
    deformed: Int32 = map_coordinates(instance_map, positions, order=0, mode="mirror")
    return deformed


def _positions(elastic: Elastic, size: tuple[int, int]) -> Float64:
    """Return the source position (row, column) of each pixel, float64 (2, height, width)."""
    height, width = size
    positions = displacements(elastic, size)
    positions[0] += np.arange(height)[:, None]
    positions[1] += np.arange(width)
    return positions


def spline_basis(side: int, nodes: int) -> Float64:
    """Return the contribution of each node at each pixel of a side, float64 (side, nodes)."""
    basis: Float64 = zoom(np.eye(nodes), (side / nodes, 1), order=3, mode="mirror")
    return basis
