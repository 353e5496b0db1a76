"""GeoPackages, which GIS programs open and edit: SQLite files of polygons with attributes, written feature by feature.

After "OGC GeoPackage Encoding Standard" 1.3, OGC 12-128r17, https://www.geopackage.org/spec130/. A file has one layer.
It is written with the standard library: packages for it (pyogrio, fiona) would install a second GDAL of 30 MB.
"""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.core.errors import OutputError
from pixelwise.raster.features import Features, Polygon
from pixelwise.raster.place import PlaceOnEarth

APPLICATION, VERSION = 0x47504B47, 10300
"""The numbers that mark a SQLite file as a GeoPackage ("GPKG") of version 1.3."""
PRAGMAS = {"journal_mode": "OFF", "synchronous": "OFF", "application_id": APPLICATION, "user_version": VERSION}
"""Without a journal, since nothing is rolled back: the file gets its name when all is written."""
IN_PIXELS, OWN_SYSTEM = -1, 100_000
"""Numbers of coordinate systems: pixels, and the image's own system if that has no numeric code."""
POLYGON, MULTI_POLYGON = 3, 6
"""Types of well-known binary (OGC 06-103r4, 8.2)."""
HEADER = 40
"""Bytes before the well-known binary."""
WGS_84 = (
    'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563,AUTHORITY["EPSG","7030"]],'
    'AUTHORITY["EPSG","6326"]],PRIMEM["Greenwich",0,AUTHORITY["EPSG","8901"]],UNIT["degree",0.0174532925199433,'
    'AUTHORITY["EPSG","9122"]],AXIS["Latitude",NORTH],AXIS["Longitude",EAST],AUTHORITY["EPSG","4326"]]'
)
SYSTEMS = (
    ("Undefined cartesian SRS", IN_PIXELS, "NONE", -1, "undefined"),
    ("Undefined geographic SRS", 0, "NONE", 0, "undefined"),
    ("WGS 84", 4326, "EPSG", 4326, WGS_84),
)
"""The systems that every GeoPackage must list."""
TABLES = """
CREATE TABLE gpkg_spatial_ref_sys (srs_name TEXT NOT NULL, srs_id INTEGER PRIMARY KEY, organization TEXT NOT NULL,
  organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL, description TEXT);
CREATE TABLE gpkg_contents (table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL, identifier TEXT UNIQUE,
  description TEXT DEFAULT '', last_change DATETIME NOT NULL, min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE,
  srs_id INTEGER, CONSTRAINT fk_gc_r_srs_id FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id));
CREATE TABLE gpkg_geometry_columns (table_name TEXT NOT NULL, column_name TEXT NOT NULL,
  geometry_type_name TEXT NOT NULL, srs_id INTEGER NOT NULL, z TINYINT NOT NULL, m TINYINT NOT NULL,
  CONSTRAINT pk_geom_cols PRIMARY KEY (table_name, column_name), CONSTRAINT uk_gc_table_name UNIQUE (table_name),
  CONSTRAINT fk_gc_tn FOREIGN KEY (table_name) REFERENCES gpkg_contents(table_name),
  CONSTRAINT fk_gc_srs FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id));
CREATE TABLE gpkg_extensions (table_name TEXT, column_name TEXT, extension_name TEXT NOT NULL, definition TEXT NOT NULL,
  scope TEXT NOT NULL, CONSTRAINT ge_tce UNIQUE (table_name, column_name, extension_name));
CREATE TABLE {layer} (fid INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, geom MULTIPOLYGON, "class" TEXT, id INTEGER,
  score DOUBLE, area INTEGER, image TEXT);
CREATE VIRTUAL TABLE rtree_{layer}_geom USING rtree(id, minx, maxx, miny, maxy);
INSERT INTO gpkg_extensions VALUES ('{layer}', 'geom', 'gpkg_rtree_index',
  'http://www.geopackage.org/spec120/#extension_rtree', 'write-only');
"""
TRIGGERS = """
CREATE TRIGGER {index}_insert AFTER INSERT ON {layer} WHEN NEW.geom NOT NULL AND NOT ST_IsEmpty(NEW.geom)
  BEGIN {insert} END;
CREATE TRIGGER {index}_update1 AFTER UPDATE OF geom ON {layer}
  WHEN OLD.fid = NEW.fid AND NEW.geom NOT NULL AND NOT ST_IsEmpty(NEW.geom) BEGIN {insert} END;
CREATE TRIGGER {index}_update2 AFTER UPDATE OF geom ON {layer}
  WHEN OLD.fid = NEW.fid AND (NEW.geom IS NULL OR ST_IsEmpty(NEW.geom)) BEGIN {delete} END;
CREATE TRIGGER {index}_update3 AFTER UPDATE ON {layer}
  WHEN OLD.fid != NEW.fid AND NEW.geom NOT NULL AND NOT ST_IsEmpty(NEW.geom) BEGIN {delete} {insert} END;
CREATE TRIGGER {index}_update4 AFTER UPDATE ON {layer}
  WHEN OLD.fid != NEW.fid AND (NEW.geom IS NULL OR ST_IsEmpty(NEW.geom)) BEGIN {delete} END;
CREATE TRIGGER {index}_delete AFTER DELETE ON {layer} WHEN OLD.geom NOT NULL BEGIN {delete} END;
"""
"""Triggers that keep the spatial index up to date when another program, which has these functions, edits the layer
(clause F.3)."""
INSERT = (
    "INSERT OR REPLACE INTO {index} VALUES "
    "(NEW.fid, ST_MinX(NEW.geom), ST_MaxX(NEW.geom), ST_MinY(NEW.geom), ST_MaxY(NEW.geom));"
)
DELETE = "DELETE FROM {index} WHERE id = OLD.fid;"
FEATURE = 'INSERT INTO {layer} (geom, "class", id, score, area, image) VALUES (?, ?, ?, ?, ?, ?)'


