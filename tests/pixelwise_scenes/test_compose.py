import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pixelwise.core.errors import ShapeError
from pixelwise_scenes import SCENE_CLASSES, scene
from pixelwise_scenes.canvas import POLE, THINGS

SMALL = (96, 128)


@pytest.fixture(scope="module")
def scenes():
    return [scene((3, 0, index), SMALL) for index in range(24)]


def test_the_same_key_gives_the_same_bytes():
    first, second = scene((1, 2, 3), SMALL), scene((1, 2, 3), SMALL)
    for name in ("image", "label_map", "instance_map"):
        assert_array_equal(getattr(first, name), getattr(second, name))


def test_another_key_gives_another_scene(scenes):
    images = {one.image.tobytes() for one in scenes}
    labels = {one.label_map.tobytes() for one in scenes}
    assert len(images) == len(labels) == len(scenes)


@pytest.mark.parametrize("size", [(96, 128), (32, 32), (67, 131), (160, 48)])
def test_any_size_has_its_shapes_and_dtypes(size):
    drawn = scene(11, size)
    assert (drawn.image.shape, drawn.image.dtype) == ((*size, 3), np.uint8)
    assert (drawn.label_map.shape, drawn.label_map.dtype) == (size, np.uint8)
    assert (drawn.instance_map.shape, drawn.instance_map.dtype) == (size, np.int32)
    assert drawn.label_map.max() < SCENE_CLASSES.num_classes


def test_a_scene_is_the_same_in_another_size():
    small, large = scene(4, (96, 128)), scene(4, (192, 256))
    assert (large.label_map[1::2, 1::2] == small.label_map).mean() > 0.9


def test_too_small_is_refused():
    with pytest.raises(ShapeError, match=r"size 31x200; expected at least 32x32"):
        scene(0, (31, 200))


def test_most_scenes_show_every_class(scenes):
    counts = np.array([np.bincount(one.label_map.ravel(), minlength=SCENE_CLASSES.num_classes) for one in scenes])
    assert ((counts > 10).mean(axis=0) > 0.75).all()


def test_objects_are_things_and_each_is_of_one_class(scenes):
    for one in scenes:
        ids = np.unique(one.instance_map)
        assert_array_equal(ids, np.arange(len(ids)))
        assert_array_equal(one.instance_map > 0, np.isin(one.label_map, list(THINGS)))
        pairs = np.unique(np.stack((one.instance_map, one.label_map))[:, one.instance_map > 0], axis=1)
        assert len(pairs[0]) == len(ids) - 1


def test_there_are_many_objects_and_some_hide_others(scenes):
    assert np.mean([one.instance_map.max() for one in scenes]) > 15


def test_poles_are_tall_and_a_few_pixels_wide():
    widths, heights = [], []
    for index in range(6):
        drawn = scene((9, index))
        for instance in np.unique(drawn.instance_map[drawn.label_map == POLE]):
            mask = drawn.instance_map == instance
            rows = np.flatnonzero(mask.any(axis=1))
            widths.append(np.median(mask[rows].sum(axis=1)))
            heights.append(len(rows))
    assert len(widths) >= 12
    assert 1 <= np.median(widths) <= 3
    assert np.percentile(heights, 75) > 10


def test_colour_alone_does_not_tell_the_classes(scenes):
    """The class of the nearest mean colour is right for fewer than 3 of 4 pixels, even of those it was fit to."""
    pixels = np.concatenate([one.image.reshape(-1, 3) for one in scenes]).astype(np.float64)
    labels = np.concatenate([one.label_map.ravel() for one in scenes])
    means = np.array([pixels[labels == index].mean(axis=0) for index in range(SCENE_CLASSES.num_classes)])
    nearest = np.argmin([((pixels - mean) ** 2).sum(axis=1) for mean in means], axis=0)
    assert (nearest == labels).mean() < 0.75


def test_the_picture_is_well_exposed(scenes):
    means = np.array([one.image.mean() for one in scenes])
    assert means.min() > 60
    assert means.max() < 190
