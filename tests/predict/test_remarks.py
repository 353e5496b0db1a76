"""What prediction says that it has to assume."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
from PIL import Image
from rasterio.transform import from_origin

from pixelwise.predict.jobs import plan
from pixelwise.predict.remarks import remarks
from pixelwise.value_range import FULL, ValueRange

if TYPE_CHECKING:
    from tests.predict.conftest import ColourModel


def said(colour: ColourModel, folder: Path, value_range: ValueRange | None, *kinds: str) -> list[str]:
    jobs = plan([str(folder)], folder.parent / "out", kinds or ("mask",))
    return list(remarks(replace(colour.info, value_range=value_range), jobs))


def images(tmp_path: Path, **values: Any) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for stem, own in values.items():
        Image.fromarray(own).save(folder / f"{stem}.tif")
    return folder


def test_a_range_that_a_file_suggests_is_told(colour: ColourModel, tmp_path: Path) -> None:
    twelve = np.linspace(0, 4000, 1200).astype(np.uint16).reshape(30, 40)
    folder = images(tmp_path, a=twelve, b=twelve.astype(np.uint8), c=twelve)
    first, second = said(colour, folder, None)
    assert first.startswith(f"{folder / 'a.tif'} and 1 more: values 3.597 to 3,995; ")
    assert first.endswith("uint16, 0 to 4,095 become 0 to 255")
    assert "trained on 8 bits and stores no range" in second


def test_images_with_ranges_of_their_own_are_told_in_one_line(colour: ColourModel, tmp_path: Path) -> None:
    ramp = np.linspace(0, 1, 1200).reshape(30, 40)
    dim = {f"d{i}": (33_000 + 100 * i + 500 * ramp).astype(np.uint16) for i in range(4)}
    first, _ = said(colour, images(tmp_path, **dim), None)
    assert "and 3 more: values 33,0" in first
    assert "what each takes becomes 0 to 255" in first


def test_values_within_the_models_range_need_no_word_and_few_levels_do(colour: ColourModel, tmp_path: Path) -> None:
    twelve = np.linspace(0, 4000, 1200).astype(np.uint16).reshape(30, 40)
    folder = images(tmp_path, a=twelve)
    assert said(colour, folder, ValueRange((0,) * 3, (4095,) * 3)) == []
    first, _ = said(colour, folder, FULL)
    assert "few gray levels of the model's range, 0 to 65,535" in first


def test_images_of_8_bits_need_no_word(colour: ColourModel, tmp_path: Path) -> None:
    assert said(colour, images(tmp_path, a=np.zeros((3, 4), np.uint8)), None) == []


def test_pages_are_told(colour: ColourModel, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    first, *others = (Image.fromarray(np.zeros((3, 4), np.uint8)) for _ in range(3))
    first.save(folder / "s.tif", save_all=True, append_images=others)
    assert said(colour, folder, None) == [
        f"{folder / 's.tif'}: 3 pages, each an image; {folder / 's.tif/0'} is the first"
    ]


def test_coordinates_without_a_system_are_told_where_polygons_are_asked(colour: ColourModel, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    form = {"driver": "GTiff", "count": 1, "height": 4, "width": 5, "dtype": "uint8"}
    with rasterio.open(folder / "a.tif", "w", **form, transform=from_origin(10, 20, 1, 1)) as file:
        file.write(np.zeros((1, 4, 5), np.uint8))
    assert said(colour, folder, None) == []
    (only,) = said(colour, folder, None, "geojson")
    assert "no coordinate system is known" in only
