"""The data that a training of the studio sees: the project as it is at the start, whatever is drawn meanwhile."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from pixelwise.core.errors import DataError
from pixelwise.core.files import output_errors
from pixelwise.labels.project import Project
from pixelwise.labels.project_files import ProjectFolder, link_file, links_root, write_class_list


@dataclass(frozen=True)
class FrozenData:
    """A data set on disk, and the folder outside of it in which its images lie, where there is one."""

    path: Path
    images_root: Path | None


def freeze_data(project: Project, path: Path) -> FrozenData:
    """Make a data set at `path` of links to the project's files, whose masks are replaced, never changed.

    Raises `DataError` where nothing can be learned yet, and `OutputError`.
    """
    _require_labels(project)
    project.flush()
    source, target = project.folder, ProjectFolder(path)
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
                if file.is_file():
                    folder.mkdir(exist_ok=True)
                    link_file(file, folder / file.name)
        write_class_list(target.classes, project.classes)
        for file in source.root.glob("*.txt"):
            shutil.copyfile(file, path / file.name)
    return FrozenData(path, links_root(target))


def _require_labels(project: Project) -> None:
    """Raise `DataError` where the images to train on have labels of fewer than two classes."""
    classes: set[int] = set()
    for image in project.images:
        if not project.history.of(image.name).is_test:
            classes |= project.counts(image.name).keys()
    if len(classes) < 2:
        found = f"labels of {len(classes)} class{'es' if len(classes) != 1 else ''} in the images to train on"
        remedy = "Label pixels of another class, in an image that is not marked as test."
        raise DataError(project.folder.root, found, "two classes or more", remedy)
