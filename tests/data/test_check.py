from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from typer.testing import CliRunner

from pixelwise.cli.app import app
from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.data import open_dataset
from pixelwise.data.check import CheckResult, check
from pixelwise.data.dataset import Dataset, Item, labels_from_files
from pixelwise.data.item_check import HARMLESS, KINDS

CLEAN = np.array([[0, 0, 1, 1, 1, 2, 255, 255]] * 6)


@pytest.fixture
def clean(save, tmp_path: Path) -> Path:
    """Three pairs in train, one in val; classes sky, road, car; 6x8 pixels each, a quarter of them without label."""
    for split, stems in {"train": "abc", "val": "d"}.items():
        for stem in stems:
            save(f"{split}/images/{stem}.png")
            save(f"{split}/masks/{stem}.png", CLEAN)
    (tmp_path / "classes.txt").write_text("sky\nroad\ncar\n")
    return tmp_path


def checked(root: Path) -> CheckResult:
    return check(open_dataset(root))


def problems(root: Path) -> list[tuple[str, str]]:
    return [(problem.file.relative_to(root).as_posix(), problem.kind) for problem in checked(root).problems]


def test_a_clean_data_set_is_counted(clean: Path, save) -> None:
    save("train/masks/c.png", np.where(CLEAN == 2, 0, CLEAN))  # no car in this one
    result = checked(clean)
    assert (result.format, result.images, result.splits) == ("folders", 4, {"train": 3, "val": 1})
    assert result.sizes == {(6, 8): 4}
    assert_array_equal(result.class_pixels, [12 + 12 + 18 + 12, 4 * 18, 3 * 6])
    assert_array_equal(result.train_class_pixels, [12 + 12 + 18, 3 * 18, 2 * 6])
    assert_array_equal(result.class_image_pixels, [3 * 48, 3 * 48, 2 * 48])
    assert result.class_pixels.dtype == np.int64
    assert result.pixels == 4 * 48
    assert result.labelled_share == 0.75
    assert result.class_shares == {"sky": 54 / 144, "road": 72 / 144, "car": 18 / 144}
    assert (result.problems, result.unusable, result.harmful) == ([], set(), [])


