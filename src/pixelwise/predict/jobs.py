"""From what was named on the command line to images, and to the files that will hold their predictions."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pixelwise.errors import DataError, OptionError
from pixelwise.predict.writers import GEOJSON, MASK, WRITERS
from pixelwise.raster.image import IMAGE_ENDINGS
from pixelwise.raster.scan import is_scan
from pixelwise.raster.zarr import is_zarr


@dataclass(frozen=True)
class Job:
    """One image and, by kind (a key of `WRITERS`), the files to write for it. Of a scan (see `raster.scan`) that is the
    mask, a TIFF, and the polygons that come of it."""

    image: Path
    outputs: dict[str, Path]
    scan: bool = False


def plan(inputs: Sequence[str], out: Path, kinds: Sequence[str]) -> list[Job]:
    """Find the images of `inputs` (files, folders, glob patterns) and name the files in `out` for each of them.

    A folder is searched with its sub-folders, which its images keep below `out`; images named otherwise go into `out`
    itself. Hidden files are left out, and so is `out` where it lies within the folder: predicting a folder twice does
    not predict the predictions.
    Raises `DataError` for an input without an image and `OptionError` where a file would overwrite another's, or an
    image, and for more than the mask and the polygons of a scan.
    """
    places: dict[Path, Path] = {}
    for text in inputs:
        for image, place in _images_of(text, out).items():
            places.setdefault(image, place)
    jobs = [_job(image, out / place, kinds) for image, place in places.items()]
    _require_no_overwriting(jobs)
    return jobs


def remaining(jobs: Sequence[Job]) -> list[Job]:
    """Return the jobs of which a file is missing: files appear whole, so that the others are done."""
    return [job for job in jobs if not all(output.is_file() for output in job.outputs.values())]


def require_new(jobs: Sequence[Job]) -> None:
    """Raise `OptionError` where a file of a job is there already."""
    for job in jobs:
        for output in job.outputs.values():
            if output.exists():
                remedy = "Give --resume to predict what is missing, --overwrite to write all anew, or another --out."
                raise OptionError("--out", f"{output}, which exists", "a place for new files", remedy)


def _images_of(text: str, out: Path) -> dict[Path, Path]:
    """Return the images behind one input, sorted, and the place of each relative to `out`."""
    path = Path(text)
    if path.is_dir() and not is_zarr(path):
        images = {image: image.relative_to(path) for image in _images_below(path, out)}
        found, expected = "a folder without images", f"files that end in {', '.join(IMAGE_ENDINGS)}"
    else:
        matches = [path] if path.exists() else sorted(map(Path, glob.iglob(text, recursive=True)))
        images = {image: Path(image.name) for image in matches if image.is_file() or is_zarr(image)}
        found, expected = "no such file", "an image, a folder of images, or a pattern such as 'photos/*.jpg'"
    if not images:
        raise DataError(text, found, expected, "Check the path.")
    return images


def _images_below(folder: Path, out: Path) -> list[Path]:
    own = out.resolve() if out.resolve() != folder.resolve() else None
    images = []
    for directory, subfolders, names in os.walk(folder):
        here = Path(directory)
        below = [here / name for name in subfolders if name[0] != "." and (here / name).resolve() != own]
        arrays = [path for path in below if is_zarr(path)]
        subfolders[:] = [path.name for path in below if path not in arrays]
        images += arrays
        images += [here / name for name in names if name[0] != "." and Path(name).suffix.lower() in IMAGE_ENDINGS]
    return sorted(images)


def _job(image: Path, place: Path, kinds: Sequence[str]) -> Job:
    if not is_scan(image):
        return Job(image, {kind: _output(place, kind) for kind in kinds})
    if other := [kind for kind in kinds if kind not in (MASK, GEOJSON)]:
        found = f"{', '.join(other)} of {image}, which is read in parts"
        raise OptionError("--as", found, f"{MASK} or {GEOJSON}", "Leave it out, or cut a part out of it.")
    outputs = {MASK: place.with_name(f"{place.stem}.tif")}
    return Job(image, outputs | {kind: _output(place, kind) for kind in kinds if kind == GEOJSON}, scan=True)


def _output(place: Path, kind: str) -> Path:
    return place.with_name(place.stem + WRITERS[kind].ending)


def _require_no_overwriting(jobs: list[Job]) -> None:
    expected = "a file of its own for each prediction"
    remedy = "Rename one of the images, or choose another --out directory for it."
    images = {_identity(job.image) for job in jobs}
    owners: dict[str, Path] = {}
    for job in jobs:
        for output in job.outputs.values():
            identity = _identity(output)
            if identity in images:
                raise OptionError("--out", f"{output}, an image to predict", expected, remedy)
            if identity in owners:
                found = f"{output} for {owners[identity]} and for {job.image}"
                raise OptionError("--out", found, expected, remedy)
            owners[identity] = job.image


def _identity(path: Path) -> str:
    return os.path.normcase(os.path.realpath(path))
