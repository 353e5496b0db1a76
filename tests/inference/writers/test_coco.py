"""COCO's results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from faster_coco_eval.core import mask as coco_mask
from numpy.testing import assert_array_equal

from pixelwise.inference.loading import load
from pixelwise.inference.writers.coco import ENDING, write_coco_results

if TYPE_CHECKING:
    from tests.inference.conftest import Int32, UInt8


def test_cocos_results_are_what_its_own_code_reads(
    blob_file: Path, blob_image: UInt8, blob_map: Int32, tmp_path: Path
) -> None:
    write_coco_results(tmp_path / f"17{ENDING}", load(blob_file).predict(blob_image))
    entries = json.loads((tmp_path / f"17{ENDING}").read_text())
    assert [(entry["image_id"], entry["category_id"], entry["bbox"]) for entry in entries] == [
        (17, 1, [2, 1, 3, 3]),
        (17, 1, [58, 1, 6, 3]),
        (17, 1, [64, 1, 6, 3]),
    ]
    for number, entry in enumerate(entries, 1):
        assert_array_equal(coco_mask.decode(entry["segmentation"]), blob_map == number)
