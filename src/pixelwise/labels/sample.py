"""The sample project: drawn pictures of fruit on a table, to try the studio on."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from pixelwise.core.classes import ClassMap
from pixelwise.core.files import write_atomically
from pixelwise.labels.history import distinct_label_colors
from pixelwise.labels.project import Project
from pixelwise.labels.project_files import ProjectFolder, create_project
from pixelwise_scenes.fruit import FRUIT_CLASSES, fruit

IMAGES = 12
SIZE = (384, 512)
"""(height, width) in pixels."""
SEED = 20


def open_sample(root: Path) -> Project:
    """Open the sample project in a directory, and create it where there is none: photos/ and the project labels/.

    Raises `OutputError` where `root` cannot be written and `RunError` where another process has the project open.
    """
    folder = ProjectFolder(root / "labels")
    if not folder.is_project:
        draw_sample(root / "photos")
        names = FRUIT_CLASSES.names
        create_project(root / "photos", folder.root, ClassMap(names, distinct_label_colors(len(names))), sample=True)
    return Project(folder.root)


def draw_sample(photos: Path) -> None:
    """Draw the pictures that are missing."""
    for number in range(IMAGES):
        path = photos / f"fruit-{number + 1:02d}.jpg"
        if not path.is_file():
            picture = fruit((SEED, number), SIZE).image
            with write_atomically(path) as temporary:
                Image.fromarray(picture).save(temporary, "JPEG", quality=92)
