"""Zarr: an image stored as a directory of chunks, as in OME-Zarr for microscopes. GDAL reads it like a TIFF."""

from __future__ import annotations

import os
from pathlib import Path

from pixelwise.core.files import read_json_object

ARRAY, GROUP, EITHER = ".zarray", ".zgroup", "zarr.json"
"""Files that mark a directory as an array or a group of arrays: the first two in version 2, the last in version 3."""


def is_zarr(path: Path) -> bool:
    """Return whether a directory is a Zarr array or a group of arrays."""
    return any(os.path.isfile(path / name) for name in (ARRAY, GROUP, EITHER))


def full_resolution(path: Path) -> Path:
    """Return the array of an OME-Zarr with full resolution, the first of its pyramid; otherwise `path`."""
    attributes = read_json_object(path / EITHER).get("attributes") or read_json_object(path / ".zattrs")
    try:
        return path / str(attributes.get("ome", attributes)["multiscales"][0]["datasets"][0]["path"])
    except (LookupError, TypeError, AttributeError):
        return path
