"""Fits the grouping of pixels into objects on the validation images, after the training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.data.dataset import Sample
from pixelwise.inference.predictor import Predictor
from pixelwise.instances.fields import CentreOffsetMaps
from pixelwise.instances.grouping import group_pixels
from pixelwise.instances.grouping_parameters import BOTH, CENTRES, COMPONENTS, GroupingParameters
from pixelwise.instances.objects import Objects, objects_from_maps, renumber
from pixelwise.metrics.instances import InstanceScorer
from pixelwise.metrics.pixels import counted_pixels
from pixelwise.training.recipe import Recipe

TINY = 4
"""No remark is made if the fitted least area is at most this many pixels, so that hardly any object is dropped."""

GroupingSample = tuple[CentreOffsetMaps, Objects, npt.NDArray[np.bool_]]


def fit_grouping(
    predictor: Predictor,
    samples: Iterable[Sample],
    class_bias: Sequence[float],
    grouping: GroupingParameters,
    recipe: Recipe,
) -> GroupingParameters:
    """Return `grouping` with the best of the values that `recipe` tries, or connected components if they are better.
    The criterion is the mean of TP / (TP + FN + FP) over IoU thresholds on the samples; AP hardly penalises false
    objects of low score. class_bias: added to the class scores first. Samples without objects are not used. If
    `grouping` uses components already, it is also tried without them.
    """
    drawn = _sample_images(predictor, samples, np.array(class_bias, np.float32), grouping.things)
    images = list(_first_images(drawn, recipe.grouping_pixels))
    if not images:
        return grouping
    step = max(1, recipe.radii[0] // recipe.coarse_radius)
    coarse = images if step == 1 else [_subsample(step, *image) for image in images]
    quality = partial(_quality, predictor, coarse, step)
    candidates: dict[str, Sequence[Any]] = {
        "least_heat": recipe.least_heats,
        "radius": recipe.radii,
        "least_area": recipe.least_areas,
    }
    if grouping.by == BOTH:
        candidates["by"] = (CENTRES, BOTH)
    reached = quality(grouping)
    for _ in range(recipe.grouping_rounds):
        before = reached
        for name, values in candidates.items():
            others = [replace(grouping, **{name: value}) for value in values if value != getattr(grouping, name)]
            qualities = [quality(other) for other in others]
            best = int(np.argmax(qualities))
            if qualities[best] > reached:
                reached, grouping = qualities[best], others[best]
        if reached == before:
            break
    areas = (1, *recipe.least_areas)
    components = max((replace(grouping, by=COMPONENTS, least_area=area) for area in areas), key=quality)
    return max((grouping, components), key=partial(_quality, predictor, images, 1))  # of equal ones the first


def grouping_remarks(grouping: GroupingParameters, recipe: Recipe) -> list[str]:
    """Return remarks on a fitted grouping: which of its values are at the end of the range that `recipe` tries, and
    whether connected components found more objects than centres."""
    if grouping.by == COMPONENTS:
        return [
            "Objects are the connected components of their class, since predicted centres found fewer objects on the "
            "validation images. Objects that touch are merged into one. Train longer to separate them."
        ]
    tried = {
        "least heat of a centre": (grouping.least_heat, recipe.least_heats, 0.0),
        "distance of centres, in pixels,": (grouping.radius, recipe.radii, 0.0),
        "least area of an object, in pixels,": (grouping.least_area, recipe.least_areas, TINY),
    }
    remarks = []
    for name, (value, values, floor) in tried.items():
        if value in (values[0], values[-1]) and value > floor:
            which = "smallest" if value == values[0] else "largest"
            remarks.append(
                f"The {name} that suits the validation images is {value:g}, the {which} of those tried "
                f"({values[0]:g} to {values[-1]:g}): a value beyond may suit better. Look at some predictions. "
                "Longer training or more validation images may help."
            )
    return remarks


def _sample_images(
    predictor: Predictor,
    samples: Iterable[Sample],
    class_bias: npt.NDArray[np.float32],
    things: Sequence[int],
) -> Iterable[GroupingSample]:
    for sample in samples:
        if sample.instance_map is None:
            continue
        logits = predictor.logits(sample.image)
        logits[: len(class_bias)] += class_bias[:, None, None]
        fields = CentreOffsetMaps.from_logits(logits, things)
        yield fields, objects_from_maps(sample.label_map, sample.instance_map), ~counted_pixels(sample.label_map)


def _first_images(images: Iterable[GroupingSample], pixels: int) -> Iterator[GroupingSample]:
    """Yield images until they have `pixels` pixels or more."""
    for image in images:
        yield image
        pixels -= image[2].size
        if pixels <= 0:
            break


def _subsample(step: int, fields: CentreOffsetMaps, target: Objects, ignored: npt.NDArray[np.bool_]) -> GroupingSample:
    """Return every `step`-th row and column of an image, with distances in these units."""
    places = np.s_[::step, ::step]
    best, probability, heat = fields.class_index[places], fields.probability[places], fields.heat[places]
    down, right = (np.rint(offsets[places] / step).astype(np.int16) for offsets in (fields.down, fields.right))
    ids, numbers = renumber(target.instance_map[places])
    left = Objects(ids, target.class_index[numbers - 1], target.score[numbers - 1])
    return CentreOffsetMaps(best, probability, heat, down, right), left, ignored[places]


def _quality(predictor: Predictor, images: Iterable[GroupingSample], step: int, grouping: GroupingParameters) -> float:
    """Return the mean of TP / (TP + FN + FP) on images of every `step`-th row and column, in 0..1."""
    radius, area = (max(1, round(number)) for number in (grouping.radius / step, grouping.least_area / step**2))
    grouping = replace(grouping, radius=radius, least_area=area)
    scorer = InstanceScorer(predictor.classes)
    for fields, target, ignored in images:
        scorer.update(group_pixels(fields, grouping), target, ignored)
    mean = float(np.mean(list(scorer.scores().dsb.values())))
    return mean if np.isfinite(mean) else 0.0
