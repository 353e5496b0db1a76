"""Numbers of a recipe that go by the objects' sizes, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pixelwise.training.planning import defaults
from pixelwise.training.planning.object_sizes import adapt_to_object_sizes
from pixelwise.training.recipe import Recipe

RECIPE = defaults.RECIPE.replace(heat_weight=defaults.HEAT_WEIGHT, offset_weight=defaults.OFFSET_WEIGHT)


def discs(*diameters: float) -> list[np.ndarray]:
    """Return areas of discs, an image each."""
    return [np.array([round(np.pi / 4 * diameter**2)]) for diameter in diameters]


@pytest.mark.parametrize(
    "areas",
    [
        discs(*range(8, 50)),  # nuclei
        discs(*[20] * 97, 300, 300, 300),  # a few clumps among them
        discs(*[79.0] * 5),
        [np.empty(0, np.int64)],
        [],
    ],
)
def test_objects_as_small_as_nuclei_have_the_recipes_own_numbers(areas: list[np.ndarray]) -> None:
    assert adapt_to_object_sizes(RECIPE, areas) is RECIPE
    assert (RECIPE.radius, RECIPE.least_area, RECIPE.group_by) == (5, 4, "centres")
    assert (RECIPE.offset_unit, RECIPE.heat_width) == (16.0, 0.35)
    assert (RECIPE.radii, RECIPE.least_areas) == ((2, 3, 5, 7, 10, 14), (4, 8, 16, 32))


def test_large_objects_of_one_size() -> None:
    """Discs 240 across, ten times the usual 24: areas of 45,239 pixels."""
    recipe = adapt_to_object_sizes(RECIPE, discs(*[240.0] * 9))
    assert recipe.offset_unit == 160.0
    assert recipe.offset_weight == pytest.approx(0.002)  # an error of half a width costs what it does of small ones
    assert recipe.radius == 60
    assert recipe.radii == (40, 58, 83, 120)  # a sixth to a half of 240, each 1.44 times the one before
    assert recipe.least_areas == (1414, 2827, 5655, 11310, 22620)
    assert (recipe.least_area, recipe.group_by) == (1414, "both")


def test_radii_span_objects_of_many_sizes() -> None:
    recipe = adapt_to_object_sizes(RECIPE, discs(*np.linspace(20, 400, 101)))  # quantiles 39, 210 and 381
    assert recipe.radii[0] == 7
    assert recipe.radii[-1] == 190
    assert len(recipe.radii) == 8
    assert recipe.radius == 52


def test_what_goes_by_sizes_is_stored() -> None:
    recipe = adapt_to_object_sizes(RECIPE, discs(*[240.0] * 9))
    assert Recipe.model_validate(recipe.model_dump(mode="json")) == recipe
