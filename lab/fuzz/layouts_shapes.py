"""Small valid data sets in the layouts whose labels are outlines or runs in text files."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

from lab.fuzz.layouts_masks import label_map
from lab.fuzz.pictures import HEIGHT, WIDTH, encoded, photo_file
from lab.fuzz.tree import Tree
from pixelwise.instances.rle import compress_counts

SQUARE, HOLE = [[1, 1], [9, 1], [9, 9], [1, 9]], [[3, 3], [6, 3], [6, 6], [3, 6]]
RUNS = [20, 4, 8, 4, 156]
"""Of pixels by columns, the first of zeros: two runs of four."""


def coco() -> Iterator[Tree]:
    """Outlines with a hole, plain and compressed runs, a crowd; official names, Roboflow's, and one file for all."""
    flat, hole = ([number for point in ring for number in point] for ring in (SQUARE, HOLE))
    runs: dict[str, Any] = {"size": [HEIGHT, WIDTH], "counts": RUNS}
    packed = {"size": [HEIGHT, WIDTH], "counts": compress_counts(RUNS)}
    shapes: list[Any] = [[flat, hole], [flat], runs, packed]
    for names in (
        ("annotations/instances_train2017.json", "train2017"),
        ("train/_annotations.coco.json", "train"),
        ("all.json", "images"),
    ):
        content = {
            "info": {"year": 2026, "description": "made"},
            "licenses": [],
            "images": [
                {"id": 10 + i, "file_name": f"{'abcd'[i]}.png", "height": HEIGHT, "width": WIDTH} for i in range(4)
            ],
            "annotations": [
                {
                    **{"id": 100 + i, "image_id": 10 + i % 3, "category_id": (7, 90)[i % 2], "iscrowd": int(i == 2)},
                    **{"segmentation": shape, "bbox": [1, 1, 8, 8], "area": 55.0},
                }
                for i, shape in enumerate(shapes)
            ],
            "categories": [
                {"id": 90, "name": "disc", "supercategory": "x"},
                {"id": 7, "name": "cell", "supercategory": "x"},
            ],
        }
        annotations: Tree = {names[0]: json.dumps(content).encode()}
        yield annotations | {f"{names[1]}/{s}.png": photo_file(ord(s)) for s in "abcd"}


def yolo() -> Iterator[Tree]:
    """Names as a list and by number, splits as folders and as a list of images."""
    outline = "1 0.125 0.16666667 0.5 0.16666667 0.5 0.66666667 0.125 0.66666667\n0 0.75 0 1 0 1 0.5 0.75 0.5\n"
    texts = (
        "train: images/train\nval: images/val\nnc: 2\nnames: [cell, disc]\n",
        "path: .\ntrain: train.txt\nval: [images/val]\ntest:\nnames:\n  0: cell\n  1: disc\n",
    )
    for number, text in enumerate(texts):
        tree: Tree = {"data.yaml": text.encode()}
        for split, stem in (("train", "a"), ("train", "b"), ("val", "c")):
            tree[f"images/{split}/{stem}.png"] = photo_file(ord(stem))
            tree[f"labels/{split}/{stem}.txt"] = outline.encode()
        yield tree | ({"train.txt": b"./images/train/a.png\n./images/train/b.png\n"} if number else {})


