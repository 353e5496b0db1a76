"""The kinds of images that `Predictor.predict` takes, and their conversion to uint8 (height, width, C)."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeGuard, cast

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from pixelwise.core.errors import ImageError, OptionError, ShapeError
from pixelwise.core.value_range import ValueRange
from pixelwise.modelfile.info import ModelInfo
from pixelwise.raster.bands import read_channels
from pixelwise.raster.zarr import is_zarr

UInt8 = npt.NDArray[np.uint8]
Array = npt.NDArray[Any]


class Tensor(Protocol):
    """A `torch.Tensor`, described by a protocol, since this package never imports torch."""

    def detach(self) -> Any: ...


PathLike = str | os.PathLike[str]
ImageLike = PathLike | Array | Image.Image | bytes | BinaryIO | Tensor
"""One image, as `Predictor.predict` describes it."""
KINDS = "a path, an array, a PIL image, the bytes of a file, an open binary file, a tensor, or a list of such"
TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
TOLERANCE = 1e-4
"""Floating-point values may exceed 0..1 by this much, as interpolation causes."""


def is_path(image: object) -> TypeGuard[PathLike]:
    """Return whether `image` is a path."""
    return isinstance(image, str | os.PathLike)


def is_many(image: object) -> TypeGuard[PathLike | Iterable[ImageLike]]:
    """Return whether `image` is a folder, a list or any other iterable of images, rather than one image."""
    if is_path(image):
        path = Path(image)
        return path.is_dir() and not is_zarr(path)
    single = isinstance(image, np.ndarray | Image.Image | bytes | bytearray) or _is_tensor(image)
    return not single and not hasattr(image, "read") and isinstance(image, Iterable)


def to_pixels(image: object, info: ModelInfo) -> UInt8:
    """Return an image that is not a path in the form that a model takes, uint8 (height, width, C); see
    `Predictor.predict`.

    Raises `ImageError` for an image that cannot be read, `ShapeError` for an array that is no image, and `OptionError`
    for any other object.
    """
    if isinstance(image, np.ndarray):
        return _from_array(image, info)
    if isinstance(image, Image.Image):
        return _from_array(_pillow_array(image), info)
    if isinstance(image, bytes | bytearray):
        return _from_bytes(bytes(image), info)
    if _is_tensor(image):
        return _from_array(_tensor_array(image), info)
    if hasattr(image, "read"):
        return _from_bytes(_read_stream(cast(BinaryIO, image)), info)
    raise OptionError("image", f"an object of type {type(image).__name__}", KINDS, "Pass one of these.")


def _is_tensor(image: object) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(image, torch.Tensor)


def _from_array(values: Array, info: ModelInfo) -> UInt8:
    if info.bands is not None:
        return _from_bands(values, info)
    planes = values[..., None] if values.ndim == 2 else values
    if planes.ndim != 3 or planes.shape[2] not in (1, 3, 4) or planes.size == 0:
        raise _shape_error(values, "(height, width), (height, width, 3) or (height, width, 4), not empty")
    rgb = _to_eight_bits(planes[..., :3], info.value_range)
    return np.repeat(rgb, 3, axis=2) if rgb.shape[2] == 1 else rgb


def _from_bands(values: Array, info: ModelInfo) -> UInt8:
    channels = info.in_channels
    if values.ndim != 3 or values.shape[2] != channels or values.size == 0 or values.dtype.kind not in "uif":
        numbers = ", ".join(map(str, info.bands.numbers if info.bands else ()))
        remedy = f"Give the bands {numbers} of a file, or its path."
        raise ShapeError("image", _describe(values), f"numbers, height x width x {channels}, not empty", remedy)
    if values.dtype == np.uint8 or info.bands is None:
        return values
    return info.bands.scale(values.transpose(2, 0, 1))


def _to_eight_bits(planes: Array, value_range: ValueRange | None) -> UInt8:
    """Return planes (height, width, 1 or 3) of any dtype of images as uint8."""
    if planes.dtype == np.uint8:
        return planes
    if planes.dtype == np.bool_:
        return planes.astype(np.uint8) * np.uint8(255)
    if planes.dtype == np.uint16:
        return (value_range or _suggested_range(planes)).scale(planes)
    if planes.dtype.kind != "f":
        raise _shape_error(planes, "uint8, uint16, bool, or floating-point values in 0..1")
    fractions = planes.astype(np.float32) if planes.dtype.itemsize < 4 else planes
    low, high = float(fractions.min()), float(fractions.max())
    if not (low >= -TOLERANCE and high <= 1 + TOLERANCE):  # NaN is neither
        problem = f"floating-point values from {low:g} to {high:g}"
        raise ImageError("image", problem, "values in 0..1", "Scale them to 0..1, or convert them to uint8.")
    scaled: UInt8 = np.rint(fractions.clip(0, 1) * 255).astype(np.uint8)
    return scaled


def _suggested_range(planes: Array) -> ValueRange:
    from pixelwise.raster.depth import estimate_range
    from pixelwise.raster.reader import sample_places

    height, width, channels = planes.shape
    parts = [planes[place].reshape(-1, channels) for place in sample_places((height, width))]
    return estimate_range(np.concatenate(parts))


def _pillow_array(image: Image.Image) -> Array:
    try:
        upright = ImageOps.exif_transpose(image)
        if upright.mode.startswith("I"):
            values = np.asarray(upright)
            if values.size and not 0 <= values.min() <= values.max() <= 65535:
                problem = f"values from {values.min()} to {values.max()}"
                raise ImageError("image", problem, "values in 0..65535", "Convert it to 8 bits.")
            return values.astype(np.uint16)
        if upright.mode not in ("1", "F", "L", "RGB"):
            upright = upright.convert("RGB")
        return np.asarray(upright)
    except (OSError, SyntaxError, ValueError) as error:  # Pillow decodes a file only when its pixels are accessed
        problem = f"a damaged or truncated image ({error})"
        raise ImageError("image", problem, "a complete image", "Copy or export it again.") from error


def _from_bytes(content: bytes, info: ModelInfo) -> UInt8:
    """Return the image in the content of a file, through a temporary file, exactly as the file itself is read."""
    with tempfile.TemporaryDirectory(prefix="pixelwise-") as folder:
        path = Path(folder) / ("image.tif" if content.startswith(TIFF_STARTS) else "image")
        path.write_bytes(content)
        try:
            return read_channels(path, info.bands, info.value_range)
        except ImageError as error:
            raise ImageError("image", error.found, error.expected, error.remedy) from error


def _read_stream(stream: BinaryIO) -> bytes:
    try:
        content = stream.read()
    except (OSError, ValueError) as error:  # ValueError: it is closed
        raise ImageError("image", f"a stream that cannot be read ({error})", "an open file", "Open it.") from error
    if not isinstance(content, bytes):
        raise OptionError("image", f"a stream of {type(content).__name__}", "a stream of bytes", "Open it with 'rb'.")
    return content


def _tensor_array(tensor: Any) -> Array:
    values = tensor.detach().cpu()
    if values.is_floating_point():
        values = values.float()
    if values.ndim == 3 and values.shape[0] > 4 and values.shape[2] in (1, 3, 4):
        remedy = "Move its channels to the front, as torchvision has them: image.permute(2, 0, 1)."
        raise ShapeError("image", f"a tensor {tuple(values.shape)}", "(channels, height, width)", remedy)
    array: Array = values.numpy()
    return array.transpose(1, 2, 0) if array.ndim == 3 else array


def _describe(values: Array) -> str:
    return f"an array of {values.dtype} {'x'.join(map(str, values.shape))}"


def _shape_error(values: Array, expected: str) -> ShapeError:
    remedy = "Convert the array to RGB in 0..255 first, as numpy.asarray(PIL.Image.open(path).convert('RGB')) is."
    if values.ndim == 4:
        remedy = "Pass a list of images, such as list(images), for several."
    return ShapeError("image", _describe(values), expected, remedy)