class GeoPackage(Features):
    """A GeoPackage with one layer, in the coordinates of `PlaceOnEarth.in_system`; without a place, in pixels, y down.
    layer: its name, one word. image: the file name that is written with each feature.
    """

    def __init__(self, path: Path, place: PlaceOnEarth | None, layer: str, image: str) -> None:
        super().__init__(path, place)
        self._layer, self._image = layer, _text(image)
        self._low, self._high = np.full(2, np.inf), np.full(2, -np.inf)

    def _begin(self, temporary: Path, stack: ExitStack) -> None:
        with self._sqlite_errors():
            self._database = sqlite3.connect(temporary, isolation_level=None)
            stack.callback(self._database.close)
            for name, value in PRAGMAS.items():
                self._database.execute(f"PRAGMA {name} = {value}")
            self._database.executescript(TABLES.format(layer=self._layer))
            self._database.execute("BEGIN")
            system = _system_of(self._place)
            self._system = system[1]
            rows = {row[1]: row for row in (*SYSTEMS, system)}
            self._database.executemany(
                "INSERT INTO gpkg_spatial_ref_sys VALUES (?, ?, ?, ?, ?, NULL)", list(rows.values())
            )

    def _place_corners(self, place: PlaceOnEarth, xy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return place.in_system(xy)

    def _write(self, polygons: list[Polygon], properties: dict[str, Any]) -> None:
        outer = np.concatenate([polygon[0] for polygon in polygons])
        geometry = _geometry([(len(polygon), iter(polygon)) for polygon in polygons])
        self._insert(geometry, outer, properties)

    def _write_rings(self, rings: Iterator[npt.NDArray[np.float64]], count: int, properties: dict[str, Any]) -> None:
        outer = next(rings)
        self._insert(_geometry([(count, itertools.chain([outer], rings))]), outer, properties)

    def _insert(self, geometry: bytearray, outer: npt.NDArray[np.float64], properties: dict[str, Any]) -> None:
        """Write a feature from its well-known binary; its extent is that of the corners `outer`."""
        low, high = outer.min(axis=0), outer.max(axis=0)
        # Flags 3: little-endian, followed by the least and largest x and y.
        struct.pack_into("<2sBBi4d", geometry, 0, b"GP", 0, 3, self._system, low[0], high[0], low[1], high[1])
        self._low, self._high = np.minimum(self._low, low), np.maximum(self._high, high)
        values = (properties.get(key) for key in ("id", "score", "area"))
        with self._sqlite_errors():
            row = (geometry, _text(properties["class"]), *values, self._image)
            number = self._database.execute(FEATURE.format(layer=self._layer), row).lastrowid
            box = (number, low[0], high[0], low[1], high[1])
            self._database.execute(f"INSERT INTO rtree_{self._layer}_geom VALUES (?, ?, ?, ?, ?)", box)

    def _end(self) -> None:
        ends = (*self._low.tolist(), *self._high.tolist()) if np.isfinite(self._low).all() else (None,) * 4
        now = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
        contents = (self._layer, "features", self._layer, self._image, now, *ends, self._system)
        with self._sqlite_errors():
            self._database.execute("INSERT INTO gpkg_contents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", contents)
            self._database.execute(
                "INSERT INTO gpkg_geometry_columns VALUES (?, 'geom', 'MULTIPOLYGON', ?, 0, 0)",
                (self._layer, self._system),
            )
            self._database.execute("COMMIT")
            self._database.executescript(_triggers(self._layer))

    @contextlib.contextmanager
    def _sqlite_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            remedy = "Free some space or choose another `out`."
            raise OutputError(self._path, str(error), "a place that can be written", remedy) from error


def _triggers(layer: str) -> str:
    index = f"rtree_{layer}_geom"
    insert, delete = INSERT.format(index=index), DELETE.format(index=index)
    return TRIGGERS.format(layer=layer, index=index, insert=insert, delete=delete)


def _system_of(place: PlaceOnEarth | None) -> tuple[str, int, str, int, str]:
    """Return the row of `gpkg_spatial_ref_sys` for the coordinate system of a place."""
    system = None if place is None else place.system
    if place is None or system is None:
        return SYSTEMS[0]
    authority, _, code = (place.code or "").partition("::")
    number = int(code) if code.isdecimal() and code.isascii() and 0 < int(code) < 2**31 else None
    if number is None:
        return ("the image's own", OWN_SYSTEM, "NONE", OWN_SYSTEM, system.to_wkt())
    return (f"{authority}:{number}", number, authority, number, system.to_wkt())


def _geometry(polygons: list[tuple[int, Iterator[npt.NDArray[np.float64]]]]) -> bytearray:
    """Return polygons in well-known binary, after space for a header. Each is given as the number of its rings, and the
    rings."""
    content = bytearray(HEADER)
    content += struct.pack("<BII", 1, MULTI_POLYGON, len(polygons))
    for count, rings in polygons:
        content += struct.pack("<BII", 1, POLYGON, count)
        for ring in rings:
            content += struct.pack("<I", len(ring))
            content += ring.astype("<f8").tobytes()
    return content


def _text(text: str) -> str:
    """Return a text that can be encoded in UTF-8: bytes of a file name that are not UTF-8 become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")
