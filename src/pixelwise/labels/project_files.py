"""The files of a project: where they are, how a new project is created, and its settings."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.core.errors import DataError, ImageError, OutputError, PixelwiseError, RunError
from pixelwise.core.files import output_errors, read_json_object, write_text
from pixelwise.core.locks import LockFile
from pixelwise.core.text import file_name
from pixelwise.data.class_list import class_list_yaml
from pixelwise.data.dataset import Dataset, Item
from pixelwise.data.references import distinct_names
from pixelwise.data.sparse_labels import PROJECT
from pixelwise.data.writing import copy_image
from pixelwise.inference.jobs import find_images
from pixelwise.labels.history import distinct_label_colors
from pixelwise.raster.image import write_png
from pixelwise.raster.stack import split_page

VERSION = 1
DEFAULT_CLASSES = ("background", "object")
UNFINISHED = "unfinished"
"""A file in `.studio/` that exists while a project is being created."""
MOST_STEM = 200
"""The largest number of bytes of an image's name without its ending."""


@dataclass(frozen=True)
class ProjectFolder:
    """The paths of everything in a project."""

    root: Path

    @property
    def images(self) -> Path:
        return self.root / "images"

    @property
    def masks(self) -> Path:
        return self.root / "masks"

    @property
    def instances(self) -> Path:
        return self.root / "instances"

    @property
    def classes(self) -> Path:
        return self.root / "classes.yaml"

    @property
    def studio(self) -> Path:
        """The folder of what only the studio needs."""
        return self.root / PROJECT

    @property
    def settings(self) -> Path:
        return self.studio / "settings.json"

    @property
    def journal(self) -> Path:
        return self.studio / "journal.jsonl"

    @property
    def regions(self) -> Path:
        return self.studio / "regions"

    @property
    def base(self) -> Path:
        """The folder of initial masks, from before the first action."""
        return self.studio / "base"

    @property
    def exports(self) -> Path:
        """The folder of exports for other programs."""
        return self.root / "exports"

    @property
    def lock(self) -> Path:
        return self.studio / "lock"

    @property
    def is_project(self) -> bool:
        return self.settings.is_file()


@dataclass
class Settings:
    """What a project was created from. source: the folder of photos, "" for none. sources: for each image of the
    project, its path within that folder. splits: images of a data set that named its splits. sample: whether it is the
    sample project, whose images are drawn.
    """

    classes: ClassMap
    source: str = ""
    sources: dict[str, str] = field(default_factory=dict)
    splits: dict[str, str] = field(default_factory=dict)
    sample: bool = False

    def save(self, path: Path) -> None:
        """Write the settings, whole or not at all. Raises `OutputError`."""
        content: dict[str, Any] = {
            "version": VERSION,
            "classes": self.classes.to_dict(),
            "source": self.source,
            "sources": self.sources,
            "splits": self.splits,
            "sample": self.sample,
        }
        write_text(path, json.dumps(content, indent=1))

    @classmethod
    def load(cls, path: Path) -> Settings:
        """Read what `save` wrote. Raises `DataError` for anything else."""
        content = read_json_object(path)
        try:
            if content["version"] != VERSION:
                raise ValueError(f"version {content['version']}")
            texts = {name: dict(content[name]) for name in ("sources", "splits")}
            classes = ClassMap.from_dict(content["classes"])
            return cls(classes, str(content["source"]), texts["sources"], texts["splits"], bool(content["sample"]))
        except (KeyError, TypeError, ValueError) as error:
            remedy = "Put back a copy of it, or move .studio/ away: masks/ holds the labels."
            found = f"settings that cannot be read ({error})"
            raise DataError(path, found, f"settings of version {VERSION}", remedy) from error


def default_project(photos: Path) -> Path:
    """Return the default directory of the project of a folder of photos: `photos-labels` beside `photos`."""
    place = photos.resolve()
    return place.with_name(f"{place.name or 'photos'}-labels")


def default_classes(names: Sequence[str] | None) -> ClassMap:
    """Return classes of these names, or background and object, in colours that are easy to tell apart."""
    chosen = tuple(names or DEFAULT_CLASSES)
    return ClassMap(chosen, distinct_label_colors(len(chosen)))


def create_project(photos: Path, out: Path, classes: ClassMap, *, sample: bool = False) -> ProjectFolder:
    """Create a project from the images in a folder: links in images/, the class list and the settings.

    Raises `DataError` for a folder without images and `OutputError` for an `out` that is something else already.
    """
    folder = ProjectFolder(out)
    _require_new(folder)
    if not photos.is_dir():
        found = "a file" if photos.exists() else "no such directory"
        raise DataError(photos, found, "a directory of images", "Check the path.")
    settings = Settings(classes, str(photos.resolve()), sample=sample)
    find_images([settings.source], folder.root)
    with _unfinished(folder):
        link_new_images(folder, settings)
        write_class_list(folder.classes, classes)
        settings.save(folder.settings)
    return folder


@contextlib.contextmanager
def _unfinished(folder: ProjectFolder) -> Iterator[None]:
    """Mark a project as unfinished while it is being created. If that is cut off, the next start creates it again in
    the same place.

    Raises `OutputError`, and `RunError` where another process is creating it.
    """
    mark, lock = folder.studio / UNFINISHED, LockFile(folder.lock)
    with output_errors(folder.root):
        folder.studio.mkdir(parents=True, exist_ok=True)
        taken = lock.take()
    if not taken:
        remedy = "Wait until it is finished, and start again."
        raise RunError(folder.root, f"a project that {lock.holder()} is creating", "one studio at a time", remedy)
    try:
        with output_errors(folder.root):
            for place in (folder.images, folder.masks, folder.instances):
                if mark.is_file():  # left by an earlier start
                    shutil.rmtree(place, ignore_errors=True)
            mark.touch()
            yield
            mark.unlink()
    finally:
        lock.release()


