"""GeoPackages, read back through SQLite and by the bytes of the standard."""

from __future__ import annotations

import sqlite3
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine
from numpy.testing import assert_allclose
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS

from pixelwise.core.errors import OutputError
from pixelwise.raster import features
from pixelwise.raster.geopackage import GeoPackage
from pixelwise.raster.place import PlaceOnEarth

UNNAMED = "+proj=tmerc +lat_0=46 +lon_0=11 +k=1 +x_0=1000 +y_0=2000 +ellps=bessel +units=m +no_defs"
LOCAL = 'LOCAL_CS["site grid",UNIT["metre",1]]'
SQUARE = np.array([[0.0, 0], [0, 4], [4, 4], [4, 0], [0, 0]])
HOLE = np.array([[1.0, 1], [2, 1], [2, 2], [1, 2], [1, 1]])
APART = np.array([[6.0, 0], [6, 1], [7, 1], [7, 0], [6, 0]])
TRANSFORM = Affine(0.5, 0, 100, 0, -0.5, 200)


def rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    database = sqlite3.connect(path)
    try:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        return database.execute(query).fetchall()
    finally:
        database.close()


def geometry(blob: bytes) -> tuple[int, tuple[float, ...], list[list[list[tuple[float, float]]]]]:
    """The number of the coordinate system, the envelope, and the polygons of a blob (clause 2.1.3)."""
    magic, version, flags, system, *envelope = struct.unpack_from("<2sBBi4d", blob)
    assert (magic, version, flags) == (b"GP", 0, 0b0000_0011)
    at = 40

    def take(form: str) -> tuple[Any, ...]:
        nonlocal at
        values = struct.unpack_from(form, blob, at)
        at += struct.calcsize(form)
        return values

    order, kind, count = take("<BII")
    assert (order, kind) == (1, 6)
    polygons = []
    for _ in range(count):
        order, kind, rings = take("<BII")
        assert (order, kind) == (1, 3)
        polygons.append([[take("<dd") for _ in range(take("<I")[0])] for _ in range(rings)])
    assert at == len(blob)
    return system, tuple(envelope), polygons


def write(path: Path, place: PlaceOnEarth | None) -> Path:
    with GeoPackage(path, place, "objects", "a.tif") as file:
        file.add([[SQUARE, HOLE], [APART]], {"class": "roof", "id": 1, "score": 0.5, "area": 16})
        file.add([[APART]], {"class": "Straße", "area": 1})
    return path


def test_what_the_standard_asks_of_a_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gpkg", PlaceOnEarth(CRS.from_epsg(25832), TRANSFORM))
    assert path.read_bytes()[68:72] == b"GPKG"
    assert rows(path, "PRAGMA user_version") == [(10300,)]
    systems = rows(path, "SELECT srs_id, organization, organization_coordsys_id FROM gpkg_spatial_ref_sys")
    assert sorted(systems) == [(-1, "NONE", -1), (0, "NONE", 0), (4326, "EPSG", 4326), (25832, "EPSG", 25832)]
    for number, text in rows(path, "SELECT srs_id, definition FROM gpkg_spatial_ref_sys WHERE srs_id > 0"):
        assert CRS.from_wkt(text) == CRS.from_epsg(number)
    contents = "table_name, data_type, min_x, min_y, max_x, max_y, srs_id"
    assert rows(path, f"SELECT {contents} FROM gpkg_contents") == [("objects", "features", 100, 198, 103.5, 200, 25832)]
    assert rows(path, "SELECT * FROM gpkg_geometry_columns") == [("objects", "geom", "MULTIPOLYGON", 25832, 0, 0)]
    assert [path.name for path in tmp_path.iterdir()] == ["a.gpkg"]


