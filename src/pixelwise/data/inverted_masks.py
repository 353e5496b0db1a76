"""Detection of masks whose foreground and background may be swapped, by comparing the images.

In an inverted mask the foreground looks like the background of other images (evidence of looks), and it lies where
their background lies (evidence of places). Sound data sets have masks with one of the two: an object that fills its
image, a cell with inverse staining.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixelwise.data.problem import Problem

UInt8 = npt.NDArray[np.uint8]
Bool = npt.NDArray[np.bool_]
Float = npt.NDArray[np.float64]

SIDE = 64
"""Rows, and columns, of an image that are sampled."""
CELLS = 8
"""Parts, down and across, into which the image is divided to tell where the foreground lies."""
LEVELS, RANKS = 6, 8
"""Levels of each colour, and ranks of brightness and of contrast within an image; pixels of one level look alike."""
LEAST = 10
"""Images of two classes that are needed at least."""
TELLING = 0.75
"""Least median accuracy with which the looks of the other images tell foreground from background."""
SURE = 0.85
"""The same in a data set whose places tell nothing."""
AGAINST = (0.15, 0.3)
"""Bounds of the accuracy up to which looks speak against a mask; the data set decides where it lies between them."""
PLACED = 0.15
"""Least median evidence of places at which places tell something."""
WELL_PLACED, HINTING = 1.0, 0.6
"""Least median evidence of places, and least median accuracy of looks, for places to decide while looks agree."""
MOST = 1 / 3
"""Largest share of masks that can be inverted; more of them are no exception."""
OPPOSED = 0.1
"""Looks tell nothing where they speak against more than this share of the masks that count as upright."""
PASSES = 4
"""Passes at most. In each pass the masks that seemed inverted in the one before count the other way round."""


@dataclass(frozen=True)
class Looks:
    """What the sampled pixels of an image look like.

    kinds: for each kind of looks the code of each pixel, int64 (SIDE, SIDE), and the number of codes. rows, columns:
    those that are sampled, int64 (SIDE,).
    """

    kinds: tuple[tuple[npt.NDArray[np.int64], int], ...]
    rows: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int64]


@dataclass(frozen=True)
class MaskLooks:
    """How the two classes of a mask look, and where they lie.

    foreground, background: for each kind of looks, the share of each code among the pixels of the class, float32
    (codes,). cells: the foreground's share of each part of the image, float32 (CELLS * CELLS,).
    """

    mask: Path
    foreground: tuple[npt.NDArray[np.float32], ...]
    background: tuple[npt.NDArray[np.float32], ...]
    cells: npt.NDArray[np.float32]


def sample_places(height: int, width: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the rows and the columns that are sampled, evenly spread over an image, each int64 (SIDE,)."""
    rows, columns = (np.linspace(0, side - 1, SIDE).round().astype(np.int64) for side in (height, width))
    return rows, columns


def describe_looks(pixels: UInt8, right: UInt8, below: UInt8, places: tuple[npt.NDArray[np.int64], ...]) -> Looks:
    """Return what pixels look like: by their colour, and by their brightness and contrast within the image.

    pixels: uint8 (SIDE, SIDE, channels), those at `places`, the sampled rows and columns. right, below: their
    neighbours.
    """
    colors = pixels[..., :3].astype(np.int64) * LEVELS // 256
    color_codes = sum(colors[..., channel] * LEVELS**channel for channel in range(colors.shape[2]))
    gray, gray_right, gray_below = (part.mean(axis=2) for part in (pixels, right, below))
    contrast = np.abs(gray - gray_right) + np.abs(gray - gray_below)
    rank_codes = _ranks(gray) * RANKS + _ranks(contrast)
    kinds = ((np.asarray(color_codes), LEVELS ** colors.shape[2]), (rank_codes, RANKS * RANKS))
    return Looks(kinds, places[0], places[1])


def describe_mask(mask: Path, looks: Looks, label_map: UInt8) -> MaskLooks | None:
    """Return how the classes 0 and 1 of a label map look; `None` where one of them has too few of the pixels."""
    labels = label_map[looks.rows[:, None], looks.columns]
    foreground, background = labels == 1, labels == 0
    if min(np.count_nonzero(foreground), np.count_nonzero(background)) < SIDE // 4:
        return None
    side = SIDE // CELLS
    parts = [part.reshape(CELLS, side, CELLS, side).sum(axis=(1, 3)).ravel() for part in (foreground, background)]
    cells = np.where(parts[0] + parts[1] > 0, parts[0] / np.maximum(1, parts[0] + parts[1]), 0.5)
    return MaskLooks(
        mask,
        tuple(_shares(codes[foreground], count) for codes, count in looks.kinds),
        tuple(_shares(codes[background], count) for codes, count in looks.kinds),
        cells.astype(np.float32),
    )


