from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from pixelwise.core.errors import DataError, ImageError, MaskError
from pixelwise.data import open_dataset, write_dataset
from pixelwise.data.check import check
from pixelwise.data.dataset import Dataset, Item
from pixelwise.data.layouts.isbi import is_isbi, read_labels

SLICES = 30
VOLUME = np.random.default_rng(7).integers(0, 256, (SLICES, 6, 8)).astype(np.uint8)
LABELS = np.where(np.random.default_rng(8).random((SLICES, 6, 8)) < 0.3, 0, 255).astype(np.uint8)


def save_stack(path: Path, pages: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    first, *others = [Image.fromarray(page) for page in pages]
    first.save(path, save_all=True, append_images=others)
    return path


@pytest.fixture
def stacks(tmp_path: Path) -> Path:
    save_stack(tmp_path / "train-volume.tif", VOLUME)
    save_stack(tmp_path / "train-labels.tif", LABELS)
    save_stack(tmp_path / "test-volume.tif", VOLUME[::-1])
    return tmp_path


@pytest.fixture
def pngs(save, tmp_path: Path) -> Path:
    for i in range(SLICES):
        save(f"images/{i}.png", VOLUME[i])
        save(f"labels/{i}.png", LABELS[i])
    return tmp_path


@pytest.fixture(params=["stacks", "pngs"])
def isbi(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)


def components(cells: np.ndarray) -> np.ndarray:
    """Number the 4-connected components of a boolean image in the order of their first pixels, by flooding."""
    left = set(map(tuple, np.argwhere(cells).tolist()))
    ids = np.zeros(cells.shape, int)
    for number in range(1, cells.size):
        waiting = [min(left)] if left else []
        while waiting:
            pixel = row, column = waiting.pop()
            if pixel in left:
                left.remove(pixel)
                ids[pixel] = number
                waiting += [(row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)]
    return ids


def same_partition(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two maps of ids part the pixels alike, whatever the ids are."""
    together = np.unique(np.stack([a.ravel(), b.ravel()]), axis=1).shape[1]
    return together == len(np.unique(a)) == len(np.unique(b)) and bool(((a == 0) == (b == 0)).all())


def test_24_slices_for_training_and_6_held_out(isbi: Path) -> None:
    dataset = open_dataset(isbi)
    assert dataset.format == "isbi"
    assert dataset.classes.names == ("membrane", "cell")
    names = {split: [item.name for item in items] for split, items in dataset.splits.items()}
    assert names == {"train": [f"{i:02d}" for i in range(24)], "test": [f"{i:02d}" for i in range(24, 30)]}


def test_every_slice_is_read_with_its_own_label_and_cells(isbi: Path) -> None:
    dataset = open_dataset(isbi)
    for item in (*dataset.splits["train"], *dataset.splits["test"]):
        sample, i = dataset.read(item), int(item.name)
        assert_array_equal(sample.image, np.repeat(VOLUME[i][..., None], 3, axis=2))
        assert_array_equal(sample.label_map, LABELS[i] // 255)
        assert sample.instance_map.dtype == np.int32
        assert same_partition(sample.instance_map, components(LABELS[i] == 255))


def test_cells_that_touch_at_a_corner_are_two(save) -> None:
    path = save("a.png", [[255, 0, 255], [0, 255, 0], [0, 255, 255]])
    assert_array_equal(read_labels(Item("a", path, path)).instance_map, [[1, 0, 2], [0, 3, 0], [0, 3, 3]])


def test_check_counts_pages_and_has_nothing_to_say_but_that_val_is_missing(isbi: Path) -> None:
    result = check(open_dataset(isbi))
    assert [problem.kind for problem in result.problems] == ["no_val"]
    assert (result.harmful, result.splits, result.sizes) == ([], {"train": 24, "test": 6}, {(6, 8): 30})
    assert_array_equal(result.class_pixels, [(LABELS == 0).sum(), (LABELS == 255).sum()])
    assert_array_equal(result.train_class_pixels, [(LABELS[:24] == 0).sum(), (LABELS[:24] == 255).sum()])


def test_a_bad_page_is_named_and_left_out_alone(stacks: Path) -> None:
    labels, volume = LABELS.copy(), VOLUME.copy()
    labels[3, 0, 0] = 7
    volume[29] = volume[5]
    save_stack(stacks / "train-labels.tif", labels)
    save_stack(stacks / "train-volume.tif", volume)
    dataset = open_dataset(stacks)
    result = check(dataset)
    assert [(p.file.relative_to(stacks).as_posix(), p.kind) for p in result.harmful] == [
        ("train-labels.tif/3", "unknown_value"),
        ("train-volume.tif/5", "duplicate"),
    ]
    assert "value 7 in 1 pixel" in result.harmful[0].message
    splits = dataset.without(result.unusable).splits
    assert [item.name for item in splits["train"]] == [f"{i:02d}" for i in range(24) if i not in (3, 5)]
    assert len(splits["test"]) == 6


def test_labels_of_another_size(stacks: Path) -> None:
    save_stack(stacks / "train-labels.tif", LABELS[:, :5])
    dataset = open_dataset(stacks)
    with pytest.raises(MaskError, match=r"train-labels\.tif/0: found a mask of 5x8 .* expected 6x8"):
        dataset.read(dataset.splits["train"][0])
    assert {problem.kind for problem in check(dataset).harmful} == {"size_mismatch"}


def test_any_pair_of_stacks_is_recognised_and_keeps_its_last_fifth(tmp_path: Path) -> None:
    save_stack(tmp_path / "cortex.tiff", VOLUME[:11])
    save_stack(tmp_path / "cortex_mask.tiff", LABELS[:11])
    dataset = open_dataset(tmp_path)
    assert dataset.format == "isbi"
    assert {split: len(items) for split, items in dataset.splits.items()} == {"train": 9, "test": 2}
    assert dataset.splits["test"][0].image == tmp_path / "cortex.tiff" / "9"
    assert_array_equal(dataset.read(dataset.splits["test"][1]).label_map, LABELS[10] // 255)


def test_what_is_not_recognised(save, tmp_path: Path) -> None:
    save("single/a.tif")
    save("single/a_mask.tif", LABELS[0])
    for i in range(SLICES):
        save(f"other/images/{i}.png", VOLUME[i])
        save(f"other/labels/{i}.png", LABELS[i] // 255)
    assert not is_isbi(tmp_path / "single")
    assert open_dataset(tmp_path / "single").format == "folders"
    assert not is_isbi(tmp_path / "other")
    with pytest.raises(DataError, match="and no stack with labels; expected train-volume"):
        open_dataset(tmp_path, format="isbi")


def test_a_class_list_says_that_it_is_something_else(pngs: Path) -> None:
    (pngs / "classes.txt").write_text("inside\noutside\n")
    assert open_dataset(pngs).classes.names == ("inside", "outside")


def test_one_of_the_pair_is_missing_or_shorter(stacks: Path) -> None:
    save_stack(stacks / "train-labels.tif", LABELS[:29])
    with pytest.raises(
        DataError, match=r"train-labels\.tif: found 29 pages; expected 30, as many as train-volume\.tif"
    ):
        open_dataset(stacks)
    (stacks / "train-labels.tif").unlink()
    with pytest.raises(DataError, match=r"found train-volume\.tif and no stack with labels; expected train-volume"):
        open_dataset(stacks)


def test_a_damaged_stack(stacks: Path) -> None:
    (stacks / "train-volume.tif").write_bytes((stacks / "train-volume.tif").read_bytes()[:6])
    with pytest.raises(ImageError, match=r"train-volume\.tif"):
        open_dataset(stacks)


def test_folders_with_other_names_or_without_labels(pngs: Path, save) -> None:
    (pngs / "labels" / "4.png").unlink()
    (pngs / "images" / "5.png").unlink()
    dataset = open_dataset(pngs, format="isbi")
    assert [(p.file.relative_to(pngs).as_posix(), p.kind) for p in check(dataset).harmful] == [
        ("images/4.png", "missing_mask"),
        ("labels/5.png", "missing_image"),
    ]
    save("images/overview.png")
    with pytest.raises(DataError, match=r"overview\.png: found a name that is no number"):
        open_dataset(pngs, format="isbi")
    (pngs / "images" / "overview.png").unlink()
    for file in (pngs / "labels").iterdir():
        file.unlink()
    with pytest.raises(DataError, match=r"labels: found no label of a slice; expected labels named as 0\.png is"):
        open_dataset(pngs, format="isbi")


def read_all(dataset: Dataset) -> list[tuple[str, str, np.ndarray, np.ndarray, np.ndarray]]:
    copied = pickle.loads(pickle.dumps(dataset))  # as workers of a loader get it
    samples = [(split, item.name, copied.read(item)) for split, item in copied.items()]
    return [(split, name, s.image, s.label_map, s.instance_map) for split, name, s in samples]


def test_what_is_converted_to_folders_is_read_back(isbi: Path, tmp_path: Path) -> None:
    before = open_dataset(isbi)
    write_dataset(before, "folders", tmp_path / "out")
    after = open_dataset(tmp_path / "out")
    assert (after.format, after.classes) == ("folders", before.classes)
    for old, new in zip(read_all(before), sorted(read_all(after), key=lambda pair: pair[1]), strict=True):
        assert (old[0] == "test", old[1]) == (new[0] == "test", new[1])  # folders without val get some of train
        for ours, theirs in zip(old[2:], new[2:], strict=True):
            assert_array_equal(ours, theirs)
    with Image.open(tmp_path / "out/test/images/29.png") as page:
        assert (page.format, page.mode) == ("PNG", "L")


def test_soft_edges_are_divided_and_told(tmp_path: Path) -> None:
    """Rows of 255 that fade over two pixels on both sides."""
    row = np.array([0, 0, 0, 100, 200, 255, 255, 255, 180, 60, 0, 0], np.uint8)
    pages = np.tile(row, (5, 12, 1))
    save_stack(tmp_path / "train-volume.tif", pages)
    save_stack(tmp_path / "train-labels.tif", pages)
    dataset = open_dataset(tmp_path)
    assert dataset.format == "isbi"
    assert_array_equal(dataset.read(dataset.splits["train"][0]).label_map[0], row >= 128)
    assert [problem.kind for problem in dataset.problems] == ["mended"]
    assert "240 pixels between 0 and 255 in 5 masks" in dataset.problems[0].message
