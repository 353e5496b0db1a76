"""Small valid data sets in the layouts whose labels are pictures."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from lab.fuzz.pictures import HEIGHT, WIDTH, encoded, photo_file
from lab.fuzz.tree import Tree
from pixelwise.data.layouts.voc_classes import PALETTE

UInt8 = npt.NDArray[np.uint8]
SPLITS = {"train": "ab", "val": "c"}
COLORS = ((0, 0, 0), (200, 30, 30), (30, 200, 30))
CLASS_LISTS: dict[str, bytes] = {
    "classes.yaml": b"classes:\n- {name: background, color: [0, 0, 0]}\n- {name: cell, color: [200, 30, 30]}\n"
    b"- {name: disc, color: [30, 200, 30]}\nignore: [255]\n",
    "classes.txt": b"background\ncell\ndisc\n",
    "label_colors.txt": b"0 0 0 background\n200 30 30 cell\n30 200 30 disc\n",
    "class_dict.csv": b"name,r,g,b\nbackground,0,0,0\ncell,200,30,30\ndisc,30,200,30\n",
}
"""The forms of class lists, of the classes in `label_map`."""


def label_map(*values: int) -> UInt8:
    """Return the first value with a square of each of the others, and a hole in the first of these."""
    pixels = np.full((HEIGHT, WIDTH), values[0], np.uint8)
    for number, value in enumerate(values[1:4]):
        pixels[2:8, 1 + 5 * number : 5 + 5 * number] = value
    pixels[4:6, 2:4] = values[0]
    return pixels


def png(*values: int) -> bytes:
    """Return `label_map` as a file."""
    return encoded(label_map(*values))


def in_palette(pixels: UInt8, colors: UInt8) -> bytes:
    """Return class indices as a palette file."""
    from PIL import Image

    image = Image.fromarray(pixels)
    image.putpalette(colors.tobytes())
    return encoded(image)


def masks() -> dict[str, bytes]:
    """Return `label_map` of three classes in every kind of file that holds masks, by a name with the file's ending."""
    values = label_map(0, 1, 2)
    colors = np.repeat(np.array(COLORS, np.uint8), (1, 1, 254), axis=0)
    return {
        "gray.png": encoded(values),
        "palette.png": in_palette(values, colors),
        "deep.png": encoded(values.astype(np.uint16)),
        "rgb.png": encoded(np.stack([values] * 3, axis=-1)),
        "gray.tif": encoded(values, "TIFF"),
        "lzw.tif": encoded(values, "TIFF", compression="tiff_lzw"),
        "deep.tif": encoded(values.astype(np.uint16), "TIFF"),
        "int32.tif": encoded(values.astype(np.int32), "TIFF"),
        "gray.gif": encoded(values, "GIF"),
        "gray.bmp": encoded(values, "BMP"),
    }


def ids(*values: int) -> bytes:
    """Return object ids in 16 bits."""
    return encoded(label_map(0, *range(1, len(values))).astype(np.uint16) * values[-1])


def folders() -> Iterator[Tree]:
    """The plain layout: with each form of class list, with objects, with masks in colours, without splits."""
    for name, content in {**CLASS_LISTS, "none": b""}.items():
        tree: Tree = {name: content} if content else {}
        for split, stem in ((split, stem) for split, stems in SPLITS.items() for stem in stems):
            tree[f"{split}/images/{stem}.png"] = photo_file(ord(stem))
            tree[f"{split}/masks/{stem}.png"] = png(0, 1, 2)
        yield tree
    colors = np.array(COLORS, np.uint8)[label_map(0, 1, 2)]
    shared: Tree = {f"images/{stem}.jpg": photo_file(ord(stem), "JPEG") for stem in "abcdef"}
    yield (
        shared
        | {f"masks/{stem}.png": encoded(colors) for stem in "abcdef"}
        | {"classes.yaml": CLASS_LISTS["classes.yaml"]}
    )
    yield shared | {f"instances/{stem}.png": ids(0, 1, 7) for stem in "abcdef"}
    yield (
        shared
        | {f"labels/{stem}.png": png(0, 255) for stem in "abcdef"}
        | {"train.txt": b"a\nb\nc\n", "val.txt": b"d\n"}
    )
    yield {f"{stem}{end}.png": png(0, 1) if end else photo_file(ord(stem)) for stem in "abcd" for end in ("", "_mask")}


