"""COCO's panoptic format: a PNG whose colours are segment ids, and a JSON file that names their classes.

Kirillov et al., "Panoptic Segmentation", CVPR 2019, arXiv:1801.00868; https://cocodataset.org/#format-data.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pixelwise.core.files import write_text
from pixelwise.inference.writers.base import Writer
from pixelwise.instances.objects import Objects
from pixelwise.instances.segments import find_segments
from pixelwise.raster.image import write_png

if TYPE_CHECKING:
    from pixelwise.inference.result import Result

ENDING = "_panoptic.json"


def write_panoptic(path: Path, result: Result) -> None:
    """Write the JSON file of one image to `path`, and its PNG beside it under the same stem.

    An id is red + 256 * green + 65536 * blue. Class indices are the category ids. Pixels of a thing without an object,
    and pixels without a class, have the id 0. Raises `OptionError` for the result of a model without objects.
    """
    objects, classes = result.require_objects(), result.info.classes
    things = () if result.info.grouping is None else result.info.grouping.things
    segments = find_segments(result.label_map, objects, things)
    ids = np.where(segments.ids <= segments.num_segments, segments.ids, 0).astype(np.int32)
    written = Objects(
        ids, segments.class_index[: segments.num_segments].astype(np.int32), np.ones(segments.num_segments, np.float32)
    )
    height, width = ids.shape
    png, image = path.with_suffix(".png"), path.stem.removesuffix("_panoptic")
    boxes = written.boxes_xyxy().tolist()
    content = {
        "images": [
            {
                "id": 1,
                "file_name": f"{image}.png" if result.source is None else result.source.name,
                "height": height,
                "width": width,
            }
        ],
        "annotations": [
            {
                "image_id": 1,
                "file_name": png.name,
                "segments_info": [
                    {
                        "id": index + 1,
                        "category_id": int(written.class_index[index]),
                        "area": area,
                        "bbox": [left, top, right - left, bottom - top],
                        "iscrowd": 0,
                    }
                    for index, (area, (left, top, right, bottom)) in enumerate(
                        zip(written.areas().tolist(), boxes, strict=True)
                    )
                ],
            }
        ],
        "categories": [
            {"id": index, "name": name, "isthing": int(index in things)} for index, name in enumerate(classes.names)
        ],
    }
    write_png(png, np.stack([ids % 256, ids // 256 % 256, ids // 65536], axis=2).astype(np.uint8))
    write_text(path, json.dumps(content))


WRITER = Writer(ENDING, write_panoptic)
