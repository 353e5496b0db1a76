"""Numbers of a recipe that depend on the sizes of the training objects.

Offsets are learnt in units that grow with the objects, so that half the width of an object has the same value for large
and for small objects. The radius within which a centre must be the maximum, and the least area of an object, are
searched among values in proportion to the objects. The heat depends on the size of each object (`centre_targets`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pixelwise.instances.grouping_parameters import BOTH
from pixelwise.training.recipe import Recipe

SMALL = 80.0
"""A recipe is adapted if the largest twentieth of the objects exceeds this diameter in pixels. For smaller objects,
such as nuclei, the recipe's own numbers are used."""
USUAL = 24.0
"""Diameter of the objects that the recipe's own unit of offsets suits."""
RADII = (1 / 6, 1 / 2)
"""The least radius that is tried, relative to the diameter of the smaller objects, and the largest, relative to that of
the larger ones."""
SMALLER, LARGER = 0.05, 0.95
"""The quantiles of the diameters that define smaller and larger objects."""
FIRST_RADIUS = 1 / 4
"""The radius before the fit, relative to the median diameter."""
AREAS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2)
"""The values tried for the least area, relative to the area of the smaller objects. The first is used before the
fit."""
MOST_RADII = 8


def adapt_to_object_sizes(recipe: Recipe, areas: Sequence[npt.NDArray[np.int64]]) -> Recipe:
    """Return `recipe`, for a task with objects, adapted to training objects of these areas in pixels, one array
    (objects,) an image. It is unchanged if the objects are small or there are none."""
    every = np.concatenate([*areas, np.empty(0, np.int64)])
    if not len(every):
        return recipe
    diameters = 2 * np.sqrt(every / np.pi)
    smaller, median, larger = (float(np.quantile(diameters, share)) for share in (SMALLER, 0.5, LARGER))
    if larger <= SMALL:
        return recipe
    unit = max(1.0, round(median / USUAL))
    radii = _ascending(RADII[0] * smaller, RADII[1] * larger)
    least_areas = tuple(sorted({max(1, round(share * np.pi / 4 * smaller**2)) for share in AREAS}))
    update: dict[str, object] = {
        "offset_unit": unit * recipe.offset_unit,
        "offset_weight": recipe.offset_weight / unit,
        "radius": max(1, round(FIRST_RADIUS * median)),
        "radii": radii,
        "least_area": least_areas[0],
        "least_areas": least_areas,
        "group_by": BOTH,
    }
    return recipe.replace(**update)


def _ascending(first: float, last: float) -> tuple[int, ...]:
    """Return sizes from `first` to `last`, each about 1.4 times the one before, or more if that would give too many."""
    count = min(MOST_RADII, 1 + max(1, round(2 * np.log2(last / first))))
    return tuple(sorted({max(1, round(size)) for size in np.geomspace(first, last, count).tolist()}))
