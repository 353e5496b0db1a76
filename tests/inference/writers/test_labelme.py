"""labelme files of predictions are data to train on."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.testing import assert_array_equal
from PIL import Image

from pixelwise.data import open_dataset
from pixelwise.data.shapes.annotations import is_background
from pixelwise.inference.batch import predict_files
from pixelwise.inference.jobs import plan_jobs
from pixelwise.inference.loading import load
from pixelwise.inference.writers.labelme import write_labelme

if TYPE_CHECKING:
    from tests.inference.conftest import Int32, UInt8


def test_regions_of_a_semantic_model_are_data_for_labelme(model_file: Path, image: UInt8, tmp_path: Path) -> None:
    """Corrected or not, they are read back as the label map was."""
    result = load(model_file).predict(image)
    Image.fromarray(image).save(tmp_path / "a.png")
    write_labelme(tmp_path / "a.json", dataclasses.replace(result, source=tmp_path / "a.png"))
    names = result.info.classes.names
    (tmp_path / "classes.txt").write_text("".join(f"{name}\n" for name in names))
    data = open_dataset(tmp_path)
    sample = data.read(next(data.items())[1])
    theirs = np.array([data.classes.names.index("background" if is_background(name) else name) for name in names])
    assert_array_equal(sample.label_map, theirs[result.label_map])


def test_what_is_written_for_labelme_is_data_to_train_on(
    blob_file: Path, blob_image: UInt8, blob_map: Int32, tmp_path: Path
) -> None:
    (tmp_path / "images").mkdir()
    Image.fromarray(blob_image).save(tmp_path / "images" / "a.png")
    jobs = plan_jobs([str(tmp_path / "images")], tmp_path / "found", ["labelme"])
    predict_files(load(blob_file), jobs)
    data = open_dataset(tmp_path / "found", images_root=tmp_path / "images")
    assert data.format == "labelme"
    ((_, item),) = data.items()
    assert_array_equal(data.read(item).instance_map, blob_map)
