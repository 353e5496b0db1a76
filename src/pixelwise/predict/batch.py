"""Many images through one model: several at once, each read, predicted and written by one thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path

from pixelwise.errors import ImageError
from pixelwise.predict.jobs import Job
from pixelwise.predict.predictor import Predictor
from pixelwise.predict.sampling import Sampling
from pixelwise.predict.writers import WRITERS

OnProgress = Callable[[int, int], None]
"""Told (done, total) after every image."""


def predict_files(
    predictor: Predictor,
    jobs: Sequence[Job],
    on_progress: OnProgress | None = None,
    sampling: Sampling | None = None,
) -> dict[Path, ImageError]:
    """Predict every job's image and write its files; return the images that could not be read, each with its error.

    As many images are in memory as the predictor works on `at_once`.
    Raises `OutputError` where a result cannot be written, since the next would fare no better, and `OptionError` for
    sampling from a model without dropout; images under way are done first.
    """
    failures: dict[Path, ImageError] = {}
    with ThreadPoolExecutor(predictor.at_once, "predict") as pool:
        under_way = {pool.submit(_predict_file, predictor, job, sampling): job.image for job in jobs}
        try:
            for done, ended in enumerate(as_completed(under_way), start=1):
                try:
                    ended.result()
                except ImageError as error:
                    failures[under_way[ended]] = error
                if on_progress is not None:
                    on_progress(done, len(jobs))
        finally:
            pool.shutdown(cancel_futures=True)
    return {job.image: failures[job.image] for job in jobs if job.image in failures}


def _predict_file(predictor: Predictor, job: Job, sampling: Sampling | None) -> None:
    asked = any(WRITERS[kind].probabilities for kind in job.outputs)
    result = replace(predictor.predict(job.image, sampling, probabilities=asked), source=job.image)
    for kind, path in job.outputs.items():
        WRITERS[kind].write(path, result)
