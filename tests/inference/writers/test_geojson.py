"""GeoJSON of objects and of regions."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.testing import assert_array_equal

from pixelwise.inference.loading import load
from pixelwise.inference.writers.geojson import write_geojson
from pixelwise.instances.objects import Objects
from pixelwise.instances.polygons import fill_rings

if TYPE_CHECKING:
    from tests.inference.conftest import UInt8


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
    for feature in json.loads((tmp_path / "a.geojson").read_text())["features"]:
        assert list(feature["properties"]) == ["class", "area"]
        assert feature["geometry"]["type"] == "Polygon"
        for ring in feature["geometry"]["coordinates"]:
            assert len(set(map(tuple, ring[1:]))) == len(ring) - 1  # it meets itself nowhere
        inside = fill_rings(
            [np.array(ring[1:], np.float64) for ring in feature["geometry"]["coordinates"]], painted.shape
        )
        assert feature["properties"]["area"] == inside.sum()
        assert (painted[inside] == 255).all()
        painted[inside] = result.info.classes.names.index(feature["properties"]["class"])
    assert_array_equal(painted, result.label_map)
