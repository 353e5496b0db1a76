"""What prediction has to assume of images, in sentences for a person: said once for all images of a kind."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.core.bands import Bands
from pixelwise.core.errors import ImageError
from pixelwise.core.text import MOST_NAME_BYTES, is_text
from pixelwise.core.value_range import FULL, ValueRange
from pixelwise.inference.jobs import Job
from pixelwise.inference.writers.registry import LABELME, POLYGON_KINDS
from pixelwise.modelfile.info import ModelInfo
from pixelwise.raster.bands import sample_bands
from pixelwise.raster.depth import Depth, depth_of, estimate_range, is_deep
from pixelwise.raster.gdal import has_rasterio
from pixelwise.raster.place import has_world_file, place_of
from pixelwise.raster.reader import open_reader
from pixelwise.raster.stack import STACK_ENDINGS, page_path, split_page

LOOKS = 32
"""Of so many deep images at most the values are looked at."""
NARROW = 1 / 16
"""Values that take less than this share of the model's range are told."""
MANY = 1 / 4
"""Values of which more than this share lies outside of the model's range, by more than `NARROW` of it, are told."""
REMEDY = "Train on such images, or save them with the exposure of the training images."


def remarks(info: ModelInfo, jobs: Sequence[Job]) -> Iterator[str]:
    """Yield what is to be said of images before they are predicted."""
    yield from remarks_on_depth(info, [job.image for job in jobs])
    yield from _on_places(jobs)
    yield from _on_labelme(jobs)
    yield from _on_names(jobs)
    if info.bands is None:
        yield from _on_pages(jobs)


