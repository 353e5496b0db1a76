"""Regions that are traced in bands of rows are those of the whole map."""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.features import rasterize
from rasterio.transform import from_origin
from scipy import ndimage

from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.instances.polygons import signed_area
from pixelwise.raster import features, regions
from pixelwise.raster.geojson import GeoJson
from pixelwise.raster.geopackage import GeoPackage
from pixelwise.raster.place import place_of
from pixelwise.raster.regions import trace_regions
from pixelwise.raster.scan import write_polygons

UInt8 = np.ndarray
Traced = list[tuple[int, int, list[np.ndarray]]]


def traced(labels: UInt8, rows: int, monkeypatch: pytest.MonkeyPatch) -> Traced:
    """The value, area and rings of each region, traced in bands of so many rows."""
    monkeypatch.setattr(regions, "BAND_PIXELS", rows * labels.shape[1])
    result = []
    for region in trace_regions(lambda part: labels[part], labels.shape, io.BytesIO()):
        rings = list(region.outlines())
        assert (region.rings, region.corners) == (len(rings), sum(map(len, rings)))
        result.append((region.value, region.area, rings))
    return result


def painted(found: Traced, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """The labels and the numbers of the regions that fill these polygons."""
    labels, numbers = np.full(shape, IGNORE_INDEX, np.uint8), np.zeros(shape, np.int32)
    for number, (value, area, rings) in enumerate(found, 1):
        polygon = {"type": "Polygon", "coordinates": [ring.tolist() for ring in rings]}
        inside = rasterize([(polygon, 1)], shape) == 1
        assert np.count_nonzero(inside) == area
        assert not numbers[inside].any()
        labels[inside], numbers[inside] = value, number
    return labels, numbers


def spiral(size: int) -> UInt8:
    """One line of 1 that winds inwards: a region, and what lies between, of one outline each."""
    labels = np.zeros((size, size), np.uint8)
    row = column = 0
    down, right = 0, 1
    labels[0, 0] = 1
    for _ in range(size * size):
        ahead = (row + 2 * down, column + 2 * right)
        inside = 0 <= row + down < size and 0 <= column + right < size
        if not inside or (min(ahead) >= 0 and max(ahead) < size and labels[ahead]):
            down, right = right, -down
            if labels[row + down, column + right] or labels[row + 2 * down, column + 2 * right]:
                break
        row, column = row + down, column + right
        labels[row, column] = 1
    return labels


MAPS: dict[str, Callable[[], UInt8]] = {
    "noise": lambda: np.random.default_rng(0).integers(0, 2, (40, 31)).astype(np.uint8),
    "three": lambda: np.random.default_rng(1).integers(0, 3, (33, 47)).astype(np.uint8),
    "unlabelled": lambda: np.random.default_rng(2).choice(np.array([0, 1, 255], np.uint8), (30, 30)),
    "smooth": lambda: (ndimage.gaussian_filter(np.random.default_rng(3).normal(size=(60, 60)), 2) > 0).astype(np.uint8),
    "holes": lambda: np.kron(np.ones((4, 4)), np.pad(np.zeros((3, 3)), 2, constant_values=1)).astype(np.uint8),
    "chessboard": lambda: (np.indices((12, 13)).sum(0) % 2).astype(np.uint8),
    "columns": lambda: np.tile(np.arange(9, dtype=np.uint8) % 2, (20, 1)),
    "spiral": lambda: spiral(31),
    "one": lambda: np.zeros((25, 20), np.uint8),
    "nothing": lambda: np.full((9, 9), 255, np.uint8),
}


@pytest.mark.parametrize("rows", [1, 2, 5, 7, 100])
@pytest.mark.parametrize("name", MAPS)
def test_regions_are_the_connected_ones_whatever_the_bands(
    name: str, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = MAPS[name]()
    found = traced(labels, rows, monkeypatch)
    filled, numbers = painted(found, labels.shape)
    np.testing.assert_array_equal(filled, labels)
    count = 0
    for value in set(np.unique(labels).tolist()) - {IGNORE_INDEX}:
        parts, here = ndimage.label(labels == value)
        count += here
        for part in range(1, here + 1):
            assert len(np.unique(numbers[parts == part])) == 1
    assert len(found) == count
    assert sum(area for _, area, _ in found) == np.count_nonzero(labels != IGNORE_INDEX)


@pytest.mark.parametrize("name", MAPS)
def test_rings_have_a_corner_at_each_turn_and_meet_no_corner_twice(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = MAPS[name]()
    whole = traced(labels, 100, monkeypatch)
    for rows in (1, 4):
        found = traced(labels, rows, monkeypatch)
        assert sorted(area for _, area, _ in found) == sorted(area for _, area, _ in whole)
        for _, _, rings in found:
            for index, ring in enumerate(rings):
                assert (ring[0] == ring[-1]).all()
                steps = np.diff(ring, axis=0)
                assert ((steps != 0).sum(axis=1) == 1).all()
                assert len(np.unique(ring[:-1], axis=0)) == len(ring) - 1
                assert (signed_area(ring[:-1]) < 0) == (index == 0)  # the outer one first, as GDAL turns them


CLASSES = ClassMap(("water", "land"), ((0, 0, 200), (0, 200, 0)))


def test_files_of_polygons_that_are_never_held_whole_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = np.random.default_rng(5).integers(0, 2, (80, 64)).astype(np.uint8)
    form = {"driver": "GTiff", "count": 1, "height": 80, "width": 64, "dtype": "uint8", "crs": "EPSG:25832"}
    map_file = tmp_path / "map.tif"
    tiles = {"tiled": True, "blockxsize": 16, "blockysize": 16}
    with rasterio.open(map_file, "w", **form, **tiles, transform=from_origin(5e5, 5e6, 2, 2)) as file:
        file.write(labels[None])

    def write(at_once: int, rows: int, out: str) -> tuple[list[str], list[tuple[object, ...]]]:
        monkeypatch.setattr(features, "AT_ONCE", at_once)
        monkeypatch.setattr(regions, "BAND_PIXELS", rows * 64)
        place = place_of(map_file)
        paths = tmp_path / f"{out}.geojson", tmp_path / f"{out}.gpkg"
        with GeoJson(paths[0], place) as as_json, GeoPackage(paths[1], place, "regions", "map.tif") as package:
            write_polygons(map_file, CLASSES, [as_json, package])
        database = sqlite3.connect(paths[1])
        rows_of_layer = database.execute("SELECT * FROM regions ORDER BY fid").fetchall()
        database.close()
        lines = paths[0].read_text().splitlines()
        json.loads("\n".join(lines))
        return lines, rows_of_layer

    held = write(50_000, 16, "held")
    assert write(8, 16, "streamed") == held
    areas = [json.loads(line.rstrip(","))["properties"]["area"] for line in held[0][1:-1]]
    assert sum(areas) == 80 * 64
    in_one = write(50_000, 1000, "one band")
    assert sorted(areas) == sorted(json.loads(line.rstrip(","))["properties"]["area"] for line in in_one[0][1:-1])
    assert list(tmp_path.glob(".*")) == []


def test_bands_change_no_ring(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outlines begin at the same corner and turn the same way as those that GDAL traces at once."""
    labels = np.zeros((40, 40), np.uint8)
    labels[5:30, 5:30], labels[8:10, 8:10], labels[20:24, 20:24], labels[21, 21] = 1, 0, 0, 1
    whole, parts = traced(labels, 100, monkeypatch), traced(labels, 7, monkeypatch)
    assert [(value, area) for value, area, _ in parts] == [(0, 4), (1, 1), (0, 15), (1, 605), (0, 975)]
    for (_, _, expected), (_, _, rings) in zip(whole, parts, strict=True):
        assert [ring.tolist() for ring in rings] == [ring.tolist() for ring in expected]


@pytest.mark.parametrize("rows", [1, 3, 20])
def test_a_comb_becomes_one_region_in_its_last_row(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = np.zeros((20, 21), np.uint8)
    labels[:19, ::2] = 1
    labels[19] = 1
    labels[5, ::4] = 2  # teeth in two parts, of which the upper ones stay apart
    found = traced(labels, rows, monkeypatch)
    assert [value for value, _, _ in found].count(2) == 6
    comb = max(area for value, area, _ in found if value == 1)
    assert comb == 5 * 19 + 6 * 13 + 21
    assert sum(value == 1 for value, _, _ in found) == 7
