from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pixelwise.data import open_dataset
from pixelwise.data.check import CheckResult, check
from pixelwise.data.layouts.folders import open_folders, write_folders
from pixelwise.data.layouts.voc import write_voc


@pytest.fixture
def cells(save, discs, tmp_path: Path) -> Path:
    """Six images of three cells of class 1 on ground 0, with a road of class 2 that has no objects; no problem."""
    for seed in range(6):
        split = "val" if seed > 3 else "train"
        ids = discs(seed, [1, 2, 3])
        save(f"{split}/images/{seed}.png", np.full((64, 64, 3), 10 * seed))
        save(f"{split}/masks/{seed}.png", np.where(ids > 0, 1, 2 * (np.arange(64) > 60)))
        save(f"{split}/instances/{seed}.png", ids)
    (tmp_path / "classes.txt").write_text("ground\ncell\nroad\n")
    return tmp_path


def told(root: Path) -> tuple[CheckResult, list[tuple[str, str]]]:
    result = check(open_dataset(root))
    return result, [(problem.file.relative_to(root).as_posix(), problem.kind) for problem in result.problems]


def test_all_objects_are_numbered(cells: Path) -> None:
    result, problems = told(cells)
    assert problems == []
    assert result.unusable_for_objects == set()


def test_a_missing_instance_map(cells: Path) -> None:
    (cells / "train/instances/2.png").unlink()
    result, problems = told(cells)
    assert problems == [("train/images/2.png", "missing_objects")]
    assert "as 5 of 6 images have" in result.problems[0].message
    assert " pixels of cell in the mask" in result.problems[0].message
    assert result.unusable_for_objects == {cells / "train/images/2.png"}
    assert result.unusable == set()  # a semantic model learns from its mask
    assert result.harmful == result.problems


def test_an_image_without_objects_needs_no_map(cells: Path, save) -> None:
    (cells / "train/instances/2.png").unlink()
    save("train/masks/2.png", np.full((64, 64), [0, 2] * 32))
    assert told(cells)[1] == []


def test_an_empty_instance_map(cells: Path, save, discs) -> None:
    save("train/instances/1.png", np.zeros((64, 64)))
    result, problems = told(cells)
    assert problems == [("train/instances/1.png", "missing_objects")]
    assert f"found no id in the instance map, and {int((discs(1, [1, 2, 3]) > 0).sum()):,} pixels of cell" in (
        result.problems[0].message
    )


def test_every_map_empty(cells: Path, save) -> None:
    for seed in range(6):
        save(f"{'val' if seed > 3 else 'train'}/instances/{seed}.png", np.zeros((64, 64)))
    result, problems = told(cells)
    assert problems == [(".", "missing_objects")]
    assert "found no id in any of 6 instance maps" in result.problems[0].message


def test_an_object_that_the_map_lacks(cells: Path, save, discs) -> None:
    ids = discs(3, [1, 2, 3])
    save("train/instances/3.png", np.where(ids == 2, 0, ids))
    result, problems = told(cells)
    assert problems == [("train/instances/3.png", "missing_objects")]
    assert f"1 of cell ({int((ids == 2).sum())} pixels)" in result.problems[0].message


def test_borders_that_differ_by_a_pixel_are_no_objects(cells: Path, save, discs) -> None:
    ids = discs(3, [1, 2, 3])
    inside = ids > 0
    core = inside & np.roll(inside, 1, 0) & np.roll(inside, -1, 0) & np.roll(inside, 1, 1) & np.roll(inside, -1, 1)
    save("train/instances/3.png", np.where(core, ids, 0))
    assert told(cells)[1] == []


def test_an_object_beside_another_that_the_map_lacks(cells: Path, save) -> None:
    """Two squares of nine pixels side by side, of which one has an id."""
    mask, ids = np.zeros((2, 64, 64))
    mask[20:29, 10:28], ids[20:29, 10:19] = 1, 1
    save("train/masks/3.png", mask)
    save("train/instances/3.png", ids)
    result, _ = told(cells)
    assert "1 of cell (81 pixels)" in result.problems[0].message


def test_objects_on_the_background_of_the_mask(cells: Path, save, discs) -> None:
    save("train/instances/0.png", np.where(discs(0, [1, 2, 3]) > 0, discs(0, [1, 2, 3]), 4 * (np.arange(64) < 2)))
    result, problems = told(cells)
    assert problems == [(".", "assumed")]
    assert "found 1 objects of the instance maps, in 1 of the images (0)" in result.problems[0].message


def test_a_first_class_that_has_objects_is_no_background(save, tmp_path: Path) -> None:
    for seed in range(4):
        ids = np.where(np.arange(64) < 32, 1, 2)[None].repeat(64, 0)
        save(f"images/{seed}.png", np.random.default_rng(seed).integers(0, 256, (64, 64, 3)))
        save(f"masks/{seed}.png", ids - 1)
        save(f"instances/{seed}.png", ids)
    (tmp_path / "classes.txt").write_text("sky\nroad\n")
    assert not [problem for problem in told(tmp_path)[1] if problem[1] == "assumed"]
    (tmp_path / "classes.txt").write_text("background\nroad\n")
    assert (".", "assumed") in told(tmp_path)[1]


def test_pascal_voc_too(cells: Path, tmp_path: Path, save) -> None:
    out = tmp_path / "voc"
    write_voc(open_folders(cells), out)
    assert told(out)[1] == []
    (out / "SegmentationObject/2.png").unlink()
    assert told(out)[1] == [("JPEGImages/2.png", "missing_objects")]


def test_what_is_written_has_no_such_problem(cells: Path, tmp_path: Path) -> None:
    write_folders(open_folders(cells), tmp_path / "out")
    assert told(tmp_path / "out")[1] == []


def test_strokes_on_objects_that_nobody_has_accepted_yet(cells: Path, save, discs) -> None:
    """Less than half of an image is labelled: one object accepted, strokes on another; in two more strokes alone, with
    an empty map and without one. Nothing is missing, and no stroke is an object."""
    ids = discs(3, [1, 2, 3])
    stroke = np.zeros((64, 64), bool)
    stroke[::7] = True
    labels = np.where(ids > 0, 1, 2 * (np.arange(64) > 60))
    save("train/masks/3.png", np.where((ids == 1) | stroke, labels, 255))
    save("train/instances/3.png", np.where(ids == 1, 1, 0))
    for seed in (1, 2):
        mask = np.where(discs(seed, [1, 2, 3]) > 0, 1, 2 * (np.arange(64) > 60))
        save(f"train/masks/{seed}.png", np.where(stroke, mask, 255))
    save("train/instances/1.png", np.zeros((64, 64)))
    (cells / "train/instances/2.png").unlink()
    result, problems = told(cells)
    assert [kind for _, kind in problems if kind == "missing_objects"] == []
    assert result.unusable_for_objects == set()
    assert result.class_objects.tolist() == [0, 10, 0]  # 3 each in 0, 4 and 5, and the accepted one
    data = open_dataset(cells)
    samples = {item.name: data.read(item) for item in data.splits["train"]}
    for name, objects in (("0", 3), ("1", 0), ("2", 0), ("3", 1)):
        instance_map = samples[name].instance_map
        assert instance_map is not None
        assert len(np.unique(instance_map)) == objects + 1