def camvid() -> Iterator[Tree]:
    tree: Tree = {}
    for split, stems in SPLITS.items():
        for stem in stems:
            tree[f"{split}/{stem}.png"] = photo_file(ord(stem))
            tree[f"{split}annot/{stem}.png"] = png(11, 1, 2, 3)
        lines = (f"/SegNet/CamVid/{split}/{s}.png /SegNet/CamVid/{split}annot/{s}.png\n" for s in stems)
        tree[f"{split}.txt"] = "".join(lines).encode()
    yield tree
    yield {name: entry for name, entry in tree.items() if not name.endswith(".txt")}


def sunrgbd() -> Iterator[Tree]:
    tree: Tree = {}
    for split, numbers in {"test": (1, 2), "train": (5051, 5052, 5053)}.items():
        for number in numbers:
            tree[f"sunrgbd_train_test_labels/img-{number:06d}.png"] = png(0, 1, 20, 37)
            photo = number if split == "test" else number - 5050
            tree[f"SUNRGBD-{split}_images/img-{photo:06d}.jpg"] = photo_file(number, "JPEG")
    yield tree


def isbi() -> Iterator[Tree]:
    from PIL import Image

    slices = [Image.fromarray(label_map(60 + i, 200)) for i in range(5)]
    labels = [Image.fromarray(label_map(255, 0, 0)) for _ in range(5)]
    volume, label = (encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:]) for pages in (slices, labels))
    yield {"train-volume.tif": volume, "train-labels.tif": label}
    yield {"stack.tif": volume, "stack-labels.tif": label}


def cityscapes() -> Iterator[Tree]:
    instances = encoded(np.where(label_map(0, 1) == 1, 26001, 7).astype(np.uint16))
    for kind, values in (("labelIds", (7, 26)), ("labelTrainIds", (0, 13))):
        tree: Tree = {}
        for split, stem in (
            ("train", "aachen_000000_000019"),
            ("train", "ulm_000001_000019"),
            ("val", "bonn_000002_000019"),
        ):
            city = stem.partition("_")[0]
            tree[f"leftImg8bit/{split}/{city}/{stem}_leftImg8bit.png"] = photo_file(len(stem) + len(tree))
            tree[f"gtFine/{split}/{city}/{stem}_gtFine_{kind}.png"] = png(*values)
            tree[f"gtFine/{split}/{city}/{stem}_gtFine_instanceIds.png"] = instances
            tree[f"gtFine/{split}/{city}/{stem}_gtFine_polygons.json"] = (
                b'{"imgHeight": 12, "imgWidth": 16, "objects": []}'
            )
        yield tree


def dsb() -> Iterator[Tree]:
    for place in ("stage1_train/", "train/"):
        tree: Tree = {"classes.yaml": b"classes: [background, nucleus]\n"} if place == "train/" else {}
        for name in ("0a1", "0b2", "0c3"):
            tree[f"{place}{name}/images/{name}.png"] = photo_file(len(tree))
            tree[f"{place}{name}/masks/1.png"] = png(0, 255)
            tree[f"{place}{name}/masks/2.png"] = png(0, 0, 255)
        yield tree


def voc() -> Iterator[Tree]:
    label_maps = {
        "labelmap.txt": b"# label:color_rgb:parts:actions\nbackground:0,0,0::\ncell:128,0,0::\ndisc:0,128,0::\n"
    }
    for lists in (
        {},
        label_maps,
        {"class_names.txt": b"_background_\ncell\ndisc\n"},
        {"labels.txt": b"__ignore__\n_background_\ncell\n"},
    ):
        names = ("2007_000032", "2007_000039", "2011_003271") if not lists else ("a", "b", "c")
        tree: Tree = {
            f"ImageSets/Segmentation/{s}.txt": f"{n}\n".encode() for s, n in (("train", names[0]), ("val", names[2]))
        }
        tree["ImageSets/Segmentation/trainval.txt"] = "\n".join(names).encode()
        for number, name in enumerate(names):
            tree[f"JPEGImages/{name}.jpg"] = photo_file(number, "JPEG")
            tree[f"SegmentationClass/{name}.png"] = in_palette(label_map(0, 1, 1, 255), PALETTE)
            tree[f"SegmentationObject/{name}.png"] = in_palette(label_map(0, 1, 2, 255), PALETTE)
        yield tree | lists


