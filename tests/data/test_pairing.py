from __future__ import annotations

from pathlib import Path

import pytest

from pixelwise.core.errors import DataError
from pixelwise.data.pairing import group_masks, image_files, pair_masks, separate_masks


def paths(*names: str) -> list[Path]:
    return [Path(name) for name in names]


@pytest.mark.parametrize(
    "mask",
    [
        *("a.png", "a.TIF", "a_mask.png", "a_masks.png", "a-mask.png", "a_label.png", "a_labels.bmp", "a_gt.png"),
        *("a_cp_masks.png", "a_manual1.gif", "a_Simple Segmentation.png", "a_Object Identities.tif", "a_mask.gif"),
        *("a_seg.png", "a_L.png", "a_annotation.png", "a_labelIds.png", "a_segmentation.png", "a_MASK.png"),
    ],
)
def test_a_mask_may_have_a_suffix_and_another_extension(mask: str) -> None:
    assert pair_masks(paths("a.jpg", "b.jpg"), paths(mask)) == {Path("a.jpg"): Path(mask)}


def test_the_equal_stem_goes_first() -> None:
    images = paths("a.png", "a_mask.png")
    assert pair_masks(images, paths("m/a.png", "m/a_mask.png")) == {
        images[0]: Path("m/a.png"),
        images[1]: Path("m/a_mask.png"),
    }


def test_dots_in_stems_are_kept() -> None:
    assert pair_masks(paths("f.001.png", "f.002.png"), paths("m/f.001.png")) == {Path("f.001.png"): Path("m/f.001.png")}


@pytest.mark.parametrize(
    ("image", "mask"),
    [("21_training.tif", "21_manual1.gif"), ("01_test.tif", "01_manual1.gif"), ("000_img.png", "000_masks.png")],
)
def test_an_image_may_have_a_suffix_of_its_own(image: str, mask: str) -> None:
    assert pair_masks(paths(image), paths(mask)) == {Path(image): Path(mask)}
    assert separate_masks(paths(image, mask)) == (paths(image), paths(mask))


def test_a_mask_belongs_to_one_of_two_images_of_a_stem_or_to_none() -> None:
    assert pair_masks(paths("a_train.png", "a_test.png"), paths("a_mask.png")) == {}


def test_ambiguous_partners_are_named() -> None:
    with pytest.raises(DataError, match=r"2 masks for it: a_gt.png, a_mask.png"):
        pair_masks(paths("a.png"), paths("a_gt.png", "a_mask.png"))
    with pytest.raises(DataError, match=r"a.jpg: found the same stem as a.png"):
        pair_masks(paths("a.png", "a.jpg"), paths("m/a.png"))


def test_one_folder_is_told_apart_by_suffix() -> None:
    images, masks = separate_masks(paths("a.png", "a_mask.png", "b.png", "c_mask.png", "d_L.png"))
    assert images == paths("a.png", "b.png", "d_L.png")
    assert masks == paths("a_mask.png", "c_mask.png")


def test_one_folder_is_told_apart_by_jpeg_and_png() -> None:
    assert separate_masks(paths("a.jpg", "a.png", "b.png")) == (paths("a.jpg", "b.png"), paths("a.png"))


def test_numbered_images_with_masks_of_their_own_are_images() -> None:
    images = paths("face.png", "face_seg_1.png", "face_mask_2.png")
    masks = paths("face_mask.png", "face_seg_1_mask.png", "face_mask_2_mask.png")
    assert separate_masks([*images, *masks]) == (images, masks)
    photos, labels = paths("face.jpg", "face_seg_1.jpg"), paths("face.png", "face_seg_1.png")
    assert separate_masks([*photos, *labels]) == (photos, labels)
    several = paths("a.png", "a_mask.png", "a_mask_1.png")
    assert separate_masks(several) == (several[:1], several[1:])


def test_images_alone_hold_no_masks() -> None:
    files = paths("left_l.png", "right_r.png", "x_mask.png")
    assert separate_masks(files) == (files, [])


def test_hidden_and_other_files_are_no_images(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.jpeg", ".c.png", "._b.png", "notes.txt", "d.webp"):
        (tmp_path / name).touch()
    assert [file.name for file in image_files(tmp_path)] == ["a.jpeg", "b.PNG", "d.webp"]


def test_masks_with_numbers_follow_the_one_without() -> None:
    images, masks = (
        paths("a.jpg", "b.jpg"),
        paths("a_mask_10.png", "a_mask_2.png", "a_mask.png", "b_mask.png", "c_mask_1.png"),
    )
    pairs = pair_masks(images, masks)
    assert group_masks(images, masks, pairs) == {images[0]: paths("a_mask.png", "a_mask_2.png", "a_mask_10.png")}
    assert separate_masks([*images, *masks]) == (images, masks)


def test_numbers_of_other_observers_and_of_images_are_none() -> None:
    images = paths("a.png", "a_1.png")
    masks = paths("m/a_manual1.png", "m/a_mask_1.png", "m/a_L1.png")
    assert group_masks(images, masks, pair_masks(images, masks)) == {}


@pytest.mark.parametrize("mask", ["a_lab.png", "a_lbl.png", "a_ground_truth.png", "a_groundtruth.png"])
def test_further_suffixes(mask: str) -> None:
    assert pair_masks(paths("a.jpg", "b.jpg"), paths(mask)) == {Path("a.jpg"): Path(mask)}


PREFIXES = [
    *(("image_1", "mask_1"), ("img_007", "seg_007"), ("Image-12", "gt-12"), ("image001", "mask001")),
    *(("scene", "mask_scene"), ("image_1", "mask_image_1"), ("photo_a b", "ground_truth_a b"), ("IMG 3", "Label 3")),
]


@pytest.mark.parametrize(("image", "mask"), PREFIXES)
def test_prefixes_pair_in_two_folders_and_in_one(image: str, mask: str) -> None:
    images, masks = paths(f"images/{image}.jpg", "images/other_9.jpg"), paths(f"masks/{mask}.png")
    assert pair_masks(images, masks) == {images[0]: masks[0]}
    image_file, mask_file = paths(f"{image}.png", f"{mask}.png")
    assert separate_masks(sorted([image_file, mask_file])) == ([image_file], [mask_file])
    assert pair_masks([image_file], [mask_file]) == {image_file: mask_file}


def test_only_one_side_may_have_a_prefix() -> None:
    images, masks = paths("images/img_1.png", "images/2.png"), paths("masks/1.png", "masks/label_2.png")
    assert pair_masks(images, masks) == dict(zip(images, masks, strict=True))


def test_masks_of_a_known_prefix_need_no_image() -> None:
    images, masks = paths("image_1.png", "image_2.png"), paths("mask_1.png", "mask_3.png")
    assert separate_masks([*images, *masks]) == (images, masks)
    assert separate_masks(paths("gt_1.png", "gt_2.png")) == (paths("gt_1.png", "gt_2.png"), [])


def test_a_prefix_never_takes_a_mask_from_its_image() -> None:
    images, masks = paths("1.png", "image_1.png"), paths("m/1.png", "m/mask_1.png")
    assert pair_masks(images, masks) == {images[0]: masks[0]}  # two images are called 1 after their prefixes
    assert pair_masks(paths("img_1.png", "photo_1.png"), paths("m/mask_1.png")) == {}
    with pytest.raises(DataError, match=r"2 masks for it: mask_1.png, seg_1.png"):
        pair_masks(paths("image_1.png"), paths("mask_1.png", "seg_1.png"))
