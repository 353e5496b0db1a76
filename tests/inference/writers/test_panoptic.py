"""What is written in COCO's panoptic format is read again as it was."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from pixelwise.core.classes import ClassMap
from pixelwise.core.errors import OptionError
from pixelwise.data.layouts.panoptic import is_panoptic, open_panoptic
from pixelwise.inference.result import Result
from pixelwise.inference.writers.panoptic import write_panoptic
from pixelwise.instances.grouping_parameters import GroupingParameters
from pixelwise.instances.objects import objects_from_maps
from pixelwise.modelfile.info import ModelInfo

CLASSES = ClassMap.from_names(["sky", "car", "road"])
INFO = ModelInfo(
    "by hand", None, "panoptic", CLASSES, (0.0,) * 3, (1.0,) * 3, 1, 64, 32, grouping=GroupingParameters((1,), radius=1)
)


def result_of(label_map: np.ndarray, ids: np.ndarray, source: Path | None = None) -> Result:
    image = np.zeros((*label_map.shape, 3), np.uint8)
    objects = objects_from_maps(label_map, ids)
    none = np.zeros((3, *label_map.shape), np.float32)
    return Result(image, label_map, INFO, lambda: none, instances=objects, source=source)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Three hundred cars: their ids need the second byte of a colour."""
    label_map = np.tile(np.array([[0, 1, 2, 1]], np.uint8), (40, 15))
    label_map[::2] = 0
    ids = np.zeros(label_map.shape, np.int32)
    ids[label_map == 1] = np.arange(1, (label_map == 1).sum() + 1)
    assert ids.max() == 600
    image = tmp_path / "street.png"
    Image.fromarray(np.zeros((*label_map.shape, 3), np.uint8)).save(image)
    write_panoptic(tmp_path / "street_panoptic.json", result_of(label_map, ids, image))
    assert is_panoptic(tmp_path)
    dataset = open_panoptic(tmp_path)
    assert dataset.classes.names == CLASSES.names
    ((_, item),) = dataset.items()
    sample = dataset.read(item)
    assert_array_equal(sample.label_map, label_map)
    assert sample.instance_map is not None
    again = objects_from_maps(sample.label_map, sample.instance_map)
    assert_array_equal(again.instance_map > 0, ids > 0)
    pairs = np.unique(np.stack([again.instance_map.ravel(), ids.ravel()]), axis=1)
    assert len(pairs.T) == 601  # each object is one of the others


def test_the_entries_by_hand(tmp_path: Path) -> None:
    """The car without an object has no segment."""
    label_map = np.array([[0, 0, 1, 1], [2, 1, 1, 1]], np.uint8)
    ids = np.array([[0, 0, 5, 5], [0, 0, 0, 5]], np.int32)
    write_panoptic(tmp_path / "a_panoptic.json", result_of(label_map, ids))
    content = json.loads((tmp_path / "a_panoptic.json").read_text())
    assert content["images"] == [{"id": 1, "file_name": "a.png", "height": 2, "width": 4}]
    assert content["categories"] == [
        {"id": 0, "name": "sky", "isthing": 0},
        {"id": 1, "name": "car", "isthing": 1},
        {"id": 2, "name": "road", "isthing": 0},
    ]
    (annotation,) = content["annotations"]
    assert (annotation["image_id"], annotation["file_name"]) == (1, "a_panoptic.png")
    assert annotation["segments_info"] == [
        {"id": 1, "category_id": 1, "area": 3, "bbox": [2, 0, 2, 2], "iscrowd": 0},
        {"id": 2, "category_id": 0, "area": 2, "bbox": [0, 0, 2, 1], "iscrowd": 0},
        {"id": 3, "category_id": 2, "area": 1, "bbox": [0, 1, 1, 1], "iscrowd": 0},
    ]
    with Image.open(tmp_path / "a_panoptic.png") as png:
        assert_array_equal(np.array(png)[..., 0], [[2, 2, 1, 1], [3, 0, 0, 1]])


def test_a_semantic_result_is_refused(tmp_path: Path) -> None:
    label_map = np.zeros((2, 2), np.uint8)
    result = Result(np.zeros((2, 2, 3), np.uint8), label_map, INFO, lambda: np.zeros((3, 2, 2), np.float32))
    with pytest.raises(OptionError, match="objects"):
        write_panoptic(tmp_path / "a_panoptic.json", result)
    assert list(tmp_path.iterdir()) == []
