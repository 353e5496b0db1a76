"""Prediction of scans. Finished rows of tiles are stored, so that a stopped prediction can be resumed."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from pixelwise.core.errors import ImageError, ModelFileError, OutputError
from pixelwise.core.files import output_errors, sha256
from pixelwise.core.locks import open_locked, remove_locked
from pixelwise.core.temporary_files import temporary_path
from pixelwise.core.text import file_name
from pixelwise.inference.engines.checks import name_image_in_errors
from pixelwise.inference.jobs import Job
from pixelwise.inference.mc_dropout import softmax
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.scan_rows import StoredRows
from pixelwise.inference.writers.polygons import open_polygon_files
from pixelwise.inference.writers.registry import MASK, POLYGON_KINDS
from pixelwise.raster.gdal import image_errors, open_file
from pixelwise.raster.geotiff import RasterProfile, write_geotiff
from pixelwise.raster.limits import require_width
from pixelwise.raster.scan import Scan, write_label_map, write_polygons
from pixelwise.raster.stack import split_page
from pixelwise.render import overlay, to_rgb

UInt8 = npt.NDArray[np.uint8]
OnPixels = Callable[[int, int], None]
"""Called with (done, total) of a scan's pixels after every row of tiles."""
OVERLAY, PROBABILITIES = "overlay", "probabilities"
PIXEL_KINDS = (MASK, *POLYGON_KINDS, OVERLAY, PROBABILITIES)
OBJECT_KINDS = (MASK, *POLYGON_KINDS, OVERLAY, PROBABILITIES, "instances", "instances32", "objects")
"""The writers that work for an image that is read in parts."""


def predict_scans(
    predictor: Predictor,
    jobs: Sequence[Job],
    on_pixels: OnPixels | None = None,
    *,
    resume: bool = False,
    on_remark: Callable[[str], None] = lambda text: None,
) -> dict[Path, ImageError]:
    """Predict every job's scan in parts, and write its files. Return the scans that could not be read, or for which a
    file was requested that needs the whole image, each with its error. With `resume`, stopped predictions are
    continued. `on_remark` is called with remarks on the results. Raises `OutputError` if a file cannot be written.
    """
    failures = ((job.image, _predict_or_fail(predictor, job, on_pixels, on_remark, resume=resume)) for job in jobs)
    return {image: error for image, error in failures if error is not None}


def _predict_or_fail(
    predictor: Predictor,
    job: Job,
    on_pixels: OnPixels | None,
    on_remark: Callable[[str], None],
    *,
    resume: bool,
) -> ImageError | None:
    """Predict a job's scan; return the error if it cannot be predicted."""
    try:
        with name_image_in_errors(job.image):
            _predict_all(predictor, job, on_pixels, on_remark, resume=resume)
    except ImageError as error:
        return error
    return None


def _predict_all(
    predictor: Predictor,
    job: Job,
    on_pixels: OnPixels | None,
    on_remark: Callable[[str], None],
    *,
    resume: bool,
) -> None:
    """Predict a job's scan, and write its files."""
    _require_kinds(predictor, job)
    if not predictor.decoding.has_objects:
        _predict_classes(predictor, job, on_pixels, resume=resume)
    else:
        cuts = _predict_objects(predictor, job, on_pixels, resume=resume)
        if cuts:
            on_remark(f"{job.image}: objects larger than a window of the grouping were cut, {cuts} times")
    if PROBABILITIES in job.outputs and not (resume and job.outputs[PROBABILITIES].is_file()):
        with Scan(job.image, predictor.info.bands, predictor.info.value_range) as scan:
            _write_probabilities(predictor, scan, job.outputs[PROBABILITIES])


def _require_kinds(predictor: Predictor, job: Job) -> None:
    known = OBJECT_KINDS if predictor.decoding.has_objects else PIXEL_KINDS
    if other := [kind for kind in job.outputs if kind not in known]:
        problem = f"an image that is read in parts, of which {', '.join(other)} is asked"
        remedy = "Leave it out, or cut the image into parts, for example with gdal_translate -srcwin."
        raise ImageError(job.image, problem, f"some of {', '.join(known)}", remedy)


def _predict_classes(predictor: Predictor, job: Job, on_pixels: OnPixels | None, *, resume: bool) -> None:
    mask, picture = job.outputs[MASK], job.outputs.get(OVERLAY)
    if not (resume and mask.is_file()):
        predict_scan(predictor, job.image, mask, on_pixels, resume=resume)
    if picture is None and not job.outputs.keys() & set(POLYGON_KINDS):
        return
    with Scan(job.image, predictor.info.bands, predictor.info.value_range) as scan, image_errors(mask):
        if files := open_polygon_files(job.outputs, scan.place, predictor.info, job.image):
            with ExitStack() as stack:
                write_polygons(mask, predictor.classes, [stack.enter_context(file) for file in files])
        if picture is not None:
            _write_overlay(predictor, scan, mask, picture)


def _predict_objects(predictor: Predictor, job: Job, on_pixels: OnPixels | None, *, resume: bool) -> int:
    from pixelwise.inference.scan_objects import write_objects  # imports scipy, which semantic models do not need

    with (
        Scan(job.image, predictor.info.bands, predictor.info.value_range) as scan,
        _predicted_rows(predictor, scan, job.outputs[MASK], on_pixels, resume=resume) as rows,
    ):
        return write_objects(predictor.info, job, scan, rows)