def create_from_dataset(dataset: Dataset, out: Path) -> tuple[ProjectFolder, list[str]]:
    """Create a project from a labelled data set, to correct its labels. The data set is not changed.

    Images are linked, and labels are written in the form of the project. The splits of the data set are kept. Returns
    the project's folder, and a sentence for each image whose labels cannot be read: in the project it has no labels.
    Raises `OutputError` for an `out` that is something else already.
    """
    folder = ProjectFolder(out)
    _require_new(folder)
    with _unfinished(folder):
        return folder, _copy_labels(dataset, folder)


def _copy_labels(dataset: Dataset, folder: ProjectFolder) -> list[str]:
    """Fill a new project from a data set; return remarks."""
    remarks: list[str] = []
    settings = Settings(dataset.classes)
    items = list(dataset.items())
    stems = distinct_names([file_name(item.name, most=MOST_STEM) for _, item in items])
    palette = dataset.classes.palette()
    for (split, item), stem in zip(items, stems, strict=True):
        with output_errors(folder.images):
            folder.images.mkdir(parents=True, exist_ok=True)
            name = bring_image(item.image, folder.images, stem)
        if name and not item.auto_split:
            settings.splits[name] = split
        try:
            labels = dataset.read_labels(item)
        except PixelwiseError as error:
            remarks.append(f"{name or stem} has no labels here: {error}")
            continue
        write_png(folder.masks / f"{stem}.png", labels.label_map, palette)
        if labels.instance_map is not None:
            write_png(folder.instances / f"{stem}.png", labels.instance_map.astype(np.uint16))
    write_class_list(folder.classes, dataset.classes)
    settings.save(folder.settings)
    return remarks


def write_class_list(path: Path, classes: ClassMap) -> None:
    """Write classes.yaml, which also names the ignore index. Raises `OutputError`."""
    write_text(path, f"{class_list_yaml(classes)}ignore: {IGNORE_INDEX}\n")


def _require_new(folder: ProjectFolder) -> None:
    out = folder.root
    if (folder.studio / UNFINISHED).is_file():
        return
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        found = "a directory that is not a project" if out.is_dir() else "a file"
        raise OutputError(out, found, "a new or empty directory, or a project", "Choose another `out`.")


def link_new_images(folder: ProjectFolder, settings: Settings) -> list[str]:
    """Link the images of the source folder that the project lacks into images/; return their names there.

    Hard links where the file system allows them, else symbolic links, else copies. A page of a stack becomes a PNG.
    Raises `DataError` for a source without images and `OutputError`.
    """
    source = Path(settings.source)
    places = {str(image.relative_to(source)): image for image in find_images([str(source)], folder.root)}
    new = sorted(set(places) - set(settings.sources.values()))
    taken = list(settings.sources)
    stems = [Path(name).stem for name in taken]
    stems += [_stem(source, places[text]) for text in new]
    names = distinct_names(stems)[len(taken) :]
    added: list[str] = []
    with output_errors(folder.images):
        folder.images.mkdir(parents=True, exist_ok=True)
        for text, stem in zip(new, names, strict=True):
            if name := bring_image(places[text], folder.images, stem):
                settings.sources[name] = text
                added.append(name)
    return added


def _stem(source: Path, image: Path) -> str:
    """Return the stem of an image in the project: its folders, its stem, and the page of a stack."""
    file, page = split_page(image)
    parts = list(file.relative_to(source).with_suffix("").parts)
    if file != image:
        parts.append(str(page))
    return file_name("_".join(parts), most=MOST_STEM)


def bring_image(image: Path, images: Path, stem: str) -> str:
    """Link or copy an image into images/ under a stem; return its name, "" for a page that cannot be read. Raises
    `OSError`."""
    file, _ = split_page(image)
    if file != image:
        try:
            return copy_image(Item(stem, image), images).name
        except ImageError:
            return ""
    target = images / f"{stem}{image.suffix}"
    with contextlib.suppress(FileExistsError):  # linked by a process that was killed before it wrote the settings
        link_file(image, target)
    return target.name


def link_file(source: Path, target: Path) -> None:
    """Make a hard link to a file, else a symbolic link, else a copy. Raises `OSError`."""
    real = source.resolve()
    try:
        os.link(real, target)
    except FileExistsError:
        raise
    except OSError:
        try:
            os.symlink(real, target)
        except FileExistsError:
            raise
        except (OSError, NotImplementedError):
            shutil.copyfile(real, target)


def links_root(folder: ProjectFolder) -> Path | None:
    """Return the folder outside of a project that its symbolic links lead to; `None` for none."""
    ends = [path.resolve().parent for path in sorted(folder.images.iterdir()) if path.is_symlink()]
    outside = [end for end in ends if not end.is_relative_to(folder.root.resolve())]
    return Path(os.path.commonpath(outside)) if outside else None


def write_split_lists(folder: ProjectFolder, splits: Mapping[str, Sequence[str]]) -> None:
    """Write train.txt, val.txt and test.txt, an image a line; a list without images is removed.

    Raises `OutputError`.
    """
    for split in ("train", "val", "test"):
        path = folder.root / f"{split}.txt"
        names = splits.get(split, ())
        if names:
            write_text(path, "".join(f"{name}\n" for name in names))
        else:
            path.unlink(missing_ok=True)