def test_unreadable_images_and_masks(clean: Path) -> None:
    for name in ("train/images/a.png", "train/masks/b.png"):
        whole = (clean / name).read_bytes()
        (clean / name).write_bytes(whole[: len(whole) // 2])
    result = checked(clean)
    assert problems(clean) == [("train/images/a.png", "unreadable"), ("train/masks/b.png", "unreadable")]
    assert result.unusable == {clean / "train/images/a.png", clean / "train/images/b.png"}
    assert "truncated" in result.problems[0].message
    assert result.sizes == {(6, 8): 3}
    assert_array_equal(result.train_class_pixels, [12, 18, 6])  # only c is whole


def test_masks_that_do_not_fit(clean: Path, save) -> None:
    save("train/masks/a.png", CLEAN[:5])
    save("train/masks/b.png", np.where(CLEAN == 2, 9, CLEAN))
    save("train/masks/c.png", CLEAN, format="JPEG")
    save("val/masks/d.png", np.full((6, 8), 255))
    result = checked(clean)
    assert problems(clean) == [
        ("train/masks/a.png", "size_mismatch"),
        ("train/masks/b.png", "unknown_value"),
        ("train/masks/c.png", "jpeg_mask"),
        ("val/images/d.png", "unlabelled"),
    ]
    assert "5x8" in result.problems[0].message
    assert "value 9 in 6 pixels" in result.problems[1].message
    assert len(result.unusable) == 4
    assert result.pixels == 0
    assert result.labelled_share == 0.0


def test_missing_partners(clean: Path) -> None:
    (clean / "train/masks/a.png").unlink()
    (clean / "train/images/b.png").unlink()
    assert problems(clean) == [("train/images/a.png", "missing_mask"), ("train/masks/b.png", "missing_image")]
    assert checked(clean).unusable == {clean / "train/images/a.png"}


def test_names_in_lists_without_an_image(clean: Path) -> None:
    (clean / "train.txt").write_text("a\ngone.png\n")
    (clean / "val.txt").write_text("d\n")
    assert problems(clean) == [(".", "passed_over"), ("train/images/gone.png", "missing_image")]


def test_copies_in_two_splits_are_found_by_their_pixels(clean: Path, save) -> None:
    pixels = np.random.default_rng(5).integers(0, 256, (6, 8, 3))
    save("train/images/a.png", pixels)
    save("train/images/b.png", pixels)  # twice in one split: no harm
    assert problems(clean) == []
    save("val/images/d.png", pixels, compress_level=0)
    result = checked(clean)
    assert problems(clean) == [("train/images/a.png", "duplicate"), ("train/images/b.png", "duplicate")]
    assert "d.png has in val" in result.problems[0].message
    assert result.unusable == {clean / "train/images/a.png", clean / "train/images/b.png"}
    assert_array_equal(result.train_class_pixels, [12, 18, 6])


def test_the_same_bytes_in_another_shape_are_no_copy(clean: Path, save) -> None:
    save("train/images/a.png", np.zeros((6, 8, 3)))
    save("val/images/d.png", np.zeros((8, 6, 3)))
    save("val/masks/d.png", CLEAN.reshape(8, 6))
    assert problems(clean) == []


def test_instance_maps_are_read_as_well(clean: Path, save) -> None:
    for name in ("train/instances/a.png", "val/instances/d.png"):
        save(name, np.ones((6, 8), np.uint16))
    save("train/instances/b.png", np.ones((6, 7), np.uint16))
    save("train/instances/c.png", np.ones((6, 8, 3)) * [1, 2, 3])
    assert problems(clean) == [("train/instances/b.png", "size_mismatch"), ("train/instances/c.png", "unknown_value")]


def test_empty_splits(clean: Path) -> None:
    (clean / "train").rename(clean / "test")
    assert problems(clean) == [(".", "no_train")]
    (clean / "val").rename(clean / "train")
    result = checked(clean)
    assert [problem.kind for problem in result.problems] == ["no_val"]
    assert result.harmful == []
    assert set(HARMLESS) < set(KINDS)


def test_the_order_is_the_same_every_time_and_progress_counts_up(clean: Path) -> None:
    for stem in "abc":
        (clean / f"train/masks/{stem}.png").unlink()
    calls: list[tuple[int, int]] = []
    result = check(open_dataset(clean, "folders"), lambda done, total: calls.append((done, total)))
    assert calls == [(i, 4) for i in range(1, 5)]
    assert [problem.file.name for problem in result.problems] == ["a.png", "b.png", "c.png"]


def test_an_error_that_is_no_problem_of_the_data_is_raised(clean: Path) -> None:
    def broken(path: Path) -> np.ndarray:
        raise RuntimeError("a bug")

    items = tuple(Item(f"{i}", clean / "train/images/a.png", clean / "train/masks/a.png") for i in range(50))
    dataset = Dataset(clean, "folders", ClassMap.from_names(("a",)), {"train": items}, labels_from_files(broken))
    before = threading.active_count()
    with pytest.raises(RuntimeError, match="a bug"):
        check(dataset)
    assert threading.active_count() == before


def test_json(clean: Path) -> None:
    (clean / "train/masks/a.png").unlink()
    report = json.loads(json.dumps(checked(clean).to_json_dict()))
    assert report["images"] == 4
    assert report["classes"] == ["sky", "road", "car"]
    assert report["splits"] == {"train": 3, "val": 1}
    assert report["sizes"] == [{"height": 6, "width": 8, "images": 4}]
    assert report["labelled_share"] == 0.75
    assert report["class_shares"] == {"sky": 36 / 108, "road": 54 / 108, "car": 18 / 108}
    (problem,) = report["problems"]
    assert problem["file"] == str(clean / "train/images/a.png")
    assert problem["kind"] == "missing_mask"
    assert problem["message"].startswith("found no mask; expected")


def test_what_values_stand_for_is_told(clean: Path) -> None:
    """Of 48 pixels a mask 12 are 0, 18 are 1, 6 are 2 and 12 are 255."""
    report = json.loads(json.dumps(checked(clean).to_json_dict()))
    rows = [(row["values"], row["class"], row["share"]) for row in report["mask_values"]]
    assert rows == [("0", "sky", 0.25), ("1", "road", 0.375), ("2", "car", 0.125), ("255", None, 0.25)]
    assert report["mask_values"][0]["why"] == "class indices in the order of classes.txt"
    assert report["mask_values"][3]["why"] == "255 is no label where no class has it"
    shown = CliRunner().invoke(app, ["check", str(clean)]).stdout
    assert "masks     class indices in the order of classes.txt" in shown
    assert "0 = sky, 25.00% of the pixels\n" in shown
    assert "255 = no label, 25.00% of the pixels (255 is no label where" in shown


def test_what_was_assumed_of_a_data_set_is_a_problem_that_training_can_live_with(clean: Path, save) -> None:
    (clean / "classes.txt").unlink()
    for name in ("train/masks/a.png", "train/masks/b.png", "train/masks/c.png"):
        save(name, np.where(CLEAN > 1, 1, 0))
    save("val/masks/d.png", np.where(CLEAN > 1, 255, 0))
    result = checked(clean)
    assert problems(clean) == [(".", "assumed")]
    assert (result.harmful, result.unusable, result.labelled_share) == ([], set(), 1.0)


def test_ignored_pixels_never_count(clean: Path, save) -> None:
    save("train/masks/a.png", np.where(CLEAN == 0, IGNORE_INDEX, CLEAN))
    assert_array_equal(checked(clean).class_image_pixels, [2 * 48, 3 * 48, 3 * 48])


def test_objects_are_counted_by_class(clean: Path, save) -> None:
    """The second of two objects lies on the car; of a third no pixel has a label."""
    instances = np.zeros((6, 8), np.uint16)
    instances[:, :2], instances[:, 5], instances[:, 6] = 3, 9, 4
    save("train/instances/a.png", instances)
    save("val/instances/d.png", instances)
    result = checked(clean)
    assert_array_equal(result.class_objects, [2, 0, 2])
    assert sorted(np.concatenate(result.train_object_areas)) == [6, 12]
    assert result.to_json_dict()["class_objects"] == {"sky": 2, "road": 0, "car": 2}
    shown = CliRunner().invoke(app, ["check", str(clean)]).stdout
    assert "objects" in shown


def deep(root: Path, values: dict[str, np.ndarray]) -> None:
    for stem, values_of in values.items():
        Image.fromarray(values_of.astype(np.uint16)).save(root / f"train/images/{stem}.png")


def test_depth_and_used_range_are_shown(clean: Path) -> None:
    rng = np.random.default_rng(0)
    deep(clean, {stem: rng.integers(33_010, 33_900, (6, 8)) for stem in "abc"})
    result = checked(clean)
    assert result.problems == []
    assert list(result.depths) == ["uint16"]
    use = result.depths["uint16"]
    assert use.images == 3
    assert 33_010 <= use.low < 33_100
    assert 33_800 < use.high < 33_900
    assert result.value_range is not None
    assert result.to_json_dict()["value_range"]["low"] == result.value_range.low
    text = CliRunner().invoke(app, ["check", str(clean)]).output
    assert "uint16: 3 images, values 33,01" in text
    assert "1.3% of the type's range" in text
    assert "become 0 to 255, here and in the trained model" in text


def test_images_of_8_bits_have_no_line_of_depth(clean: Path) -> None:
    result = checked(clean)
    assert (result.depths, result.value_range) == ({}, None)
    assert "depth" not in CliRunner().invoke(app, ["check", str(clean)]).output


def test_stored_values_tell_duplicates(clean: Path) -> None:
    """Images that are all black with 8 bits differ; the same picture in 16 bits, or in one channel, does not."""
    rng = np.random.default_rng(0)
    dim = {stem: rng.integers(0, 40, (6, 8)) for stem in "abc"}
    deep(clean, dim)
    Image.fromarray(rng.integers(0, 40, (6, 8)).astype(np.uint16)).save(clean / "val/images/d.png")
    assert [kind for _, kind in problems(clean)] == []
    Image.fromarray(dim["a"].astype(np.uint16)).save(clean / "val/images/d.png")
    assert problems(clean) == [("train/images/a.png", "duplicate")]
    gray = rng.integers(0, 255, (6, 8)).astype(np.uint8)
    deep(clean, {"b": gray * np.uint16(257)})
    Image.fromarray(np.stack([gray] * 3, axis=2)).save(clean / "val/images/d.png")
    assert ("train/images/b.png", "duplicate") in problems(clean)


def test_an_image_of_few_levels_is_told(clean: Path) -> None:
    rng = np.random.default_rng(0)
    tops = {"a": 60_000, "b": 60_000, "c": 900}
    deep(clean, {stem: rng.integers(0, top, (6, 8)) for stem, top in tops.items()})
    (problem,) = checked(clean).problems
    assert (problem.file.name, problem.kind) == ("c.png", "narrow_range")
    assert "expected a larger part of 0 to 65,535, which become 0 to 255" in problem.message


def test_pages_that_are_not_read_are_told(clean: Path) -> None:
    (clean / "train/images/a.png").unlink()
    rng = np.random.default_rng(0)
    first, second = (Image.fromarray(rng.integers(0, 255, (6, 8)).astype(np.uint8)) for _ in range(2))
    first.save(clean / "train/images/a.tif", save_all=True, append_images=[second])
    (problem,) = checked(clean).problems
    assert (problem.file.name, problem.kind) == ("a.tif", "pages")
    assert "found 2 pages of 6x8 (height x width), of which the first alone is read" in problem.message


def test_pages_of_a_mask_are_told_too(clean: Path) -> None:
    mask = Image.open(clean / "train/masks/a.png")
    mask.save(clean / "train/masks/a.tif", save_all=True, append_images=[mask])
    (clean / "train/masks/a.png").unlink()
    (problem,) = checked(clean).problems
    assert (problem.file.name, problem.kind) == ("a.tif", "pages")


def test_frames_that_are_not_read_are_told(clean: Path) -> None:
    (clean / "train/images/a.png").unlink()
    rng = np.random.default_rng(0)
    first, *others = (Image.fromarray(rng.integers(0, 255, (6, 8, 3)).astype(np.uint8)) for _ in range(3))
    first.save(clean / "train/images/a.webp", save_all=True, append_images=others, lossless=True)
    (problem,) = checked(clean).problems
    assert (problem.file.name, problem.kind) == ("a.webp", "pages")
    assert "found 3 frames, of which the first alone is read" in problem.message
    assert "bands" not in problem.message


def test_frames_that_are_not_read_are_told_beside_bands_too(save, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in "abcde":
        save(f"masks/{name}.png", np.array([[0, 0, 0, 1, 1, 1, 0, 1]] * 6))
        first, *others = (Image.fromarray(rng.integers(0, 255, (6, 8, 3)).astype(np.uint8)) for _ in range(3))
        (tmp_path / "images").mkdir(exist_ok=True)
        first.save(tmp_path / f"images/{name}.png", save_all=name == "a", append_images=others if name == "a" else [])
    (problem,) = check(open_dataset(tmp_path).with_bands((3, 1))).problems
    assert (problem.file.name, problem.kind) == ("a.png", "pages")
    assert "found 3 frames, of which the first alone is read" in problem.message
    assert "bands" not in problem.message


def stacks(save, tmp_path: Path, shape: tuple[int, ...]) -> Path:
    """Write five files of as many pages as the first axis, each with a mask of the last two axes."""
    for name in "abcde":
        save(f"masks/{name}.png", np.arange(shape[1] * shape[2]).reshape(shape[1:]) % 2)
        first, *others = map(Image.fromarray, np.random.default_rng(ord(name)).integers(0, 255, shape).astype(np.uint8))
        (tmp_path / "images").mkdir(exist_ok=True)
        first.save(tmp_path / f"images/{name}.tif", save_all=True, append_images=others)
    return tmp_path


def test_pages_that_are_read_as_bands_are_told_once(save, tmp_path: Path) -> None:
    root = stacks(save, tmp_path, (4, 6, 8))
    (problem,) = check(open_dataset(root).with_bands((4, 2))).problems
    assert (problem.file.name, problem.kind) == ("a.tif", "assumed")
    assert "found 5 files (images/a.tif, " in problem.message
    assert "they are read as 4 bands of 6x8 (height x width), a page each, of which those of another" in problem.message
    assert problem.message.endswith("If they are images of their own, save each as a file.")


@pytest.mark.parametrize("bands", [None, (4, 2)])
def test_pages_that_may_be_the_rows_of_an_image_are_told(save, tmp_path: Path, bands: tuple[int, ...] | None) -> None:
    """tifffile writes an array (70, 30, 5) as 70 pages of 30x5."""
    dataset = open_dataset(stacks(save, tmp_path, (70, 30, 5)))
    problems_here = check(dataset if bands is None else dataset.with_bands(bands)).problems
    assert [problem.kind for problem in problems_here] == (["pages"] * 5 if bands is None else ["assumed"])
    read = "found 70 pages of 30x5" if bands is None else "read as 70 bands of 30x5"
    assert f"{read} (height x width)" in problems_here[0].message
    other = "If it is an image of 70x30 (height x width) with 5 bands, (height, width, bands), write it again with "
    assert f"{other}`planarconfig='contig'` of tifffile." in problems_here[0].message


def of_classes(root: Path) -> dict[str, str]:
    return {problem.kind: problem.message for problem in checked(root).problems}


def test_a_class_without_a_pixel_is_told_and_does_not_stop_a_training(clean: Path) -> None:
    (clean / "classes.txt").write_text("sky\nroad\ncar\nboat\nplane\n")
    assert list(of_classes(clean)) == ["empty_class"]
    assert "no pixel of boat, plane in any split" in of_classes(clean)["empty_class"]
    assert checked(clean).harmful == []


def test_a_class_that_train_lacks_is_harmful_and_one_that_val_lacks_is_told(clean: Path, save) -> None:
    for stem in "abc":
        save(f"train/masks/{stem}.png", np.where(CLEAN == 2, 0, CLEAN))
    save("val/masks/d.png", np.where(CLEAN == 1, 0, CLEAN))
    messages = of_classes(clean)
    assert {kind: message.split(";")[0] for kind, message in messages.items()} == {
        "class_not_in_train": "found no pixel of car in train, though in other splits",
        "class_not_in_val": "found no pixel of road in val, though in train",
    }
    assert [problem.kind for problem in checked(clean).harmful] == ["class_not_in_train"]


def test_a_class_that_test_lacks_is_told(clean: Path, save) -> None:
    save("test/images/t.png")
    save("test/masks/t.png", np.where(CLEAN == 1, 0, CLEAN))
    messages = of_classes(clean)
    assert list(messages) == ["class_not_in_test"]
    assert "found no pixel of road in test, though in train" in messages["class_not_in_test"]
    assert checked(clean).harmful == []


def test_masks_of_background_alone_are_harmful(clean: Path, save) -> None:
    for name in ("train/masks/a", "train/masks/b", "train/masks/c", "val/masks/d"):
        save(f"{name}.png", np.zeros((6, 8)))
    (clean / "classes.txt").unlink()
    assert "pixels of background alone" in of_classes(clean)["one_class"]
    assert [problem.kind for problem in checked(clean).harmful] == ["one_class"]


def test_splits_that_were_drawn_and_those_that_are_small_are_told(save, tmp_path: Path) -> None:
    for number in range(16):
        save(f"images/{number:02}.png")
        save(f"masks/{number:02}.png", CLEAN)
    drawn, val, test = checked(tmp_path).remarks
    assert drawn.startswith("The data name no splits, so they were drawn by the images' names and classes: train 10, ")
    assert "val 3, test 3" in drawn
    assert val.startswith("val has 3 images: a score on fewer than 5 says little")
    assert test.startswith("test has 3 images")
    assert checked(tmp_path).to_json_dict()["remarks"] == [drawn, val, test]


def test_named_splits_of_five_images_need_no_remark(save, tmp_path: Path) -> None:
    for split, count in {"train": 6, "val": 5, "test": 5}.items():
        for number in range(count):
            save(f"{split}/images/{split}{number}.png")
            save(f"{split}/masks/{split}{number}.png", CLEAN)
    assert checked(tmp_path).remarks == []


def test_shares_are_unknown_where_no_mask_could_be_read(clean: Path) -> None:
    for mask in clean.rglob("masks/*.png"):
        mask.write_bytes(mask.read_bytes()[:30])
    result = checked(clean)
    assert [row.share for row in result.mask_values] == [None] * 4
    assert [row["share"] for row in json.loads(json.dumps(result.to_json_dict()))["mask_values"]] == [None] * 4
    shown = CliRunner().invoke(app, ["check", str(clean)]).stdout
    assert "no pixel was counted" in shown
    assert "0 = sky\n" in shown


def test_colours_of_palettes_are_shown(clean: Path, save_palette) -> None:
    for split, stem in (("train", "a"), ("train", "b"), ("train", "c"), ("val", "d")):
        colors = [(0, 0, 0), (200, 0, 0), (0, 0, 200)] + [(0, 0, 0)] * 252 + [(255, 255, 255)]
        save_palette(f"{split}/masks/{stem}.png", CLEAN, colors)
    assert [row.values for row in checked(clean).mask_values] == [
        "0 or [0, 0, 0]",
        "1 or [200, 0, 0]",
        "2 or [0, 0, 200]",
        "255 or [255, 255, 255]",
    ]
