"""How objects are best grouped: by what finds most of them."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
import pytest

from pixelwise.core.classes import ClassMap
from pixelwise.data.dataset import Sample
from pixelwise.inference.engines.base import Engine
from pixelwise.inference.predictor import Predictor
from pixelwise.instances.grouping_parameters import BOTH, CENTRES, COMPONENTS, GroupingParameters
from pixelwise.modelfile.info import ModelInfo
from pixelwise.training.planning.defaults import RECIPE
from pixelwise.training.posthoc.grouping import fit_grouping, grouping_remarks

INFO = ModelInfo(
    "red",
    None,
    "instance",
    ClassMap.from_names(["background", "cell"]),
    (0.0,) * 3,
    (1.0,) * 3,
    1,
    64,
    32,
    grouping=GroupingParameters((1,), radius=3, least_heat=0.3),
)
ZERO = (0.0, 0.0)


class RedIsForeground(Engine):
    """Scores foreground by red, 1 from 100 on; green over 255 is heat, and no pixel leads elsewhere."""

    def __call__(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        red, green, _ = np.moveaxis(images.astype(np.float32), -1, 0)
        return np.stack([np.full_like(red, 100.0), red, green / 255, 0 * red, 0 * red], axis=1)


def sample(heats: dict[int, float], objects: list[tuple[int, int]], width: int = 60) -> Sample:
    """Return rows of pixels with objects (start, stop), and heat at columns of the middle row."""
    image, instance_map = np.zeros((5, width, 3), np.uint8), np.zeros((5, width), np.int32)
    for number, (start, stop) in enumerate(objects, 1):
        image[:, start:stop, 0], instance_map[:, start:stop] = 255, number
    for column, heat in heats.items():
        image[2, column, 1] = round(255 * heat)
    return Sample(image, (instance_map > 0).astype(np.uint8), instance_map)


def best(*samples: Sample, **changes: object) -> GroupingParameters:
    assert INFO.grouping is not None
    return fit_grouping(Predictor(RedIsForeground(), INFO), samples, ZERO, INFO.grouping, RECIPE.replace(**changes))


def test_false_peaks_raise_the_least_heat() -> None:
    """Two objects have a second, cooler peak each, far enough to part them."""
    grouping = best(sample({5: 0.9, 15: 0.35, 35: 0.9, 45: 0.35}, [(2, 20), (30, 48)]))
    assert grouping.least_heat == 0.4
    assert grouping.radius == 3


def test_the_fit_follows_its_recipe() -> None:
    """An image with false peaks, and one whose peaks are right at any heat that is tried."""
    false = sample({5: 0.9, 15: 0.35, 35: 0.9, 45: 0.35}, [(2, 20), (30, 48)])
    right = sample({5: 0.9, 35: 0.9}, [(2, 20), (30, 48)])
    assert best(false, least_heats=(0.2, 0.5)).least_heat == 0.5
    assert best(right, false).least_heat == 0.4
    assert best(right, false, grouping_pixels=5 * 60).least_heat == 0.3  # the first image is enough
    assert best(right, false, grouping_pixels=5 * 60 + 1).least_heat == 0.4


def test_peaks_side_by_side_widen_the_radius() -> None:
    """Both are as hot as each other, and five pixels apart."""
    grouping = best(sample({5: 0.9, 10: 0.8, 35: 0.9, 40: 0.8}, [(2, 20), (30, 48)]))
    assert grouping.radius == 5
    assert grouping.least_heat == 0.3


def test_nothing_changes_without_gain_or_objects() -> None:
    assert best(sample({5: 0.9}, [(2, 20)])) == INFO.grouping
    without = dataclasses.replace(sample({5: 0.9}, [(2, 20)]), instance_map=None)
    assert best(without) == best() == INFO.grouping


def test_the_class_bias_counts() -> None:
    """Dim pixels become foreground by it; their peak is false."""
    scene = sample({5: 0.9, 35: 0.35}, [(2, 20)])
    scene.image[:, 30:48, 0] = 60
    assert INFO.grouping is not None
    assert best(scene) == INFO.grouping
    predictor = Predictor(RedIsForeground(), INFO)
    assert fit_grouping(predictor, [scene], (0.0, 50.0), INFO.grouping, RECIPE).least_heat == 0.4


def test_connected_components_are_taken_where_no_centres_find_as_much() -> None:
    """Heat is the same all over, so that a centre lies wherever noise is; the objects lie apart."""
    rng = np.random.default_rng(0)
    scene = sample({}, [(2, 30), (40, 58)])
    scene.image[..., 1] = rng.integers(140, 180, scene.image.shape[:2])
    grouping = best(dataclasses.replace(scene))
    assert grouping.by == COMPONENTS
    assert grouping_remarks(grouping, RECIPE)[0].startswith("Objects are the connected components of their class")


def test_centres_stay_where_components_find_no_more() -> None:
    assert best(sample({5: 0.9, 40: 0.9}, [(2, 20), (30, 48)])).by == CENTRES


def large(radii: tuple[int, ...], grouping: GroupingParameters) -> GroupingParameters:
    """Return what is fitted to two touching objects of 300 pixels with two peaks each."""
    scene = sample({52: 0.8, 160: 0.9, 352: 0.8, 460: 0.9}, [(12, 312), (312, 600)], width=620)
    scene.image[4] = scene.image[2]  # a row that is looked at
    recipe = RECIPE.replace(radii=radii, least_areas=(64, 128))
    return fit_grouping(Predictor(RedIsForeground(), INFO), [scene], ZERO, grouping, recipe)


def test_radii_that_go_by_sizes_are_tried_on_a_coarser_grid() -> None:
    """Peaks 108 pixels apart on an object and 192 to that of the next, on every 4th row and column."""
    start = GroupingParameters((1,), radius=16, least_heat=0.3, least_area=64, by=BOTH)
    grouping = large((16, 60, 120, 200), start)
    assert (grouping.radius, grouping.by) == (120, BOTH)
    assert grouping_remarks(grouping, RECIPE.replace(radii=(16, 60, 120, 200), least_areas=(32, 64, 128))) == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"radius": 14}, "distance of centres, in pixels, that suits the validation images is 14, the largest"),
        ({"radius": 2}, "is 2, the smallest of those tried (2 to 14)"),
        ({"least_heat": 0.5}, "least heat of a centre that suits the validation images is 0.5, the largest"),
        ({"least_area": 32}, "least area of an object, in pixels, that suits the validation images is 32, the largest"),
    ],
)
def test_the_end_of_a_list_is_told(changes: dict[str, float], says: str) -> None:
    (remark,) = grouping_remarks(dataclasses.replace(GroupingParameters((1,)), **changes), RECIPE)
    assert says in remark


def test_inside_its_lists_a_grouping_needs_no_remark() -> None:
    assert grouping_remarks(GroupingParameters((1,)), RECIPE) == []  # the least area, 4 pixels, is nearly none
