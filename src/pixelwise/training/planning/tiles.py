"""Test-time scales and flips, and matching tiles."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pixelwise.training.planning import defaults
from pixelwise.training.recipe import Recipe


def choose_test_scales(image_scale: float, minutes: float | None, *, is_sparse: bool = False) -> tuple[float, ...]:
    """Return the test-time scales of a run that magnifies images by `image_scale` and takes `minutes`."""
    scale = max(defaults.TEST_SCALE, round(4 * image_scale) / 4)
    least = defaults.SPARSE_TWO_SCALES_MINUTES if is_sparse else defaults.TWO_SCALES_MINUTES
    return (scale - 0.25, scale + 0.25) if (minutes or 0.0) >= least else (scale,)


def tile_and_overlap(scales: Sequence[float], flips: int = 2) -> tuple[int, int]:
    """Return the side and the overlap of tiles in pixels, for these test-time scales and `flips` views together."""
    longest = defaults.MAX_SCALED_TILE * math.sqrt(2 / flips) / max(scales)
    side = min(defaults.MAX_TILE, int(longest) // defaults.TILE_MULTIPLE * defaults.TILE_MULTIPLE)
    overlaps = math.ceil(defaults.CONTEXT_PIXELS / min(scales) / defaults.OVERLAP_MULTIPLE)
    return side, overlaps * defaults.OVERLAP_MULTIPLE


def fit_tiles(recipe: Recipe) -> Recipe:
    """Return `recipe` with tiles that match its test-time scales and flips."""
    tile, overlap = tile_and_overlap(recipe.magnifications, flips=2 ** len(recipe.flip_axes))
    return recipe.replace(tile=tile, overlap=overlap)


def remove_tta(recipe: Recipe) -> Recipe:
    """Return `recipe` for a model that predicts an image once, at its own size."""
    return fit_tiles(recipe.replace(magnifications=(1.0,), mirrored=False))
