"""What to say where nothing fits: what stands in a folder, which layouts come near, and what they lack."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

from pixelwise.formats.classlist import CLASS_LISTS
from pixelwise.formats.names import walk
from pixelwise.formats.partners import partners
from pixelwise.formats.problem import Problem
from pixelwise.formats.textfiles import keys_in
from pixelwise.raster.image import IMAGE_ENDINGS

SHOWN = 8
"""Folders, and endings of one, that a message names."""
DEPTH = 3
"""Of folders in which lists of classes are noticed."""
MOST_FOLDERS = 2000
"""That are looked at."""
MOST_PAIRED = 12
"""Folders of images that are compared with one another."""
VOLUMES = (".nii", ".gz", ".dcm", ".mha", ".nrrd", ".npy", ".npz", ".mat", ".h5", ".zarr", ".czi", ".lif", ".nd2")
OTHER_CLASS_LISTS = re.compile(
    r"(class(es)?(_?(names?|dict|list))?|labels?(_?(map|names?|list|colou?rs))?|categories|palette|colou?r(s|_?map)?|obj)"
    r"(\.names|\.txt|\.csv|\.tsv|\.json|\.ya?ml|\.pbtxt|\.xml)",
    re.IGNORECASE,
)
"""Names under which other tools keep lists of classes."""

Folders = dict[Path, list[str]]

LAYOUTS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
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
"""What layouts have, each with a pattern of paths, where the name of a folder tells them."""


def describe(root: Path) -> str:
    """Return what stands in `root`: each folder that holds files, with the endings of these and how many there are."""
    folders = _folders(root)
    if not folders:
        return "an empty directory" if not any(root.iterdir()) else "no file, in folders that are empty"
    shown = [f"{_name(root, folder)} {_endings(files)}" for folder, files in list(folders.items())[:SHOWN]]
    more = f" and {len(folders) - SHOWN:,} more folders" if len(folders) > SHOWN else ""
    return f"no images with masks, but {'; '.join(shown)}{more}"


def remedy_for(root: Path) -> str:
    """Return what can be done about it: which folders could be paired, which layouts come near, and what they lack."""
    folders = _folders(root)
    hints = [*_annotation_files(root, folders), *_pairs(root, folders), *_near(root, folders), *_not_images(folders)]
    hints = hints[:4] or ["Arrange the files like this, or pass the directory that holds both."]
    return " ".join(hints)


def unread_class_lists(root: Path) -> list[Problem]:
    """Return a remark on each file that looks like a list of classes and was not read: in a format that is not known,
    or in a folder where none is looked for."""
    files = (folder / name for folder, names in walk(root, DEPTH) for name in names)
    return [
        Problem(
            file,
            "passed_over",
            f"found what looks like a list of classes; expected one of {', '.join(CLASS_LISTS)} in {root.name}/. It "
            "was not read: write the names there, in classes.txt one a line in the order of the masks' values.",
        )
        for file in files
        if OTHER_CLASS_LISTS.fullmatch(file.name)
    ]


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


def _pairs(root: Path, folders: Folders) -> Iterator[str]:
    """Yield the two folders of images that share the most names."""
    images = {folder: own for folder, files in folders.items() if (own := _images(folder, files))}
    best: tuple[int, Path, Path] | None = None
    for first, second in combinations(list(images)[:MOST_PAIRED], 2):
        shared = max(_shared(images[first], images[second]), _shared(images[second], images[first]))
        if shared and (best is None or shared > best[0]):
            best = shared, first, second
    if best is not None:
        shared, first, second = best
        names = f"{_name(root, first)} and {_name(root, second)}"
        yield (
            f"The folders {names} share {shared:,} names: if one holds the masks of the other, rename the one with "
            f"images to images/ and the one with masks to masks/."
        )


def _shared(images: list[Path], masks: list[Path]) -> int:
    by_stem = {image.stem: image for image in images}
    unlike = {mask.stem: mask for mask in masks}
    return len(partners(list(by_stem.values()), list(unlike.values())))


def _annotation_files(root: Path, folders: Folders) -> Iterator[str]:
    for folder, files in folders.items():
        for file in (folder / name for name in files[:SHOWN] if name.lower().endswith(".json")):
            if (kind := kind_of_json(file)) is not None:
                yield f"{file.relative_to(root)} is {kind}: pass the directory in which it lies with its images."
                return
    if archive := next(
        (folder / file for folder, files in folders.items() for file in files if is_archive(file)), None
    ):
        yield f"Unpack {archive.relative_to(root)} first."


def kind_of_json(file: Path) -> str | None:
    """Return what a JSON file is, by its keys; `None` for one that is not known."""
    keys = keys_in(file, ("images", "annotations", "categories", "shapes", "shape_attributes", "segments_info"))
    if {"images", "annotations"} <= keys:
        return "a panoptic file of COCO's" if "segments_info" in keys else "a file of COCO's"
    return "a file of VIA's" if "shape_attributes" in keys else "a file of labelme's" if "shapes" in keys else None


def is_archive(name: str) -> bool:
    """Return whether a file is an archive by its name."""
    return name.lower().endswith((".zip", ".tar", ".tar.gz", ".tgz", ".7z", ".rar"))


def _near(root: Path, folders: Folders) -> Iterator[str]:
    """Yield the layouts of which a part is there, with what they lack."""
    paths = [(folder / file).relative_to(root).as_posix() for folder, files in folders.items() for file in files]
    for layout, parts in LAYOUTS:
        missing = [name for name, pattern in parts if not any(re.fullmatch(pattern, path) for path in paths)]
        there = [name for name, _ in parts if name not in missing]
        own = [name for name in there if name != "images/"]
        if missing and own:
            yield f"As the layout {layout} it has {', '.join(there)} and lacks {', '.join(missing)}."


def _not_images(folders: Folders) -> Iterator[str]:
    """Yield what kinds of files there may hold images that are not read."""
    endings = Counter(Path(file).suffix.lower() for files in folders.values() for file in files)
    unread = [ending for ending in endings if ending in (*VOLUMES, ".heic", ".svg", ".psd")]
    if unread:
        yield f"Files that end in {', '.join(sorted(unread))} are not read: save them as PNG or TIFF."
