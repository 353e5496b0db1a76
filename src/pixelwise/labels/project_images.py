"""The images of a project, told by their headers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pixelwise.core.errors import PixelwiseError
from pixelwise.raster.image import IMAGE_ENDINGS, image_size, tiff_page
from pixelwise.raster.reader import open_reader
from pixelwise.raster.zarr import is_zarr


@dataclass(frozen=True)
class ImageRecord:
    """An image of a project: its file's name in images/, its path and its (height, width)."""

    name: str
    path: Path
    size: tuple[int, int]

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
            images.append(ImageRecord(path.name, path, measure_image(path)))
        except PixelwiseError as error:
            remarks.append(f"{path.name} was left out: {error}")
    return images, remarks


def measure_image(path: Path) -> tuple[int, int]:
    """Return the (height, width) of an image that can be read, from its header. Raises `ImageError`."""
    if is_zarr(path) or tiff_page(path) is not None:
        with open_reader(path) as reader:
            return reader.shape
    return image_size(path)
