"""How objects are best grouped: by what finds most of them."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from pixelwise.classes import ClassMap
from pixelwise.formats.dataset import Sample
from pixelwise.instances.rule import Grouping
from pixelwise.modelfile.info import ModelInfo
from pixelwise.predict.predictor import Predictor
from pixelwise.training.grouping import best_grouping

INFO = ModelInfo(
    "red",
    None,
    "instance",
    ClassMap.named(["background", "cell"]),
    (0.0,) * 3,
    (1.0,) * 3,
    1,
    64,
    32,
    grouping=Grouping((1,), radius=3, least_heat=0.3),
)
ZERO = (0.0, 0.0)


class RedIsForeground:
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


def best(*samples: Sample) -> Grouping:
    assert INFO.grouping is not None
    return best_grouping(Predictor(RedIsForeground(), INFO), samples, ZERO, INFO.grouping)


def test_false_peaks_raise_the_least_heat() -> None:
    """Two objects have a second, cooler peak each, far enough to part them."""
    found = best(sample({5: 0.9, 15: 0.35, 35: 0.9, 45: 0.35}, [(2, 20), (30, 48)]))
    assert found.least_heat == 0.4
    assert found.radius == 3


def test_peaks_side_by_side_widen_the_radius() -> None:
    """Both are as hot as each other, and five pixels apart."""
    found = best(sample({5: 0.9, 10: 0.8, 35: 0.9, 40: 0.8}, [(2, 20), (30, 48)]))
    assert found.radius == 5
    assert found.least_heat == 0.3


def test_nothing_changes_without_gain_or_objects() -> None:
    assert best(sample({5: 0.9}, [(2, 20)])) == INFO.grouping
    without = dataclasses.replace(sample({5: 0.9}, [(2, 20)]), instance_map=None)
    assert best(without) == best() == INFO.grouping


def test_the_class_bias_counts() -> None:
    """Dim pixels become foreground by it; their peak is false."""
    seen = sample({5: 0.9, 35: 0.35}, [(2, 20)])
    seen.image[:, 30:48, 0] = 60
    assert INFO.grouping is not None
    assert best(seen) == INFO.grouping
    predictor = Predictor(RedIsForeground(), INFO)
    assert best_grouping(predictor, [seen], (0.0, 50.0), INFO.grouping).least_heat == 0.4
