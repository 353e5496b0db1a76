"""No annotation, list or link leads out of a data set, whatever its layout."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from pixelwise.core.errors import DataError, OptionError
from pixelwise.data import open_dataset, write_dataset
from pixelwise.data.check import check

PIXELS = np.random.default_rng(0).integers(0, 256, (8, 10, 3), np.uint8)
SECRET = np.full((8, 10, 3), 77, np.uint8)
RING = [[1, 1], [6, 1], [6, 5], [1, 5]]
Write = Callable[[Path, str], None]


def save(path: Path, pixels: np.ndarray = PIXELS) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def coco(root: Path, name: str) -> None:
    images = [{"id": 1, "file_name": name, "height": 8, "width": 10}]
    objects = [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [np.ravel(RING).tolist()]}]
    content = {"images": images, "annotations": objects, "categories": [{"id": 1, "name": "cell"}]}
    write(root / "annotations/instances_train.json", json.dumps(content))


def labelme(root: Path, name: str) -> None:
    shapes = [{"label": "cell", "points": RING, "shape_type": "polygon"}]
    write(root / "train/x.json", json.dumps({"shapes": shapes, "imagePath": os.path.join("../annotations", name)}))
    (root / "annotations").mkdir(exist_ok=True)


def cvat(root: Path, name: str) -> None:
    labels = "<meta><task><labels><label><name>cell</name></label></labels></task></meta>"
    box = '<box label="cell" xtl="1" ytl="1" xbr="6" ybr="5"/>'
    image = f'<image id="0" name="{name}" width="10" height="8">{box}</image>'
    write(root / "annotations.xml", f"<annotations>{labels}{image}</annotations>")
    (root / "images").mkdir(exist_ok=True)


def yolo(root: Path, name: str) -> None:
    write(root / "data.yaml", "train: lists/train.txt\nval: lists/train.txt\nnames: [cell]\n")
    write(root / "lists/train.txt", f"{name}\n")
    text = (root / "lists" / name).with_suffix(".txt")
    write(Path(os.path.normpath(text)), "0 0.1 0.1 0.6 0.1 0.6 0.6\n")


@pytest.mark.parametrize(
    ("layout", "far"),  # CVAT's names never begin at the machine's root
    [(coco, False), (labelme, False), (cvat, False), (yolo, False), (coco, True), (labelme, True), (yolo, True)],
)
def test_what_an_annotation_names_outside_is_refused_by_name(layout: Write, far: bool, tmp_path: Path) -> None:
    """By `..`, and as an absolute path."""
    root, secret = tmp_path / "data", tmp_path / "secret.png"
    save(secret, SECRET)
    (root / "images").mkdir(parents=True)
    layout(root, str(secret) if far else "../../secret.png")
    with pytest.raises(DataError, match=r"secret\.png: found a file outside the data set") as raised:
        open_dataset(root)
    assert f"`images_root={str(tmp_path.resolve())!r}`" in raised.value.remedy
    dataset = open_dataset(root, images_root=tmp_path)
    (item,) = dataset.splits["train"]
    assert_array_equal(dataset.read_image(item), SECRET)


@pytest.mark.parametrize("layout", [coco, labelme, yolo])
def test_points_that_stay_inside_and_links_within_are_followed(layout: Write, tmp_path: Path) -> None:
    root = tmp_path / "data"
    save(root / "photos/a.png")
    (root / "lists").mkdir()
    (root / "annotations").mkdir()
    (root / "annotations/a.png").symlink_to(root / "photos/a.png")
    (root / "lists/a.png").symlink_to(root / "photos/a.png")
    for name in ("../photos/a.png", "a.png"):
        layout(root, name)
        dataset = open_dataset(root)
        (item,) = dataset.splits["train"]
        assert_array_equal(dataset.read_image(item), PIXELS)


def folders(root: Path) -> tuple[Path, Path]:
    """Write mask folders; return an image and a mask."""
    for name in "ab":
        save(root / f"train/images/{name}.png")
        save(root / f"train/masks/{name}.png", np.eye(8, 10, dtype=np.uint8))
    return root / "train/images/a.png", root / "train/masks/a.png"


@pytest.mark.parametrize("linked", [0, 1])
def test_a_linked_file_of_a_folder_is_refused(linked: int, tmp_path: Path) -> None:
    file = folders(tmp_path / "data")[linked]
    elsewhere = file.replace(tmp_path / "secret.png")
    file.symlink_to(elsewhere)
    with pytest.raises(DataError, match=rf"a\.png: found a file outside the data set \({elsewhere.resolve()}\)"):
        open_dataset(tmp_path / "data")


def test_a_linked_folder_needs_a_word(tmp_path: Path) -> None:
    images = folders(tmp_path / "data")[0].parent
    elsewhere = images.replace(tmp_path / "photos")
    images.symlink_to(elsewhere, target_is_directory=True)
    with pytest.raises(DataError, match=r"outside the data set \(.*, and 1 more\)"):
        open_dataset(tmp_path / "data")
    dataset = open_dataset(tmp_path / "data", images_root=elsewhere)
    assert check(dataset).images == 2
    write_dataset(dataset, "folders", tmp_path / "out")
    assert (tmp_path / "out/train/images/a.png").read_bytes() == (elsewhere / "a.png").read_bytes()


def test_a_mask_in_a_folder_of_masks_is_followed_too(tmp_path: Path) -> None:
    """As the Data Science Bowl 2018 has them: a folder of masks for each image."""
    root = tmp_path / "data"
    for name in ("a" * 8, "b" * 8):
        save(root / f"stage1_train/{name}/images/{name}.png")
        save(root / f"stage1_train/{name}/masks/1.png", np.full((8, 10), 255, np.uint8))
    assert open_dataset(root).format == "dsb"
    mask = root / f"stage1_train/{'a' * 8}/masks/1.png"
    mask.symlink_to(mask.replace(tmp_path / "secret.png"))
    with pytest.raises(DataError, match=r"1\.png: found a file outside the data set"):
        open_dataset(root)


def test_a_data_set_may_be_reached_over_a_link(tmp_path: Path) -> None:
    folders(tmp_path / "real")
    (tmp_path / "data").symlink_to(tmp_path / "real", target_is_directory=True)
    assert check(open_dataset(tmp_path / "data")).images == 2


def test_a_neighbour_whose_name_begins_the_same_is_outside(tmp_path: Path) -> None:
    image, _ = folders(tmp_path / "data")
    (tmp_path / "data2").mkdir()
    image.symlink_to(image.replace(tmp_path / "data2/a.png"))
    with pytest.raises(DataError, match="outside the data set"):
        open_dataset(tmp_path / "data")


def test_a_name_that_is_nowhere_is_a_missing_image(tmp_path: Path) -> None:
    coco(tmp_path, "../../nowhere.png")
    (problem,) = [entry for entry in check(open_dataset(tmp_path)).problems if entry.kind != "no_val"]
    assert "no such file" in problem.message


@pytest.mark.parametrize(("name", "problem"), [("data", "under which no file of"), ("absent", "which is no directory")])
def test_a_root_of_images_without_effect_is_refused(name: str, problem: str, tmp_path: Path) -> None:
    folders(tmp_path / "data")
    with pytest.raises(OptionError, match=f"images_root: found .*{problem}"):
        open_dataset(tmp_path / "data", images_root=tmp_path / name)


def test_the_folder_to_allow_is_the_one_above_all_files_outside(tmp_path: Path) -> None:
    """Linked images and masks lie in two folders; one option allows both."""
    far = tmp_path / "far"
    for name in ("images", "masks"):
        save(far / name / "a.png", PIXELS if name == "images" else (PIXELS[..., 0] > 99).astype(np.uint8))
        (tmp_path / "data").mkdir(exist_ok=True)
        (tmp_path / "data" / name).symlink_to(far / name)
    with pytest.raises(DataError) as raised:
        open_dataset(tmp_path / "data")
    assert raised.value.remedy.endswith(f"`images_root={str(far.resolve())!r}`.")
    assert open_dataset(tmp_path / "data", images_root=far).splits["train"]
