"""labelme's JSON: outlines to correct by hand, and to train on again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pixelwise.core.files import write_text
from pixelwise.inference.writers.base import Writer

if TYPE_CHECKING:
    from pixelwise.inference.result import Result


def write_labelme(path: Path, result: Result) -> None:
    """Write labelme's JSON, which it opens with the image. The outlines are those of objects or, for a semantic model,
    of the 4-connected regions of each class but the background.
    """
    from pixelwise.data.layouts.labelme import as_labelme  # imports all layouts, which no other writer needs
    from pixelwise.data.shapes.annotations import is_background
    from pixelwise.instances.parts import region_objects  # imports scipy, which masks do not need

    objects = region_objects(result.label_map) if result.instances is None else result.instances
    names = result.info.classes.names
    if result.instances is None:
        objects = objects.select(np.array([not is_background(names[index]) for index in objects.class_index], bool))
    image = "" if result.source is None else os.path.relpath(result.source, path.parent)
    outlined = zip(objects.class_index.tolist(), objects.pieces(), strict=True)
    write_text(path, as_labelme(outlined, result.info.classes, image, objects.instance_map.shape))


WRITER = Writer(".json", write_labelme)
