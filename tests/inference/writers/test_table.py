"""The table of objects."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pixelwise.core.errors import OptionError
from pixelwise.inference.loading import load
from pixelwise.inference.writers.table import write_table

if TYPE_CHECKING:
    from tests.inference.conftest import UInt8


def test_the_table_has_a_row_an_object(blob_file: Path, blob_image: UInt8, tmp_path: Path) -> None:
    write_table(tmp_path / "a.csv", load(blob_file).predict(blob_image))
    with (tmp_path / "a.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == ["1", "2", "3"]
    assert rows[1] | {"perimeter": ""} == {
        "id": "2", "class": "blob", "score": "1.0000", "area": "18", "row": "2.00", "column": "60.50",
        "left": "58", "top": "1", "right": "64", "bottom": "4", "perimeter": "",
        "intensity": f"{(255 * 18 + 255) / 3 / 18:.2f}",
    }  # fmt: skip


def test_a_semantic_model_has_no_objects(model_file: Path, image: UInt8, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="`task='instance'`"):
        write_table(tmp_path / "a.csv", load(model_file).predict(image))
