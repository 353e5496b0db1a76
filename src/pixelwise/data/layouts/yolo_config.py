"""The YAML file of YOLO's data sets: the classes, and the places of images and their texts (see `yolo`)."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pixelwise.core.classes import BACKGROUND, MAX_CLASSES, ClassMap
from pixelwise.core.documents import MAX_LIST_BYTES, read_text
from pixelwise.core.errors import DataError, MaskError
from pixelwise.data.annotation_files import format_value, parse_yaml, shorten
from pixelwise.data.dataset import Item
from pixelwise.data.pairing import image_files
from pixelwise.data.problem import Problem
from pixelwise.data.references import contains, is_usable, last_levels, parts_of, stem_of, walk
from pixelwise.data.split_lists import report_unlisted
from pixelwise.data.splits import SPLITS
from pixelwise.raster.image import IMAGE_ENDINGS

FILES = ("data.yaml", "dataset.yaml")
"""The usual names of the YAML file, which are preferred to other names."""
EXPECTED = "data.yaml with train, val and names, images/ and labels/"
CLASS_NAMES = "classes.txt"
"""A class list that labelling tools leave among the texts."""
_KEYS = (re.compile(r"^(names|nc)\s*:", re.MULTILINE), re.compile(r"^(train|val)\s*:", re.MULTILINE))


def yaml_file(root: Path) -> Path | None:
    """Return the first YAML file in `root` whose text has the keys of such a data set; `None` without one."""
    files = sorted(file for file in root.iterdir() if file.suffix.lower() in (".yaml", ".yml"))
    files.sort(key=lambda file: FILES.index(file.name) if file.name in FILES else len(FILES))
    for file in files:
        try:
            text = read_text(file, MAX_LIST_BYTES)
        except (OSError, ValueError):
            continue
        if all(key.search(text) for key in _KEYS):
            return file
    return None


def read_yaml(path: Path) -> dict[str, Any]:
    """Return what the file holds; raise `DataError` for a file that cannot be read, and for data with keypoints."""
    try:
        content = parse_yaml(path)
    except (OSError, ValueError) as error:
        found = f"a file that cannot be read ({error})"
        raise DataError(path, found, EXPECTED, "Correct it.") from error
    if not isinstance(content, dict):
        raise DataError(path, "YAML without keys", EXPECTED, "Correct it.")
    if content.get("kpt_shape"):
        remedy = "Mark the objects' outlines, or export them for segmentation."
        raise DataError(path, "keypoints (kpt_shape)", "objects with outlines", remedy)
    return content


def read_classes(path: Path, content: dict[str, Any]) -> ClassMap:
    """Return background and the named classes; raise `DataError` for names that make no sense."""
    names, count = content.get("names"), content.get("nc")
    if names is None and count is not None:
        if type(count) is not int or not 0 < count < MAX_CLASSES:
            expected = f"a whole number from 1 to {MAX_CLASSES - 1}, or names"
            raise DataError(path, f"nc: {format_value(count)} and no names", expected, "Correct it.")
        names = [f"class_{index}" for index in range(count)]
    named = _names(path, names)
    if count is not None and count != len(named):
        raise DataError(
            path,
            f"{len(named)} names and nc: {format_value(count)}",
            "as many names as nc",
            "Correct the one that is wrong: texts number the classes in the order of the names, from 0.",
        )
    try:
        return ClassMap.from_names((BACKGROUND, *named))
    except DataError as error:
        raise DataError(path, f"{error.found} ({BACKGROUND} is one)", error.expected, error.remedy) from error


def _names(path: Path, names: Any) -> list[str]:
    """Return the names in the order of their ids; raise `DataError` for a name that is missing, no text, or there
    twice."""
    expected = "names: [sky, ...] or {0: sky, 1: ...}, no id left out"
    remedy = "Correct them: texts number the classes in this order, from 0."
    if isinstance(names, dict):
        by_id = {str(key): name for key, name in names.items()}
        missing = [str(index) for index in range(len(names)) if str(index) not in by_id]
        if missing:
            given, absent = (", ".join([*ids[:8], *(["..."] if len(ids) > 8 else [])]) for ids in ([*by_id], missing))
            found = shorten(f"names that lack an id: {len(names)} names for the ids {given}, none for {absent}")
            raise DataError(path, found, expected, remedy)
        names = [by_id[str(index)] for index in range(len(names))]
    if not isinstance(names, list) or not names:
        raise DataError(path, "names that are no list, or an empty one", expected, remedy)
    if len(names) >= MAX_CLASSES:
        found = f"{len(names) + 1} classes ({BACKGROUND} is one)"
        raise DataError(path, found, f"1 to {MAX_CLASSES}", "Merge or drop classes.")
    first_index: dict[str, int] = {}
    for index, name in enumerate(names):
        if type(name) not in (str, int, float):
            found = "no name" if name is None else f"{format_value(name)}, which needs quotes to be a name,"
            raise DataError(path, f"{found} for the id {index}", expected, remedy)
        if not str(name).strip():
            raise DataError(path, f"an empty name for the id {index}", expected, remedy)
        if (first := first_index.setdefault(str(name), index)) != index:
            found = f"the name {format_value(str(name))} twice, for the ids {first} and {index}"
            raise DataError(path, found, "different names", remedy)
    return [str(name) for name in names]


def read_items(path: Path, content: dict[str, Any], split: str, images_root: Path | None = None) -> list[Item]:
    """Return the images of a split, with their texts as masks; none where the file does not name the split.

    An image without a text is its own mask, so that messages and checks for changes have a file. Raises `DataError` for
    folders and lists that lie neither under the folder of the YAML file nor under `images_root`, for a path that is not
    there or has no images, for a split without any text, and for two images of one name.
    """
    entries = _as_list(next((content[key] for key in SPLITS[split] if content.get(key)), []))
    stated = content.get("path") or ""
    for key, value in (("path", stated), *((split, value) for value in entries)):
        if not isinstance(value, str) and type(value) is not int:
            found = f"{key}: {format_value(value)}"
            raise DataError(path, found, "a path, or a list of paths", "Correct it, or quote it.")
    roots = [os.path.realpath(folder) for folder in (path.parent, images_root) if folder is not None]
    bases = [base for base in (path.parent / str(stated), path.parent) if os.path.isdir(base)]
    listed = (image for text in entries for image in _images(path, bases, split, str(text), roots))
    images = list(dict.fromkeys(listed))
    texts = _texts(images)
    present = {text for text in texts if os.path.isfile(text)}
    if images and not present:
        if split == "test":
            return []
        remedy = "Add the texts, empty ones for images without objects, or correct the path."
        if any(os.path.isdir(text.parent) and image_files(text.parent) for text in texts[:1]):
            remedy = f"{texts[0].parent.name}/ holds images: if these are masks, pass `format='folders'`. {remedy}"
        raise DataError(texts[0], f"no such file, and no text of {split} at all", "a text for each image", remedy)
    stems = Counter(image.stem for image in images)
    names = [image.stem if stems[image.stem] == 1 else _long_name(path.parent, image) for image in images]
    same = next((name for name, count in Counter(names).items() if count > 1), None)
    if same is not None:
        twice = [image for image, name in zip(images, names, strict=True) if name == same]
        raise DataError(twice[1], f"the same name as {twice[0].name} has", "one image of a name", "Rename one of them.")
    masks = [text if text in present else image for image, text in zip(images, texts, strict=True)]
    return [
        Item(name, image, mask, mask) if os.path.isfile(image) else Item(name, image)
        for name, image, mask in zip(names, images, masks, strict=True)
    ]


def stray_texts(items: Iterable[Item]) -> tuple[Path, ...]:
    """Return the texts without an image, in the folders `labels` that belong to folders of images."""
    folders = {_text(item.image).parent: item.image.parent for item in items}
    strays: list[Path] = []
    for labels, images in folders.items():
        if labels != images and os.path.isdir(labels) and os.path.isdir(images):
            stems = {stem_of(file) for file in images.iterdir() if file.suffix.lower() in IMAGE_ENDINGS}
            strays += [text for text in labels.glob("*.txt") if stem_of(text) not in stems and text.name != CLASS_NAMES]
    return tuple(sorted(strays))


def report_unlisted_images(root: Path, content: dict[str, Any], items: Iterable[Item]) -> list[Problem]:
    """Return a remark on images that lie beside listed ones and are in no list, where a split is a list."""
    entries = [str(entry) for split in SPLITS for name in SPLITS[split] for entry in _as_list(content.get(name))]
    if not any(entry.lower().endswith(".txt") for entry in entries):
        return []
    used = {item.image for item in items}
    folders = sorted({image.parent for image in used if os.path.isfile(image)})
    images = {image: os.path.isfile(_text(image)) for folder in folders for image in image_files(folder)}
    return report_unlisted(root, images, used)


def _as_list(entry: Any) -> list[Any]:
    return entry if isinstance(entry, list) else [entry]


def _images(path: Path, bases: Sequence[Path], split: str, entry: str, roots: Sequence[str]) -> list[Path]:
    ends = [end for end in _ends(entry) if "/" in end or end.lower() in SPLITS[split] or end == entry]
    places = (
        [base / name for name in (entry, *ends) for base in bases]
        if is_usable(entry) or (entry and not parts_of(entry))
        else []
    )
    place = next((place for place in places if os.path.exists(place)), None)
    if place is not None:
        _require_inside(path, place, f"{split}: {shorten(entry)}", roots)
    images: list[Path] = []
    if place is not None and os.path.isdir(place):
        files = (folder / name for folder, names in walk(place) for name in names)
        images = sorted(file for file in files if file.suffix.lower() in IMAGE_ENDINGS)
    elif place is not None:
        images = [_image_of_line([place.parent, *bases], line.strip()) for _, line in lines_of(place)]
    if any(os.path.isfile(image) for image in images):
        return images
    if split == "test":
        return []
    fault = "is not there" if place is None else "holds or names no image that is there"
    found = f"{split}: {shorten(entry)}, which {fault}"
    raise DataError(path, found, "a folder of images or a list of them", "Correct the path or copy the images there.")


def _require_inside(path: Path, place: Path, entry: str, roots: Sequence[str]) -> None:
    """Raise `DataError` for a folder or list that is not under one of the roots, before it is searched."""
    target = os.path.realpath(place)
    if any(contains(root, target) for root in roots):
        return
    remedy = "Copy what belongs to the data into it, or correct the path."
    if not contains(target, roots[0]):  # a folder that holds the data set itself must not be suggested
        remedy = f"Copy what belongs to the data into it, or allow the folder: `images_root={str(target)!r}`."
    raise DataError(path, f"{entry}, which lies outside the data set ({target})", f"paths under {roots[0]}", remedy)


def _image_of_line(bases: Sequence[Path], line: str) -> Path:
    """Return the image that a line names; the first folders of its path may be those of another machine."""
    if not is_usable(line) or not Path(line).name:  # "." and "/" are no names
        return bases[0] / (shorten(line)[:60].strip("./") or "nameless")
    names = (line, *(end for end in _ends(line) if "/" in end))
    places = (os.path.join(base, name) for name in names for base in bases)  # as texts, since Path objects are slow
    return Path(next(filter(os.path.isfile, places), os.path.join(bases[0], line)))


def _ends(path: str) -> list[str]:
    """Return the ends of a path, the longest first, without `..`."""
    parts = parts_of(path)
    return ["/".join(parts[first:]) for first in last_levels(parts)]


def _texts(images: Sequence[Path]) -> list[Path]:
    """Return each image's text, or where it should be."""
    expected = [_text(image) for image in images]
    folders = {text.parent for text in expected if os.path.isdir(text.parent)}
    there = {(folder, stem_of(text)): text for folder in folders for text in folder.glob("*.txt")}
    return [there.get((text.parent, stem_of(text)), text) for text in expected]


def _text(image: Path) -> Path:
    folders = list(image.parts[:-1])
    if "images" in folders:
        folders[len(folders) - 1 - folders[::-1].index("images")] = "labels"
    return Path(*folders, image.name).with_suffix(".txt")


def _long_name(root: Path, image: Path) -> str:
    return "_".join(part for part in Path(os.path.relpath(image.with_suffix(""), root)).parts if part != "..")


def lines_of(path: Path) -> list[tuple[int, str]]:
    """Return the lines that are not empty, with their numbers; raise `MaskError` for what is no text."""
    try:
        lines = read_text(path).splitlines()
    except (OSError, ValueError) as error:
        raise MaskError(path, f"a file that cannot be read ({error})", "a text, UTF-8", "Write it again.") from error
    return [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
