"""Images for the page and for the features: tiles of a pyramid. Images are read in parts, so few pixels are in
memory."""

from __future__ import annotations

import contextlib
import hashlib
import io
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from pixelwise.core.bands import Bands
from pixelwise.core.errors import ImageError, OutputError
from pixelwise.core.files import write_atomically
from pixelwise.core.value_range import ValueRange
from pixelwise.labels.boxes import Box
from pixelwise.labels.project_images import ImageRecord
from pixelwise.raster.depth import range_of
from pixelwise.raster.reader import ImageReader, PillowReader, open_reader
from pixelwise.studio.overview import Overview, OverviewWorker
from pixelwise.studio.pyramid import full_box

UInt8 = npt.NDArray[np.uint8]
MOST_BYTES = 2**27
"""The most bytes of decoded images in memory together; one image always stays."""
MOST_OPEN = 32
"""The most image files that are open at the same time."""
THUMBNAIL = 256
"""The longer side of a thumbnail, in pixels."""
QUALITY = 90
SLOW_PIXELS = 2**24
"""Reduced tiles of images with more pixels are stored on disk."""
MAPPED_PIXELS = 2**25
"""Images with more pixels that cannot be read in parts are decoded once, into a file."""
DEFAULT_CONTRAST = (1.0, 99.0)
"""Percentiles of the values that are shown as 0 and 255, for images of more than 8 bits."""


class _MappedReader(ImageReader):
    """Decoded pixels in a memory-mapped file."""

    def __init__(self, path: Path, values: npt.NDArray[Any]) -> None:
        self.path, self._file = path, values
        self.shape = (values.shape[0], values.shape[1])
        self.is_deep = values.dtype != np.uint8

    def read(self, place: tuple[slice, slice]) -> npt.NDArray[Any]:
        return np.array(self._file[place])

    def read_every(self, place: tuple[slice, slice], step: int) -> npt.NDArray[Any]:
        return np.array(self._file[place][::step, ::step])


@dataclass(frozen=True)
class Picture:
    """A JPEG, and how much of the image was known when it was made, 0..1. Below 1 it is coarse, and a better one
    follows."""

    content: bytes
    share: float = 1.0


class _OpenImage:
    """An open image file with the ranges of its values. Its lock is held during reads."""

    def __init__(self, record: ImageRecord, folder: Path) -> None:
        self.reader = self._open(record, folder / "pixels.npy")
        self.lock = threading.Lock()
        self.sample: npt.NDArray[np.generic] | None = None
        self.ranges: dict[tuple[float, float] | None, ValueRange] = {}

    @staticmethod
    def _open(record: ImageRecord, pixels: Path) -> ImageReader:
        """Return a reader. For a large file that cannot be read in parts, it reads the decoded pixels from a file
        beside the tiles."""
        with contextlib.suppress(OSError, ValueError):  # missing or damaged
            return _MappedReader(record.path, np.load(pixels, mmap_mode="r"))
        reader = open_reader(record.path, first_bands=True)
        if tuple(reader.shape) != record.size:
            found, expected = ("x".join(map(str, size)) for size in (reader.shape, record.size))
            remedy = "Put the image back as it was, or start the studio again."
            raise ImageError(record.path, f"an image of {found} pixels", f"{expected} as when it was opened", remedy)
        if not isinstance(reader, PillowReader) or record.size[0] * record.size[1] <= MAPPED_PIXELS:
            return reader
        try:
            with write_atomically(pixels) as temporary:
                np.save(temporary, reader.read_whole())
            return _MappedReader(record.path, np.load(pixels, mmap_mode="r"))
        except OutputError:  # such as a full disk: slower without the file, but it works
            return reader

    @property
    def nbytes(self) -> int:
        """The most bytes of decoded pixels that it holds."""
        if not isinstance(self.reader, PillowReader):
            return 0
        height, width = self.reader.shape
        return height * width * (6 if self.reader.is_deep else 3)

    def value_range(self, contrast: tuple[float, float] | None) -> ValueRange:
        """Return the values that are shown as 0 and 255: at two percentiles, or as the file suggests."""
        if contrast not in self.ranges:
            if contrast is None:
                self.ranges[contrast] = range_of(self.reader)
            else:
                if self.sample is None:
                    self.sample = self.reader.sample()
                values = self.sample.astype(np.float64)
                low, high = np.percentile(values, contrast).tolist() if values.size else (0.0, 1.0)
                self.ranges[contrast] = ValueRange((low,) * 3, (high,) * 3)
        return self.ranges[contrast]


