from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pixelwise.core.errors import DataError
from pixelwise.data import open_dataset, write_dataset
from pixelwise.data.check import check
from pixelwise.data.layouts.folders import open_folders, write_folders

RIMMED = np.array(
    [
        [0, 0, 0, 0, 0, 0, 0, 0],
        [0, 255, 255, 255, 0, 255, 255, 255],
        [0, 255, 1, 255, 0, 255, 2, 255],
        [0, 255, 1, 255, 0, 255, 2, 255],
        [0, 255, 255, 255, 0, 255, 255, 255],
        [0, 0, 0, 0, 0, 0, 0, 0],
    ]
)
IDS = np.where(RIMMED == 255, 0, RIMMED)


@pytest.fixture
def rimmed(save, tmp_path: Path) -> Path:
    for stem in "abcd":
        save(f"images/{stem}.png")
        save(f"instances/{stem}.png", RIMMED)
    return tmp_path


def test_a_rim_has_no_label_and_is_told(rimmed: Path) -> None:
    dataset = open_folders(rimmed)
    sample = dataset.read(next(dataset.items())[1])
    assert sample.instance_map is not None
    assert sample.instance_map.dtype == np.int32
    assert_array_equal(sample.instance_map, IDS)
    assert_array_equal(sample.label_map, np.where(RIMMED == 255, 255, IDS > 0))
    (problem,) = dataset.problems
    assert (problem.file, problem.kind) == (rimmed, "assumed")
    assert "found the value 255 in 4 of 4 instance maps" in problem.message


def test_beside_masks_these_say_what_the_rim_is(rimmed: Path, save) -> None:
    for stem in "abcd":
        save(f"masks/{stem}.png", (RIMMED > 0) * 1)
    dataset = open_folders(rimmed)
    sample = dataset.read(next(dataset.items())[1])
    assert_array_equal(sample.instance_map, IDS)
    assert_array_equal(sample.label_map, RIMMED > 0)
    assert [problem.kind for problem in dataset.problems] == ["assumed"]


@pytest.mark.parametrize(("said", "ids"), [("[]", RIMMED), ("255", IDS), ("[2, 255]", np.where(RIMMED == 2, 0, IDS))])
def test_classes_yaml_says_otherwise(rimmed: Path, said: str, ids: np.ndarray) -> None:
    (rimmed / "classes.yaml").write_text(f"classes: [glass, cell]\nignore_ids: {said}")
    dataset = open_folders(rimmed)
    assert_array_equal(dataset.read(next(dataset.items())[1]).instance_map, ids)
    assert dataset.problems == ()


def test_what_classes_yaml_says_of_ids_without_effect_is_an_error(save, tmp_path: Path) -> None:
    save("images/a.png")
    save("masks/a.png", [[0, 1] * 4] * 6)
    (tmp_path / "classes.yaml").write_text("classes: [a, b]\nignore_ids: 255")
    with pytest.raises(DataError, match="'ignore_ids', and no instance map"):
        open_folders(tmp_path)
    (tmp_path / "classes.yaml").write_text("classes: [a, b]\nignore_ids: none")
    with pytest.raises(DataError, match="under 'ignore_ids' 'none'"):
        open_folders(tmp_path)


def test_rims_in_masks_of_object_ids(save, discs, tmp_path: Path) -> None:
    """As SegmentationObject of Pascal VOC, copied into masks/."""
    arrays = [discs(seed, list(range(1, 6 + seed)), 96) for seed in range(4)]
    for seed, ids in enumerate(arrays):
        inside = ids > 0
        near = inside | np.roll(inside, 1, 0) | np.roll(inside, -1, 0) | np.roll(inside, 1, 1) | np.roll(inside, -1, 1)
        save(f"images/{seed}.png", np.full((96, 96, 3), seed))
        save(f"masks/{seed}.png", np.where(near & ~inside, 255, ids))
    dataset = open_folders(tmp_path)
    for item in (item for _, item in dataset.items()):
        sample = dataset.read(item)
        assert_array_equal(sample.instance_map, arrays[int(item.name)])
        assert set(np.unique(sample.label_map)) == {0, 1, 255}
    (problem,) = dataset.problems
    assert "255, along their borders, has no label" in problem.message
    write_folders(dataset, tmp_path / "out")
    again = open_folders(tmp_path / "out")
    assert again.problems == ()
    for item in (item for _, item in again.items()):
        assert_array_equal(again.read(item).instance_map, arrays[int(item.name)])
        assert set(np.unique(again.read(item).label_map)) == {0, 1, 255}


@pytest.mark.parametrize("values", [[255], [1], [1, 2]])
def test_one_number_for_many_objects_is_told(save, discs, tmp_path: Path, values: list[int]) -> None:
    """A binary mask, or classes, in instances/."""
    for seed in range(4):
        save(f"images/{seed}.png", np.full((64, 64, 3), seed))
        save(f"instances/{seed}.png", discs(seed, values * 4))
    (problem,) = open_folders(tmp_path).problems
    assert problem.kind == "assumed"
    assert "found ids in several pieces each" in problem.message


def test_one_object_an_image_is_right(save, discs, tmp_path: Path) -> None:
    for seed in range(4):
        save(f"images/{seed}.png", np.full((64, 64, 3), seed))
        save(f"instances/{seed}.png", discs(seed, [1]))
    assert open_folders(tmp_path).problems == ()


def test_a_background_with_an_id_is_told(save, discs, tmp_path: Path) -> None:
    """As watershed algorithms number it."""
    for seed in range(4):
        save(f"images/{seed}.png", np.full((64, 64, 3), seed))
        save(f"instances/{seed}.png", discs(seed, [1, 2, 3]) + 1)
    (problem,) = open_folders(tmp_path).problems
    assert problem.kind == "assumed"
    assert "found the id 1 on most of the pixels of 4 of 4 instance maps" in problem.message


def test_what_ids_stand_for_is_shown(rimmed: Path) -> None:
    result = check(open_folders(rimmed))
    rows = [(row.values, row.label, row.share) for row in result.mask_values]
    share = int((RIMMED == 255).sum()) / RIMMED.size
    assert rows == [("0", 0, 24 / 48), ("1..65535, each an object", 1, 4 / 48), ("255", 255, share)]


def test_instance_maps_without_an_image_are_named(save, tmp_path: Path) -> None:
    for folder, pixels in (("images", None), ("masks", (RIMMED > 0) * 1), ("instances", IDS)):
        save(f"{folder}/a.png", pixels)
    stray = save("instances/b.png", IDS)
    assert open_folders(tmp_path).stray_masks == (stray,)


@pytest.mark.parametrize("layout", ["voc", "labelme", "dsb"])
def test_layouts_without_instance_maps_refuse_what_is_said_of_them(save, tmp_path: Path, layout: str) -> None:
    for stem in "abcd":
        save(f"in/images/{stem}.png")
        save(f"in/instances/{stem}.png", IDS)
    out = tmp_path / "out"
    write_dataset(open_folders(tmp_path / "in"), layout, out)
    assert open_dataset(out).format == layout
    (out / "classes.yaml").write_text("classes: [background, object]\nignore_ids: 255")
    with pytest.raises(DataError, match="'ignore_ids'; expected none in this layout"):
        open_dataset(out)
