"""From the sizes of the objects to learn to the numbers of a recipe that go by them.

Offsets are learnt in units that grow with the objects, so that half an object's width is as far for a net of large
objects as it is of small ones; the radius within which a centre is the highest, and the area from which on something is
an object, are sought among sizes that such objects have. The heat goes by each object's own size (`centre_targets`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pixelwise.instances.grouping_parameters import BOTH
from pixelwise.training.recipe import Recipe

SMALL = 80.0
"""Diameter in pixels that the largest twentieth of the objects exceeds where a recipe goes by sizes. Nuclei
and what is as large have the recipe's own numbers."""
USUAL = 24.0
"""Diameter of the objects that the recipe's own unit of offsets suits."""
RADII = (1 / 6, 1 / 2)
"""The least radius that is tried over the diameter of the smaller objects (`SMALLER`), the largest over that of the
larger."""
SMALLER, LARGER = 0.05, 0.95
"""The quantiles of diameters that are meant."""
FIRST_RADIUS = 1 / 4
"""The radius before the fit, over the median diameter."""
AREAS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2)
"""The least areas that are tried, over the area of the smaller objects; the first is the one before the fit."""
MOST_RADII = 8


def adapt_to_object_sizes(recipe: Recipe, areas: Sequence[npt.NDArray[np.int64]]) -> Recipe:
    """Return `recipe`, one for objects, with numbers that suit training objects of these areas in pixels, (objects,) an
    image: as it is where they are small or there are none."""
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
    """Return sizes from `first` to `last`, each about 1.4 times the one before, or more where there would be many."""
    count = min(MOST_RADII, 1 + max(1, round(2 * np.log2(last / first))))
    return tuple(sorted({max(1, round(size)) for size in np.geomspace(first, last, count).tolist()}))
