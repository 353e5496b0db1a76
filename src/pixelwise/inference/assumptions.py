"""Remarks before a prediction on what it assumes about the images, one sentence for all images of a kind."""

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
from pixelwise.raster.axes import count_unread, describe_other_axes, describe_reading, page_bands
from pixelwise.raster.bands import sample_bands
from pixelwise.raster.depth import Depth, depth_of, estimate_range, is_deep
from pixelwise.raster.gdal import has_rasterio
from pixelwise.raster.place import has_world_file, place_of
from pixelwise.raster.reader import open_reader
from pixelwise.raster.stack import STACK_ENDINGS, page_path, split_page

MAX_SAMPLED = 32
"""The most images of more than 8 bits whose values are sampled."""
NARROW = 1 / 16
"""There is a remark on images whose values cover less than this share of the model's range."""
MANY = 1 / 4
"""There is a remark on images with more than this share of their values outside the model's range, by more than
`NARROW` of it."""
REMEDY = "Train on such images, or save them with the exposure of the training images."


def remarks(info: ModelInfo, jobs: Sequence[Job]) -> Iterator[str]:
    """Yield the remarks on images before they are predicted."""
    yield from remarks_on_depth(info, [job.image for job in jobs])
    yield from _on_places(jobs)
    yield from _on_labelme(jobs)
    yield from _on_names(jobs)
    if info.bands is None:
        yield from _on_pages(jobs)
    else:
        yield from remarks_on_first_frames(info, [job.image for job in jobs])
        yield from _on_axes(jobs)


