"""The instance map in 16 and in 32 bits."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from pixelwise.core.errors import OutputError
from pixelwise.inference.loading import load
from pixelwise.inference.writers.instances import write_instances, write_instances32
from pixelwise.instances.objects import MAX_ID, Objects

if TYPE_CHECKING:
    from tests.inference.conftest import Int32, UInt8


def test_the_instance_map_is_written_in_16_bits(
    blob_file: Path, blob_image: UInt8, blob_map: Int32, tmp_path: Path
) -> None:
    write_instances(tmp_path / "a.png", load(blob_file).predict(blob_image))
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == "I;16"
        assert_array_equal(np.array(image), blob_map)


def test_more_objects_are_written_in_32_bits(
    blob_file: Path, blob_image: UInt8, blob_map: Int32, tmp_path: Path
) -> None:
    result = load(blob_file).predict(blob_image)
    most = 2**31 - 1
    many = Objects(np.where(blob_map == 3, most, blob_map), np.empty(0, np.int32), np.empty(0, np.float32))
    write_instances32(tmp_path / "a.tif", dataclasses.replace(result, instances=many))
    with Image.open(tmp_path / "a.tif") as image:
        assert_array_equal(np.array(image), many.instance_map)


def test_more_objects_than_16_bits_can_number(
    blob_file: Path, blob_image: UInt8, blob_map: Int32, tmp_path: Path
) -> None:
    result = load(blob_file).predict(blob_image)
    many = Objects(blob_map, np.ones(MAX_ID + 1, np.int32), np.ones(MAX_ID + 1, np.float32))
    with pytest.raises(OutputError, match="65,536 objects"):
        write_instances(tmp_path / "a.png", dataclasses.replace(result, instances=many))