def find_inverted_masks(masks: Sequence[MaskLooks]) -> list[Problem] | None:
    """Return a problem for each mask that may be inverted; `None` where the images do not tell the classes apart."""
    if len(masks) < LEAST:
        return None
    verdicts = [_weigh(masks, kind) for kind in range(len(masks[0].foreground))]
    verdict = max(verdicts, key=lambda by_kind: by_kind.median)
    if not verdict.is_telling:
        return None
    return [
        Problem(
            masks[index].mask,
            "inverted_mask",
            "found a foreground that looks like the background of the other images, and a background that looks like "
            f"their foreground ({verdict.accuracy[index]:.0%} of the pixels look like their class there); expected the "
            "values to mean the same in all masks. It may be inverted: look at an overlay, and invert the mask if so.",
        )
        for index in np.flatnonzero(verdict.inverted).tolist()
    ]


@dataclass(frozen=True)
class _Verdict:
    """What one kind of looks says about n masks.

    inverted: whether each seems inverted, boolean (n,). accuracy: the share of its pixels that look like their class in
    the other images, float64 (n,). median: the median accuracy, after inverted masks are turned. is_telling: whether
    this is enough evidence.
    """

    inverted: Bool
    accuracy: Float
    median: float
    is_telling: bool


def _weigh(masks: Sequence[MaskLooks], kind: int) -> _Verdict:
    foreground = np.array([mask.foreground[kind] for mask in masks])
    background = np.array([mask.background[kind] for mask in masks])
    cells = np.array([mask.cells for mask in masks], np.float64)
    inverted = np.zeros(len(masks), bool)
    for _ in range(PASSES):
        accuracy = _accuracies(foreground, background, inverted)
        evidence = _evidence_of_places(cells, inverted)
        turned = np.where(inverted, 1 - accuracy, accuracy)
        typical, median = float(np.median(np.where(inverted, -evidence, evidence))), float(np.median(turned))
        before, inverted = inverted, _speak_against(accuracy, evidence, turned, typical)
        if (inverted == before).all():
            break
    settled = (inverted == before).all() and inverted.mean() <= MOST
    agreed = (accuracy[~inverted] < 0.5).mean() <= OPPOSED
    is_telling = bool(settled and agreed and (median >= TELLING or (typical >= WELL_PLACED and median >= HINTING)))
    return _Verdict(inverted, accuracy, median, is_telling)


def _speak_against(accuracy: Float, evidence: Float, turned: Float, typical: float) -> Bool:
    """Return which of n masks looks and places speak against, boolean (n,).

    accuracy: of looks, float64 (n,). evidence: of places, float64 (n,). turned: the accuracy after the masks that count
    as inverted are turned. typical: the median evidence.
    """
    median = float(np.median(turned))
    limit = float(np.clip(1 - np.quantile(turned, 0.1), *AGAINST))
    if typical < PLACED:
        against = (accuracy <= AGAINST[0]) & (median >= SURE)
    else:
        against = (accuracy <= limit) & (evidence <= typical / 8) & (median >= TELLING)
    if typical >= WELL_PLACED and median >= HINTING:
        against |= (evidence <= -typical / 2) & (accuracy <= 0.5 - (median - 0.5) / 4)
    return against


def _accuracies(foreground: Float, background: Float, flipped: Bool) -> Float:
    """Return for each mask the share of pixels that look like their class in the other images, float64 (n,).

    Both classes have the same weight. flipped: the masks that count as inverted there, boolean (n,).
    """
    turned = flipped[:, None]
    as_foreground, as_background = (
        np.where(turned, background, foreground).astype(np.float64),
        np.where(turned, foreground, background).astype(np.float64),
    )
    others = as_foreground.sum(axis=0) - as_foreground, as_background.sum(axis=0) - as_background
    known = others[0] + others[1] > 0.01
    votes = np.where(known & (others[0] > others[1]), 1.0, np.where(known & (others[1] > others[0]), 0.0, 0.5))
    accuracy: Float = ((foreground * votes).sum(axis=1) + (background * (1 - votes)).sum(axis=1)) / 2
    return accuracy


def _evidence_of_places(cells: Float, flipped: Bool) -> Float:
    """Return for each mask the evidence that its foreground lies where that of the other masks lies, float64 (n,).

    It is the mean logarithm of the odds over the parts of the image, and negative for an inverted mask.
    """
    turned = np.where(flipped[:, None], 1 - cells, cells)
    others = np.clip((turned.sum(axis=0) - turned) / (len(cells) - 1), 0.02, 0.98)
    evidence: Float = ((2 * cells - 1) * np.log(others / (1 - others))).mean(axis=1)
    return evidence


def _ranks(values: Float) -> npt.NDArray[np.int64]:
    """Return the rank of each value among all values, 0..RANKS - 1; equal values have the same rank."""
    edges = np.quantile(values, np.arange(1, RANKS) / RANKS)
    return np.searchsorted(edges, values, side="left").astype(np.int64)


def _shares(codes: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.float32]:
    return (np.bincount(codes, minlength=count) / len(codes)).astype(np.float32)
