"""What `predict` takes for an image, and that each kind of it is predicted as the same pixels."""

from __future__ import annotations

import dataclasses
import io
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from PIL import Image

from pixelwise.core.bands import Bands
from pixelwise.core.errors import DataError, ImageError, OptionError, ShapeError
from pixelwise.core.value_range import ValueRange
from pixelwise.inference.inputs import is_many, to_pixels
from pixelwise.inference.loading import load
from pixelwise.inference.predictor import Predictor
from pixelwise.modelfile.info import ModelInfo

if TYPE_CHECKING:
    from tests.inference.conftest import ColourModel, UInt8


@pytest.fixture
def info(colour: ColourModel) -> ModelInfo:
    return colour.info


@pytest.fixture
def predictor(model_file: Path) -> Predictor:
    return load(model_file)


def test_gray_becomes_three_equal_channels_and_alpha_is_dropped(info: ModelInfo) -> None:
    gray = np.array([[0, 7], [200, 255]], np.uint8)
    expected = [[[0] * 3, [7] * 3], [[200] * 3, [255] * 3]]
    assert to_pixels(gray, info).tolist() == to_pixels(gray[..., None], info).tolist() == expected
    rgba = np.dstack([gray, gray // 2, gray // 4, np.zeros_like(gray)])
    assert_array_equal(to_pixels(rgba, info), rgba[..., :3])
    rgb = rgba[..., :3].copy()
    assert to_pixels(rgb, info) is not None
    assert_array_equal(to_pixels(rgb, info), rgb)


def test_other_types_become_eight_bits(info: ModelInfo) -> None:
    assert to_pixels(np.array([[False, True]]), info)[0, :, 0].tolist() == [0, 255]
    for dtype in (np.float16, np.float32, np.float64):
        assert to_pixels(np.array([[0, 0.5, 1]], dtype), info)[0, :, 1].tolist() == [0, 128, 255]  # 127.5 to even
    with_range = dataclasses.replace(info, value_range=ValueRange((100.0,) * 3, (1120.0,) * 3))
    deep = np.array([[0, 100, 610, 1120, 60000]], np.uint16)
    assert to_pixels(deep, with_range)[0, :, 2].tolist() == [0, 0, 128, 255, 255]
    # Without a range, 12 bits suggest 0..4095.
    ramp = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    assert to_pixels(ramp, dataclasses.replace(info, value_range=None))[63, 63].tolist() == [255] * 3


def test_an_array_of_16_bits_is_read_as_its_file(predictor: Predictor, tmp_path: Path) -> None:
    deep = (np.random.default_rng(3).integers(0, 4096, (40, 50))).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    assert_array_equal(to_pixels(deep, predictor.info), predictor.read(tmp_path / "deep.png"))


@pytest.mark.parametrize(
    ("array", "error", "problem"),
    [
        (np.zeros((2, 4, 5, 3), np.uint8), ShapeError, r"uint8 2x4x5x3.*Pass a list of images"),
        (np.zeros((4, 5, 2), np.uint8), ShapeError, "uint8 4x5x2"),
        (np.zeros((0, 5, 3), np.uint8), ShapeError, "uint8 0x5x3"),
        (np.zeros(5, np.uint8), ShapeError, "uint8 5"),
        (np.zeros((4, 5, 3), np.int64), ShapeError, "int64 4x5x3"),
        (np.zeros((4, 5), complex), ShapeError, "complex128"),
        (np.array([["a"]]), ShapeError, "<U1"),
        (np.full((4, 5), 255.0), ImageError, "floating-point values from 255 to 255; expected values in 0..1"),
        (np.full((4, 5), np.nan), ImageError, "values from nan to nan"),
        (np.full((4, 5), -0.5), ImageError, "values from -0.5"),
    ],
)
def test_arrays_that_are_no_images_are_refused(
    predictor: Predictor, array: np.ndarray, error: type[Exception], problem: str
) -> None:
    with pytest.raises(error, match=rf"^image: found (an array of )?.*{problem}"):
        predictor.predict(array)


def test_a_model_of_bands_takes_its_channels_as_they_are_or_scales_them(info: ModelInfo) -> None:
    bands = dataclasses.replace(info, bands=Bands((4, 2), (0.0, 0.0), (1.0, 2.0)), mean=(0.0, 0.0), std=(1.0, 1.0))
    pixels = np.array([[[3, 250]]], np.uint8)
    assert to_pixels(pixels, bands) is pixels
    assert to_pixels(np.array([[[1.0, 1.0]]]), bands).tolist() == [[[255, 128]]]
    with pytest.raises(ShapeError, match=r"float64 1x1x3; expected numbers, height x width x 2.* Give the bands 4, 2"):
        to_pixels(np.zeros((1, 1, 3)), bands)


def test_a_pillow_image_is_what_its_file_is(predictor: Predictor, image: UInt8, tmp_path: Path) -> None:
    picture = Image.fromarray(image)
    turned = picture.copy()
    exif = turned.getexif()
    exif[274] = 6  # turned by 90 degrees
    turned.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    for mode in ("1", "L", "P", "LA", "RGBA", "CMYK", "RGB"):
        other = picture.convert(mode)
        name = tmp_path / f"{mode}.{'jpg' if mode == 'CMYK' else 'png'}"
        other.save(name)
        with Image.open(name) as opened:
            assert_array_equal(to_pixels(opened, predictor.info), predictor.read(name), err_msg=mode)
    with Image.open(tmp_path / "turned.jpg") as opened:
        assert_array_equal(to_pixels(opened, predictor.info), predictor.read(tmp_path / "turned.jpg"))
    with Image.open(tmp_path / "RGB.png") as opened:
        result = predictor.predict(opened)
    assert result.source is None
    assert_array_equal(result.image, image)


def test_a_truncated_pillow_image_is_refused(predictor: Predictor, image: UInt8, tmp_path: Path) -> None:
    Image.fromarray(image).save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    with Image.open(io.BytesIO(content[:-300])) as opened, pytest.raises(ImageError, match=r"^image: found a damaged"):
        predictor.predict(opened)


@pytest.mark.parametrize("ending", ["png", "jpg", "tif", "bmp"])
def test_the_content_of_a_file_is_the_file(predictor: Predictor, image: UInt8, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    Image.fromarray(image).save(path)
    expected = predictor.predict(path)
    assert expected.source == path
    with path.open("rb") as stream:
        results = [predictor.predict(given) for given in (path.read_bytes(), bytearray(path.read_bytes()), stream)]
    results.append(predictor.predict(io.BytesIO(path.read_bytes())))
    for result in results:
        assert_array_equal(result.image, expected.image)
        assert_array_equal(result.label_map, expected.label_map)


def test_content_that_is_no_image_is_refused(predictor: Predictor, tmp_path: Path) -> None:
    for content in (b"", b"no image at all", b"II*\0no TIFF"):
        with pytest.raises(ImageError, match=r"^image: found "):
            predictor.predict(content)
    closed = io.BytesIO(b"")
    closed.close()
    with pytest.raises(ImageError, match="a stream that cannot be read"):
        predictor.predict(closed)
    with pytest.raises(OptionError, match="a stream of str; expected a stream of bytes"):
        predictor.predict(io.StringIO("text"))  # type: ignore[call-overload]


def test_a_tensor_has_its_channels_first(predictor: Predictor, image: UInt8) -> None:
    channels_first = torch.from_numpy(image).permute(2, 0, 1)
    for tensor in (channels_first, channels_first.double() / 255, channels_first.bfloat16() / 255):
        result = predictor.predict(tensor)
        assert result.image.shape == image.shape
        if tensor.dtype != torch.bfloat16:  # of 8 bits of precision
            assert_array_equal(result.image, image)
    assert_array_equal(predictor.predict((channels_first / 255).requires_grad_()).image, image)
    with pytest.raises(ShapeError, match=r"a tensor \(150, 201, 3\); .*image\.permute\(2, 0, 1\)"):
        predictor.predict(torch.from_numpy(image))
    with pytest.raises(ShapeError, match="Pass a list of images"):
        predictor.predict(channels_first[None])


@pytest.mark.parametrize("thing", [None, 17, 2.5, object(), {}.keys, lambda: 0])
def test_anything_else_is_refused(predictor: Predictor, thing: Any) -> None:
    with pytest.raises(OptionError, match=r"image: found an object of type .*; expected a path, an array"):
        predictor.predict(thing)


def test_a_list_and_a_folder_give_results_in_order(
    predictor: Predictor, colour: ColourModel, image: UInt8, tmp_path: Path
) -> None:
    (tmp_path / "photos" / "more").mkdir(parents=True)
    crops = {"photos/a.png": image[:40], "photos/b.png": image[:, :70], "photos/more/c.png": image[50:]}
    for name, crop in crops.items():
        Image.fromarray(crop).save(tmp_path / name)
    listed = predictor.predict(list(crops.values()))
    generated = predictor.predict(tmp_path / name for name in crops)
    folder = predictor.predict_each(tmp_path / "photos")
    assert iter(listed) is listed
    for results, sources in ((listed, [None] * 3), (generated, list(crops)), (folder, list(crops))):
        for result, crop, source in zip(results, crops.values(), sources, strict=True):
            assert_array_equal(result.label_map, colour.labels(crop))
            assert result.source == (None if source is None else tmp_path / source)
    assert [result.source for result in predictor.predict(str(tmp_path / "photos"))] == [  # type: ignore[attr-defined]
        tmp_path / name for name in crops
    ]


def test_pages_of_a_stack_in_a_folder_are_images(predictor: Predictor, image: UInt8, tmp_path: Path) -> None:
    pages = [Image.fromarray(image[:40]), Image.fromarray(image[40:80])]
    pages[0].save(tmp_path / "stack.tif", save_all=True, append_images=pages[1:])
    sources = [result.source for result in predictor.predict_each(tmp_path)]
    assert sources == [tmp_path / "stack.tif" / "0", tmp_path / "stack.tif" / "1"]


def test_one_image_is_read_while_another_is_computed(predictor: Predictor, image: UInt8, tmp_path: Path) -> None:
    """The engine waits for the second image, which another thread reads meanwhile."""
    for name in ("a", "b"):
        Image.fromarray(image[:40, :60]).save(tmp_path / f"{name}.png")
    second_is_read = threading.Event()
    read = predictor.read

    def note(path: Path) -> UInt8:
        if path.stem == "b":
            second_is_read.set()
        return read(path)

    decode = predictor.decode

    def wait(pixels: UInt8) -> Any:
        assert second_is_read.wait(timeout=20)
        return decode(pixels)

    predictor.read, predictor.decode = note, wait  # type: ignore[method-assign]
    assert len(list(predictor.predict_each(tmp_path))) == 2


def test_the_error_of_an_image_is_raised_in_its_turn(predictor: Predictor, image: UInt8, tmp_path: Path) -> None:
    results = predictor.predict([image, tmp_path / "none.png", image])
    assert_array_equal(next(results).image, image)
    with pytest.raises(ImageError, match=r"none\.png: found no such file"):
        next(results)


def test_lists_that_are_none_are_refused(predictor: Predictor, image: UInt8, tmp_path: Path) -> None:
    assert list(predictor.predict([])) == []
    with pytest.raises(OptionError, match="among several; expected a single image"):
        next(predictor.predict([[image]]))  # type: ignore[list-item]
    with pytest.raises(DataError, match="a folder without images"):
        predictor.predict(tmp_path)
    for thing in (image, tmp_path / "a.png", 5):
        with pytest.raises(OptionError, match=r"images: found .*; expected a list of images or a folder"):
            predictor.predict_each(thing)  # type: ignore[arg-type]
    assert not is_many(tmp_path / "nowhere")


def test_torch_is_not_imported_for_an_array_or_a_list(model_file: Path) -> None:
    text = (
        "import sys, numpy as np, pixelwise as pw\n"
        f"model = pw.load({str(model_file)!r})\n"
        "image = np.zeros((9, 8, 3), np.uint8)\n"
        "print(model.predict(image), len(list(model.predict([image, image]))))\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, env=dict(os.environ))
    assert (done.returncode, done.stdout) == (0, "Result(9x8: dark 100%) 2\n"), done.stderr
