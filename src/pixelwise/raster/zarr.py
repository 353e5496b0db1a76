"""Zarr: an image as a directory of chunks, as OME-Zarr has it for microscopes; GDAL reads it as it reads a TIFF."""

from __future__ import annotations

import os
from pathlib import Path

from pixelwise.core.files import read_json_object

ARRAY, GROUP, EITHER = ".zarray", ".zgroup", "zarr.json"
"""Files that make a directory an array or a group of arrays: the first two of version 2, the last of version 3."""


def is_zarr(path: Path) -> bool:
    """Return whether a directory is a Zarr array or a group of such."""
    return any(os.path.isfile(path / name) for name in (ARRAY, GROUP, EITHER))


def full_resolution(path: Path) -> Path:
    """Return the array of an OME-Zarr that has the image as it was taken, the first of its pyramid; else `path`."""
    attributes = read_json_object(path / EITHER).get("attributes") or read_json_object(path / ".zattrs")
    try:
        return path / str(attributes.get("ome", attributes)["multiscales"][0]["datasets"][0]["path"])
    except (LookupError, TypeError, AttributeError):
        return path
