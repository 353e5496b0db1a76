"""Prediction of many images: several at the same time, each in a thread that reads, predicts and writes it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.core.errors import ImageError, OptionError, OutputError
from pixelwise.core.prefetch import prefetch
from pixelwise.core.registry import extension_errors
from pixelwise.inference.inputs import ImageLike, PathLike, is_many, is_path
from pixelwise.inference.jobs import Job, find_images
from pixelwise.inference.mc_dropout import MonteCarloDropout
from pixelwise.inference.result import Result
from pixelwise.inference.writers.registry import WRITERS
from pixelwise.raster.image import pixels_in
from pixelwise.raster.limits import PixelBudget

if TYPE_CHECKING:
    from pixelwise.inference.predictor import Predictor

OnProgress = Callable[[int, int], None]
"""Called with (done, total) after every image."""


def predict_files(
    predictor: Predictor,
    jobs: Sequence[Job],
    on_progress: OnProgress | None = None,
    sampling: MonteCarloDropout | None = None,
) -> dict[Path, ImageError]:
    """Predict every job's image and write its files. Return the images that cannot be read, or whose names cannot be
    used for files, each with its error.

    At most `predictor.at_once` images are in memory, and fewer large ones. Raises `OutputError` if a result cannot be
    written, since the next could not either, and `OptionError` for sampling from a model without dropout; running
    predictions are completed first.
    """
    failures: dict[Path, ImageError] = {}
    budget = PixelBudget()
    with ThreadPoolExecutor(predictor.at_once, "predict") as pool:
        under_way = {pool.submit(_predict_within_budget, budget, predictor, job, sampling): job.image for job in jobs}
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


def predict_each(
    predictor: Predictor,
    images: PathLike | Iterable[ImageLike],
    sampling: MonteCarloDropout | None = None,
    *,
    probabilities: bool = False,
) -> Iterator[Result]:
    """Yield the result of each image, in order: see `Predictor.predict_each`.

    At least two threads read and predict, so that one reads while another computes. The number of images in memory is
    limited as in `predict_files`.
    """
    budget = PixelBudget()

    def predict(image: ImageLike) -> Result:
        if is_many(image):
            raise OptionError("image", f"{image!r} among several", "a single image", "Pass the images in one list.")
        with budget.reserve(pixels_in(Path(image)) if is_path(image) else 0):
            return predictor.predict(image, sampling, probabilities=probabilities)

    if not is_many(images):
        problem = str(images) if is_path(images) else f"an object of type {type(images).__name__}"
        raise OptionError("images", problem, "a list of images or a folder", "Use `predict` for one image.")
    several: Iterable[ImageLike]
    if is_path(images):
        several = find_images([os.fspath(images)], paged=predictor.info.bands is None)
    else:
        several = cast(Iterable[ImageLike], images)
    return (result.result() for _, result in prefetch(predict, several, max(2, predictor.at_once)))


def _predict_within_budget(
    budget: PixelBudget, predictor: Predictor, job: Job, sampling: MonteCarloDropout | None
) -> None:
    with budget.reserve(pixels_in(job.image)):
        _predict_file(predictor, job, sampling)


def _predict_file(predictor: Predictor, job: Job, sampling: MonteCarloDropout | None) -> None:
    writers = {kind: WRITERS[kind] for kind in job.outputs}
    needs_probabilities = any(writer.needs_probabilities for writer in writers.values())
    result = predictor.predict_file(job.image, sampling, probabilities=needs_probabilities)
    if job.placed:
        result = _attach_place(result, job.image)
    for kind, path in job.outputs.items():
        with extension_errors(WRITERS.origin(kind), "a file"):
            writers[kind].write(path, result)


def _is_about_the_name(error: OutputError) -> bool:
    """Return whether a file could not be written because of its name, so that the next may succeed."""
    return isinstance(error.__cause__, OSError) and error.__cause__.errno in (errno.ENAMETOOLONG, errno.EILSEQ)


def _attach_place(result: Result, image: Path) -> Result:
    """Return a result with its image's place on earth, without labels and objects where the image has no data."""
    from pixelwise.raster.place import PlaceOnEarth  # rarely asked for
    from pixelwise.raster.scan import Scan

    height, width = result.label_map.shape
    with Scan(image, result.info.bands, result.info.value_range) as scan:
        place = scan.place or PlaceOnEarth(None, None)
        blank = scan.blank((slice(0, height), slice(0, width)))
    if not blank.any():
        return replace(result, place=place)
    objects = result.instances
    if objects is not None:
        cut = replace(objects, instance_map=np.where(blank, 0, objects.instance_map))
        objects = cut.select(cut.areas() > 0)
    label_map = np.where(blank, np.uint8(IGNORE_INDEX), result.label_map)
    return replace(result, place=place, label_map=label_map, instances=objects)