def remarks_on_depth(info: ModelInfo, images: Sequence[Path]) -> Iterator[str]:
    """Yield what is assumed about images whose values differ from those of the training images.

    These are images of more than 8 bits with a model that stores no range, images of 8 bits with a model for deeper
    ones, and images with values outside the model's range or in a small part of it.
    """
    if info.bands is not None:
        yield from _on_bands(info.bands, images)
        return
    deep = [image for image in images if is_deep(image)]
    value_range = info.value_range
    if value_range is not None and value_range != FULL and (plain := sorted(set(images) - set(deep))):
        yield (
            f"{_name_images(plain)}: 8 bits, taken as they are; of the images that the model was trained on "
            f"{_span(min(value_range.low), max(value_range.high))} became 0 to 255. Give it such images, or save these "
            "with that range."
        )
    sampled = deep[:: max(1, -(-len(deep) // MAX_SAMPLED))]
    depths: dict[str, list[tuple[Path, Depth]]] = {}
    for image in sampled:
        values = _sample_values(image)
        if values is None:
            continue
        depth = depth_of(values)
        text: str | None
        if value_range is None:
            text = _describe_spread(depth, estimate_range(values))
        else:
            channels = [min(channel, values.shape[1] - 1) for channel in range(3)]
            text = _describe_misfit(values[:, channels], depth, value_range.low, value_range.high)
        if text is not None:
            depths.setdefault(text, []).append((image, depth))
    yield from _group_remarks(depths)
    if depths and value_range is None:
        of = f" (of {len(sampled)} of {len(deep)} looked at)" if len(sampled) < len(deep) else ""
        yield (
            f"The model was trained on 8 bits and stores no range for more{of}: what the files suggest is used. "
            "Train on such images, or save them with 8 bits, to choose the range yourself."
        )
    elif depths:
        yield REMEDY


def remarks_on_first_frames(info: ModelInfo, images: Sequence[Path]) -> Iterator[str]:
    """Yield a remark on files of several pages or frames, of which only the first is read."""
    several = [image for image in images if count_unread(image, as_bands=info.bands is not None)]
    if several:
        yield (
            f"{_name_images(several)}: several pages or frames, of which the first alone is read; save each of them as "
            "a file"
        )


def _on_axes(jobs: Sequence[Job]) -> Iterator[str]:
    """Yield remarks on files whose bands may be another axis of the image."""
    doubtful: dict[str, list[Path]] = {}
    for job in jobs:
        if (text := describe_reading(job.image)) is not None:
            doubtful.setdefault(text, []).append(job.image)
    for text, images in doubtful.items():
        yield f"{_name_images(images)}: {text}"


def _on_bands(bands: Bands, images: Sequence[Path]) -> Iterator[str]:
    depths: dict[str, list[tuple[Path, Depth]]] = {}
    for image in images[:: max(1, -(-len(images) // MAX_SAMPLED))]:
        try:
            values = sample_bands(image, bands.numbers)
        except ImageError:  # the prediction reports it
            continue
        if not np.isfinite(values).any():
            continue
        depth = depth_of(values)
        text = _describe_misfit(values, depth, bands.low, bands.high)
        if values.dtype == np.uint8 and max(bands.high) > 255:
            text = f"8 bits, spread as the model's deeper images were, {_span(min(bands.low), max(bands.high))}"
        if text is not None:
            depths.setdefault(text, []).append((image, depth))
    yield from _group_remarks(depths)
    if depths:
        yield REMEDY


def _describe_spread(depth: Depth, value_range: ValueRange) -> str:
    """Return how the values of an image are spread by its own range."""
    low, high = value_range.low[0], value_range.high[0]
    is_whole = low == 0 and high.is_integer()
    text = f"{_span(low, high)} become 0 to 255" if is_whole else "the range of each becomes 0 to 255"
    return f"{depth.type}, {text}"


def _describe_misfit(values: npt.NDArray[Any], depth: Depth, low: Sequence[float], high: Sequence[float]) -> str | None:
    """Describe values, (n, channels), that lie outside a model's range, or in a small part of it; return `None` for
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


def _group_remarks(depths: dict[str, list[tuple[Path, Depth]]]) -> Iterator[str]:
    for text, images in depths.items():
        low, high = min(depth.low for _, depth in images), max(depth.high for _, depth in images)
        yield f"{_name_images([image for image, _ in images])}: values {_span(low, high)}; {text}"


def _sample_values(image: Path) -> npt.NDArray[Any] | None:
    """Return some of an image's values; `None` if they cannot be read, which the prediction reports."""
    try:
        with open_reader(image) as reader:
            values = reader.sample()
    except ImageError:
        return None
    return values if len(values) else None


def _on_places(jobs: Sequence[Job]) -> Iterator[str]:
    """Yield remarks on coordinates of polygons that are unknown, and on places on earth that are lost."""
    polygons = [job for job in jobs if job.placed and job.outputs.keys() & set(POLYGON_KINDS)]
    texts: dict[str, list[Path]] = {}
    for job in polygons:
        place = place_of(job.image)
        if place is not None and (text := place.remark()):
            texts.setdefault(text, []).append(job.image)
    if not has_rasterio() and (lost := [job.image for job in jobs if has_world_file(job.image)]):
        texts["a world file or .aux.xml says where it lies; pip install 'pixelwise[geo]' to keep the place"] = lost
    if unnamed := [job.image for job in jobs if not is_text(job.image) and has_world_file(job.image)]:
        texts["its name is not UTF-8, so that GDAL cannot tell where it lies: rename it to keep the place"] = unnamed
    for text, images in texts.items():
        yield f"{_name_images(images)}: {text}"


def _on_labelme(jobs: Sequence[Job]) -> Iterator[str]:
    """Yield how to train on labelme files whose images are in another folder."""
    labelled = [job for job in jobs if LABELME in job.outputs]
    if not labelled:
        return
    folder = _common_folder(job.outputs[LABELME].parent for job in labelled)
    images = _common_folder(split_page(job.image)[0].parent for job in labelled)
    if not images.is_relative_to(folder):
        yield (
            f"{folder}: labelme's files will name images in {images}. Check and train on them with "
            f"`images_root={str(images)!r}`, or write them beside the images with `out`."
        )


def _common_folder(folders: Iterable[Path]) -> Path:
    return Path(os.path.commonpath([os.path.realpath(folder) for folder in folders]))


def _on_names(jobs: Sequence[Job]) -> Iterator[str]:
    """Yield remarks on images whose names are too long for the names of their results."""
    for job in (job for job in jobs if job.shortened):
        names = ", ".join(path.name for path in job.outputs.values())
        yield f"{job.image}: names of files have at most {MOST_NAME_BYTES} bytes, so its files are named {names}"


def _on_pages(jobs: Sequence[Job]) -> Iterator[str]:
    """Yield the number and the names of the pages or frames of each file that are predicted."""
    pages = Counter(split_page(job.image)[0] for job in jobs if split_page(job.image)[0] != job.image)
    for file, count in pages.items():
        if count > 1:
            name = "pages" if file.suffix.lower() in STACK_ENDINGS else "frames"
            page = page_bands(file)
            other = None if page is None else describe_other_axes(*page, are_pages=True)
            end = "" if other is None else f". {other}"
            yield f"{file}: {count} {name}, each an image; {page_path(file, 0)} is the first{end}"


def _name_images(images: Sequence[Path]) -> str:
    return str(images[0]) if len(images) == 1 else f"{images[0]} and {len(images) - 1:,} more"


def _span(low: float, high: float) -> str:
    ends = float(low), float(high)
    return " to ".join(f"{end:,.0f}" if abs(end) >= 1000 or end.is_integer() else f"{end:.6g}" for end in ends)
