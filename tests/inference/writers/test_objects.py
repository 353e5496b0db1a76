"""Objects of an instance model: grouped on the whole image, scored, and written."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest
from faster_coco_eval.core import mask as coco_mask
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from pixelwise.core.classes import ClassMap
from pixelwise.core.errors import DataError, OptionError, OutputError
from pixelwise.data import open_dataset
from pixelwise.data.dataset import Dataset, Item, Labels
from pixelwise.data.shapes.annotations import is_background
from pixelwise.inference.batch import predict_files
from pixelwise.inference.evaluate import evaluate
from pixelwise.inference.jobs import plan_jobs
from pixelwise.inference.loading import load
from pixelwise.inference.mc_dropout import MonteCarloDropout
from pixelwise.inference.writers.objects import (
    COCO_ENDING,
    write_coco_results,
    write_instances,
    write_instances32,
    write_labelme,
    write_table,
)
from pixelwise.inference.writers.polygons import write_geojson
from pixelwise.instances.objects import MAX_ID, Objects
from pixelwise.instances.polygons import fill_rings
from pixelwise.metrics.instances import InstanceScores

if TYPE_CHECKING:
    from tests.inference.conftest import UInt8


def expected_map() -> npt.NDArray[np.int32]:
    """What the eye sees in `blob_image`: of the two that touch each pixel belongs to the nearer centre."""
    expected = np.zeros((5, 150), np.int32)
    expected[1:4, 2:5], expected[1:4, 58:64], expected[1:4, 64:70] = 1, 2, 3
    return expected


def test_objects_are_whole_across_the_borders_of_tiles(blob_file: Path, blob_image: UInt8) -> None:
    result = load(blob_file).predict(blob_image)
    assert result.instances is not None
    assert_array_equal(result.instances.instance_map, expected_map())
    assert_array_equal(result.label_map, expected_map() > 0)
    assert_allclose(result.instances.score, 1, atol=1e-6)
    assert_array_equal(load(blob_file).label_map(blob_image), result.label_map)


def test_probabilities_are_those_of_classes(blob_file: Path, blob_image: UInt8) -> None:
    result = load(blob_file).predict(blob_image)
    assert result.probabilities.shape == (2, 5, 150)
    assert_allclose(result.probabilities.sum(axis=0), 1, atol=1e-6)


def test_the_overlay_shows_objects_in_colours_of_their_own(blob_file: Path, blob_image: UInt8) -> None:
    drawn = load(blob_file).predict(blob_image).overlay()
    assert_array_equal(drawn[expected_map() == 0], blob_image[expected_map() == 0])
    assert len({tuple(drawn[1, column].tolist()) for column in (2, 58, 69)}) == 3  # outlines


def test_the_instance_map_is_written_in_16_bits(blob_file: Path, blob_image: UInt8, tmp_path: Path) -> None:
    write_instances(tmp_path / "a.png", load(blob_file).predict(blob_image))
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == "I;16"
        assert_array_equal(np.array(image), expected_map())


def test_more_objects_are_written_in_32_bits(blob_file: Path, blob_image: UInt8, tmp_path: Path) -> None:
    result = load(blob_file).predict(blob_image)
    most = 2**31 - 1
    many = Objects(np.where(expected_map() == 3, most, expected_map()), np.empty(0, np.int32), np.empty(0, np.float32))
    write_instances32(tmp_path / "a.tif", dataclasses.replace(result, instances=many))
    with Image.open(tmp_path / "a.tif") as image:
        assert_array_equal(np.array(image), many.instance_map)


def test_the_table_has_a_row_an_object(blob_file: Path, blob_image: UInt8, tmp_path: Path) -> None:
    write_table(tmp_path / "a.csv", load(blob_file).predict(blob_image))
    with (tmp_path / "a.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == ["1", "2", "3"]
    assert rows[1] | {"perimeter": ""} == {
        "id": "2", "class": "blob", "score": "1.0000", "area": "18", "row": "2.00", "column": "60.50",
        "left": "58", "top": "1", "right": "64", "bottom": "4", "perimeter": "",
        "intensity": f"{(255 * 18 + 255) / 3 / 18:.2f}",
    }  # fmt: skip


def test_more_objects_than_16_bits_can_number(blob_file: Path, blob_image: UInt8, tmp_path: Path) -> None:
    result = load(blob_file).predict(blob_image)
    many = Objects(expected_map(), np.ones(MAX_ID + 1, np.int32), np.ones(MAX_ID + 1, np.float32))
    with pytest.raises(OutputError, match="65,536 objects"):
        write_instances(tmp_path / "a.png", dataclasses.replace(result, instances=many))


def test_a_semantic_model_has_no_objects(model_file: Path, image: UInt8, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="`task='instance'`"):
        write_table(tmp_path / "a.csv", load(model_file).predict(image))
    with pytest.raises(OptionError, match="`task='instance'`"):
        load(model_file).label_map_and_objects(image)


def test_an_instance_model_is_not_sampled(blob_file: Path, blob_image: UInt8) -> None:
    with pytest.raises(OptionError, match="an instance model"):
        load(blob_file).predict(blob_image, MonteCarloDropout(2))


def test_objects_are_scored_against_those_of_the_data(blob_file: Path, blob_image: UInt8, tmp_path: Path) -> None:
    """Of the truth one object is as predicted, and one is twice as large: half of it is IoU 0.5."""
    Image.fromarray(blob_image).save(tmp_path / "a.png")
    truth = expected_map()
    truth[truth == 3] = 0
    truth[0:5, 58:64] = truth[1:4, 58:70] = 2  # 42 pixels, of which 18 are predicted
    item = Item("a", tmp_path / "a.png", tmp_path / "a.png", tmp_path / "a.png")
    labels = Labels((truth > 0).astype(np.uint8), truth)
    classes = ClassMap(("background", "blob"), ((0, 0, 0), (200, 0, 0)))
    dataset = Dataset(tmp_path, "test", classes, {"test": (item,)}, lambda item: labels)
    scores = evaluate(load(blob_file), dataset)
    assert isinstance(scores, InstanceScores)
    assert scores.dsb["0.5"] == 1 / (1 + 1 + 2)  # one match, one missed, two invented
    assert (scores.images, scores.objects) == (1, 2)
    bare = dataclasses.replace(dataset, read_labels=lambda item: Labels(labels.label_map))
    with pytest.raises(DataError, match="no instance map"):
        evaluate(load(blob_file), bare)


def test_outlines_are_polygons_in_pixels_of_the_image(blob_file: Path, blob_image: UInt8, tmp_path: Path) -> None:
    """The first blob is filled; the second has a hole and a piece apart."""
    result = load(blob_file).predict(blob_image)
    instance_map = np.zeros((5, 150), np.int32)
    instance_map[1:4, 2:5], instance_map[0:5, 10:15], instance_map[0, 20] = 1, 2, 2
    instance_map[1:3, 11:13] = 0
    objects = Objects(instance_map, np.array([1, 1], np.int32), np.array([0.5, 0.25], np.float32))
    write_geojson(tmp_path / "a.geojson", dataclasses.replace(result, instances=objects))
    one, two = json.loads((tmp_path / "a.geojson").read_text())["features"]
    assert one["properties"] == {"id": 1, "class": "blob", "score": 0.5, "area": 9}
    assert one["geometry"]["type"] == "Polygon"
    (ring,) = one["geometry"]["coordinates"]
    assert ring[0] == ring[-1]
    assert sorted(ring[1:]) == [[2, 1], [2, 4], [5, 1], [5, 4]]
    assert two["geometry"]["type"] == "MultiPolygon"
    (outer, hole), (piece,) = two["geometry"]["coordinates"]
    assert sorted(outer[1:]) == [[10, 0], [10, 5], [15, 0], [15, 5]]
    assert sorted(hole[1:]) == [[11, 1], [11, 3], [13, 1], [13, 3]]
    assert sorted(piece[1:]) == [[20, 0], [20, 1], [21, 0], [21, 1]]


def test_regions_of_a_semantic_model_are_outlined(model_file: Path, image: UInt8, tmp_path: Path) -> None:
    result = load(model_file).predict(image)
    write_geojson(tmp_path / "a.geojson", result)
    painted = np.full(result.label_map.shape, 255, np.uint8)
    for own in json.loads((tmp_path / "a.geojson").read_text())["features"]:
        assert list(own["properties"]) == ["class", "area"]
        assert own["geometry"]["type"] == "Polygon"
        for ring in own["geometry"]["coordinates"]:
            assert len(set(map(tuple, ring[1:]))) == len(ring) - 1  # it meets itself nowhere
        inside = fill_rings([np.array(ring[1:], np.float64) for ring in own["geometry"]["coordinates"]], painted.shape)
        assert own["properties"]["area"] == inside.sum()
        assert (painted[inside] == 255).all()
        painted[inside] = result.info.classes.names.index(own["properties"]["class"])
    assert_array_equal(painted, result.label_map)


def test_regions_of_a_semantic_model_are_data_for_labelme(model_file: Path, image: UInt8, tmp_path: Path) -> None:
    """Corrected or not, they are read back as the label map was."""
    result = load(model_file).predict(image)
    Image.fromarray(image).save(tmp_path / "a.png")
    write_labelme(tmp_path / "a.json", dataclasses.replace(result, source=tmp_path / "a.png"))
    names = result.info.classes.names
    (tmp_path / "classes.txt").write_text("".join(f"{name}\n" for name in names))
    data = open_dataset(tmp_path)
    sample = data.read(next(data.items())[1])
    theirs = np.array([data.classes.names.index("background" if is_background(name) else name) for name in names])
    assert_array_equal(sample.label_map, theirs[result.label_map])


def test_cocos_results_are_what_its_own_code_reads(blob_file: Path, blob_image: UInt8, tmp_path: Path) -> None:
    write_coco_results(tmp_path / f"17{COCO_ENDING}", load(blob_file).predict(blob_image))
    entries = json.loads((tmp_path / f"17{COCO_ENDING}").read_text())
    assert [(own["image_id"], own["category_id"], own["bbox"]) for own in entries] == [
        (17, 1, [2, 1, 3, 3]),
        (17, 1, [58, 1, 6, 3]),
        (17, 1, [64, 1, 6, 3]),
    ]
    for number, own in enumerate(entries, 1):
        assert_array_equal(coco_mask.decode(own["segmentation"]), expected_map() == number)


def test_what_is_written_for_labelme_is_data_to_train_on(blob_file: Path, blob_image: UInt8, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    Image.fromarray(blob_image).save(tmp_path / "images" / "a.png")
    jobs = plan_jobs([str(tmp_path / "images")], tmp_path / "found", ["labelme"])
    predict_files(load(blob_file), jobs)
    data = open_dataset(tmp_path / "found", images_root=tmp_path / "images")
    assert data.format == "labelme"
    ((_, item),) = data.items()
    assert_array_equal(data.read(item).instance_map, expected_map())


def test_what_is_found_in_a_group_does_not_count(blob_file: Path, blob_image: UInt8, tmp_path: Path) -> None:
    """The truth has the first blob alone as an object; the others are blobs that were not told apart."""
    Image.fromarray(blob_image).save(tmp_path / "a.png")
    item = Item("a", tmp_path / "a.png", tmp_path / "a.png", tmp_path / "a.png")
    labels = Labels((expected_map() > 0).astype(np.uint8), np.where(expected_map() == 1, 1, 0).astype(np.int32))
    classes = ClassMap(("background", "blob"), ((0, 0, 0), (200, 0, 0)))
    scores = evaluate(load(blob_file), Dataset(tmp_path, "test", classes, {"test": (item,)}, lambda item: labels))
    assert isinstance(scores, InstanceScores)
    assert (scores.ap, scores.pq, scores.dsb["0.9"], scores.objects) == (1, 1, 1, 1)
