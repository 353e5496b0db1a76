"""The images of a project, described by their headers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pixelwise.core.errors import PixelwiseError
from pixelwise.core.text import quantity
from pixelwise.raster.image import IMAGE_ENDINGS, image_size, tiff_page
from pixelwise.raster.reader import open_reader
from pixelwise.raster.zarr import is_zarr


@dataclass(frozen=True)
class ImageRecord:
    """An image of a project: its file's name in images/, its path and its (height, width).

    has_more_bands: whether it has more than 4 bands; the first three of them are shown and learned from.
    """

    name: str
    path: Path
    size: tuple[int, int]
    has_more_bands: bool = False

    @property
    def stem(self) -> str:
        return Path(self.name).stem


def find_image_records(folder: Path) -> tuple[list[ImageRecord], list[str]]:
    """Return the images in a folder, by name, and a sentence for each that cannot be read."""
    images: list[ImageRecord] = []
    remarks: list[str] = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not (path.suffix.lower() in IMAGE_ENDINGS or is_zarr(path)):
            continue
        try:
            images.append(_read_record(path))
        except PixelwiseError as error:
            remarks.append(f"{path.name} was left out: {error}")
    count = sum(image.has_more_bands for image in images)
    if count:
        remarks.append(f"Of more than 4 bands the first three are shown and learned from: {quantity(count, 'image')}.")
    return images, remarks


def _read_record(path: Path) -> ImageRecord:
    """Return the record of an image from its header. Raises `ImageError`."""
    if is_zarr(path) or tiff_page(path) is not None:
        with open_reader(path, first_bands=True) as reader:
            return ImageRecord(path.name, path, reader.shape, reader.has_more_bands)
    return ImageRecord(path.name, path, image_size(path))