class Pictures:
    """The pixels of a project's images. Methods may be called by several threads.

    Parameters
    ----------
    images
        The project's images.
    cache
        A folder for tiles that are slow to make. Its content may be removed at any time.
    tell
        Called with the number of a large image whose first pictures are coarse, and how much of it is known, 0..1.
    """

    def __init__(
        self, images: list[ImageRecord], cache: Path, tell: Callable[[int, float], None] = lambda number, share: None
    ) -> None:
        self._images, self._cache = images, cache
        self._worker = OverviewWorker(tell)
        self._overviews: dict[int, Overview] = {}
        self._open: OrderedDict[int, _OpenImage] = OrderedDict()
        self._lock = threading.Lock()
        self._opening = threading.Lock()
        """Only one image is decoded at a time, so that memory holds at most one more than the limit."""
        self._deep: dict[int, bool] = {}
        self._keys: dict[int, str] = {}

    def close(self) -> None:
        """End the background work."""
        self._worker.close()

    def key(self, number: int) -> str:
        """Return a key for an image and its content; a changed file has another key."""
        if number not in self._keys:
            image = self._images[number]
            try:
                status = image.path.stat()
            except OSError:  # removed since the studio was started
                return f"gone-{number}"
            text = f"{image.name}:{status.st_size}:{status.st_mtime_ns}"
            self._keys[number] = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        return self._keys[number]

    def thumbnail_key(self, number: int) -> str:
        """Return a key for an image's thumbnail; the coarse and the final one have different keys."""
        overview = self._overviews.get(number)
        return self.key(number) + ("" if overview is None or overview.share == 1 else "-coarse")

    def _folder(self, number: int) -> Path:
        return self._cache / self.key(number)

    @contextmanager
    def _use(self, number: int) -> Iterator[_OpenImage]:
        """Yield an open image, for exclusive use by this thread. Raises `ImageError`."""
        with self._lock:
            image = self._open.get(number)
            if image is not None:
                self._open.move_to_end(number)
        if image is None:
            image = self._open_image(number)
        with image.lock:
            yield image

    def _open_image(self, number: int) -> _OpenImage:
        with self._opening:
            with self._lock:
                if number in self._open:
                    return self._open[number]
            image = _OpenImage(self._images[number], self._folder(number))
            with self._lock:
                self._open[number] = image
                self._deep[number] = image.reader.is_deep
                self._trim()
            return image

    def _trim(self) -> None:
        """Drop the least recently used images; a thread that still uses one keeps it alive."""
        while len(self._open) > 1 and (
            len(self._open) > MOST_OPEN or sum(image.nbytes for image in self._open.values()) > MOST_BYTES
        ):
            self._open.popitem(last=False)

    def is_deep(self, number: int) -> bool:
        """Return whether an image has more than 8 bits a channel, from its header."""
        from pixelwise.raster.depth import is_deep

        if number not in self._deep:
            try:
                self._deep[number] = is_deep(self._images[number].path)
            except ImageError:  # reported when the image is viewed
                return False
        return self._deep[number]

    def read(self, number: int, box_tlbr: Box) -> UInt8:
        """Return pixels in the values that training uses, uint8 (height, width, 3). Raises `ImageError`."""
        top, left, bottom, right = box_tlbr
        with self._use(number) as image:
            values = image.reader.read((slice(top, bottom), slice(left, right)))
            return image.value_range(None).scale(values)

    def read_as(self, number: int, box_tlbr: Box, bands: Bands | None, value_range: ValueRange | None) -> UInt8:
        """Return pixels in the value range that a model was trained on, uint8 (height, width, 3). bands: the first
        three, or `None`. Raises `ImageError`."""
        top, left, bottom, right = box_tlbr
        with self._use(number) as image:
            values = image.reader.read((slice(top, bottom), slice(left, right)))
            if bands is not None:
                return bands.scale(np.broadcast_to(values, (*values.shape[:2], 3)).transpose(2, 0, 1))
            return (value_range or image.value_range(None)).scale(values)

    def of(self, number: int) -> ImageSource:
        """Return a reader of one image."""
        return ImageSource(self, number, self._images[number].size)

    def tile(self, number: int, place: tuple[int, int, int], contrast: tuple[float, float]) -> Picture | None:
        """Return a tile of the pyramid by its place (level, row, column); `None` where there is none. Raises
        `ImageError`."""
        size = self._images[number].size
        box_tlbr = full_box(size, *place)
        if box_tlbr is None:
            return None
        if not self.is_deep(number):
            contrast = DEFAULT_CONTRAST
        stored = None
        if place[0] and size[0] * size[1] > SLOW_PIXELS:
            stored = self._folder(number) / f"{contrast[0]:g}-{contrast[1]:g}" / "-".join(map(str, place))
            if stored.is_file():
                return Picture(stored.read_bytes())
        pixels, share = self._reduced(number, box_tlbr, 2 ** place[0], contrast)
        return self._keep(stored, Picture(encode_jpeg(pixels), share))

    @staticmethod
    def _keep(stored: Path | None, picture: Picture) -> Picture:
        if stored is not None and picture.share == 1:
            with contextlib.suppress(OutputError), write_atomically(stored) as temporary:
                temporary.write_bytes(picture.content)  # it can be shown even if the disk is full or read-only
        return picture

    def thumbnail(self, number: int) -> Picture:
        """Return a small picture of the whole image. Raises `ImageError`."""
        stored = self._folder(number) / "thumbnail"
        if stored.is_file():
            return Picture(stored.read_bytes())
        height, width = self._images[number].size
        step = max(1, max(height, width) // THUMBNAIL)
        if height * width > SLOW_PIXELS:
            step = 2 ** (step.bit_length() - 1)  # which overviews have
        pixels, share = self._reduced(number, (0, 0, height, width), step, DEFAULT_CONTRAST)
        picture = Image.fromarray(pixels)
        picture.thumbnail((THUMBNAIL, THUMBNAIL))
        return self._keep(stored, Picture(encode_jpeg(np.asarray(picture)), share))

    def _overview(self, number: int, reader: ImageReader) -> Overview | None:
        """Return the overview of a large image whose file has none."""
        is_slow = reader.shape[0] * reader.shape[1] > SLOW_PIXELS and not reader.has_overviews
        if number not in self._overviews and is_slow and reader.block is not None:
            stored = self._folder(number) / "overview.npy"
            self._overviews[number] = Overview(self._images[number].path, reader, stored)
        return self._overviews.get(number)

    def _reduced(self, number: int, box_tlbr: Box, step: int, contrast: tuple[float, float]) -> tuple[UInt8, float]:
        """Return a box at 1/step of its size, and how much of the image is known, 1 for an exact result. Each pixel is
        the mean of four pixels on a grid in its place."""
        top, left, bottom, right = box_tlbr
        place, share = (slice(top, bottom), slice(left, right)), 1.0
        with self._use(number) as image:
            overview = self._overview(number, image.reader)
            if step == 1:
                values = image.reader.read(place)
            elif overview is not None and step // 2 % overview.step == 0:
                self._worker.ask(number, overview)
                values, share = overview.read_every(place, step // 2)
            else:
                values = image.reader.read_every(place, max(1, step // 2))
            scaled = image.value_range(contrast if image.reader.is_deep else None).scale(values)
        if step == 1:
            return scaled, share
        shape = -(-(bottom - top) // step), -(-(right - left) // step)
        missing = [(0, max(0, 2 * side - have)) for side, have in zip(shape, scaled.shape[:2], strict=True)]
        padded = np.pad(scaled, (*missing, (0, 0)), mode="edge")[: 2 * shape[0], : 2 * shape[1]]
        sums = padded.reshape(shape[0], 2, shape[1], 2, 3).sum(axis=(1, 3), dtype=np.uint16)
        return ((sums + 2) // 4).astype(np.uint8), share


class ImageSource:
    """The pixels of one of the images, of `size` (height, width)."""

    def __init__(self, pictures: Pictures, number: int, size: tuple[int, int]) -> None:
        self._pictures, self._number, self.size = pictures, number, size

    def read(self, box_tlbr: Box) -> UInt8:
        """Return uint8 (height, width, 3) of a box. Raises `ImageError`."""
        return self._pictures.read(self._number, box_tlbr)


def encode_jpeg(pixels: UInt8) -> bytes:
    """Return a JPEG of uint8 (height, width, 3)."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()