def predict_scan(
    predictor: Predictor, image: Path, out: Path, on_pixels: OnPixels | None = None, *, resume: bool = False
) -> None:
    """Write the label map of a scan as a GeoTIFF.

    Rows are stored in a hidden file beside `out`, one byte a pixel, until all are predicted. With `resume`, rows that a
    stopped call with the same model and scan has stored are not predicted again; the result has the same bytes. Raises
    `ImageError` for a scan that cannot be read, and `OutputError` if the file cannot be written.
    """
    with (
        Scan(image, predictor.info.bands, predictor.info.value_range) as scan,
        _predicted_rows(predictor, scan, out, on_pixels, resume=resume) as rows,
    ):
        write_label_map(out, rows.labels, scan, predictor.classes)


@contextlib.contextmanager
def _predicted_rows(
    predictor: Predictor, scan: Scan, out: Path, on_pixels: OnPixels | None, *, resume: bool
) -> Iterator[StoredRows]:
    """Predict a scan into a hidden file beside `out`, and yield its rows.

    The file is locked by this process. It is removed at the end; after an error that is not the scan's, it is left for
    `resume=True`. Raises `OutputError` if another process is predicting the same scan.
    """
    rows_file = out.with_name(file_name(f".{out.stem}", ".rows"))
    height, width, _ = scan.shape
    require_width(scan.path, width, predictor.info.tile)
    pixel = predictor.decoding.pixel
    with output_errors(out, "go on with `resume=True`"):
        header = _header(predictor, scan.path)
        out.parent.mkdir(parents=True, exist_ok=True)
        locked = open_locked(rows_file)
        if locked is None:
            remedy = "Wait until it is done, or choose another `out`."
            raise OutputError(
                out, "a file that another process is predicting", "one that no process is predicting", remedy
            )
        handle, _ = locked
        try:
            with os.fdopen(handle, "r+b", closefd=False) as file:
                done = _rows_in(file, header, width * pixel.itemsize) if resume else 0
                if not done:
                    file.truncate(0)
                file.seek(0)
                file.write(header)
                for row, rows in _row_bands(predictor, scan, done):
                    file.seek(len(header) + row * width * pixel.itemsize)
                    file.write(rows.tobytes())
                    file.flush()
                    os.fsync(file.fileno())
                    if on_pixels is not None:
                        on_pixels((row + len(rows)) * width, height * width)
            yield StoredRows(rows_file, len(header), width, pixel)
        except (ImageError, ModelFileError):
            remove_locked(handle, rows_file)
            raise
        except BaseException:
            os.close(handle)
            raise
        remove_locked(handle, rows_file)


def _row_bands(predictor: Predictor, scan: Scan, from_row: int) -> Iterator[tuple[int, npt.NDArray[np.generic]]]:
    """Yield (row, pixels (rows, width)) from top to bottom, in the form that the decoding stores."""
    if (labels := predictor.label_blocks(scan, from_row)) is not None:
        for row, parts in itertools.groupby(labels, key=lambda block: block.row):
            yield row, np.concatenate([part.labels for part in parts], axis=1)
        return
    for row, blocks in itertools.groupby(predictor.blocks(scan, from_row), key=lambda block: block.row):
        yield row, np.concatenate([predictor.decoding.encode(block.logits) for block in blocks], axis=1)


def _write_overlay(predictor: Predictor, scan: Scan, mask: Path, path: Path) -> None:
    """Write the overlay of a scan with the label map in a file."""
    from rasterio.windows import Window

    height, width, _ = scan.shape
    with open_file(mask) as labels:

        def rows_of(rows: slice) -> UInt8:
            last = min(rows.stop + 1, height)  # edges depend on the row below
            place = slice(rows.start, last), slice(0, width)
            label_map = labels.read(1, window=Window.from_slices(*place))
            part = overlay(to_rgb(scan[place]), label_map, predictor.classes)
            return part[: rows.stop - rows.start].transpose(2, 0, 1)

        write_geotiff(path, rows_of, RasterProfile((3, height, width), "uint8", scan.place, smooth=True))


def _write_probabilities(predictor: Predictor, scan: Scan, path: Path) -> None:
    """Write the probabilities of all classes as `write_probabilities` does, through a temporary file beside `path`."""
    height, width, _ = scan.shape
    count = predictor.classes.num_classes
    with output_errors(path), temporary_path(path) as waiting:
        with waiting.open("wb") as file:
            for _, blocks in itertools.groupby(predictor.blocks(scan), key=lambda block: block.row):
                logits = np.concatenate([block.logits[:count] for block in blocks], axis=2)
                values = np.rint(softmax(logits) * 65535).astype(np.uint16)
                file.write(values.transpose(1, 0, 2).tobytes())
        rows = StoredRows(waiting, 0, count * width, np.dtype(np.uint16))
        write_geotiff(
            path,
            lambda part: rows[part].reshape(-1, count, width).transpose(1, 0, 2),
            RasterProfile((count, height, width), "uint16", scan.place, smooth=True),
        )


def _header(predictor: Predictor, image: Path) -> bytes:
    """Return a line that identifies model, image and options of the rows. Only rows with the same header are reused."""
    model = None if predictor.path is None else sha256(predictor.path)
    file, page = split_page(image)
    try:
        status = file.stat()
    except OSError as error:
        problem, expected = error.strerror or str(error), "an image file that stays in its place"
        raise ImageError(image, problem, expected, "Put it back, and start again.") from error
    stated = {"model": model, "bytes": status.st_size, "modified": status.st_mtime_ns}
    asked = {"thresholds": predictor.thresholds, "augmented": predictor.has_tta, "page": page}
    return json.dumps({**stated, **asked}).encode() + b"\n"


def _rows_in(file: BinaryIO, header: bytes, row_bytes: int) -> int:
    """Return how many rows with this header a file contains."""
    file.seek(0)
    if file.read(len(header)) != header:
        return 0
    return (os.fstat(file.fileno()).st_size - len(header)) // row_bytes
