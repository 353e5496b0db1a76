"""The reader of images, whole or in parts, that all commands use.

With rasterio, TIFFs and Zarrs are read through GDAL, so that any part of them can be read. Everything else, and TIFFs
that GDAL would show differently (CMYK, Lab), is read through Pillow. Values keep their stored depth and are interpreted
as the file states: palettes are looked up, "minimum is white" is inverted, single bits become 0 and 255, the
orientation is applied, and transparency is dropped.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import UnidentifiedImageError

from pixelwise.core.errors import ImageError
from pixelwise.raster.axes import describe_other_axes
from pixelwise.raster.gdal import has_rasterio, image_errors, open_file, require_rasterio
from pixelwise.raster.image import decode
from pixelwise.raster.limits import require_moderate, require_parts, require_whole_index, type_bits
from pixelwise.raster.stack import STACK_ENDINGS, split_page
from pixelwise.raster.tiff import Page, read_page
from pixelwise.raster.zarr import is_zarr

Values = npt.NDArray[Any]
Place = tuple[slice, slice]
COLORS = 4
"""The most bands of a picture: red, green, blue, and transparency."""
WHOLE_SAMPLE = 2**22
"""Of images of at most this many pixels, all pixels are sampled to measure which values occur."""
SAMPLES, SAMPLE_SIDE = 8, 128
"""For a larger image: the number of sampled squares, down and across, and their side in pixels."""


class ImageReader(ABC):
    """An image file whose parts are read on demand. shape: (height, width) of the image as shown. channels: 1 for gray,
    3 for red, green and blue.
    """

    path: Path
    shape: tuple[int, int]
    is_deep: bool
    """Whether values have more than 8 bits."""
    bits = 24
    """The bits of a pixel, at least."""
    has_more_bands = False
    """Whether the file has further bands that are not read (see `open_reader`)."""
    block: tuple[int, int] | None = None
    """(height, width) of the parts in which the file is decoded; `None` if it is decoded whole."""
    has_overviews = False
    """Whether the file has overviews, which `read_every` uses."""

    @abstractmethod
    def read(self, place: Place) -> Values:
        """Return some rows and columns, (height, width, 1) for a gray image, else (height, width, 3), in the stored
        dtype."""

    def read_every(self, place: Place, step: int) -> Values:
        """Return every `step`-th row and column of a place, ceil(side / step) of them, in the form of `read`. For a
        reduced picture this is much faster than reading all pixels, if the file allows it."""
        return self.read(place)[::step, ::step]

    def blank(self, place: Place) -> npt.NDArray[np.bool_]:
        """Return where the file has no data, boolean (height, width)."""
        return np.zeros([len(range(side)[span]) for side, span in zip(self.shape, place, strict=True)], np.bool_)

    def read_whole(self) -> Values:
        """Return the whole image in the form of `read`. Raises `ImageError` if it is too large."""
        require_moderate(self.path, self.shape[0] * self.shape[1], self.bits)
        return self.read((slice(0, self.shape[0]), slice(0, self.shape[1])))

    def sample(self) -> Values:
        """Return sampled values, (n, channels); of a large image those of squares spread over it. NaN and the file's
        no-data values are left out.
        """
        parts = []
        for place in sample_places(self.shape):
            values = self.read(place)
            valid = ~self.blank(place)
            if values.dtype.kind == "f":
                valid &= np.isfinite(values).all(axis=2)
            parts.append(values[valid])
        return np.concatenate(parts)

    def close(self) -> None:  # noqa: B027 - not every reader holds a file open
        """Close the file."""

    def __enter__(self) -> ImageReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def sample_places(shape: tuple[int, int]) -> list[Place]:
    """Return the places to sample in an image of `shape` (height, width): the whole image, or in a large one squares
    spread over it.
    """
    height, width = shape
    if height * width <= WHOLE_SAMPLE:
        return [(slice(0, height), slice(0, width))]
    tops, lefts = (_spread(side) for side in shape)
    ends = [(min(y + SAMPLE_SIDE, height), min(x + SAMPLE_SIDE, width)) for y in tops for x in lefts]
    starts = [(y, x) for y in tops for x in lefts]
    return [(slice(y, bottom), slice(x, right)) for (y, x), (bottom, right) in zip(starts, ends, strict=True)]


def _spread(side: int) -> list[int]:
    last = max(0, side - SAMPLE_SIDE)
    return sorted({last * number // (SAMPLES - 1) for number in range(SAMPLES)})


def open_reader(path: Path, *, first_bands: bool = False) -> ImageReader:
    """Open an image file, a page of a TIFF (see `stack`), or a Zarr.

    first_bands: of more than 4 bands read the first three, as red, green and blue; otherwise more than 4 bands are an
    error. Raises `ImageError` for a file that cannot be read, or whose bands are no picture, and
    `MissingDependencyError` for a Zarr without rasterio.
    """
    if is_zarr(path):
        require_rasterio(str(path))
        return GdalReader(path, None, first_bands=first_bands)
    file, number = split_page(path)
    page = read_page(file, number) if file.suffix.lower() in STACK_ENDINGS else None
    if page is not None and page.is_plain and has_rasterio():
        return GdalReader(path, page, first_bands=first_bands)
    try:
        return PillowReader(path, page)
    except ImageError as error:
        unknown = isinstance(error.__cause__, UnidentifiedImageError | KeyError | ValueError)  # not truncated
        if page is None or not page.is_plain or not unknown:
            raise
        found = f"a TIFF of {page.samples} x {page.dtype}, which Pillow does not read"
        raise ImageError(path, found, "rasterio, which does", "pip install 'pixelwise[geo]'") from error


class PillowReader(ImageReader):
    """A file that Pillow decodes whole."""

    def __init__(self, path: Path, page: Page | None) -> None:
        self.path = path
        self._values = decode(path, page)
        self.shape = (self._values.shape[0], self._values.shape[1])
        self.is_deep = self._values.dtype != np.uint8

    def read(self, place: Place) -> Values:
        return self._values[place]


class GdalReader(ImageReader):
    """A TIFF or Zarr that GDAL reads in parts."""

    def __init__(self, path: Path, page: Page | None, *, first_bands: bool = False) -> None:
        self.path, self.page = path, page
        self._turn = TURNS[page.orientation if page else 1]
        file, number = split_page(path)
        require_whole_index(path)
        with image_errors(path):
            self.file = open_file(f"GTIFF_DIR:{number + 1}:{file}" if number else file)
        try:
            require_parts(path, self.file)
        except ImageError:
            self.close()
            raise
        height, width = self.file.height, self.file.width
        self.shape = (width, height) if self._turn[0] else (height, width)
        self.has_more_bands = first_bands and self.file.count > COLORS
        self._bands = self._picture()
        self.bits = len(self._bands) * type_bits(self.file.dtypes[0])
        self.is_deep = self.file.dtypes[0] != "uint8" and (page is None or page.palette is None)
        rows, columns = self.file.block_shapes[0]
        self.block = (columns, rows) if self._turn[0] else (rows, columns)
        self.has_overviews = bool(self.file.overviews(1))

    def _picture(self) -> list[int]:
        """Return the bands to read; raise `ImageError` if they are no picture."""
        count, kinds = self.file.count, sorted(set(self.file.dtypes))
        gray = count == 1 or (count == 2 and self.page is not None and self.page.has_alpha)
        if (
            not (gray or count in (3, COLORS) or self.has_more_bands)
            or len(kinds) > 1
            or kinds[0].startswith("complex")
        ):
            self.close()
            height, width = self.file.height, self.file.width
            found = f"{count} bands of {', '.join(kinds)}, each {height}x{width} (height x width)"
            remedy = "Choose bands, for example with `bands=[3, 2, 1]` of check and train; the model then knows them."
            if other := describe_other_axes(count, (height, width), are_pages=False):
                remedy = f"{other} {remedy}"
            raise ImageError(self.path, found, "1, 3 or 4 bands of one type", remedy)
        return [1] if gray else [1, 2, 3]

    def read(self, place: Place) -> Values:
        from rasterio.windows import Window

        with image_errors(self.path):
            bands = self.file.read(self._bands, window=Window.from_slices(*self._stored_place(place)))
        values: Values = bands.transpose(1, 2, 0)
        return apply_turn(values if self.page is None else self.page.as_seen(values), self._turn)

    def read_every(self, place: Place, step: int) -> Values:
        from rasterio.windows import Window

        rows, columns = self._stored_place(place)
        shape = [-(-(span.stop - span.start) // step) for span in (rows, columns)]
        with image_errors(self.path):
            bands = self.file.read(
                self._bands, window=Window.from_slices(rows, columns), out_shape=(len(self._bands), *shape)
            )
        values: Values = bands.transpose(1, 2, 0)
        return apply_turn(values if self.page is None else self.page.as_seen(values), self._turn)

    def blank(self, place: Place) -> npt.NDArray[np.bool_]:
        from rasterio.windows import Window

        with image_errors(self.path):
            mask = self.file.dataset_mask(window=Window.from_slices(*self._stored_place(place)))
        return apply_turn(mask == 0, self._turn)

    def close(self) -> None:
        self.file.close()

    def _stored_place(self, place: Place) -> Place:
        """Return the stored place of rows and columns of the image as shown."""
        swapped, *flips = self._turn
        spans = []
        for span, flipped, side in zip(place, flips, self.shape, strict=True):
            start, stop, _ = span.indices(side)
            spans.append(slice(side - stop, side - start) if flipped else slice(start, stop))
        return (spans[1], spans[0]) if swapped else (spans[0], spans[1])


Turn = tuple[bool, bool, bool]
TURNS: dict[int, Turn] = {
    1: (False, False, False),
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}
"""By orientation: whether rows and columns are exchanged, and whether rows, and columns, are reversed afterwards."""


def apply_turn(array: Values, turn: Turn) -> Values:
    """Return a stored array (height, width, ...) in the orientation in which it is shown."""
    swapped, rows, columns = turn
    array = array.swapaxes(0, 1) if swapped else array
    return array[:: -1 if rows else 1, :: -1 if columns else 1]
