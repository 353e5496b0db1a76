"""Many images through one model: several at once, each read, predicted and written by one thread."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path

import numpy as np

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.core.errors import ImageError, OutputError
from pixelwise.inference.jobs import Job
from pixelwise.inference.mc_dropout import MonteCarloDropout
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.result import Result
from pixelwise.inference.writers.registry import WRITERS
from pixelwise.raster.image import pixels_in
from pixelwise.raster.limits import Turns

OnProgress = Callable[[int, int], None]
"""Told (done, total) after every image."""


def predict_files(
    predictor: Predictor,
    jobs: Sequence[Job],
    on_progress: OnProgress | None = None,
    sampling: MonteCarloDropout | None = None,
) -> dict[Path, ImageError]:
    """Predict every job's image and write its files; return the images that could not be read, or whose files cannot be
    called as they would be, each with its error.

    As many images are in memory as the predictor works on `at_once`, of large ones fewer.
    Raises `OutputError` where a result cannot be written, since the next would fare no better, and `OptionError` for
    sampling from a model without dropout; images under way are done first.
    """
    failures: dict[Path, ImageError] = {}
    turns = Turns()
    with ThreadPoolExecutor(predictor.at_once, "predict") as pool:
        under_way = {pool.submit(_predict_in_turn, turns, predictor, job, sampling): job.image for job in jobs}
        try:
            for done, ended in enumerate(as_completed(under_way), start=1):
                try:
                    ended.result()
                except ImageError as error:
                    failures[under_way[ended]] = error
                except OutputError as error:
                    if not _is_about_the_name(error):
                        raise
                    failures[under_way[ended]] = ImageError(error.where, error.found, error.expected, error.remedy)
                if on_progress is not None:
                    on_progress(done, len(jobs))
        finally:
            pool.shutdown(cancel_futures=True)
    return {job.image: failures[job.image] for job in jobs if job.image in failures}


def _predict_in_turn(turns: Turns, predictor: Predictor, job: Job, sampling: MonteCarloDropout | None) -> None:
    with turns.of(pixels_in(job.image)):
        _predict_file(predictor, job, sampling)


def _predict_file(predictor: Predictor, job: Job, sampling: MonteCarloDropout | None) -> None:
    asked = any(WRITERS[kind].probabilities for kind in job.outputs)
    result = replace(predictor.predict(job.image, sampling, probabilities=asked), source=job.image)
    if job.placed:
        result = _placed(result, job.image)
    for kind, path in job.outputs.items():
        WRITERS[kind].write(path, result)


def _is_about_the_name(error: OutputError) -> bool:
    """Return whether a file could not be written for its own name: the next has another."""
    return isinstance(error.__cause__, OSError) and error.__cause__.errno in (errno.ENAMETOOLONG, errno.EILSEQ)


def _placed(result: Result, image: Path) -> Result:
    """Return a result at its image's place on earth, without labels and objects where the image has no data."""
    from pixelwise.raster.place import PlaceOnEarth  # which few ask for
    from pixelwise.raster.scan import Scan

    height, width = result.label_map.shape
    with Scan(image, result.info.bands, result.info.value_range) as scan:
        place = scan.place or PlaceOnEarth(None, None)
        blank = scan.blank((slice(0, height), slice(0, width)))
    if not blank.any():
        return replace(result, place=place)
    objects = result.instances
    if objects is not None:
        left = replace(objects, instance_map=np.where(blank, 0, objects.instance_map))
        objects = left.select(left.areas() > 0)
    label_map = np.where(blank, np.uint8(IGNORE_INDEX), result.label_map)
    return replace(result, place=place, label_map=label_map, instances=objects)
