"""Pascal VOC: its classes, void and objects, its lists and places, and whatever goes without one of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.core.errors import DataError, MaskError
from pixelwise.data import open_dataset
from pixelwise.data.check import check
from pixelwise.data.dataset import Dataset, Item, Labels
from pixelwise.data.layouts.voc import is_voc, open_voc, write_voc
from pixelwise.data.layouts.voc_classes import CLASSES, PALETTE
from pixelwise.data.splits import hash_fraction
from pixelwise_scenes import write_scenes

CLASS_MASK = np.array([[0, 15, 15, 255, 0, 0, 7, 255]] * 6)
OBJECT_MASK = np.array([[0, 1, 2, 255, 0, 0, 3, 255]] * 6)
PHOTOS = {"train": "2007_000032", "val": "2011_003271"}


@pytest.fixture
def add(save, tmp_path: Path):
    """A function that adds an image and its masks, either `None` for none of them, below a directory."""

    def add(name: str, classes=CLASS_MASK, objects=OBJECT_MASK, home: str = "") -> Path:
        save(f"{home}JPEGImages/{name}.jpg")
        for folder, mask in (("SegmentationClass", classes), ("SegmentationObject", objects)):
            if mask is not None:
                save(f"{home}{folder}/{name}.png", mask)
        return tmp_path

    return add


@pytest.fixture
def root(add, tmp_path: Path) -> Path:
    """Two photos of VOC 2012, listed."""
    for split, name in PHOTOS.items():
        add(name)
        write_list(tmp_path, split, name)
    write_list(tmp_path, "trainval", *PHOTOS.values())
    return tmp_path


def write_list(root: Path, name: str, *lines: str) -> None:
    path = root / f"ImageSets/Segmentation/{name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))


def names(data: Dataset) -> dict[str, list[str]]:
    return {split: [item.name for item in items] for split, items in data.splits.items()}


def first(data: Dataset) -> Labels:
    return data.read_labels(data.splits["train"][0])


def test_the_palette_has_vocs_colours() -> None:
    """Read off the devkit's colour map: aeroplane, bicycle, bottle, car, person, tvmonitor, void."""
    expected = [[128, 0, 0], [0, 128, 0], [128, 0, 128], [128, 128, 128], [192, 128, 128], [0, 64, 128]]
    assert PALETTE[[1, 2, 5, 7, 15, 20]].tolist() == expected
    assert PALETTE[255].tolist() == [224, 224, 192]
    assert len(np.unique(PALETTE, axis=0)) == 256
    assert CLASSES.names[::5] == ("background", "bottle", "cow", "person", "tvmonitor")
    assert CLASSES.colors[15] == (192, 128, 128)


def test_photos_of_voc_have_its_classes_void_and_objects(root: Path) -> None:
    assert is_voc(root)
    data = open_voc(root)
    assert (data.format, data.classes) == ("voc", CLASSES)
    assert names(data) == {split: [name] for split, name in PHOTOS.items()}
    sample = data.read(data.splits["train"][0])
    assert_array_equal(sample.label_map, CLASS_MASK)
    assert_array_equal(sample.instance_map, OBJECT_MASK % 255)
    result = check(data)
    assert {problem.kind for problem in result.problems} == {"empty_class"}  # two photos do not show all of VOC
    assert (result.class_objects[15], result.class_objects[7]) == (4, 2)


@pytest.mark.parametrize("home", ["VOC2012/", "VOCdevkit/VOC2012/"])
def test_it_may_lie_deeper(add, tmp_path: Path, home: str) -> None:
    root = add("2008_000002", home=home)
    assert is_voc(root)
    assert open_voc(root).classes == CLASSES
    add("000032", home="VOC2007/")
    with pytest.raises(DataError, match=r"found VOC2007/ and .*VOC2012/; expected the folders of one year"):
        open_voc(root)


def test_masks_in_vocs_colours_are_read_too(add, root: Path) -> None:
    add(PHOTOS["train"], PALETTE[CLASS_MASK], PALETTE[OBJECT_MASK])
    labels = first(open_voc(root))
    assert_array_equal(labels.label_map, CLASS_MASK)
    assert_array_equal(labels.instance_map, OBJECT_MASK % 255)


