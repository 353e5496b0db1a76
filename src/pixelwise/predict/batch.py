"""Many images through one model: reading, inference and writing overlap, one image each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from pixelwise.errors import ImageError, OptionError
from pixelwise.predict.ahead import ahead
from pixelwise.predict.jobs import Job
from pixelwise.predict.predictor import Predictor, Result, UInt8
from pixelwise.predict.sampling import Sampling
from pixelwise.predict.scans import predict_scan
from pixelwise.predict.writers import GEOJSON, MASK, WRITERS
from pixelwise.raster.image import read_image
from pixelwise.raster.scan import write_polygons

OnProgress = Callable[[int, int], None]
"""Told (done, total) after every image."""


def predict_files(
    predictor: Predictor,
    jobs: Sequence[Job],
    on_progress: OnProgress | None = None,
    sampling: Sampling | None = None,
    resume: bool = False,
) -> dict[Path, ImageError]:
    """Predict every job's image and write its files; return the images that could not be read, each with its error.

    While one image is in the model, the next is being read and the one before written: three are in memory. A scan is
    read, predicted and written in parts; with `resume` one that was stopped goes on.
    Raises `OutputError` where a result cannot be written, since the next would fare no better, and `OptionError` for
    sampling from a model without dropout, or objects of a scan.
    """
    failures: dict[Path, ImageError] = {}
    with ThreadPoolExecutor(1, "write") as writer:
        writing: Future[None] | None = None
        for done, (job, reading) in enumerate(ahead(_read, jobs), start=1):
            try:
                image = reading.result()
                if image is None:
                    _predict_scan(predictor, job, resume)
                else:
                    result = replace(predictor.predict(image, sampling), source=job.image)
                    if writing is not None:
                        writing.result()
                    writing = writer.submit(_write, job, result)
            except ImageError as error:
                failures[job.image] = error
            if on_progress is not None:
                on_progress(done, len(jobs))
        if writing is not None:
            writing.result()
    return failures


def _predict_scan(predictor: Predictor, job: Job, resume: bool) -> None:
    mask, polygons = job.outputs[MASK], job.outputs.get(GEOJSON)
    if polygons is not None and predictor.info.grouping is not None:
        remedy = "Ask for the mask alone, or cut a part out of it."
        raise OptionError("--as", f"objects of {job.image}, which is read in parts", MASK, remedy)
    if not (resume and mask.is_file()):
        predict_scan(predictor, job.image, mask, resume=resume)
    if polygons is not None:
        write_polygons(polygons, mask, predictor.classes)


def _read(job: Job) -> UInt8 | None:
    return None if job.scan else read_image(job.image)


def _write(job: Job, result: Result) -> None:
    for kind, path in job.outputs.items():
        WRITERS[kind].write(path, result)
