"""Which files are opened as images: those that are, whatever their ending, and nothing that names others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from pixelwise.core.bands import Bands
from pixelwise.core.errors import ImageError
from pixelwise.raster import drivers
from pixelwise.raster.bands import band_size, read_bands
from pixelwise.raster.drivers import GDAL_DRIVERS, PILLOW_FORMATS
from pixelwise.raster.image import image_size, read_image, read_values
from pixelwise.raster.scan import is_scan

SECRET = np.full((8, 9), 77, np.uint8)
PIXELS = np.random.default_rng(0).integers(0, 256, (8, 9, 3), np.uint8)
POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 8\n%%EndComments\n0 0 9 8 rectfill\nshowpage\n"


def virtual(other: Path) -> bytes:
    """Return a virtual raster of another file."""
    source = f"<SimpleSource><SourceFilename>{other}</SourceFilename><SourceBand>1</SourceBand></SimpleSource>"
    band = f'<VRTRasterBand dataType="Byte" band="1">{source}</VRTRasterBand>'
    return f'<VRTDataset rasterXSize="9" rasterYSize="8">{band}</VRTDataset>'.encode()


@pytest.mark.parametrize("ending", ["png", "jpg", "tif", "bmp"])
@pytest.mark.parametrize(
    ("content", "name"),
    [
        (POSTSCRIPT, "PostScript"),
        (b"\xc5\xd0\xd3\xc6" + bytes(26) + POSTSCRIPT, "PostScript"),
        (b"%PDF-1.7\n", "a PDF"),
        (virtual(Path("other.tif")), "a virtual raster"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n' + virtual(Path("other.tif")), "a virtual raster"),
        (b"\n  <GDAL_WMS><Service/></GDAL_WMS>", "a description of a map server"),
        (b"<SVG/>", "an SVG drawing"),
    ],
)
def test_content_of_another_kind_is_named(ending: str, content: bytes, name: str, tmp_path: Path) -> None:
    path = tmp_path / f"x.{ending}"
    path.write_bytes(content)
    for read in (read_image, read_values, image_size):
        with pytest.raises(ImageError, match=rf"x\.{ending}: found {name}.* behind the ending \.{ending}"):
            read(path)


def test_postscript_is_in_no_list() -> None:
    """Pillow starts Ghostscript for it; behind a comment that is not known it is still no image."""
    assert not {"EPS", "WMF", "FITS", "GRIB", "HDF5"} & set(PILLOW_FORMATS)
    assert not {"VRT", "WMS", "WCS", "HTTP", "GTI", "STACIT"} & set(GDAL_DRIVERS.values())


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "GIF", "PPM", "TIFF", "WEBP", "JPEG2000"])
def test_an_image_is_read_whatever_its_ending(kind: str, tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "a.png", format=kind)
    with Image.open(tmp_path / "a.png") as image:
        assert_array_equal(read_image(tmp_path / "a.png"), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("ending", ["tif", "png", "img"])
def test_a_virtual_raster_is_read_by_nobody(ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """GDAL's drivers would not take it either, whatever it begins with."""
    pytest.importorskip("rasterio")
    Image.fromarray(SECRET).save(tmp_path / "secret.tif")
    path = tmp_path / f"x.{ending}"
    path.write_bytes(b"<!-- a comment -->\n" + virtual(tmp_path / "secret.tif"))
    assert not is_scan(path)
    for content in (path.read_bytes(), virtual(tmp_path / "secret.tif")):
        path.write_bytes(content)
        with pytest.raises(ImageError):
            read_bands(path, Bands((1,), (0.0,), (255.0,)))
    monkeypatch.setattr(drivers, "BEGINNINGS", {})
    with pytest.raises(ImageError):
        band_size(path)


def test_gdals_own_names_are_no_files(tmp_path: Path) -> None:
    pytest.importorskip("rasterio")
    for name in ("/vsicurl/http://127.0.0.1:9/x.tif", "/vsizip/a.zip/x.tif", "GTIFF_DIR:1:x.tif"):
        with pytest.raises(ImageError, match="found no such file"):
            band_size(Path(name))


@pytest.mark.parametrize(("kind", "ending"), [("PNG", "tif"), ("TIFF", "png"), ("BMP", "tif"), ("TIFF", "img")])
def test_bands_of_an_image_are_read_whatever_its_ending(kind: str, ending: str, tmp_path: Path) -> None:
    pytest.importorskip("rasterio")
    path = tmp_path / f"a.{ending}"
    Image.fromarray(PIXELS).save(path, format=kind)
    assert band_size(path) == (8, 9)
    values = read_bands(path, Bands((3, 1), (0.0, 0.0), (255.0, 255.0)))
    assert_array_equal(values, read_image(path)[..., [2, 0]])
