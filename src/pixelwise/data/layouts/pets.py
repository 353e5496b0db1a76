"""The Oxford-IIIT Pet data set: cats and dogs with trimaps.

Parkhi et al., "Cats and Dogs", CVPR 2012, doi:10.1109/CVPR.2012.6248092.

    DATA/
      images/Abyssinian_1.jpg      annotations/trimaps/Abyssinian_1.png     1 = pet, 2 = background, 3 = border
      annotations/trainval.txt     annotations/test.txt                     lines of NAME CLASS SPECIES BREED

The border is neither pet nor background and has no label. A tenth of `trainval.txt`, chosen by the hash of each name,
is `val`. Images that no list names are not read; without lists all images are read, split by the hash of their names.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.core.errors import DataError
from pixelwise.data.dataset import Dataset, Item, labels_from_files
from pixelwise.data.layout import OTHER_LAYOUT, Layout
from pixelwise.data.masks.encoding import OF_LAYOUT, MaskEncoding
from pixelwise.data.pairing import image_files, pair_masks
from pixelwise.data.references import nfc, stem_of
from pixelwise.data.split_lists import report_unlisted
from pixelwise.data.splits import group_by_split, lines_of

IMAGES, TRIMAPS = "images", "annotations/trimaps"
LISTS = {"train": "annotations/trainval.txt", "test": "annotations/test.txt"}
CLASSES = ClassMap(("background", "pet"), ((0, 0, 0), (230, 126, 34)))
ENCODING = MaskEncoding(CLASSES, {1: 1, 2: 0, 3: IGNORE_INDEX}, remedy=OF_LAYOUT)
EXPECTED = f"{IMAGES}/NAME.jpg and {TRIMAPS}/NAME.png"


def is_pets(root: Path) -> bool:
    """Return whether `root` holds images/ and annotations/trimaps/."""
    return all((root / folder).is_dir() for folder in (IMAGES, TRIMAPS))


def open_pets(root: Path, images_root: Path | None = None) -> Dataset:
    """Read the images that the lists name, with their trimaps. Raises `DataError` where there are none."""
    if not is_pets(root):
        raise DataError(root, "other files", EXPECTED, OTHER_LAYOUT)
    images, masks = image_files(root / IMAGES), image_files(root / TRIMAPS)
    pairs = pair_masks(images, masks)
    if not pairs:
        raise DataError(root, "no image with a trimap", EXPECTED, "Copy the data again.")
    items = {stem_of(image): Item(stem_of(image), image, pairs.get(image)) for image in images}
    strays = tuple(sorted({*masks} - {*pairs.values()}))
    assigned = list(_assign_splits(root, items))
    splits = group_by_split(assigned)
    has_mask = {item.image: item.mask is not None for item in items.values()}
    problems = tuple(report_unlisted(root, has_mask, (item.image for _, item in assigned)))
    read_labels = labels_from_files(ENCODING.read)
    return Dataset(root, "pets", CLASSES, splits, read_labels, strays, mask_encoding=ENCODING, problems=problems)


def _assign_splits(root: Path, items: dict[str, Item]) -> Iterator[tuple[str | None, Item]]:
    lists = {split: root / name for split, name in LISTS.items() if (root / name).is_file()}
    if not lists:
        yield from ((None, item) for item in items.values())
    for split, file in lists.items():
        for name in dict.fromkeys(nfc(line.split()[0]) for line in lines_of(file) if not line.startswith("#")):
            yield split, items.get(name) or Item(name, root / IMAGES / f"{name}.jpg")


LAYOUT = Layout("Oxford-IIIT Pet: `annotations/trimaps/`", open_pets, is_pets)
