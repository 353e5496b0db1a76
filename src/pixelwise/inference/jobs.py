"""From paths and patterns to images, and to the names of the files for their predictions."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pixelwise.core.errors import DataError, OptionError
from pixelwise.core.text import file_name
from pixelwise.inference.writers.registry import LABELME, MASK, WRITERS
from pixelwise.raster.image import IMAGE_ENDINGS, frame_count
from pixelwise.raster.place import place_of
from pixelwise.raster.scan import is_scan
from pixelwise.raster.stack import STACK_ENDINGS, page_path, split_page
from pixelwise.raster.tiff import image_pages
from pixelwise.raster.zarr import is_zarr


@dataclass(frozen=True)
class Job:
    """One image, or page of a file, and the files to write for it, by the name of their writer. placed: it has a place
    on earth, and its pictures are GeoTIFFs. scan: it is read in parts (see `raster.scan`), and always gets a mask.
    shortened: the image's name is too long, so that the names of its files contain only a part of it.
    """

    image: Path
    outputs: dict[str, Path]
    placed: bool = False
    scan: bool = False
    shortened: bool = False


def plan_jobs(inputs: Sequence[str], out: Path, kinds: Sequence[str], *, paged: bool = True) -> list[Job]:
    """Return the images of `inputs`, with the files in `out` for each of them.

    Images are found as `find_images` describes. Those of a folder keep their sub-folders below `out`; the files of
    others go into `out` itself. Page 1 of stack.tif, counted from 0, is stack.tif/1, and its mask is stack_1.png.
    Raises `DataError` for an input without an image, and `OptionError` if a file would overwrite an image or the file
    of another image.
    """
    images = find_images(inputs, out, paged=paged)
    jobs = [_job(image, out / place, kinds) for image, place in images.items()]
    _require_no_overwriting(jobs)
    return jobs


def find_images(inputs: Sequence[str], out: Path | None = None, *, paged: bool = True) -> dict[Path, Path]:
    """Return the images behind `inputs`: files, folders, glob patterns; and the place of each relative to `out`.

    A folder is searched with its sub-folders. Hidden files are left out. So is `out` if it is inside the folder, so
    that predicting a folder twice does not predict the predictions. Each page of a TIFF and each frame of an animation
    is an image of its own; without `paged`, pages are bands of one image. Raises `DataError` for an input without an
    image.
    """
    places: dict[Path, Path] = {}
    for text in inputs:
        for image, place in _images_of(text, out).items():
            for page, page_place in _pages_of(image, place) if paged else [(image, place)]:
                places.setdefault(page, page_place)
    return places


def _pages_of(image: Path, place: Path) -> list[tuple[Path, Path]]:
    """Return the images in a file, the file itself or its pages or frames, each with its place relative to `out`."""
    pages = _page_numbers(image)
    if len(pages) < 2:
        return [(image, place)]
    digits = len(str(pages[-1]))
    names = [place.with_name(f"{place.stem}_{number:0{digits}d}{place.suffix}") for number in pages]
    return [(page_path(image, number), name) for number, name in zip(pages, names, strict=True)]


def _page_numbers(file: Path) -> Sequence[int]:
    if not file.is_file():  # a Zarr, or a page
        return ()
    return image_pages(file) if file.suffix.lower() in STACK_ENDINGS else range(frame_count(file))


def unfinished_jobs(jobs: Sequence[Job]) -> list[Job]:
    """Return the jobs with missing files. Since files appear whole, the other jobs are done."""
    return [job for job in jobs if not all(output.is_file() for output in job.outputs.values())]


def require_files(jobs: Sequence[Job]) -> None:
    """Raise `OptionError` if a page or frame of a file is to be written for labelme, which only opens whole files."""
    for job in jobs:
        if LABELME in job.outputs and split_page(job.image)[0] != job.image:
            problem = f"{job.image}, a page or frame of a file, which labelme cannot open"
            remedy = "Save the pages as files and predict these, or leave labelme out."
            raise OptionError(f"as_={LABELME!r}", problem, "images that are files of their own", remedy)


def require_new(jobs: Sequence[Job]) -> None:
    """Raise `OptionError` if a file of a job exists already."""
    for job in jobs:
        for output in job.outputs.values():
            if output.exists():
                remedy = (
                    "Give `resume=True` to predict what is missing, `overwrite=True` to replace all, or another `out`."
                )
                raise OptionError("out", f"{output}, which exists", "a place for new files", remedy)


def _images_of(text: str, out: Path | None) -> dict[Path, Path]:
    """Return the images behind one input, sorted, and the place of each relative to `out`."""
    path = Path(text)
    if path.is_dir() and not is_zarr(path):
        images = {image: image.relative_to(path) for image in _images_below(path, out)}
        problem, expected = "a folder without images", f"files that end in {', '.join(IMAGE_ENDINGS)}"
    elif (file := split_page(path)[0]) != path:
        pages = _pages_of(file, Path(file.name))
        images = {page: place for page, place in pages if page == path or (page == file and path == page_path(file, 0))}
        problem, expected = "no such page", "a page of the file, counted from 0"
    else:
        matches = [path] if path.exists() else sorted(map(Path, glob.iglob(text, recursive=True)))
        images = {image: Path(image.name) for image in matches if image.is_file() or is_zarr(image)}
        problem, expected = "no such file", "an image, a folder of images, or a pattern such as 'photos/*.jpg'"
    if not images:
        raise DataError(text, problem, expected, "Check the path.")
    return images


def _images_below(folder: Path, out: Path | None) -> list[Path]:
    """Return the images in a folder and its sub-folders, including linked ones, each folder once."""
    predictions = out.resolve() if out is not None and out.resolve() != folder.resolve() else None
    images = []
    visited = {folder.resolve()}
    for directory, subfolders, names in os.walk(folder, followlinks=True):
        here = Path(directory)
        below = [here / name for name in sorted(subfolders) if name[0] != "."]
        below = [path for path in below if path.resolve() != predictions]
        arrays = [path for path in below if is_zarr(path)]
        subfolders[:] = []
        for path in below:
            if path not in arrays and path.resolve() not in visited:
                visited.add(path.resolve())
                subfolders.append(path.name)
        images += arrays
        images += [here / name for name in names if name[0] != "." and Path(name).suffix.lower() in IMAGE_ENDINGS]
    return sorted(images)


def _job(image: Path, place: Path, kinds: Sequence[str]) -> Job:
    scan = is_scan(image)
    placed = scan or is_zarr(image) or place_of(image) is not None
    if scan:  # whose other files are made from its mask
        kinds = tuple(dict.fromkeys((MASK, *kinds)))
    outputs = {kind: _output(place, kind, placed=placed) for kind in kinds}
    shortened = any(not path.name.startswith(place.stem) for path in outputs.values())
    return Job(image, outputs, placed, scan, shortened)


def _output(place: Path, kind: str, *, placed: bool) -> Path:
    return place.with_name(file_name(place.stem, WRITERS[kind].ending_of(placed=placed)))


def _require_no_overwriting(jobs: list[Job]) -> None:
    expected = "a file of its own for each prediction"
    remedy = "Rename one of the images, or choose another `out` directory for it."
    images = {_identity(split_page(job.image)[0]) for job in jobs}
    owners: dict[str, Path] = {}
    for job in jobs:
        for output in job.outputs.values():
            identity = _identity(output)
            if identity in images:
                raise OptionError("out", f"{output}, an image to predict", expected, remedy)
            if identity in owners:
                problem = f"{output} for {owners[identity]} and for {job.image}"
                raise OptionError("out", problem, expected, remedy)
            owners[identity] = job.image


def _identity(path: Path) -> str:
    return os.path.normcase(os.path.realpath(path))
