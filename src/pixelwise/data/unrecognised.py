"""The error for a directory that no layout fits: what it holds, which layouts it resembles, and what these lack."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

from pixelwise.core.files import open_regular
from pixelwise.core.text import join_first
from pixelwise.data.annotation_files import keys_in, parse_json
from pixelwise.data.pairing import pair_masks
from pixelwise.data.references import stem_of, walk
from pixelwise.raster.image import IMAGE_ENDINGS

SHOWN = 8
"""Folders, or file endings of one folder, that a message lists."""
MOST_FOLDERS = 2000
"""Folders that are searched at most."""
MOST_PAIRED = 12
"""Folders of images that are compared with one another at most."""
MOST_HINTS = 4
"""Hints in a remedy at most."""
UNREAD_ENDINGS = (
    *(".nii", ".gz", ".dcm", ".mha", ".nrrd", ".npy", ".npz", ".mat", ".h5", ".zarr", ".czi", ".lif", ".nd2"),
    *(".heic", ".svg", ".psd"),
)
"""Endings of files that may hold images or volumes and are not read."""
OTHER_TOOLS = {"classTitle": "a file of Supervisely's", "boundingBox": "a file of VoTT's", "DataRow ID": "Labelbox's"}
"""Keys of the JSON files of tools that are not read."""
MOST_BYTES = 1 << 24
"""Size of the largest file that is parsed to see whether it is damaged, and the part of a file searched for boxes."""
Folders = dict[Path, list[str]]
"""The names of the files in each folder."""

PARTS_OF_LAYOUTS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    ("voc", (("JPEGImages/", r"(.*/)?JPEGImages/.*"), ("SegmentationClass/", r"(.*/)?SegmentationClass/.*"))),
    ("cityscapes", (("leftImg8bit/", r"(.*/)?leftImg8bit/.*"), ("gtFine/", r"(.*/)?gtFine/.*"))),
    (
        "yolo",
        (("data.yaml", r"[^/]+\.ya?ml"), ("labels/*.txt", r"(.*/)?labels/.*\.txt"), ("images/", r"(.*/)?images/.*")),
    ),
    ("cvat", (("annotations.xml", r"(.*/)?annotations\.xml"), ("images/", r"(.*/)?images/.*"))),
    ("nnunet", (("dataset.json", r"dataset\.json"), ("imagesTr/", r"imagesTr/.*"), ("labelsTr/", r"labelsTr/.*"))),
    ("dsb", (("ID/images/", r"(.*/)?[^/]+/images/[^/]+"), ("ID/masks/", r"(.*/)?[^/]+/masks/[^/]+"))),
)
"""The parts of layouts that the names of folders and files tell, each part with a pattern of its paths."""


def describe(root: Path) -> str:
    """Return what `root` holds: its folders that have files, each with the number of files of each ending."""
    folders = _folders(root)
    if not folders:
        return "an empty directory" if not any(root.iterdir()) else "no file, in folders that are empty"
    shown = [f"{_name(root, folder)} {_endings(files)}" for folder, files in list(folders.items())[:SHOWN]]
    more = f" and {len(folders) - SHOWN:,} more folders" if len(folders) > SHOWN else ""
    return f"no images with masks, but {'; '.join(shown)}{more}"


def remedy_for(root: Path) -> str:
    """Return what to do about a directory that no layout fits: hints from its files, or how to arrange them."""
    folders = _folders(root)
    hints = [*_hint_at_annotations(root, folders), *_hint_at_pairs(root, folders), *_hint_at_layouts(root, folders)]
    hints += [*_hint_at_suffixes(root, folders), *_hint_at_endings(folders)]
    if not hints:
        return (
            "Arrange the files like this, pass the directory that holds both, or write train.txt and val.txt, each "
            "line an image and its mask."
        )
    return " ".join(hints[:MOST_HINTS])


def _folders(root: Path) -> Folders:
    folders: Folders = {}
    for number, (folder, files) in enumerate(walk(root)):
        if number >= MOST_FOLDERS:
            break
        if files:
            folders[folder] = files
    return folders


def _name(root: Path, folder: Path) -> str:
    return "directly there" if folder == root else f"{folder.relative_to(root).as_posix()}/"


def _endings(files: list[str]) -> str:
    counts = Counter(Path(file).suffix.lower() or "no ending" for file in files)
    shown = [f"{count:,} {ending}" for ending, count in counts.most_common(SHOWN // 2)]
    return f"({', '.join(shown)}{' ...' if len(counts) > len(shown) else ''})"


def _images(folder: Path, files: list[str]) -> list[Path]:
    return [folder / file for file in files if Path(file).suffix.lower() in IMAGE_ENDINGS]


def _hint_at_pairs(root: Path, folders: Folders) -> Iterator[str]:
    """Yield the two folders of images that share the most names."""
    images = {folder: folder_images for folder, files in folders.items() if (folder_images := _images(folder, files))}
    best: tuple[int, Path, Path] | None = None
    for first, second in combinations(list(images)[:MOST_PAIRED], 2):
        shared = max(_shared_stems(images[first], images[second]), _shared_stems(images[second], images[first]))
        if shared and (best is None or shared > best[0]):
            best = shared, first, second
    if best is not None:
        shared, first, second = best
        names = f"{_name(root, first)} and {_name(root, second)}"
        yield (
            f"The folders {names} share {shared:,} names: if one holds the masks of the other, rename the one with "
            f"images to images/ and the one with masks to masks/."
        )


def _shared_stems(images: list[Path], masks: list[Path]) -> int:
    """Return how many of the images have a mask. Of files with one stem the last counts, since two are an error."""
    different_images = {image.stem: image for image in images}
    different_masks = {mask.stem: mask for mask in masks}
    return len(pair_masks(list(different_images.values()), list(different_masks.values())))


def _hint_at_annotations(root: Path, folders: Folders) -> Iterator[str]:
    """Yield what is wrong with the first annotation file, file of boxes and archive."""
    paths = [folder / name for folder, files in folders.items() for name in files[:SHOWN]]
    for file in (path for path in paths if path.suffix.lower() == ".json"):
        shown = file.relative_to(root)
        if (tool := _other_tool(file)) is not None:
            yield f"{shown} is {tool}, which is not read: export the data from there as masks, COCO or Pascal VOC."
            break
        if (damage := _damage(file)) is not None:
            yield f"{shown} cannot be read: {damage}."
            break
        if (kind := kind_of_json(file)) is not None:
            yield f"{shown} is {kind}: pass the directory in which it lies with its images."
            break
    if boxes := next((path for path in paths if path.suffix.lower() in (".xml", ".csv") and _has_boxes(path)), None):
        yield f"{boxes.relative_to(root)} holds boxes, which detection needs: export outlines or masks."
    if archive := next(
        (folder / file for folder, files in folders.items() for file in files if is_archive(file)), None
    ):
        yield f"Unpack {archive.relative_to(root)} first."


def _other_tool(file: Path) -> str | None:
    keys = keys_in(file, OTHER_TOOLS)
    return next((tool for key, tool in OTHER_TOOLS.items() if key in keys), None)


def _damage(file: Path) -> str | None:
    """Return why a JSON file cannot be parsed; `None` for a sound one, and for one that is too large to try."""
    try:
        if file.stat().st_size <= MOST_BYTES:
            parse_json(file)
    except (OSError, ValueError) as error:
        return str(error)
    return None


def _has_boxes(file: Path) -> bool:
    try:
        with open_regular(file) as opened:
            text = opened.read(MOST_BYTES)
            return b"<bndbox>" in text or b"xmin,ymin" in text
    except OSError:
        return False


def kind_of_json(file: Path) -> str | None:
    """Return what a JSON file is, by its keys; `None` for one that is not known."""
    keys = keys_in(file, ("images", "annotations", "categories", "shapes", "shape_attributes", "segments_info"))
    if {"images", "annotations"} <= keys:
        return "a panoptic file of COCO's" if "segments_info" in keys else "a file of COCO's"
    return "a file of VIA's" if "shape_attributes" in keys else "a file of labelme's" if "shapes" in keys else None


def is_archive(name: str) -> bool:
    """Return whether a file is an archive by its name."""
    return name.lower().endswith((".zip", ".tar", ".tar.gz", ".tgz", ".7z", ".rar"))


def endings_of_masks(images: Sequence[Path], masks: Sequence[Path]) -> list[str]:
    """Return the suffixes that tell the names of masks from those of their images, the most frequent first: `_liver`
    and `_tumour` for the masks `a_liver.png` and `a_tumour.png` of the image `a.jpg`."""
    stems = {stem_of(image) for image in images}
    endings: Counter[str] = Counter()
    for mask in masks:
        stem = stem_of(mask)
        places = [place for place, letter in enumerate(stem) if letter in "_- ." and stem[:place] in stems]
        if places and not stem[places[-1] + 1 :].isdigit():
            endings[stem[places[-1] :]] += 1
    return [ending for ending, _ in endings.most_common()]


def _hint_at_suffixes(root: Path, folders: Folders) -> Iterator[str]:
    """Yield the suffixes by which files of one folder may be masks of other files there."""
    for folder, files in folders.items():
        images = _images(folder, files)
        if suffixes := endings_of_masks(images, images):
            place = "Files" if folder == root else f"Files in {_name(root, folder)}"
            yield (
                f"{place} have the name of another file there and {join_first(suffixes, SHOWN)} after it: if these are "
                "masks, unite those of each image a.png in one file a_mask.png, with one value for each class."
            )
            return


def _hint_at_layouts(root: Path, folders: Folders) -> Iterator[str]:
    """Yield the layouts of which a part is there, with what they lack."""
    paths = [(folder / file).relative_to(root).as_posix() for folder, files in folders.items() for file in files]
    for layout, parts in PARTS_OF_LAYOUTS:
        missing = [name for name, pattern in parts if not any(re.fullmatch(pattern, path) for path in paths)]
        there = [name for name, _ in parts if name not in missing]
        present = [name for name in there if name != "images/"]
        if missing and present:
            yield f"As the layout {layout} it has {', '.join(there)} and lacks {', '.join(missing)}."


def _hint_at_endings(folders: Folders) -> Iterator[str]:
    """Yield the endings of files there that may hold images and are not read."""
    endings = {Path(file).suffix.lower() for files in folders.values() for file in files}
    if unread := sorted(endings.intersection(UNREAD_ENDINGS)):
        yield f"Files that end in {', '.join(unread)} are not read: save them as PNG or TIFF."
