"""What prediction says that it has to assume."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.transform import from_origin

from pixelwise.core.bands import Bands
from pixelwise.core.errors import DataError
from pixelwise.core.value_range import FULL, ValueRange
from pixelwise.data import open_dataset
from pixelwise.inference.assumptions import remarks
from pixelwise.inference.batch import predict_files
from pixelwise.inference.jobs import plan_jobs
from pixelwise.inference.loading import load

if TYPE_CHECKING:
    from tests.inference.conftest import ColourModel


def said(colour: ColourModel, folder: Path, value_range: ValueRange | None, *kinds: str) -> list[str]:
    jobs = plan_jobs([str(folder)], folder.parent / "out", kinds or ("mask",))
    return list(remarks(replace(colour.info, value_range=value_range), jobs))


def images(tmp_path: Path, **values: Any) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for stem, array in values.items():
        Image.fromarray(array).save(folder / f"{stem}.tif")
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
    assert "the range of each becomes 0 to 255" in first


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


def test_frames_are_told(colour: ColourModel, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    first, second = (Image.fromarray(np.full((3, 4), value, np.uint8)) for value in (0, 255))
    first.save(folder / "a.gif", save_all=True, append_images=[second])
    first.save(folder / "b.gif")
    assert said(colour, folder, None) == [
        f"{folder / 'a.gif'}: 2 frames, each an image; {folder / 'a.gif/0'} is the first"
    ]


def test_frames_and_doubtful_pages_are_told_to_a_model_of_bands(colour: ColourModel, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    first, second = (Image.fromarray(np.full((3, 4), own, np.uint8)) for own in (0, 255))
    first.save(folder / "a.gif", save_all=True, append_images=[second])
    first.save(folder / "b.gif", save_all=True, append_images=[second])
    rows = [Image.fromarray(np.zeros((40, 5), np.uint8)) for _ in range(70)]
    rows[0].save(folder / "c.tif", save_all=True, append_images=rows[1:])
    info = replace(colour.info, bands=Bands((1,), (0.0,), (255.0,)))
    jobs = plan_jobs([str(folder)], tmp_path / "out", ("mask",), paged=False)
    frames, pages = remarks(info, jobs)
    assert frames == (
        f"{folder / 'a.gif'} and 1 more: several pages or frames, of which the first alone is read; save each of them "
        "as a file"
    )
    read = f"{folder / 'c.tif'}: read as 70 bands of 40x5 (height x width), a page each. If it is an image of 70x40 "
    assert pages.startswith(read)
    (told,) = said(colour, images_of_rows(folder), None)
    assert "70 pages, each an image" in told
    assert "If it is an image of 70x40 (height x width) with 5 bands" in told


def images_of_rows(folder: Path) -> Path:
    for name in ("a.gif", "b.gif"):
        (folder / name).unlink()
    return folder


def test_the_first_frame_of_a_path_is_predicted_with_a_warning(
    colour: ColourModel, model_file: Path, tmp_path: Path
) -> None:
    first, second = (Image.fromarray(np.full((30, 40), own, np.uint8)) for own in (0, 255))
    first.save(tmp_path / "a.gif", save_all=True, append_images=[second])
    predictor = load(model_file)
    with pytest.warns(UserWarning, match=r"a\.gif: 2 pages or frames, of which the first alone is predicted; .*gif/1"):
        result = predictor.predict(tmp_path / "a.gif")
    assert not result.image.any()
    assert (predictor.predict(tmp_path / "a.gif/1").image == 255).all()


def test_coordinates_without_a_system_are_told_where_polygons_are_asked(colour: ColourModel, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    form = {"driver": "GTiff", "count": 1, "height": 4, "width": 5, "dtype": "uint8"}
    with rasterio.open(folder / "a.tif", "w", **form, transform=from_origin(10, 20, 1, 1)) as file:
        file.write(np.zeros((1, 4, 5), np.uint8))
    assert said(colour, folder, None) == []
    for kind in ("geojson", "gpkg"):
        (only,) = said(colour, folder, None, kind)
        assert "no coordinate system is known" in only


NARROW_RANGE = ValueRange((33_010.0,) * 3, (33_900.0,) * 3)


def test_8_bits_for_a_model_that_saw_deeper_ones_are_told(colour: ColourModel, tmp_path: Path) -> None:
    eight = np.arange(240, dtype=np.uint8).reshape(12, 20)
    folder = images(tmp_path, a=eight, b=eight)
    (only,) = said(colour, folder, NARROW_RANGE)
    assert only.startswith(f"{folder / 'a.tif'} and 1 more: 8 bits, taken as they are; ")
    assert "33,010 to 33,900 became 0 to 255" in only
    assert said(colour, folder, FULL) == []  # 16 bits of which all are used are 8 bits times 257


def test_deep_values_beyond_the_models_range_are_told(colour: ColourModel, tmp_path: Path) -> None:
    """A model of 12-bit images that is given all of 16 bits, and one of dim images that is given dark ones."""
    sixteen = np.linspace(0, 65_535, 1200).astype(np.uint16).reshape(30, 40)
    twelve = (sixteen // 16).astype(np.uint16)
    folder = images(tmp_path, a=sixteen, b=twelve)
    first, second = said(colour, folder, ValueRange((0,) * 3, (4095,) * 3))
    assert first.startswith(f"{folder / 'a.tif'}: values ")
    assert first.endswith("many of them outside of the model's range, 0 to 4,095, where all become black or white")
    assert second.startswith("Train on such images")
    told = said(colour, folder, NARROW_RANGE)
    assert [text.split(":")[0].split("/")[-1] for text in told[:1]] == ["a.tif and 1 more"]


def test_values_a_little_beyond_the_range_need_no_word(colour: ColourModel, tmp_path: Path) -> None:
    """A background just below what becomes 0, as another frame of the same camera may have it."""
    frame = np.full((30, 40), 32_990, np.uint16)
    frame[:10, :10] = np.linspace(33_100, 33_900, 100).reshape(10, 10)
    assert said(colour, images(tmp_path, a=frame), NARROW_RANGE) == []


@pytest.mark.parametrize(
    ("dtype", "top", "word"),
    [
        ("uint16", 3000, None),
        ("uint16", 60_000, "many of them outside of the model's range, 100 to 3,000"),
        ("uint16", 150, "few gray levels of the model's range, 100 to 3,000"),
        ("uint8", 255, "8 bits, spread as the model's deeper images were, 100 to 3,000"),
    ],
)
def test_bands_of_another_depth_are_told(
    colour: ColourModel, tmp_path: Path, dtype: str, top: int, word: str | None
) -> None:
    info = replace(colour.info, bands=Bands((2, 1, 3), (100.0,) * 3, (3000.0, 2900.0, 3000.0)))
    values = np.linspace(0, top, 3 * 600).reshape(3, 20, 30).astype(dtype)
    with rasterio.open(
        tmp_path / "a.tif",
        "w",
        driver="GTiff",
        count=3,
        height=20,
        width=30,
        dtype=dtype,
        transform=from_origin(0, 9, 1, 1),
    ) as file:
        file.write(values)
    jobs = plan_jobs([str(tmp_path / "a.tif")], tmp_path / "out", ("mask",), paged=False)
    told = list(remarks(info, jobs))
    if word is None:
        assert told == []
    else:
        assert word in told[0]
        assert len(told) == 2


def test_8_bit_bands_of_a_model_of_8_bits_need_no_word(colour: ColourModel, tmp_path: Path) -> None:
    info = replace(colour.info, bands=Bands((1, 2, 3), (0.0,) * 3, (255.0,) * 3))
    with rasterio.open(
        tmp_path / "a.tif",
        "w",
        driver="GTiff",
        count=3,
        height=2,
        width=3,
        dtype="uint8",
        transform=from_origin(0, 9, 1, 1),
    ) as file:
        file.write(np.full((3, 2, 3), 7, np.uint8))
    jobs = plan_jobs([str(tmp_path / "a.tif")], tmp_path / "out", ("mask",), paged=False)
    assert list(remarks(info, jobs)) == []


def test_how_files_of_labelmes_are_trained_on_is_told(colour: ColourModel, model_file: Path, tmp_path: Path) -> None:
    folder = images(tmp_path, a=np.arange(12, dtype=np.uint8).reshape(3, 4) * 20)
    (only,) = said(colour, folder, None, "labelme")
    assert f"`images_root={str(folder)!r}`" in only
    jobs = plan_jobs([str(folder)], tmp_path / "out", ("labelme",))
    assert predict_files(load(model_file), jobs) == {}
    with pytest.raises(DataError, match=re.escape(f"`images_root={str(folder)!r}`")):
        open_dataset(tmp_path / "out")
    assert open_dataset(tmp_path / "out", images_root=folder).format == "labelme"


def test_beside_their_images_files_of_labelmes_need_no_word(
    colour: ColourModel, model_file: Path, tmp_path: Path
) -> None:
    folder = images(tmp_path, a=np.arange(12, dtype=np.uint8).reshape(3, 4) * 20)
    for out in (folder, folder / "labels"):
        jobs = plan_jobs([str(folder)], out, ("labelme",))
        told = list(remarks(colour.info, jobs))
        assert bool(told) == (out != folder)
    assert predict_files(load(model_file), plan_jobs([str(folder)], folder, ("labelme",))) == {}
    ((_, item),) = open_dataset(folder).items()
    assert item.image == folder / "a.tif"
