"""What to say where nothing fits: what stands in a folder, which layouts come near, and what they lack."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

from pixelwise.core.files import open_regular
from pixelwise.data.annotation_files import keys_in, parse_json
from pixelwise.data.pairing import pair_masks
from pixelwise.data.references import stem_of, walk
from pixelwise.raster.image import IMAGE_ENDINGS

SHOWN = 8
"""Folders, and endings of one, that a message names."""
MOST_FOLDERS = 2000
"""That are looked at."""
MOST_PAIRED = 12
"""Folders of images that are compared with one another."""
VOLUMES = (".nii", ".gz", ".dcm", ".mha", ".nrrd", ".npy", ".npz", ".mat", ".h5", ".zarr", ".czi", ".lif", ".nd2")
OTHER_TOOLS = {"classTitle": "a file of Supervisely's", "boundingBox": "a file of VoTT's", "DataRow ID": "Labelbox's"}
"""Keys of the JSON files of tools that are not read."""
MOST_BYTES = 1 << 24
"""Of a file that is searched for damage."""
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
    hints = [*_annotation_files(root, folders), *_pairs(root, folders), *_near(root, folders)]
    hints += [*_within_one(root, folders), *_not_images(folders)]
    hints = hints[:4] or [
        "Arrange the files like this, pass the directory that holds both, or write train.txt and val.txt, an image and "
        "its mask a line."
    ]
    return " ".join(hints)


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
    by_stem = {image.stem: image for image in images}
    unlike = {mask.stem: mask for mask in masks}
    return len(pair_masks(list(by_stem.values()), list(unlike.values())))


def _annotation_files(root: Path, folders: Folders) -> Iterator[str]:
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
    """Return what is wrong with a JSON file; `None` where nothing is, or where it is too large to be looked at."""
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
    """Return what the names of masks have more than those of their images, where no mask is called as one image is:
    `_liver` and `_tumour` of `a_liver.png`, `a_tumour.png` and `a.jpg`."""
    stems = {stem_of(image) for image in images}
    endings: Counter[str] = Counter()
    for mask in masks:
        stem = stem_of(mask)
        places = [place for place, letter in enumerate(stem) if letter in "_- ." and stem[:place] in stems]
        if places and not stem[places[-1] + 1 :].isdigit():
            endings[stem[places[-1] :]] += 1
    return [ending for ending, _ in endings.most_common()]


def _within_one(root: Path, folders: Folders) -> Iterator[str]:
    """Yield the endings by which files of one folder may be masks of others there."""
    for folder, files in folders.items():
        images = _images(folder, files)
        if endings := endings_of_masks(images, images):
            shown = ", ".join(endings[:SHOWN]) + (" ..." if len(endings) > SHOWN else "")
            place = "Files" if folder == root else f"Files in {_name(root, folder)}"
            yield (
                f"{place} are called as others there with {shown} after it: if these are masks, "
                "call the one mask of each image a_mask.png of a.png, with a value a class."
            )
            return


def _near(root: Path, folders: Folders) -> Iterator[str]:
    """Yield the layouts of which a part is there, with what they lack."""
    paths = [(folder / file).relative_to(root).as_posix() for folder, files in folders.items() for file in files]
    for layout, parts in LAYOUTS:
        missing = [name for name, pattern in parts if not any(re.fullmatch(pattern, path) for path in paths)]
        there = [name for name, _ in parts if name not in missing]
        present = [name for name in there if name != "images/"]
        if missing and present:
            yield f"As the layout {layout} it has {', '.join(there)} and lacks {', '.join(missing)}."


def _not_images(folders: Folders) -> Iterator[str]:
    """Yield what kinds of files there may hold images that are not read."""
    endings = Counter(Path(file).suffix.lower() for files in folders.values() for file in files)
    unread = [ending for ending in endings if ending in (*VOLUMES, ".heic", ".svg", ".psd")]
    if unread:
        yield f"Files that end in {', '.join(sorted(unread))} are not read: save them as PNG or TIFF."
