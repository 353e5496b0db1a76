"""Places on earth in every way that files say them, and what is written there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.testing import assert_allclose
from PIL import Image
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.transform import GCPTransformer
from rasterio.warp import transform as reprojected

from pixelwise.raster.geotiff import RasterProfile, write_geotiff
from pixelwise.raster.place import PlaceOnEarth, place_of

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

IMAGE = np.zeros((4, 6, 3), np.uint8)
POINTS = [GroundControlPoint(row, column, 10 + column / 10, 50 - row / 20) for row, column in ((0, 0), (0, 6), (4, 0))]
UNSOLVABLE = {
    "one": POINTS[:1],
    "on a line": [GroundControlPoint(i, i, 10 + i, 50 - i) for i in range(3)],
    "one place": POINTS[:1] * 4,
    "six in two columns": [GroundControlPoint(i // 2, i % 2, 10 + i % 2, 50 - i // 2) for i in range(6)],
}
LOCAL = 'LOCAL_CS["site grid",UNIT["metre",1]]'
UNNAMED = "+proj=tmerc +lat_0=46 +lon_0=11 +k=1 +x_0=1000 +y_0=2000 +ellps=bessel +units=m +no_defs"


def write(path: Path, **place: Any) -> Path:
    with rasterio.open(path, "w", driver="GTiff", count=3, height=4, width=6, dtype="uint8", **place) as file:
        file.write(IMAGE.transpose(2, 0, 1))
    return path


def copied(place: PlaceOnEarth | None, path: Path) -> PlaceOnEarth:
    """The place of a file that is written there."""
    write_geotiff(path, lambda rows: np.zeros((1, 4, 6), np.uint8)[:, rows], RasterProfile((1, 4, 6), "uint8", place))
    copy = place_of(path)
    assert copy is not None
    return copy


@pytest.mark.parametrize("crs", ["EPSG:25832", UNNAMED, LOCAL, None])
def test_transform_and_system_are_kept(tmp_path: Path, crs: str | None) -> None:
    transform = Affine(0.5, 0.1, 1_000, 0.1, -0.5, 2_000)
    place = place_of(write(tmp_path / "a.tif", crs=crs, transform=transform))
    assert place is not None
    again = copied(place, tmp_path / "b.tif")
    assert again.transform == transform
    assert again.crs == (None if crs is None else CRS.from_user_input(crs))
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


def test_control_points_are_kept_and_lead_to_the_earth(tmp_path: Path) -> None:
    place = place_of(write(tmp_path / "a.tif", crs="EPSG:4326", gcps=POINTS))
    assert place is not None
    again = copied(place, tmp_path / "b.tif")
    assert [(point.row, point.col, point.x, point.y) for point in again.points] == [
        (p.row, p.col, p.x, p.y) for p in POINTS
    ]
    assert_allclose(again.to_earth(np.array([[0.0, 0], [6, 0], [3, 2]])), [[10, 50], [10.6, 50], [10.3, 49.9]])
    assert again.geojson_member()["crs"]["properties"]["name"].endswith("EPSG::4326")


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp"])
@pytest.mark.parametrize("world", ["{0}{2}w", "{0}{1}{2}w", "wld", "upper"])
def test_world_files_beside_other_images(tmp_path: Path, name: str, world: str) -> None:
    Image.fromarray(IMAGE).save(tmp_path / name)
    assert place_of(tmp_path / name) is None
    ending = name[2:]
    letters = (ending[0], ending[1:-1], ending[-1])
    ending = f"{letters[0]}{letters[2]}w".upper() if world == "upper" else world.format(*letters)
    (tmp_path / f"a.{ending}").write_text("2\n0\n0\n-2\n101\n199\n")
    place = place_of(tmp_path / name)
    if place is None:  # GDAL reads a.wld beside any image, a.wpw beside no WebP
        assert name == "a.webp"
        return
    assert place.transform == Affine(2, 0, 100, 0, -2, 200)  # a world file names the middle of the first pixel
    assert place.remark() is not None


def test_aux_xml_beside_an_image(tmp_path: Path) -> None:
    Image.fromarray(IMAGE).save(tmp_path / "a.png")
    system = CRS.from_epsg(25832).to_wkt()
    (tmp_path / "a.png.aux.xml").write_text(
        f"<PAMDataset><SRS>{system}</SRS><GeoTransform>500000, 1, 0, 5500000, 0, -1</GeoTransform></PAMDataset>"
    )
    place = place_of(tmp_path / "a.png")
    assert place is not None
    assert (place.transform, place.crs.to_epsg()) == (Affine(1, 0, 500_000, 0, -1, 5_500_000), 25832)
    assert place.remark() is None


def test_a_system_without_a_code_becomes_longitude_and_latitude(tmp_path: Path) -> None:
    place = place_of(write(tmp_path / "a.tif", crs=UNNAMED, transform=Affine(1, 0, 1_000, 0, -1, 2_000)))
    assert place is not None
    assert place.geojson_member() == {}
    assert place.remark() is None
    earth = place.to_earth(np.array([[0.0, 0], [6, 4]]))
    expected = reprojected(CRS.from_string(UNNAMED), CRS.from_epsg(4326), [1_000, 1_006], [2_000, 1_996])
    assert_allclose(earth, np.array(expected).T)
    assert_allclose(earth[0], (11, 46), atol=1e-6)  # the projection's own middle


def test_a_local_system_is_named_and_told(tmp_path: Path) -> None:
    place = place_of(write(tmp_path / "a.tif", crs=LOCAL, transform=Affine(1, 0, 10, 0, -1, 20)))
    assert place is not None
    assert "site grid" in place.geojson_member()["crs"]["properties"]["name"]
    assert "local" in (place.remark() or "")
    assert_allclose(place.to_earth(np.array([[1.0, 2]])), [[11, 18]])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_image_lies_where_its_pixels_are(orientation: int) -> None:
    """A pixel's place does not depend on how the image is looked at."""
    stored = PlaceOnEarth(None, Affine(2, 0, 100, 0, -2, 200), tuple(POINTS))
    numbers = np.arange(24).reshape(4, 6)
    exif = Image.Exif()
    exif[0x0112] = orientation
    turns: dict[int, Any] = {
        1: numbers, 2: numbers[:, ::-1], 3: numbers[::-1, ::-1], 4: numbers[::-1], 5: numbers.T,
        6: np.rot90(numbers, -1), 7: numbers[::-1, ::-1].T, 8: np.rot90(numbers, 1),
    }  # fmt: skip
    shown = turns[orientation]
    place = stored.turn(orientation, shown.shape)
    for row, column in ((0, 0), (1, 2), (shown.shape[0] - 1, shown.shape[1] - 1)):
        own_row, own_column = divmod(int(shown[row, column]), 6)
        expected = stored.to_earth(np.array([[own_column + 0.5, own_row + 0.5]]))
        assert_allclose(place.to_earth(np.array([[column + 0.5, row + 0.5]])), expected)
    corners = {(point.x, point.y): (point.col, point.row) for point in place.points}
    assert all(0 <= x <= shown.shape[1] and 0 <= y <= shown.shape[0] for x, y in corners.values())


