from __future__ import annotations

from pathlib import Path

import pytest

from pixelwise.core.errors import ImageError
from pixelwise.raster.gdal import image_errors


def test_what_gdal_says_of_a_damaged_tag_is_an_error_of_its_image() -> None:
    """rasterio hands some of GDAL's errors on as they are, which share no class with its own."""
    errors = pytest.importorskip("rasterio._err")
    message = r"a\.tif: found a file that cannot be read, .*custom tag 23324"
    with pytest.raises(ImageError, match=message), image_errors(Path("a.tif")):
        raise errors.CPLE_AppDefinedError(1, 1, "custom tag 23324")
