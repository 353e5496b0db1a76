"""Scenes as a data set on disk, in the plain layout of folders."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import yaml
from PIL import Image

from pixelwise.core.classes import ClassMap
from pixelwise.core.errors import OptionError
from pixelwise.core.files import write_atomically, write_text
from pixelwise_scenes.canvas import SCENE_CLASSES
from pixelwise_scenes.compose import SIZE, Scene, scene
from pixelwise_scenes.fruit import FRUIT_CLASSES, fruit

KINDS = {"landscapes": (scene, SCENE_CLASSES), "fruit": (fruit, FRUIT_CLASSES)}
COUNTS: Mapping[str, int] = {"train": 120, "val": 24, "test": 24}


def write_scenes(
    out: Path,
    seed: int,
    counts: Mapping[str, int] = COUNTS,
    size: tuple[int, int] = SIZE,
    kind: Literal["landscapes", "fruit"] = "landscapes",
) -> None:
    """Write `counts[split]` scenes of (height, width) pixels into each split of the data set at `out`.

    Each scene is `SPLIT/images/NAME.png` (RGB), `SPLIT/masks/NAME.png` (class indices, with the classes' palette) and
    `SPLIT/instances/NAME.png` (16-bit object ids); `classes.yaml` names the classes. A scene depends on the seed, its
    split and its number alone, so a larger set contains the smaller one. Raises `OptionError` for a negative seed,
    `ShapeError` for a side below 32 pixels and `OutputError` where `out` cannot be written.
    """
    if seed < 0:
        raise OptionError("seed", str(seed), "0 or more", "Choose a seed that is not negative.")
    draw, classes = KINDS[kind]
    for split, count in counts.items():
        for index in range(count):
            picture = draw((seed, zlib.crc32(split.encode()), index), size)
            _write_scene(out / split, f"{split}-{index:04d}.png", picture, classes)
    write_text(out / "classes.yaml", yaml.safe_dump({"classes": classes.to_dict()}, sort_keys=False))


def _write_scene(folder: Path, name: str, picture: Scene, classes: ClassMap) -> None:
    mask = Image.fromarray(picture.label_map)
    mask.putpalette(classes.palette().tobytes())
    instances = Image.fromarray(picture.instance_map.astype(np.uint16))
    for kind, image in (("images", Image.fromarray(picture.image)), ("masks", mask), ("instances", instances)):
        with write_atomically(folder / kind / name) as path:
            image.save(path, compress_level=3)