def test_masks_that_were_saved_again_with_their_palette_in_another_order(root: Path, save_palette) -> None:
    """As lossless optimisers do: the colours that occur, void first."""
    for folder, mask in (("SegmentationClass", CLASS_MASK), ("SegmentationObject", OBJECT_MASK)):
        used = np.unique(mask)[::-1]
        indices = (len(used) - 1) - np.searchsorted(used[::-1], mask)
        save_palette(f"{folder}/{PHOTOS['train']}.png", indices, [tuple(color) for color in PALETTE[used].tolist()])
    labels = first(open_voc(root))
    assert_array_equal(labels.label_map, CLASS_MASK)
    assert_array_equal(labels.instance_map, OBJECT_MASK % 255)


def test_a_test_set_without_masks_is_no_split_and_unlisted_images_are_not_read(add, root: Path) -> None:
    add("2008_000001", None, None)
    write_list(root, "test", "2008_000001")
    add("2008_000009")
    assert names(open_voc(root)) == {split: [name] for split, name in PHOTOS.items()}
    add("2008_000001", CLASS_MASK, None)
    data = open_voc(root)
    assert names(data)["test"] == ["2008_000001"]
    assert data.read_labels(data.splits["test"][0]).instance_map is None


def test_the_list_of_the_whole_counts_where_another_is_missing(add, tmp_path: Path) -> None:
    for name in "abcd":
        add(name)
    write_list(tmp_path, "val", "b")
    write_list(tmp_path, "test", "c")
    write_list(tmp_path, "trainval", "a", "b", "c")
    assert names(open_voc(tmp_path)) == {"train": ["a"], "val": ["b"], "test": ["c"]}
    (tmp_path / "ImageSets/Segmentation/val.txt").unlink()
    write_list(tmp_path, "train", "b")
    assert names(open_voc(tmp_path)) == {"train": ["b"], "val": ["a"], "test": ["c"]}


@pytest.mark.parametrize("whole", ["trainval", "default", None])
def test_without_splits_the_hash_of_the_names_decides(add, tmp_path: Path, whole: str | None) -> None:
    stems = sorted((f"{i:02}" for i in range(20)), key=hash_fraction)
    for stem in stems:
        add(stem)
    if whole:
        write_list(tmp_path, whole, *stems)
    parts = {"train": stems[:12], "val": stems[12:16], "test": stems[16:]}
    assert names(open_voc(tmp_path)) == {split: sorted(part) for split, part in parts.items()}
    if whole:  # beside a list of test the others are train, and a fifth of them val
        write_list(tmp_path, "test", stems[0])
        parts = {"train": stems[1:16], "val": stems[16:], "test": stems[:1]}
        assert names(open_voc(tmp_path)) == {split: sorted(part) for split, part in parts.items()}


def test_lines_are_stems_files_or_pairs_of_paths(add, tmp_path: Path) -> None:
    for name in ("a", "b c", "d"):
        add(name)
    write_list(tmp_path, "train", "/JPEGImages/a.jpg /SegmentationClass/a.png", "b c", "b c.jpg", "d 1")
    assert names(open_voc(tmp_path)) == {"train": ["a", "b c", "d"]}


def test_check_names_what_is_missing(add, root: Path) -> None:
    write_list(root, "train", PHOTOS["train"], "2007_000033", "2007_000039")
    add("2007_000039", None, None)
    Image.fromarray(CLASS_MASK.astype(np.uint8)).save(root / "SegmentationClass/2007_000061.png")
    problems = [problem for problem in check(open_voc(root)).problems if "class" not in problem.kind]
    assert {(problem.kind, problem.file.name) for problem in problems} == {
        ("missing_image", "2007_000033.jpg"),
        ("missing_mask", "2007_000039.jpg"),
        ("missing_image", "2007_000061.png"),
    }


def test_objects_over_several_classes_or_none_are_told(add, root: Path) -> None:
    objects = OBJECT_MASK.copy()
    objects[:, 3] = 4
    objects[:3, 6] = 1
    add(PHOTOS["train"], CLASS_MASK, objects)
    several, none = first(open_voc(root)).remarks
    assert several.startswith("found objects (1) that lie on several classes")
    assert none.startswith("found objects (4) that have no pixel with a label")
    assert [problem.kind for problem in check(open_voc(root)).problems if "class" not in problem.kind] == ["mended"] * 2


