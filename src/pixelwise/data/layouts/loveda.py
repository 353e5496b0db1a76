"""LoveDA: land cover in cities and in the country, from above.

Wang et al., "LoveDA: A Remote Sensing Land-Cover Dataset for Domain Adaptive Semantic Segmentation", NeurIPS 2021
Datasets and Benchmarks, arXiv:2110.08733.

    DATA/
      Train/Urban/images_png/1366.png     Train/Urban/masks_png/1366.png     1..7, 0 = no data
      Train/Rural/images_png/0.png        Train/Rural/masks_png/0.png
      Val/ ...                            Test/ has no masks and is no split

Pixels of value 0 have no label; 1..7 are the seven classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.core.errors import DataError
from pixelwise.data.dataset import Dataset, Item, labels_from_files
from pixelwise.data.layout import Layout
from pixelwise.data.masks.encoding import OF_LAYOUT, MaskEncoding
from pixelwise.data.pairing import image_files, pair_masks
from pixelwise.data.references import stem_of
from pixelwise.data.splits import group_by_split

IMAGES, MASKS = "images_png", "masks_png"
SPLITS = {"Train": "train", "Val": "val", "Test": "test"}
AREAS = ("Urban", "Rural")
CLASSES = ClassMap(
    ("background", "building", "road", "water", "barren", "forest", "agriculture"),
    ((255, 255, 255), (255, 0, 0), (255, 255, 0), (0, 0, 255), (159, 129, 183), (0, 255, 0), (255, 195, 128)),
)
_VALUES = {0: IGNORE_INDEX, **{index + 1: index for index in range(CLASSES.num_classes)}}
ENCODING = MaskEncoding(CLASSES, _VALUES, remedy=OF_LAYOUT)
EXPECTED = f"Train/Urban/{IMAGES}/ with Train/Urban/{MASKS}/, or Rural/, or Val/"


def is_loveda(root: Path) -> bool:
    """Return whether `root` holds a folder of LoveDA's with masks."""
    return any((root / split / area / MASKS).is_dir() for split in SPLITS for area in AREAS)


def open_loveda(root: Path, images_root: Path | None = None) -> Dataset:
    """Read the folders; raise `DataError` where no image has a mask."""
    items = list(_items(root))
    used = {item.mask for _, item in items if item.mask}
    if not used:
        raise DataError(root, "no image with a mask", EXPECTED, "Check the path.")
    folders = (root / split / area / MASKS for split in SPLITS for area in AREAS)
    strays = tuple(mask for folder in folders if folder.is_dir() for mask in image_files(folder) if mask not in used)
    return Dataset(
        root, "loveda", CLASSES, group_by_split(items), labels_from_files(ENCODING.read), strays, mask_encoding=ENCODING
    )


def _items(root: Path) -> Iterator[tuple[str, Item]]:
    for folder, split in SPLITS.items():
        for area in AREAS:
            images, masks = (
                image_files(place) if place.is_dir() else []
                for place in (root / folder / area / n for n in (IMAGES, MASKS))
            )
            if split == "test" and not masks:
                continue
            pairs = pair_masks(images, masks)
            yield from ((split, Item(f"{area}_{stem_of(image)}", image, pairs.get(image))) for image in images)


LAYOUT = Layout("LoveDA: `Train/Urban/images_png/` with `masks_png/`", open_loveda, is_loveda)