def remarks_on_depth(info: ModelInfo, images: Sequence[Path]) -> Iterator[str]:
    """Yield what is assumed of images whose values are not what the model knows: deeper than 8 bits where it stores no
    range for them, of 8 bits where it saw deeper ones, or outside of the range that it stores, or in little of it."""
    if info.bands is not None:
        yield from _on_bands(info.bands, images)
        return
    deep = [image for image in images if is_deep(image)]
    own = info.value_range
    if own is not None and own != FULL and (plain := sorted(set(images) - set(deep))):
        yield (
            f"{_named(plain)}: 8 bits, taken as they are; of the images that the model was trained on "
            f"{_span(min(own.low), max(own.high))} became 0 to 255. Give it such images, or save these with that range."
        )
    looked = deep[:: max(1, -(-len(deep) // LOOKS))]
    depths: dict[str, list[tuple[Path, Depth]]] = {}
    for image in looked:
        values = _sample(image)
        if values is None:
            continue
        depth = depth_of(values)
        text: str | None
        if own is None:
            text = _suggested(depth, estimate_range(values))
        else:
            channels = [min(channel, values.shape[1] - 1) for channel in range(3)]
            text = _misfit(values[:, channels], depth, own.low, own.high)
        if text is not None:
            depths.setdefault(text, []).append((image, depth))
    yield from _listed(depths)
    if depths and own is None:
        of = f" (of {len(looked)} of {len(deep)} looked at)" if len(looked) < len(deep) else ""
        yield (
            f"The model was trained on 8 bits and stores no range for more{of}: what the files suggest is used. "
            "Train on such images, or save them with 8 bits, to choose the range yourself."
        )
    elif depths:
        yield REMEDY


def _on_bands(bands: Bands, images: Sequence[Path]) -> Iterator[str]:
    depths: dict[str, list[tuple[Path, Depth]]] = {}
    for image in images[:: max(1, -(-len(images) // LOOKS))]:
        try:
            values = sample_bands(image, bands.numbers)
        except ImageError:  # which prediction tells of
            continue
        if not np.isfinite(values).any():
            continue
        depth = depth_of(values)
        text = _misfit(values, depth, bands.low, bands.high)
        if values.dtype == np.uint8 and max(bands.high) > 255:
            text = f"8 bits, spread as the model's deeper images were, {_span(min(bands.low), max(bands.high))}"
        if text is not None:
            depths.setdefault(text, []).append((image, depth))
    yield from _listed(depths)
    if depths:
        yield REMEDY


def _suggested(depth: Depth, own: ValueRange) -> str:
    """Return what is made of an image with a range that it suggests itself."""
    whole = own.low[0] == 0 and own.high[0].is_integer()
    text = f"{_span(own.low[0], own.high[0])} become 0 to 255" if whole else "what each takes becomes 0 to 255"
    return f"{depth.type}, {text}"


def _misfit(values: npt.NDArray[Any], depth: Depth, low: Sequence[float], high: Sequence[float]) -> str | None:
    """Return what becomes of values, (n, channels), that lie outside of a model's range, or in little of it; `None` of
    others."""
    lows, highs = np.array(low), np.array(high)
    margin = NARROW * (highs - lows)
    cut = np.mean((values < lows - margin) | (values > highs + margin))
    within = f"the model's range, {_span(min(low), max(high))}"
    if cut > MANY:
        return f"many of them outside of {within}, where all become black or white"
    if values.dtype != np.uint8 and depth.high - depth.low < NARROW * (max(high) - min(low)):
        return f"few gray levels of {within}"
    return None


def _listed(depths: dict[str, list[tuple[Path, Depth]]]) -> Iterator[str]:
    for text, found in depths.items():
        low, high = min(own.low for _, own in found), max(own.high for _, own in found)
        yield f"{_named([image for image, _ in found])}: values {_span(low, high)}; {text}"


def _sample(image: Path) -> npt.NDArray[Any] | None:
    """Return some of an image's values; `None` where there are none, which prediction tells of."""
    try:
        with open_reader(image) as reader:
            values = reader.sample()
    except ImageError:
        return None
    return values if len(values) else None


def _on_places(jobs: Sequence[Job]) -> Iterator[str]:
    """Yield what is not known of the coordinates of polygons, and which places on earth are lost."""
    polygons = [job for job in jobs if job.placed and job.outputs.keys() & set(POLYGON_KINDS)]
    texts: dict[str, list[Path]] = {}
    for job in polygons:
        place = place_of(job.image)
        if place is not None and (text := place.remark()):
            texts.setdefault(text, []).append(job.image)
    if not has_rasterio() and (lost := [job.image for job in jobs if has_world_file(job.image)]):
        texts["a world file or .aux.xml says where it lies; pip install 'pixelwise[geo]' to keep the place"] = lost
    if unnamed := [own.image for own in jobs if not is_text(own.image) and has_world_file(own.image)]:
        texts["its name is not UTF-8, so that GDAL cannot tell where it lies: rename it to keep the place"] = unnamed
    for text, images in texts.items():
        yield f"{_named(images)}: {text}"


def _on_labelme(jobs: Sequence[Job]) -> Iterator[str]:
    """Yield how files of labelme's are trained on whose images lie elsewhere."""
    labelled = [job for job in jobs if LABELME in job.outputs]
    if not labelled:
        return
    folder = _shared(job.outputs[LABELME].parent for job in labelled)
    images = _shared(split_page(job.image)[0].parent for job in labelled)
    if not images.is_relative_to(folder):
        yield (
            f"{folder}: labelme's files will name images in {images}. Check and train on them with "
            f"`images_root={str(images)!r}`, or write them beside the images with `out`."
        )


def _shared(folders: Iterable[Path]) -> Path:
    return Path(os.path.commonpath([os.path.realpath(folder) for folder in folders]))


def _on_names(jobs: Sequence[Job]) -> Iterator[str]:
    """Yield whose files are not called as their images are."""
    for job in (job for job in jobs if job.shortened):
        names = ", ".join(path.name for path in job.outputs.values())
        yield f"{job.image}: names of files have {MOST_NAME_BYTES} bytes at most, so that its own are called {names}"


def _on_pages(jobs: Sequence[Job]) -> Iterator[str]:
    """Yield how many pages or frames of each file are predicted, and how they are called."""
    pages = Counter(split_page(job.image)[0] for job in jobs if split_page(job.image)[0] != job.image)
    for file, count in pages.items():
        if count > 1:
            name = "pages" if file.suffix.lower() in STACK_ENDINGS else "frames"
            yield f"{file}: {count} {name}, each an image; {page_path(file, 0)} is the first"


def _named(images: Sequence[Path]) -> str:
    return str(images[0]) if len(images) == 1 else f"{images[0]} and {len(images) - 1:,} more"


def _span(low: float, high: float) -> str:
    ends = float(low), float(high)
    return " to ".join(f"{own:,.0f}" if abs(own) >= 1000 or own.is_integer() else f"{own:.6g}" for own in ends)
