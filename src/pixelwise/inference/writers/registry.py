"""What can be written of a prediction, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.core.errors import OptionError
from pixelwise.inference.mc_dropout import MAX_VARIANCE
from pixelwise.inference.result import Result
from pixelwise.inference.writers.objects import (
    COCO_ENDING,
    write_bands,
    write_coco_results,
    write_instances,
    write_instances32,
    write_labelme,
    write_table,
)
from pixelwise.inference.writers.polygons import GEOJSON, GEOPACKAGE, write_geojson, write_geopackage
from pixelwise.raster.image import write_png, write_tiff


@dataclass(frozen=True)
class Writer:
    """How one kind of result becomes a file, what the file's name adds to its image's stem, whether it is made of the
    probabilities of all classes, and the other ending of a GeoTIFF, which a picture of an image with a place is."""

    ending: str
    write: Callable[[Path, Result], None]
    probabilities: bool = False
    placed: str | None = None


def write_mask(path: Path, result: Result) -> None:
    """Write the label map as a palette PNG: the values are class indices, shown in the model's colours."""
    palette = result.info.classes.palette()
    if result.place is not None:
        write_bands(path, result.label_map[None], result, nodata=IGNORE_INDEX, palette=palette)
    else:
        write_png(path, result.label_map, palette=palette)


def write_overlay(path: Path, result: Result) -> None:
    """Write the image under its classes' colours, or its objects with their numbers, as an RGB PNG."""
    if result.place is not None:
        write_bands(path, result.overlay().transpose(2, 0, 1), result, smooth=True)
    else:
        write_png(path, result.overlay())


def write_uncertainty(path: Path, result: Result) -> None:
    """Write the variance as a 16-bit gray PNG: a value v stands for v / 65535 / 4, so that 65535 is the most, 0.25."""
    if result.variance is None:
        raise _unsampled()
    _write_deep(path, np.rint(result.variance * (65535 / MAX_VARIANCE)).astype(np.uint16), result)


def write_probabilities(path: Path, result: Result) -> None:
    """Write the probabilities as a 16-bit TIFF with a page a class, as a GeoTIFF with a band a class: a value v stands
    for v / 65535."""
    values = np.rint(result.probabilities * 65535).astype(np.uint16)
    if result.place is not None:
        write_bands(path, values, result, smooth=True)
    else:
        write_tiff(path, values)


def write_entropy(path: Path, result: Result) -> None:
    """Write the entropy of the probabilities as a 16-bit gray PNG: 0 where a class has all, 65535 where all have as
    much."""
    probabilities = result.probabilities
    logarithms = np.log(probabilities, where=probabilities > 0, out=np.zeros_like(probabilities))
    entropy = -(probabilities * logarithms).sum(axis=0) / np.log(max(2, len(probabilities)))
    _write_deep(path, np.rint(np.clip(entropy, 0, 1) * 65535).astype(np.uint16), result)


def _write_deep(path: Path, values: npt.NDArray[np.uint16], result: Result) -> None:
    if result.place is not None:
        write_bands(path, values[None], result, smooth=True)
    else:
        write_png(path, values)


MASK, LABELME, UNCERTAINTY = "mask", "labelme", "uncertainty"
WRITERS = {
    MASK: Writer(".png", write_mask, placed=".tif"),
    "overlay": Writer("_overlay.png", write_overlay, placed="_overlay.tif"),
    "instances": Writer("_instances.png", write_instances, placed="_instances.tif"),
    "instances32": Writer("_instances.tif", write_instances32, placed="_instances32.tif"),
    "objects": Writer("_objects.csv", write_table),
    GEOJSON: Writer(".geojson", write_geojson),
    GEOPACKAGE: Writer(".gpkg", write_geopackage),
    LABELME: Writer(".json", write_labelme),
    "coco": Writer(COCO_ENDING, write_coco_results),
    "probabilities": Writer("_probabilities.tif", write_probabilities, probabilities=True),
    "entropy": Writer("_entropy.png", write_entropy, probabilities=True, placed="_entropy.tif"),
    UNCERTAINTY: Writer("_uncertainty.png", write_uncertainty, placed="_uncertainty.tif"),
}


def parse_kinds(text: str, *, sampled: bool = False) -> tuple[str, ...]:
    """Return the kinds named in `text`, as in "mask,overlay", and uncertainty where passes are `sampled`.

    Raises `OptionError` for none, one unknown, or uncertainty that is not sampled.
    """
    kinds = tuple(dict.fromkeys(kind.strip() for kind in text.split(",") if kind.strip()))
    if not kinds:
        raise OptionError("as_", "nothing to write", f"some of {', '.join(WRITERS)}", "Name at least one.")
    for kind in kinds:
        if kind not in WRITERS:
            raise OptionError("as_", repr(kind), f"some of {', '.join(WRITERS)}", _suggestion(kind))
    if UNCERTAINTY in kinds and not sampled:
        raise _unsampled()
    return tuple(dict.fromkeys((*kinds, UNCERTAINTY))) if sampled else kinds


def _unsampled() -> OptionError:
    remedy = "Add `passes=20`; it writes the file by itself."
    return OptionError(f"as_={UNCERTAINTY!r}", "a single pass", "a number of passes to take the variance of", remedy)


def _suggestion(kind: str) -> str:
    import difflib  # 20 ms that only a mistake should cost

    close = difflib.get_close_matches(kind, WRITERS, n=1)
    return f"Did you mean {close[0]!r}?" if close else "Choose from these, separated by commas."
