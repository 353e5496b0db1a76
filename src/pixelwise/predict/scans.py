"""A scan through a model: rows of tiles are kept as they are done, so that a scan that is stopped goes on."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixelwise.errors import ImageError, OptionError, OutputError
from pixelwise.files import sha256
from pixelwise.predict.jobs import Job
from pixelwise.predict.predictor import Predictor
from pixelwise.predict.writers import GEOJSON, MASK
from pixelwise.raster.scan import Scan, write_label_map, write_polygons

OnPixels = Callable[[int, int], None]
"""Told (done, total) of a scan's pixels after every row of tiles."""


def predict_scans(
    predictor: Predictor, jobs: Sequence[Job], on_pixels: OnPixels | None = None, *, resume: bool = False
) -> dict[Path, ImageError]:
    """Predict every job's scan in parts, and write its mask and polygons; return the scans that could not be read, each
    with its error. With `resume` one that was stopped goes on.

    Raises `OutputError` where the disk does not take it, and `OptionError` for polygons of an instance model.
    """
    failures: dict[Path, ImageError] = {}
    for job in jobs:
        mask, polygons = job.outputs[MASK], job.outputs.get(GEOJSON)
        if polygons is not None and predictor.info.grouping is not None:
            remedy = "Ask for the mask alone, or cut a part out of it."
            raise OptionError("--as", f"objects of {job.image}, which is read in parts", MASK, remedy)
        try:
            if not (resume and mask.is_file()):
                predict_scan(predictor, job.image, mask, on_pixels, resume=resume)
            if polygons is not None:
                write_polygons(polygons, mask, predictor.classes)
        except ImageError as error:
            failures[job.image] = error
    return failures


def predict_scan(
    predictor: Predictor, image: Path, out: Path, on_pixels: OnPixels | None = None, *, resume: bool = False
) -> None:
    """Write the label map of a scan as a GeoTIFF.

    Rows wait in a hidden file beside `out`, a byte a pixel, until all are there; with `resume`, what a stopped call of
    the same model and scan left in it is not predicted again, and the result has the same bytes. Raises `ImageError`
    for a scan that cannot be read and `OutputError` where the disk does not take it.
    """
    kept = out.with_name(f".{out.stem}.rows")
    with Scan(image, predictor.info.bands) as scan:
        height, width, _ = scan.shape
        header = _header(predictor, image)
        done = _rows_in(kept, header, width) if resume else 0
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            with kept.open("r+b" if done else "wb") as file:
                file.write(header)
                for row, labels in predictor.label_bands(scan, done):
                    file.seek(len(header) + row * width)
                    file.write(labels.tobytes())
                    file.flush()
                    os.fsync(file.fileno())
                    if on_pixels is not None:
                        on_pixels((row + len(labels)) * width, height * width)
        except ImageError:
            kept.unlink()
            raise
        except OSError as error:
            remedy = "Free some space, and go on with --resume, or choose another --out."
            raise OutputError(out, error.strerror or str(error), "a place that can be written", remedy) from error
        write_label_map(out, _Kept(kept, len(header), width), scan, predictor.classes)
    kept.unlink()


class _Kept:
    """Rows in a file, read when they are asked for: a mapped file would count as memory."""

    def __init__(self, path: Path, start: int, width: int) -> None:
        self.path, self.start, self.width = path, start, width

    def __getitem__(self, rows: slice) -> npt.NDArray[np.uint8]:
        count, offset = (rows.stop - rows.start) * self.width, self.start + rows.start * self.width
        return np.fromfile(self.path, np.uint8, count, offset=offset).reshape(-1, self.width)


def _header(predictor: Predictor, image: Path) -> bytes:
    """Return what the rows are of, in a line: rows of another are not gone on with."""
    model = None if predictor.path is None else sha256(predictor.path)
    file = image.stat()
    asked = {"thresholds": predictor.thresholds, "augmented": predictor.is_augmented}
    return json.dumps({"model": model, "bytes": file.st_size, "modified": file.st_mtime_ns, **asked}).encode() + b"\n"


def _rows_in(kept: Path, header: bytes, width: int) -> int:
    """Return how many rows of this header's scan a file holds."""
    with contextlib.suppress(FileNotFoundError), kept.open("rb") as file:
        if file.read(len(header)) == header:
            return (kept.stat().st_size - len(header)) // width
    return 0