def cvat() -> Iterator[Tree]:
    """Every kind of shape, in one file for all and in one a split."""
    labels = "<label><name>cell</name><color>#0102ff</color></label><label><name>disc</name></label>"
    meta = f"<version>1.1</version><meta><task><labels>{labels}</labels></task></meta>"
    shapes = (
        '<polygon label="cell" occluded="0" points="1.00,1.00;9.00,1.00;9.00,9.00;1.00,9.00" z_order="0"/>'
        '<box label="disc" xtl="10.00" ytl="1.00" xbr="14.00" ybr="5.00" rotation="10.0" z_order="1"/>'
        '<ellipse label="cell" cx="12.0" cy="8.0" rx="2.5" ry="2.0" z_order="2"/>'
        '<mask label="disc" rle="2, 3, 4" left="5" top="2" width="3" height="3" z_order="0" group_id="1"/>'
        '<polyline label="disc" points="1.0,1.0;2.0,2.0"/><tag label="cell"/>'
    )
    for whole in (True, False):
        tree: Tree = {}
        images = [
            f'<image id="{i}" name="{name}" subset="{split}" width="{WIDTH}" height="{HEIGHT}">{shapes}</image>'
            for i, (split, name) in enumerate((("train", "a.png"), ("train", "b.png"), ("val", "c.png")))
        ]
        parts = (
            {"annotations.xml": images}
            if whole
            else {"train/annotations.xml": images[:2], "val/annotations.xml": images[2:]}
        )
        for name, listed in parts.items():
            tree[name] = (
                f'<?xml version="1.0" encoding="utf-8"?>\n<annotations>{meta}{"".join(listed)}</annotations>\n'.encode()
            )
        for split, stem in (("train", "a"), ("train", "b"), ("val", "c")):
            tree[f"images/{stem}.png" if whole else f"{split}/images/{stem}.png"] = photo_file(ord(stem))
        yield tree


def labelme() -> Iterator[Tree]:
    """Polygons, parts of one object, a rectangle, a circle, a mask and a point, with a list of classes and without."""
    mask = base64.b64encode(encoded(label_map(0, 1)[:4, :5])).decode()
    shared: dict[str, Any] = {"group_id": None, "description": "", "flags": {}}
    shapes: list[dict[str, Any]] = [
        {"label": "cell", "points": SQUARE, "shape_type": "polygon", **shared},
        {"label": "cell", "points": HOLE, "shape_type": "polygon", **shared, "group_id": 3},
        {"label": "disc", "points": [[10, 1], [14, 5]], "shape_type": "rectangle", **shared},
        {"label": "disc", "points": [[12, 8], [13.5, 8]], "shape_type": "circle", **shared},
        {"label": "cell", "points": [[2, 2], [6, 5]], "shape_type": "mask", **shared, "mask": mask},
        {"label": "disc", "points": [[2, 2]], "shape_type": "point", **shared},
    ]
    for listed in (True, False):
        tree: Tree = {"classes.yaml": b"classes: [background, cell, disc]\n"} if listed else {}
        for split, stem in (("train/", "a"), ("train/", "b"), ("val/", "c")):
            place = split if listed else ""
            content: dict[str, Any] = {
                **{"version": "5.5.0", "flags": {}, "shapes": shapes, "imagePath": f"{stem}.png", "imageData": None},
                **{"imageHeight": HEIGHT, "imageWidth": WIDTH},
            }
            tree[f"{place}{stem}.json"] = json.dumps(content).encode()
            tree[f"{place}{stem}.png"] = photo_file(ord(stem))
        yield tree


def via() -> Iterator[Tree]:
    """Every kind of region, of a project and of an export."""
    shapes: list[dict[str, Any]] = [
        {"name": "polygon", "all_points_x": [1, 9, 9, 1], "all_points_y": [1, 1, 9, 9]},
        {"name": "rect", "x": 10, "y": 1, "width": 3, "height": 3},
        {"name": "circle", "cx": 12, "cy": 8, "r": 2},
        {"name": "ellipse", "cx": 4, "cy": 5, "rx": 2.2, "ry": 0.9, "theta": 0.3},
        {"name": "point", "cx": 4, "cy": 5},
    ]
    regions = [
        {"shape_attributes": shape, "region_attributes": {"class": "cell" if i % 2 else "disc", "kind": {"x": True}}}
        for i, shape in enumerate(shapes)
    ]
    for project in (False, True):
        tree: Tree = {}
        for split, stem in (("train", "a"), ("val", "b")):
            listed: Any = {str(i): region for i, region in enumerate(regions)} if project else regions
            content: dict[str, Any] = {
                f"{stem}.png123": {"filename": f"{stem}.png", "size": 123, "regions": listed, "file_attributes": {}}
            }
            if project:
                content = {"_via_settings": {"ui": {}}, "_via_img_metadata": content, "_via_attributes": {}}
            tree[f"{split}/via_region_data.json"] = json.dumps(content).encode()
            tree[f"{split}/{stem}.png"] = photo_file(ord(stem))
        yield tree
