"""What prediction has to assume of images, in sentences for a person: said once for all images of a kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from pixelwise.errors import ImageError
from pixelwise.modelfile.info import ModelInfo
from pixelwise.predict.jobs import Job
from pixelwise.predict.writers import GEOJSON
from pixelwise.raster.depth import assumed_range, depth_of, is_deep
from pixelwise.raster.gdal import has_rasterio
from pixelwise.raster.place import has_world_file, place_of
from pixelwise.raster.source import open_source
from pixelwise.raster.stack import located, page_path
from pixelwise.value_range import ValueRange

LOOKS = 32
"""Of so many deep images at most the values are looked at."""
NARROW = 1 / 16
"""Values that take less than this share of the model's range are told."""


def remarks(info: ModelInfo, jobs: Sequence[Job]) -> Iterator[str]:
    """Yield what is to be said of images before they are predicted."""
    yield from remarks_on_depth(info, [job.image for job in jobs])
    yield from _on_places(jobs)
    if info.bands is None:
        yield from _on_pages(jobs)


def remarks_on_depth(info: ModelInfo, images: Sequence[Path]) -> Iterator[str]:
    """Yield what is assumed of images deeper than 8 bits: the range of their values where the model stores none; and
    which images take little of the range that it stores."""
    if info.bands is not None:
        return
    deep = [image for image in images if is_deep(image)]
    looked = deep[:: max(1, -(-len(deep) // LOOKS))]
    ranges: dict[str, list[Path]] = {}
    for image in looked:
        try:
            with open_source(image) as source:
                values = source.sample()
        except ImageError:
            continue
        depth = depth_of(values)
        if info.value_range is None:
            own = assumed_range(values)
            ranges.setdefault(f"{depth.type}, values {_span(depth.low, depth.high)}{_read_as(own)}", []).append(image)
        elif depth.high - depth.low < NARROW * (max(info.value_range.high) - min(info.value_range.low)):
            whole = _span(min(info.value_range.low), max(info.value_range.high))
            text = f"values {_span(depth.low, depth.high)} are few gray levels of the model's range, {whole}"
            ranges.setdefault(text, []).append(image)
    for text, own_images in ranges.items():
        yield f"{_named(own_images)}: {text}"
    if ranges and info.value_range is None:
        of = f" (of {len(looked)} of {len(deep)} looked at)" if len(looked) < len(deep) else ""
        yield (
            f"The model was trained on 8 bits and stores no range for more{of}: what the files suggest is used. "
            "Train on such images, or save them with 8 bits, to choose the range yourself."
        )
    elif ranges:
        yield "Train on such images, or save them with the exposure of the training images."


def _on_places(jobs: Sequence[Job]) -> Iterator[str]:
    """Yield what is not known of the coordinates of polygons, and which places on earth are lost."""
    polygons = [job for job in jobs if job.placed and GEOJSON in job.outputs]
    texts: dict[str, list[Path]] = {}
    for job in polygons:
        place = place_of(job.image)
        if place is not None and (text := place.remark()):
            texts.setdefault(text, []).append(job.image)
    if not has_rasterio() and (lost := [job.image for job in jobs if has_world_file(job.image)]):
        texts["a world file or .aux.xml says where it lies; pip install 'pixelwise[geo]' to keep the place"] = lost
    for text, images in texts.items():
        yield f"{_named(images)}: {text}"


def _on_pages(jobs: Sequence[Job]) -> Iterator[str]:
    """Yield how many pages of each TIFF are predicted, and how they are called."""
    pages = Counter(located(job.image)[0] for job in jobs if located(job.image)[0] != job.image)
    for file, count in pages.items():
        if count > 1:
            yield f"{file}: {count} pages, each an image; {page_path(file, 0)} is the first"


def _named(images: Sequence[Path]) -> str:
    return str(images[0]) if len(images) == 1 else f"{images[0]} and {len(images) - 1:,} more"


def _read_as(own: ValueRange) -> str:
    return f"; {_span(own.low[0], own.high[0])} become 0 to 255"


def _span(low: float, high: float) -> str:
    return f"{low:,.6g} to {high:,.6g}"
