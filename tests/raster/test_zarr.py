"""Zarr: arrays written chunk by chunk, as the format says, are read as the numbers that they hold."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pixelwise.core.bands import Bands
from pixelwise.core.errors import ImageError, MissingDependencyError
from pixelwise.raster import gdal
from pixelwise.raster.bands import read_bands
from pixelwise.raster.scan import Scan, is_scan
from pixelwise.raster.zarr import full_resolution, is_zarr

CHUNK = 16
PLANES = np.random.default_rng(0).integers(0, 256, (1, 3, 1, 40, 70), np.uint8)
"""As OME-Zarr orders them: time, channel, depth, down, right."""
FORM = {"zarr_format": 2, "compressor": None, "filters": None, "order": "C", "fill_value": 0}
PYRAMID = {"multiscales": [{"datasets": [{"path": "full"}, {"path": "half"}]}]}


def write_array(path: Path, values: np.ndarray) -> None:
    """Write an array of version 2 whose chunks have `CHUNK` rows and columns of one plane."""
    chunk = (*(1 for _ in values.shape[:-2]), CHUNK, CHUNK)
    form = {**FORM, "shape": values.shape, "chunks": chunk, "dtype": values.dtype.str, "dimension_separator": "/"}
    path.mkdir(parents=True)
    (path / ".zarray").write_text(json.dumps(form))
    for place in itertools.product(*(range(-(-side // size)) for side, size in zip(values.shape, chunk, strict=True))):
        part = values[tuple(slice(i * size, (i + 1) * size) for i, size in zip(place, chunk, strict=True))]
        whole = np.zeros(chunk, values.dtype)
        whole[tuple(map(slice, part.shape))] = part
        file = path.joinpath(*map(str, place))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(whole.tobytes())


def write_pyramid(path: Path) -> Path:
    """Write an OME-Zarr of two sizes."""
    write_array(path / "full", PLANES)
    write_array(path / "half", PLANES[..., ::2, ::2])
    (path / ".zgroup").write_text('{"zarr_format": 2}')
    (path / ".zattrs").write_text(json.dumps(PYRAMID))
    return path


def test_a_window_of_a_pyramid_is_that_part_of_its_full_size(tmp_path: Path) -> None:
    path = write_pyramid(tmp_path / "slide.zarr")
    assert (is_zarr(path), is_scan(path), full_resolution(path)) == (True, False, path / "full")
    with Scan(path) as scan:
        assert scan.shape == (40, 70, 3)
        assert_array_equal(scan[5:21, 30:70], PLANES[0, :, 0, 5:21, 30:70].transpose(1, 2, 0))


def test_version_3_says_it_in_another_place(tmp_path: Path) -> None:
    attributes = {"ome": {"version": "0.5", **PYRAMID}}
    (tmp_path / "zarr.json").write_text(json.dumps({"zarr_format": 3, "node_type": "group", "attributes": attributes}))
    assert is_zarr(tmp_path)
    assert full_resolution(tmp_path) == tmp_path / "full"


def test_one_array_of_a_group_is_read_by_its_path(tmp_path: Path) -> None:
    path = write_pyramid(tmp_path / "slide.zarr")
    with Scan(path / "half") as scan:
        assert_array_equal(scan[0:20, 0:35], PLANES[0, :, 0, ::2, ::2].transpose(1, 2, 0))


def test_channels_are_bands(tmp_path: Path) -> None:
    values = np.random.default_rng(1).integers(0, 4096, (5, 40, 70), np.uint16)
    write_array(tmp_path / "five", values)
    bands = read_bands(tmp_path / "five", Bands((5, 2), (0.0, 0.0), (255.0, 255.0)))
    assert_array_equal(bands, np.minimum(values[[4, 1]], 255).transpose(1, 2, 0))


@pytest.mark.parametrize("attributes", ["", "[]", '{"multiscales": []}', '{"multiscales": 3}'])
def test_a_group_that_names_no_array_is_refused(tmp_path: Path, attributes: str) -> None:
    path = write_pyramid(tmp_path / "slide.zarr")
    (path / ".zattrs").write_text(attributes)
    with pytest.raises(ImageError, match=r"a group of 2 arrays.*slide\.zarr/full"):
        Scan(path)


def test_a_truncated_chunk_is_named(tmp_path: Path) -> None:
    write_array(tmp_path / "a.zarr", PLANES)
    (tmp_path / "a.zarr" / "0" / "0" / "0" / "1" / "1").write_bytes(b"\0" * 7)
    with Scan(tmp_path / "a.zarr") as scan, pytest.raises(ImageError, match=r"a\.zarr"):
        scan[0:40, 0:70]


def test_without_rasterio_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_array(tmp_path / "a.zarr", PLANES)
    monkeypatch.setattr(gdal.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match="geo"):
        Scan(tmp_path / "a.zarr")


def test_other_directories_are_none(tmp_path: Path) -> None:
    assert not is_zarr(tmp_path)
    assert not is_zarr(tmp_path / "missing")
