"""COCO's results: objects with run-length encoded masks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixelwise.core.files import write_text
from pixelwise.inference.writers.base import Writer, rounded_score
from pixelwise.instances.rle import coco_annotations, compress_counts

if TYPE_CHECKING:
    from pixelwise.inference.result import Result

ENDING = "_coco.json"


def coco_results(result: Result, stem: str) -> list[dict[str, Any]]:
    """Return COCO's results: objects with compressed runs, box, score, and the class index as category.

    The image's stem is its id, as a number where it is one.
    """
    objects = result.require_objects()
    image_id = int(stem) if stem.isdecimal() else stem
    entries = [
        {"image_id": image_id, "score": rounded_score(objects, index), **entry}
        for index, entry in enumerate(coco_annotations(objects))
    ]
    for entry in entries:
        entry["segmentation"]["counts"] = compress_counts(entry["segmentation"]["counts"])
    return entries


def write_coco_results(path: Path, result: Result) -> None:
    """Write `coco_results` as JSON; the name of the file begins with the image's stem."""
    write_text(path, json.dumps(coco_results(result, path.name.removesuffix(ENDING))))


WRITER = Writer(ENDING, write_coco_results)
