"""Small pictures of every kind that pixelwise reads, as the bytes of their files."""

from __future__ import annotations

import functools
import io
import json
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, features

from pixelwise.raster.gdal import has_rasterio

Values = npt.NDArray[Any]
HEIGHT, WIDTH = 12, 16


def photo(number: int) -> npt.NDArray[np.uint8]:
    """Return noise that the number decides, uint8 (HEIGHT, WIDTH, 3)."""
    return np.random.default_rng(number).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


def encoded(pixels: Values | Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """Return the bytes of a picture as Pillow writes them."""
    file = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(file, kind, **options)
    return file.getvalue()


@functools.cache
def photo_file(number: int, kind: str = "PNG") -> bytes:
    """Return the file of `photo`."""
    return encoded(photo(number), kind)


@functools.cache
def pictures() -> dict[str, bytes]:
    """Return a picture of each kind by a name whose ending is the file's."""
    rgb = Image.fromarray(photo(1))
    gray, deep = rgb.convert("L"), np.arange(HEIGHT * WIDTH, dtype=np.uint16).reshape(HEIGHT, WIDTH) * 300
    exif = Image.Exif()
    exif[0x0112] = 3
    made = {
        "rgb.png": encoded(rgb),
        "gray.png": encoded(gray),
        "deep.png": encoded(deep),
        "palette.png": encoded(rgb.quantize(20)),
        "palette4.png": encoded(rgb.quantize(9), bits=4),
        "bits.png": encoded(gray.convert("1")),
        "alpha.png": encoded(rgb.convert("RGBA")),
        "grayalpha.png": encoded(gray.convert("LA")),
        "transparent.png": encoded(rgb.quantize(8), transparency=3),
        "text.png": encoded(rgb, exif=exif, dpi=(72, 72), icc_profile=bytes(200)),
        "animated.png": encoded(rgb, save_all=True, append_images=[gray.convert("RGB")]),
        "rgb.jpg": encoded(rgb, "JPEG"),
        "gray.jpg": encoded(gray, "JPEG"),
        "cmyk.jpg": encoded(rgb.convert("CMYK"), "JPEG"),
        "turned.jpg": encoded(rgb, "JPEG", exif=exif, progressive=True),
        "rgb.gif": encoded(rgb, "GIF"),
        "animated.gif": encoded(rgb, "GIF", save_all=True, append_images=[gray.convert("RGB")]),
        "rgb.bmp": encoded(rgb, "BMP"),
        "gray.bmp": encoded(gray, "BMP"),
        "bits.bmp": encoded(gray.convert("1"), "BMP"),
        "rgb.ppm": encoded(rgb, "PPM"),
        "rgb.tga": encoded(rgb, "TGA"),
        "rgb.webp": encoded(rgb, "WEBP"),
        "lossless.webp": encoded(rgb.convert("RGBA"), "WEBP", lossless=True),
        "rgb.tif": encoded(rgb, "TIFF"),
        "lzw.tif": encoded(rgb, "TIFF", compression="tiff_lzw"),
        "deflate.tif": encoded(gray, "TIFF", compression="tiff_adobe_deflate"),
        "jpeg.tif": encoded(rgb, "TIFF", compression="jpeg"),
        "packbits.tif": encoded(rgb.quantize(30), "TIFF", compression="packbits"),
        "fax.tif": encoded(gray.convert("1"), "TIFF", compression="group4"),
        "deep.tif": encoded(deep, "TIFF"),
        "int32.tif": encoded(deep.astype(np.int32), "TIFF"),
        "float.tif": encoded(deep.astype(np.float32) / 7, "TIFF"),
        "pages.tif": encoded(gray, "TIFF", save_all=True, append_images=[gray, gray.rotate(180)]),
    }
    if features.check("jpg_2000"):
        made["rgb.jp2"] = encoded(rgb, "JPEG2000")
    return made


@functools.cache
def rasters() -> dict[str, bytes]:
    """Return GeoTIFFs: tiled, planar, of many bands, of floats with no-data pixels, a BigTIFF; none without GDAL."""
    if not has_rasterio():
        return {}
    values = np.random.default_rng(2).integers(0, 4000, (4, HEIGHT, WIDTH))
    write = _geotiff
    return {
        "tiled.tif": write(values[:3].astype(np.uint8), tiled=True, blockxsize=16, blockysize=16),
        "planar.tif": write(values[:3].astype(np.uint16), interleave="band", compress="lzw", predictor=2),
        "bands.tif": write(values.astype(np.int16), interleave="pixel", compress="deflate"),
        "float.tif": write(values[:1].astype(np.float32), nodata=-9999.0),
        "big.tif": write(values[:3].astype(np.uint8), BIGTIFF="YES", tiled=True, blockxsize=16, blockysize=16),
        "overviews.tif": write(values[:3].astype(np.uint8), overviews=(2, 4)),
    }


@functools.cache
def zarr() -> dict[str, bytes]:
    """Return the files of an OME-Zarr of three channels, in one chunk each."""
    values = np.random.default_rng(3).integers(0, 256, (3, HEIGHT, WIDTH), np.uint8)
    form: dict[str, Any] = {"zarr_format": 2, "compressor": None, "filters": None, "order": "C", "fill_value": 0}
    form |= {"shape": values.shape, "chunks": (1, HEIGHT, WIDTH), "dtype": "|u1", "dimension_separator": "."}
    return {
        ".zgroup": b'{"zarr_format": 2}',
        ".zattrs": b'{"multiscales": [{"datasets": [{"path": "0"}]}]}',
        "0/.zarray": json.dumps(form).encode(),
        **{f"0/{channel}.0.0": values[channel].tobytes() for channel in range(3)},
    }


def _geotiff(values: Values, overviews: tuple[int, ...] = (), **options: Any) -> bytes:
    from rasterio.io import MemoryFile
    from rasterio.transform import from_origin

    bands, height, width = values.shape
    place = {"crs": "EPSG:32632", "transform": from_origin(500000, 5400000, 2, 2)}
    with MemoryFile() as memory:
        profile = {"driver": "GTiff", "width": width, "height": height, "count": bands, "dtype": values.dtype}
        with memory.open(**profile, **place, **options) as file:
            file.write(values)
            if overviews:
                file.build_overviews(list(overviews))
        return bytes(memory.read())


MODES = ("1", "L", "P", "RGB", "RGBA", "CMYK", "LA", "I;16", "I", "F")