def test_the_spatial_index_finds_features_and_follows_edits(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gpkg", PlaceOnEarth(CRS.from_epsg(25832), TRANSFORM))
    index = "SELECT id FROM rtree_objects_geom WHERE minx <= {0} AND maxx >= {0} AND miny <= {1} AND maxy >= {1}"
    assert rows(path, index.format(103.25, 199.75)) == [(1,), (2,)]
    assert rows(path, index.format(101, 199)) == [(1,)]
    assert rows(path, "SELECT table_name, extension_name, scope FROM gpkg_extensions") == [
        ("objects", "gpkg_rtree_index", "write-only")
    ]
    database = sqlite3.connect(path)
    database.create_function("ST_IsEmpty", 1, lambda blob: False)  # as a program that edits the file has them
    for number, name in enumerate(("ST_MinX", "ST_MaxX", "ST_MinY", "ST_MaxY")):
        database.create_function(name, 1, lambda blob, index=number: struct.unpack_from("<4d", blob, 8)[index])
    database.execute("DELETE FROM objects WHERE fid = 1")
    database.execute("UPDATE objects SET fid = 7")
    database.execute("INSERT INTO objects (geom) SELECT geom FROM objects")
    database.execute("UPDATE objects SET geom = NULL WHERE fid = 7")
    database.commit()
    assert database.execute("SELECT id, minx, maxx, miny, maxy FROM rtree_objects_geom").fetchall() == [
        (8, 103, 103.5, 199.5, 200)
    ]
    database.close()


def test_attributes_and_geometries(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gpkg", PlaceOnEarth(CRS.from_epsg(25832), TRANSFORM))
    table = rows(path, 'SELECT fid, "class", id, score, area, image FROM objects')
    assert table == [(1, "roof", 1, 0.5, 16, "a.tif"), (2, "Straße", None, None, 1, "a.tif")]
    one, two = (geometry(blob) for (blob,) in rows(path, "SELECT geom FROM objects"))
    assert one[:2] == (25832, (100, 103.5, 198, 200))
    assert two[:2] == (25832, (103, 103.5, 199.5, 200))
    assert two[2] == [[[(103, 200), (103, 199.5), (103.5, 199.5), (103.5, 200), (103, 200)]]]
    assert [len(polygon) for polygon in one[2]] == [2, 1]
    assert one[2][0][1] == [(100.5, 199.5), (101, 199.5), (101, 199), (100.5, 199), (100.5, 199.5)]


@pytest.mark.parametrize("text", [UNNAMED, LOCAL])
def test_a_system_without_a_code_is_kept_as_it_is(tmp_path: Path, text: str) -> None:
    """Where GeoJSON has to turn to longitude and latitude."""
    stored = CRS.from_user_input(text)
    path = write(tmp_path / "a.gpkg", PlaceOnEarth(stored, TRANSFORM))
    (number, definition), *others = rows(
        path, "SELECT srs_id, definition FROM gpkg_spatial_ref_sys WHERE srs_id > 4326"
    )
    assert CRS.from_wkt(definition) == stored
    assert others == []
    assert rows(path, "SELECT srs_id, min_x, max_y FROM gpkg_contents") == [(number, 100, 200)]
    assert geometry(rows(path, "SELECT geom FROM objects")[0][0])[0] == number


def test_control_points_lead_into_the_system(tmp_path: Path) -> None:
    corners = ((0, 0), (0, 6), (4, 0))
    points = tuple(GroundControlPoint(row, column, 10 + column / 10, 50 - row / 20) for row, column in corners)
    path = write(tmp_path / "a.gpkg", PlaceOnEarth(CRS.from_epsg(4326), None, points))
    ((system, *ends),) = rows(path, "SELECT srs_id, min_x, min_y, max_x, max_y FROM gpkg_contents")
    assert system == 4326
    assert_allclose(ends, [10, 49.8, 10.7, 50])
    assert len(rows(path, "SELECT * FROM gpkg_spatial_ref_sys")) == 3


@pytest.mark.parametrize("place", [None, PlaceOnEarth(None, None), PlaceOnEarth(CRS.from_epsg(4326), None)])
def test_without_a_place_it_is_in_pixels(tmp_path: Path, place: PlaceOnEarth | None) -> None:
    path = write(tmp_path / "a.gpkg", place)
    assert rows(path, "SELECT srs_id, min_x, min_y, max_x, max_y FROM gpkg_contents") == [(-1, 0, 0, 7, 4)]


def test_a_transform_without_a_system_has_its_own_units(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gpkg", PlaceOnEarth(None, TRANSFORM))
    assert rows(path, "SELECT srs_id, min_x, max_y FROM gpkg_contents") == [(-1, 100, 200)]


def test_nothing_found_is_a_layer_without_features(tmp_path: Path) -> None:
    with GeoPackage(tmp_path / "a.gpkg", None, "regions", "a.png"):
        pass
    assert rows(tmp_path / "a.gpkg", "SELECT table_name, min_x, max_y FROM gpkg_contents") == [("regions", None, None)]
    for table in ("regions", "rtree_regions_geom"):
        assert rows(tmp_path / "a.gpkg", f"SELECT * FROM {table}") == []


def test_it_appears_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "AT_ONCE", 1)
    path = tmp_path / "a.gpkg"
    path.write_bytes(b"of before")
    with pytest.raises(ZeroDivisionError), GeoPackage(path, None, "objects", "") as file:  # noqa: PT012
        file.add([[SQUARE]], {"class": "roof"})
        raise ZeroDivisionError
    assert path.read_bytes() == b"of before"
    assert list(tmp_path.iterdir()) == [path]
    write(path, None)
    assert len(rows(path, "SELECT * FROM objects")) == 2


def test_a_disk_that_is_full_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite says so when it writes the pages that it keeps."""
    monkeypatch.setattr(features, "AT_ONCE", 1)
    path = tmp_path / "a.gpkg"
    ring = np.random.default_rng(0).integers(0, 99, (20_000, 2)).astype(np.float64)
    with pytest.raises(OutputError, match="full") as error, GeoPackage(path, None, "objects", "") as file:  # noqa: PT012
        file._database.execute("PRAGMA max_page_count = 40")
        for _ in range(20):
            file.add([[ring]], {"class": "roof"})
    assert error.value.where == str(path)
    assert list(tmp_path.iterdir()) == []


def test_memory_does_not_grow_with_the_number_of_features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits is written from `AT_ONCE` corners on."""
    monkeypatch.setattr(features, "AT_ONCE", 100)
    with GeoPackage(tmp_path / "a.gpkg", None, "objects", "") as file:
        for _ in range(1000):
            file.add([[SQUARE]], {"class": "roof"})
            assert sum(len(ring) for polygons, _ in file._waiting for polygon in polygons for ring in polygon) < 100
    assert len(rows(tmp_path / "a.gpkg", "SELECT * FROM objects")) == 1000


def test_text_that_is_no_utf8_becomes_some(tmp_path: Path) -> None:
    with GeoPackage(tmp_path / "a.gpkg", None, "objects", "caf\udce9.tif") as file:
        file.add([[SQUARE]], {"class": "roof"})
    assert rows(tmp_path / "a.gpkg", "SELECT image FROM objects") == [("caf?.tif",)]