def nnunet() -> Iterator[Tree]:
    for labels in ({"background": 0, "vessel": 1, "ignore": 2}, {"0": "background", "1": "vessel", "2": "disc"}):
        content = {"channel_names": {"0": "R"}, "labels": labels, "numTraining": 4, "file_ending": ".png"}
        tree: Tree = {"dataset.json": json.dumps(content).encode()}
        for number in range(4):
            tree[f"imagesTr/case_{number:03}_0000.png"] = photo_file(number)
            tree[f"labelsTr/case_{number:03}.png"] = png(0, 1, 2)
        yield tree | {"imagesTs/case_100_0000.png": photo_file(100), "labelsTs/case_100.png": png(0, 1)}


def ctc() -> Iterator[Tree]:
    for truth in ("ST", "GT"):
        tree: Tree = {}
        for sequence in ("01", "02"):
            for frame in range(2):
                gray = np.full((HEIGHT, WIDTH), frame * 40 + int(sequence), np.uint8)
                tree[f"{sequence}/t{frame:03}.tif"] = encoded(gray, "TIFF")
                marked = label_map(0, 3, 7).astype(np.uint16) * 100
                tree[f"{sequence}_{truth}/SEG/man_seg{frame:03}.tif"] = encoded(marked, "TIFF")
        yield tree


def retina() -> Iterator[Tree]:
    tree: Tree = {}
    for number in (21, 22, 23):
        tree[f"training/images/{number}_training.tif"] = photo_file(number, "TIFF")
        tree[f"training/1st_manual/{number}_manual1.gif"] = encoded(label_map(0, 255), "GIF")
        tree[f"training/mask/{number}_training_mask.gif"] = encoded(label_map(255, 255, 0), "GIF")
    yield tree
    chase: Tree = {}
    for name in ("Image_01L", "Image_01R", "Image_02L"):
        chase |= {
            f"{name}.jpg": photo_file(len(chase), "JPEG"),
            f"{name}_1stHO.png": png(0, 255),
            f"{name}_2ndHO.png": png(0, 255),
        }
    yield chase


def pets() -> Iterator[Tree]:
    tree: Tree = {
        "annotations/trainval.txt": b"Cat_1 1 1 1\nCat_2 1 1 1\nDog_1 2 2 1\n",
        "annotations/test.txt": b"#head\nDog_2 1 1 1\n",
    }
    for number, name in enumerate(("Cat_1", "Cat_2", "Dog_1", "Dog_2")):
        tree[f"images/{name}.jpg"] = photo_file(number, "JPEG")
        tree[f"annotations/trimaps/{name}.png"] = png(2, 1, 3)
    yield tree


def loveda() -> Iterator[Tree]:
    tree: Tree = {}
    for number, (split, area) in enumerate((("Train", "Urban"), ("Train", "Rural"), ("Val", "Urban"))):
        tree[f"{split}/{area}/images_png/{number}.png"] = photo_file(number)
        tree[f"{split}/{area}/masks_png/{number}.png"] = png(0, 1, 4, 7)
    yield tree


def panoptic() -> Iterator[Tree]:
    colors = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    colors[:, 3:6], colors[:, 6:] = (44, 1, 0), (7, 0, 0)
    tree: Tree = {}
    for split, name in (("train", "a.png"), ("val", "b.png")):
        tree[f"{split}2017/{name}"] = photo_file(len(tree))
        tree[f"annotations/panoptic_{split}2017/{name}"] = encoded(colors)
        segments = [
            {"id": 300, "category_id": 1, "iscrowd": 0, "area": 36, "bbox": [3, 0, 3, 12]},
            {"id": 7, "category_id": 93, "iscrowd": 0, "area": 120, "bbox": [6, 0, 10, 12]},
        ]
        content = {
            "images": [{"id": 5, "file_name": name, "height": HEIGHT, "width": WIDTH}],
            "annotations": [{"image_id": 5, "file_name": name, "segments_info": segments}],
            "categories": [{"id": 93, "name": "sky", "isthing": 0}, {"id": 1, "name": "cat", "isthing": 1}],
        }
        tree[f"annotations/panoptic_{split}2017.json"] = json.dumps(content).encode()
    yield tree
