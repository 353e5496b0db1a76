"""What prediction has to assume of images, in sentences for a person: said once for all images of a kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt

from pixelwise.errors import ImageError
from pixelwise.modelfile.info import ModelInfo
from pixelwise.predict.jobs import Job
from pixelwise.predict.writers import GEOJSON
from pixelwise.raster.depth import Depth, assumed_range, depth_of, is_deep
from pixelwise.raster.gdal import has_rasterio
from pixelwise.raster.place import has_world_file, place_of
from pixelwise.raster.source import open_source
from pixelwise.raster.stack import located, page_path

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
    depths: dict[str, list[tuple[Path, Depth]]] = {}
    for image in looked:
        values = _sample(image)
        if values is None:
            continue
        depth, own = depth_of(values), info.value_range
        if own is None:
            own = assumed_range(values)
            whole = own.low[0] == 0 and own.high[0].is_integer()
            text = f"{_span(own.low[0], own.high[0])} become 0 to 255" if whole else "what each takes becomes 0 to 255"
            depths.setdefault(f"{depth.type}, {text}", []).append((image, depth))
        elif depth.high - depth.low < NARROW * (max(own.high) - min(own.low)):
            text = f"few gray levels of the model's range, {_span(min(own.low), max(own.high))}"
            depths.setdefault(text, []).append((image, depth))
    for text, found in depths.items():
        low, high = min(own.low for _, own in found), max(own.high for _, own in found)
        yield f"{_named([image for image, _ in found])}: values {_span(low, high)}; {text}"
    if depths and info.value_range is None:
        of = f" (of {len(looked)} of {len(deep)} looked at)" if len(looked) < len(deep) else ""
        yield (
            f"The model was trained on 8 bits and stores no range for more{of}: what the files suggest is used. "
            "Train on such images, or save them with 8 bits, to choose the range yourself."
        )
    elif depths:
        yield "Train on such images, or save them with the exposure of the training images."


def _sample(image: Path) -> npt.NDArray[Any] | None:
    """Return some of an image's values; `None` where there are none, which prediction tells of."""
    try:
        with open_source(image) as source:
            values = source.sample()
    except ImageError:
        return None
    return values if len(values) else None


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


def _span(low: float, high: float) -> str:
    return " to ".join(f"{own:,.0f}" if abs(own) >= 1000 or own.is_integer() else f"{own:.6g}" for own in (low, high))
