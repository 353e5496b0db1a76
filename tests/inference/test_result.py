"""A result's masks, boxes, polygons and files, by hand."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from pixelwise.core.errors import OptionError
from pixelwise.inference.loading import load
from pixelwise.inference.result import Result
from pixelwise.inference.writers.registry import WRITERS
from pixelwise.instances.polygons import fill_rings
from pixelwise.modelfile.info import ModelInfo

if TYPE_CHECKING:
    from tests.inference.conftest import ColourModel, Int32, UInt8


def result_of(label_map: UInt8, info: ModelInfo) -> Result:
    image = np.zeros((*label_map.shape, 3), np.uint8)
    return Result(image, label_map, info, lambda: np.eye(4, dtype=np.float32)[label_map].transpose(2, 0, 1))


@pytest.fixture
def semantic(colour: ColourModel) -> Result:
    """Of dark, red, green and blue: no green; red in two parts; one pixel that is ignored."""
    label_map = np.array([[1, 0, 0, 3, 3], [0, 0, 1, 1, 3], [0, 0, 1, 1, 255]], np.uint8)
    return result_of(label_map, colour.info)


@pytest.fixture
def objects(blob_file: Path, blob_image: UInt8) -> Result:
    return load(blob_file).predict(blob_image)


def test_masks_and_boxes_of_classes(semantic: Result) -> None:
    assert semantic.masks.dtype == np.bool_
    assert_array_equal(semantic.masks, [semantic.label_map == index for index in range(4)])
    assert semantic.boxes_xyxy.tolist() == [[0, 0, 3, 3], [0, 0, 4, 3], [0, 0, 0, 0], [3, 0, 5, 2]]
    assert semantic.mask_classes.tolist() == [0, 1, 2, 3]


def test_masks_and_boxes_of_objects(objects: Result, blob_map: Int32) -> None:
    assert_array_equal(objects.masks, [blob_map == number for number in (1, 2, 3)])
    assert objects.boxes_xyxy.tolist() == [[2, 1, 5, 4], [58, 1, 64, 4], [64, 1, 70, 4]]
    assert objects.mask_classes.tolist() == [1, 1, 1]


def test_polygons_hold_the_masks(semantic: Result, objects: Result) -> None:
    for result in (semantic, objects):
        polygons = result.polygons()
        assert len(polygons) == len(result.masks)
        for mask, parts in zip(result.masks, polygons, strict=True):
            inside = np.zeros(mask.shape, bool)
            for rings in parts:
                assert all((ring[0] == ring[-1]).all() for ring in rings)
                inside |= fill_rings([ring[:-1] for ring in rings], mask.shape)
            assert_array_equal(inside, mask)
    assert [len(parts) for parts in semantic.polygons()] == [1, 2, 0, 1]


def test_geojson_and_coco_are_what_their_writers_write(semantic: Result, objects: Result, tmp_path: Path) -> None:
    for result in (semantic, objects):
        path = result.save(tmp_path / "a.geojson")
        assert result.to_geojson() == json.loads(path.read_text())
    assert len(objects.to_geojson()["features"]) == 3
    placed = dataclasses.replace(objects, source=Path("photos/17.png"))
    path = placed.save(tmp_path / "17_coco.json")
    assert placed.to_coco() == json.loads(path.read_text())
    assert placed.to_coco()[0]["image_id"] == 17
    with pytest.raises(OptionError, match="objects of a semantic model"):
        semantic.to_coco()


@pytest.mark.parametrize(
    ("name", "as_", "writer"),
    [
        ("a.png", None, "mask"),
        ("a_overlay.png", None, "overlay"),
        ("a.PNG", None, "mask"),
        ("a_instances.png", None, "instances"),
        ("a_instances.tif", None, "instances32"),
        ("cells.csv", None, "objects"),
        ("a.json", None, "labelme"),
        ("a_coco.json", None, "coco"),
        ("a_probabilities.tif", None, "probabilities"),
        ("new/picture.png", "overlay", "overlay"),
        ("any.png", "entropy", "entropy"),
    ],
)
def test_the_writer_is_named_or_told_by_the_ending(
    objects: Result, tmp_path: Path, name: str, as_: str | None, writer: str
) -> None:
    path = objects.save(str(tmp_path / name), as_)
    assert path == tmp_path / name
    WRITERS[writer].write(tmp_path / f"expected{path.suffix}", objects)
    if writer == "coco":  # which holds the stem
        assert len(json.loads(path.read_text())) == 3
        return
    assert path.read_bytes() == (tmp_path / f"expected{path.suffix}").read_bytes()


@pytest.mark.parametrize(
    ("name", "as_", "message"),
    [
        ("a.jpg", None, r"path: found .*a\.jpg; expected a name that ends in one of .*\.png.*, or give `as_`"),
        ("a.tif", None, "expected a name that ends in one of"),
        ("a", None, "expected a name that ends in one of"),
        ("a.png", "masks", "as_: found 'masks'; expected one of mask, overlay"),
        ("a.jpg", "mask", r"expected a name that ends in \.png\. Write mask to such a file"),
        ("a.png", "uncertainty", "found a single pass"),
    ],
)
def test_other_names_are_refused(objects: Result, tmp_path: Path, name: str, as_: str | None, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        objects.save(tmp_path / name, as_)
    assert list(tmp_path.glob("a*")) == []


def test_the_text_is_short(semantic: Result, objects: Result, colour: ColourModel) -> None:
    assert repr(semantic) == "Result(3x5: dark 40%, red 33%, blue 20%)"
    assert repr(dataclasses.replace(semantic, source=Path("street/a.jpg"))).startswith("Result(a.jpg, 3x5: ")
    every = result_of(np.array([[0, 1, 2, 3], [0, 1, 2, 0], [0, 1, 0, 0]], np.uint8), colour.info)
    assert repr(every) == "Result(3x4: dark 50%, red 25%, green 17%, 1 more)"
    assert repr(objects) == "Result(5x150: 3 objects)"
    assert repr(result_of(np.full((2, 2), 255, np.uint8), colour.info)) == "Result(2x2: )"


def test_a_notebook_shows_the_overlay(semantic: Result, colour: ColourModel) -> None:
    with Image.open(io.BytesIO(semantic._repr_png_())) as picture:
        assert picture.format == "PNG"
        assert_array_equal(np.asarray(picture), semantic.overlay())
    large = result_of(np.zeros((500, 3000), np.uint8), colour.info)
    with Image.open(io.BytesIO(large._repr_png_())) as picture:
        assert picture.size == (1024, 171)