@pytest.mark.parametrize("points", UNSOLVABLE.values(), ids=UNSOLVABLE)
def test_control_points_that_lead_nowhere_are_no_place(points: list[GroundControlPoint], tmp_path: Path) -> None:
    """GDAL fits no polynomial to them, which would stop whatever asks where on earth a pixel lies."""
    with (
        pytest.raises(Exception, match=r"Not enough points|not solvable"),
        rasterio.Env(),
        GCPTransformer(points) as transformer,
    ):
        transformer.xy([1.0], [1.0])
    assert place_of(write(tmp_path / "a.tif", crs="EPSG:4326", gcps=points)) is None


@pytest.mark.parametrize("count", [3, 5, 6, 9, 12])
def test_control_points_on_a_grid_are_a_place(count: int, tmp_path: Path) -> None:
    """Rows of three, the second of them bent a little: six of them determine a polynomial of order 2."""
    places = [(i // 3, i % 3 + (i // 3 == 1) * 0.5) for i in range(count)]
    points = [GroundControlPoint(row, column, 10 + column, 50 - row) for row, column in places]
    points[2] = GroundControlPoint(3, 1, 11, 47)
    place = place_of(write(tmp_path / "a.tif", crs="EPSG:4326", gcps=points))
    assert place is not None
    assert_allclose(place.to_earth(np.array([[1.5, 2.0]])), [[11.5, 48]], atol=1e-6)