def test_masks_of_another_size_or_with_other_values(add, save, root: Path) -> None:
    save(f"SegmentationObject/{PHOTOS['train']}.png", OBJECT_MASK[:5])
    save(f"SegmentationClass/{PHOTOS['val']}.png", np.full((6, 8), 21))
    kinds = [(problem.kind, problem.file.parent.name) for problem in check(open_voc(root)).problems]
    assert kinds == [("unknown_value", "SegmentationClass"), ("size_mismatch", "SegmentationObject")]
    save(f"SegmentationObject/{PHOTOS['train']}.png", (OBJECT_MASK + 300).astype(np.uint16))
    with pytest.raises(MaskError, match=r"values 300, .*expected object ids 0..254, 255 = void"):
        first(open_voc(root))


def test_other_data_has_the_classes_of_a_list(add, tmp_path: Path) -> None:
    mask = np.array([[0, 1, 2, 255, 0, 0, 0, 0]] * 6)
    add("a", mask, None)
    write_list(tmp_path, "train", "a")
    assert open_voc(tmp_path).classes.names == ("0", "1", "2")
    (tmp_path / "labels.txt").write_text("__ignore__\n_background_\ncat\ndog\n")
    assert open_voc(tmp_path).classes == ClassMap(("background", "cat", "dog"), CLASSES.colors[:3])
    (tmp_path / "class_names.txt").write_text("_background_\ncow\ndog")
    assert open_voc(tmp_path).classes.names == ("background", "cow", "dog")
    (tmp_path / "classes.yaml").write_text("classes: [ground, hen, pig]\n")
    data = open_voc(tmp_path)
    assert data.classes.names == ("ground", "hen", "pig")
    assert_array_equal(first(data).label_map, mask)


def test_a_label_map_gives_colours_to_classes(add, tmp_path: Path) -> None:
    """As CVAT writes them: RGB masks, in its own colours for classes and VOC's for objects."""
    colors = np.array([[0, 0, 0], [250, 50, 83], [51, 221, 255], [9, 9, 9]])
    mask = np.array([[0, 1, 2, 3, 0, 0, 0, 0]] * 6)
    add("a", colors[mask], PALETTE[mask % 3])
    write_list(tmp_path, "default", "a")
    (tmp_path / "labelmap.txt").write_text(
        "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncat:250,50,83::\nignored:9,9,9::\ndog:51,221,255::\n"
    )
    data = open_voc(tmp_path)
    assert data.classes.names == ("background", "cat", "dog")
    labels = data.read_labels(next(data.items())[1])
    assert_array_equal(labels.label_map, np.where(mask == 3, IGNORE_INDEX, mask))
    assert_array_equal(labels.instance_map, mask % 3)


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("labels.txt", "cat\ndog\n", "'cat' first; expected _background_ first"),
        ("labels.txt", "__ignore__\n", "no class"),
        ("class_names.txt", "_background_\ncat\ncat\n", "the name 'cat' twice"),
        ("labelmap.txt", "background:0,0,0::\ncat:1,2::\n", "the line 'cat:1,2::'; expected name:r,g,b"),
        ("labelmap.txt", "background:0,0,0::\ncat:0,0,0::\n", r"the colour \[0, 0, 0\] twice"),
    ],
)
def test_lists_that_make_no_sense(add, tmp_path: Path, name: str, text: str, problem: str) -> None:
    add("a")
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=f"{name}: found {problem}"):
        open_voc(tmp_path)


def test_a_list_that_is_no_text_names_nothing_here_or_has_no_masks(add, tmp_path: Path) -> None:
    add("a", None)
    with pytest.raises(DataError, match="found other files; expected JPEGImages/ and SegmentationClass/"):
        open_voc(tmp_path)
    (tmp_path / "SegmentationClass").mkdir()
    with pytest.raises(DataError, match="SegmentationClass: found no mask of an image"):
        open_voc(tmp_path)
    write_list(tmp_path, "train", "b")
    with pytest.raises(DataError, match="found lists that name no image here"):
        open_voc(tmp_path)
    (tmp_path / "labels.txt").write_bytes(b"\xff")
    add("a")
    write_list(tmp_path, "train", "a")
    with pytest.raises(DataError, match=r"labels\.txt: found a file that cannot be read"):
        open_voc(tmp_path)


