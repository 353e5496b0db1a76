"""Data sets that suites prepare."""

from __future__ import annotations

from pathlib import Path

import yaml
from PIL import Image

from pixelwise.data.dataset import Dataset

CAMVID_SIZE = (180, 240)
"""Height and width of CamVid at half its size."""


def write_resized(data: Dataset, out: Path, size: tuple[int, int]) -> None:
    """Write `data` at `size` (height, width) in the plain layout: images averaged, label maps by nearest neighbour."""
    for split, item in data.items():
        sample = data.read(item)
        image = Image.fromarray(sample.image).resize(size[::-1], Image.Resampling.BOX)
        label_map = Image.fromarray(sample.label_map).resize(size[::-1], Image.Resampling.NEAREST)
        for kind, picture in (("images", image), ("masks", label_map)):
            folder = out / split / kind
            folder.mkdir(parents=True, exist_ok=True)
            picture.save(folder / f"{item.name}.png")
    (out / "classes.yaml").write_text(yaml.safe_dump({"classes": data.classes.to_dict()}, sort_keys=False))
