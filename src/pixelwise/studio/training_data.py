"""The data of a training in the studio: a snapshot of the project at the start of the training."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from pixelwise.core.errors import DataError
from pixelwise.core.files import output_errors, write_text
from pixelwise.data.border_class import drop_class
from pixelwise.labels.mask_files import write_mask
from pixelwise.labels.project import Project
from pixelwise.labels.project_files import ProjectFolder, link_file, links_root, write_class_list
from pixelwise.studio.object_labels import LooseLabels, ObjectLabels, join_loose

CLASSES = "classes.json"
"""The project's classes, beside the data."""
LABELS = "labels"
"""Folder of the masks in these classes, where the data have other ones."""
HELD_OUT = "held-out"
"""Folder of what a training was scored on: for each image, by its file's name, 1 where a label counted."""


@dataclass(frozen=True)
class FrozenData:
    """A data set on disk.

    images_root: the folder outside of it that holds its images, where there is one. loose: labels that were left out.
    """

    path: Path
    images_root: Path | None
    loose: LooseLabels


def freeze_data(project: Project, path: Path, task: str | None = None) -> FrozenData:
    """Create a data set at `path` from links to the project's files. Its masks stay as they are, since the project
    replaces mask files and never changes them.

    For the task `instance`, masks are rewritten where a class marks the border between objects, and where labels belong
    to no object (see `ObjectLabels`).

    Raises `OutputError`.
    """
    project.flush()
    source, target = project.folder, ProjectFolder(path)
    classes, loose = project.classes, []
    object_labels = ObjectLabels(project) if task == "instance" else None
    border = object_labels.border if object_labels else None
    if border is not None:
        classes = drop_class(classes, border)
    with output_errors(path):
        shutil.rmtree(path, ignore_errors=True)
        for folder in (target.images, target.masks, target.studio):
            folder.mkdir(parents=True)
        for image in project.images:
            link_file(source.images / image.name, target.images / image.name)
            for file, folder in (
                (project.mask_path(image.name), target.masks),
                (project.instances_path(image.name), target.instances),
            ):
                if not file.is_file():
                    continue
                folder.mkdir(exist_ok=True)
                if folder == target.masks and object_labels is not None:
                    label_map, without_object = object_labels.read(image.name)
                    loose.append(without_object)
                    if border is not None or without_object.pixels:
                        write_mask(folder / file.name, label_map, project.number, classes)
                        (target.studio / LABELS).mkdir(exist_ok=True)
                        link_file(file, target.studio / LABELS / file.name)
                        continue
                link_file(file, folder / file.name)
        write_class_list(target.classes, classes)
        write_text(target.studio / CLASSES, json.dumps({"classes": project.classes.to_dict()}))
        for file in source.root.glob("*.txt"):
            shutil.copyfile(file, path / file.name)
    return FrozenData(path, links_root(target), join_loose(loose))


def require_labels(project: Project) -> None:
    """Raise `DataError` where the images to train on have labels of fewer than two classes."""
    classes: set[int] = set()
    for image in project.images:
        if not project.history.of(image.name).is_test:
            classes |= project.counts(image.name).keys()
    if len(classes) < 2:
        found = f"labels of {len(classes)} class{'es' if len(classes) != 1 else ''} in the images to train on"
        remedy = "Label pixels of another class, in an image that is not marked as test."
        raise DataError(project.folder.root, found, "two classes or more", remedy)