def test_plain_folders_are_not_taken_for_it(save, tmp_path: Path) -> None:
    for folder in ("JPEGImages", "SegmentationClass", "train/JPEGImages", "train/SegmentationClass"):
        save(f"{folder}/a.png", CLASS_MASK % 2)
    assert not is_voc(tmp_path)
    (tmp_path / "SegmentationObject").mkdir()
    assert is_voc(tmp_path)
    with pytest.raises(DataError, match=r"found other files; expected JPEGImages/.* leave `format` out"):
        open_voc(tmp_path / "train/JPEGImages")


def test_written_and_read_back_everything_is_the_same(tmp_path: Path) -> None:
    write_scenes(tmp_path / "scenes", 0, {"train": 3, "val": 2}, size=(64, 96))
    scenes = open_dataset(tmp_path / "scenes")
    write_voc(scenes, tmp_path / "voc")
    assert is_voc(tmp_path / "voc")
    again = open_voc(tmp_path / "voc")
    assert again.classes == scenes.classes
    assert names(again) == names(scenes)
    listed = (tmp_path / "voc/ImageSets/Segmentation/trainval.txt").read_text().split()
    assert listed == [*names(again)["train"], *names(again)["val"]]
    for split, items in scenes.splits.items():
        for item, other in zip(items, again.splits[split], strict=True):
            one, two = scenes.read(item), again.read(other)
            assert other.image.read_bytes() == item.image.read_bytes()
            assert_array_equal(two.label_map, one.label_map)
            assert_array_equal(two.instance_map > 0, one.instance_map > 0)
            pairs = np.unique(np.stack([one.instance_map.ravel(), two.instance_map.ravel()]), axis=1)
            assert pairs.shape[1] == len(np.unique(one.instance_map))  # one to one
    assert not check(again).harmful


def test_vocs_own_files_are_written_as_they_were(root: Path, tmp_path: Path) -> None:
    write_voc(open_voc(root), tmp_path / "out")
    for folder, mask in (("SegmentationClass", CLASS_MASK), ("SegmentationObject", OBJECT_MASK)):
        with Image.open(tmp_path / "out" / folder / f"{PHOTOS['train']}.png") as image:
            assert image.mode == "P"
            assert_array_equal(np.array(image), mask)
            assert image.getpalette()[15 * 3 : 16 * 3] == [192, 128, 128]
            assert image.getpalette()[255 * 3 :] == [224, 224, 192]
    assert open_voc(tmp_path / "out").classes == CLASSES


def test_images_of_one_name_in_two_splits_are_told_apart(save, tmp_path: Path) -> None:
    for split in ("train", "val"):
        save(f"data/{split}/images/a.png")
        save(f"data/{split}/masks/a.png", CLASS_MASK % 8)
    write_voc(open_dataset(tmp_path / "data"), tmp_path / "out")
    assert names(open_voc(tmp_path / "out")) == {"train": ["train_a"], "val": ["val_a"]}
    assert not (tmp_path / "out/SegmentationObject").exists()


@pytest.mark.parametrize("count", [254, 255])
def test_more_objects_than_8_bits_number(save, tmp_path: Path, count: int) -> None:
    ids = np.zeros((16, 16), np.int32)
    ids.ravel()[:count] = np.arange(1, count + 1) * 3
    label_map = (ids > 0).astype(np.uint8)
    label_map[-1, -1] = IGNORE_INDEX
    image = save("a.png", np.zeros((16, 16, 3)))
    classes, items = ClassMap.from_names(("background", "cell")), {"train": (Item("a", image),)}
    data = Dataset(tmp_path, "own", classes, items, lambda _: Labels(label_map, ids))
    if count > 254:
        with pytest.raises(DataError, match=r"found 255 objects; expected 254 at most"):
            write_voc(data, tmp_path / "out")
        assert not (tmp_path / "out").exists()
        return
    write_voc(data, tmp_path / "out")
    assert_array_equal(first(open_voc(tmp_path / "out")).instance_map, ids // 3)
    assert_array_equal(first(open_voc(tmp_path / "out")).label_map, label_map)


def test_images_that_no_list_names_are_counted(add, root: Path) -> None:
    add("2008_000009")
    add("2008_000010", None, None)
    (problem,) = open_voc(root).problems
    assert problem.kind == "passed_over"
    assert "found 2 images (JPEGImages/2008_000009.jpg, JPEGImages/2008_000010.jpg), 1 with a mask" in problem.message


def test_second_columns_are_followed(add, save, root: Path) -> None:
    """As DeepLab lists the masks of more images, in a folder of their own."""
    name = PHOTOS["train"]
    save(f"SegmentationClassAug/{name}.png", np.where(CLASS_MASK == 15, 3, CLASS_MASK))
    write_list(root, "train", f"/JPEGImages/{name}.jpg /SegmentationClassAug/{name}.png")
    data = open_voc(root)
    assert_array_equal(first(data).label_map, np.where(CLASS_MASK == 15, 3, CLASS_MASK))
    assert [problem.kind for problem in data.problems] == ["assumed"]
    write_list(root, "train", f"{name} 1")
    assert_array_equal(first(open_voc(root)).label_map, CLASS_MASK)


def test_an_image_that_a_list_names_and_that_is_not_there(root: Path) -> None:
    write_list(root, "val", "2011_000001", "gone.png")
    problems = [problem for problem in check(open_voc(root)).problems if problem.kind == "missing_image"]
    assert [problem.file.name for problem in problems] == ["2011_000001.jpg", "gone.png"]


def _write_cvat_masks(root: Path) -> None:
    """Write what CVAT exports as "Segmentation mask 1.1" without images."""
    colors = np.array([[0, 0, 0], [61, 61, 245]], np.uint8)
    for number, name in enumerate("abcd"):
        label_map = np.random.default_rng(number).integers(0, 2, (8, 10)).astype(np.uint8)
        for folder, table in (("SegmentationClass", colors), ("SegmentationObject", PALETTE)):
            (root / folder).mkdir(parents=True, exist_ok=True)
            Image.fromarray(table[label_map]).save(root / folder / f"{name}.png")
    write_list(root, "default", *"abcd")
    lines = ["# label:color_rgb:parts:actions", "background:0,0,0::", "road:61,61,245::"]
    (root / "labelmap.txt").write_text("\n".join(lines))


def _write_photos(folder: Path) -> None:
    folder.mkdir(parents=True)
    for number, name in enumerate("abcd"):
        pixels = np.random.default_rng(10 + number).integers(0, 256, (8, 10, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.jpg")


@pytest.mark.parametrize("folder", ["JPEGImages", "images", "photos"])
def test_photos_beside_the_masks_of_cvat(tmp_path: Path, folder: str) -> None:
    _write_cvat_masks(tmp_path)
    _write_photos(tmp_path / folder)
    data = open_dataset(tmp_path)
    assert data.format == "voc"
    assert data.classes.names == ("background", "road")
    assert {item.image.parent.name for _, item in data.items()} == {folder}
    assert sum(map(len, data.splits.values())) == 4
    assert all(data.read_labels(item).instance_map is not None for _, item in data.items())


def test_photos_of_the_masks_of_cvat_elsewhere(tmp_path: Path) -> None:
    _write_cvat_masks(tmp_path / "cvat")
    _write_photos(tmp_path / "photos")
    data = open_dataset(tmp_path / "cvat", images_root=tmp_path / "photos")
    assert {item.image for _, item in data.items()} == {tmp_path / "photos" / f"{name}.jpg" for name in "abcd"}


def test_masks_of_cvat_without_photos_are_no_data_set(tmp_path: Path) -> None:
    _write_cvat_masks(tmp_path)
    with pytest.raises(
        DataError, match="found masks in SegmentationClass/ and no images; expected the images"
    ) as error:
        open_dataset(tmp_path)
    assert f"Copy the images to {tmp_path / 'JPEGImages'}" in error.value.remedy


def test_object_masks_are_never_taken_for_photos(tmp_path: Path) -> None:
    _write_cvat_masks(tmp_path)
    (tmp_path / "ImageSets").rename(tmp_path / "lists")
    with pytest.raises(DataError, match="no images"):
        open_dataset(tmp_path)
    (tmp_path / "SegmentationClass").rename(tmp_path / "masks")
    with pytest.raises(DataError):
        open_dataset(tmp_path)


def test_two_folders_of_photos_are_ambiguous(tmp_path: Path) -> None:
    _write_cvat_masks(tmp_path)
    _write_photos(tmp_path / "images")
    _write_photos(tmp_path / "photos")
    with pytest.raises(DataError, match="images in images/ and photos/"):
        open_dataset(tmp_path)
