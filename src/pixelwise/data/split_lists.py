"""Lines of split lists: an image, or an image and its mask, in the forms of CamVid, PASCAL and Paddle."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from pixelwise.core.errors import DataError
from pixelwise.core.text import quantity
from pixelwise.data.dataset import Item
from pixelwise.data.problem import Problem, display_path, list_paths
from pixelwise.data.references import FileFinder, Match, last_levels, nfc, parts_of
from pixelwise.raster.image import IMAGE_ENDINGS

_SEPARATOR = re.compile(r"\s*[\t,;]\s*|\s+")
_SHOWN = 3
"""Names that a message lists."""
MAX_DIVISIONS = 32
"""Separators of a line at which it is divided, at most; no name has more spaces or commas."""

Listed = list[tuple[str, Item]]
"""Items with the split whose list names them."""


@dataclass(frozen=True)
class Line:
    """A line of a split's list.

    text: the whole line. item: the item that it names, `None` where none is known. image, mask: its parts that name the
    image and, if there is one, the mask.
    """

    split: str
    text: str
    item: Item | None
    image: str
    mask: str | None


def names_of(text: str) -> list[str]:
    """Return the names that an item of this text may have: its stem with more or fewer of the folders before it, the
    longest first, then the file's name and its stem."""
    *folders, file = map(nfc, parts_of(text) or ["_"])
    stem = stem_in(file)
    return [*("_".join((*folders[first:], stem)) for first in last_levels(folders)), file, stem]


def stem_in(file: str) -> str:
    """Return a file's name without its ending, if that is one of images: `d.png` is `d`, and `d.e` stays as it is."""
    return Path(file).stem if _is_file(file) else file


def parse_line(split: str, line: str, item_of: Callable[[str], Item | None]) -> Line:
    """Return a line as its image and, where it has a second column that is a path, its mask.

    The whole line counts where it names an image, so that names may hold spaces; else the part before a tab, comma,
    semicolon or space.
    """
    whole = item_of(line)
    if whole is not None and _ends_alike(whole.image, line):
        return Line(split, line, whole, line, None)
    parts = sorted(divisions(line), key=lambda pair: not (_is_file(pair[0]) and _is_file(pair[1])))
    for left, right in parts:
        if _is_path(right) and (item := item_of(left)) is not None:
            return Line(split, line, item, left, right)
    if whole is not None:
        return Line(split, line, whole, line, None)
    for left, right in parts:
        if _is_file(left) and _is_file(right):
            return Line(split, line, None, left, right)
    for left, _ in parts:
        if (item := item_of(left)) is not None:
            return Line(split, line, item, left, None)
    return Line(split, line, None, line if _is_file(line) or not parts else parts[0][0], None)


def _ends_alike(image: Path, text: str) -> bool:
    """Return whether a text is the end of an image's path, with or without the file's ending."""
    parts = [nfc(part) for part in parts_of(text)]
    image_parts = [nfc(part) for part in image.parts[-len(parts) :]]
    return bool(parts) and image_parts[:-1] == parts[:-1] and parts[-1] in (image_parts[-1], nfc(image.stem))


def follow_lists(root: Path, lines: Sequence[Line], folder_of: Callable[[str], Path]) -> tuple[Listed, list[Problem]]:
    """Return the items that the lines name, each once in a split, with the masks that second columns name, and remarks.

    folder_of: returns the folder of a split, in which a missing image is said to lie. Where no second column leads to a
    file, the items keep their masks. Raises `DataError` where lists name two masks of an image, or one mask of two
    images.
    """
    finder = FileFinder(root)
    texts = list(dict.fromkeys(line.mask for line in lines if line.mask is not None))
    unknown = list(dict.fromkeys(line.image for line in lines if line.item is None)) if texts else []
    images = {text: match.path for text, match in _match_texts(finder, root, unknown).items() if match.exists}
    taken = {*images.values(), *(line.item.image for line in lines if line.item is not None)}
    masks = {
        text: match.path
        for text, match in _match_texts(finder, root, texts).items()
        if match.exists and match.path not in taken and _is_file(match.path.name)
    }
    problems = _report_missing_masks(texts, [text for text in texts if text not in masks], root)
    items: dict[tuple[str, Path], Item] = {}
    masks_of: dict[Path, Path] = {}
    others: dict[Path, Path] = {}
    for line in lines:
        item = line.item
        if item is None:
            *_, file, stem = names_of(line.image)
            item = Item(stem, images.get(line.image, folder_of(line.split) / file))
        if line.mask is not None and masks:
            mask = masks.get(line.mask)
            if mask is not None and masks_of.setdefault(item.image, mask) != mask:
                both = " and ".join(display_path(root, mask_path) for mask_path in (masks_of[item.image], mask))
                raise DataError(item.image, f"two masks in the lists, {both}", "one mask", "Correct the lists.")
            if mask is not None and item.mask not in (None, mask):
                others[item.image] = mask
            item = replace(item, mask=mask, more=())
        items.setdefault((line.split, item.image), item)
    _require_own_masks(root, masks_of)
    if others:
        pairs = ", ".join(
            f"{image.name} with {display_path(root, mask)}" for image, mask in list(others.items())[:_SHOWN]
        )
        message = (
            f"found {quantity(len(others), 'image')} for which the lists name another mask than the one of the image's "
            f"name ({pairs}); expected masks with their images' names. The lists were followed; without their second "
            "columns images and masks are paired by name."
        )
        problems.append(Problem(root, "assumed", message))
    return [(split, item) for (split, _), item in items.items()], problems


def _match_texts(finder: FileFinder, root: Path, texts: Sequence[str]) -> dict[str, Match]:
    return dict(zip(texts, finder.find(texts, [root]), strict=True))


def report_unlisted(root: Path, images: Mapping[Path, bool], listed: Iterable[Path]) -> list[Problem]:
    """Return a remark on images that no list names. images: whether each has a mask."""
    used = set(listed)
    left = sorted(image for image in images if image not in used)
    if not left:
        return []
    masked = sum(images[image] for image in left)
    message = (
        f"found {quantity(len(left), 'image')} ({list_paths(root, left)}), {masked:,} with a mask, that no list of the "
        f"splits names, beside {len(used):,} that one does; expected each image in a list. They were left out: add "
        "them to a list, or move the lists elsewhere to have all images read."
    )
    return [Problem(root, "passed_over", message)]


def _report_missing_masks(texts: list[str], missing: list[str], root: Path) -> list[Problem]:
    if not missing:
        return []
    found = f"found {len(missing):,} of {len(texts):,} masks in the lists that are not there, such as {missing[0]}"
    remedy = (
        "Masks were paired by the images' names instead; correct the lists, or leave the second column out."
        if len(missing) == len(texts)
        else "Their images have no mask: correct the lists, or add the files."
    )
    return [Problem(root, "assumed", f"{found}; expected paths in the data set. {remedy}")]


def _require_own_masks(root: Path, masks_of: Mapping[Path, Path]) -> None:
    twice = [mask for mask, count in Counter(masks_of.values()).items() if count > 1]
    if twice:
        names = " and ".join(display_path(root, image) for image, mask in masks_of.items() if mask == twice[0])
        raise DataError(twice[0], f"one mask for {names} in the lists", "a mask for each image", "Correct the lists.")


def divisions(line: str) -> Iterator[tuple[str, str]]:
    """Yield the line in two parts, divided at each of the first `MAX_DIVISIONS` separators."""
    for match in islice(_SEPARATOR.finditer(line), MAX_DIVISIONS):
        left, right = (part.strip("\"' ") for part in (line[: match.start()], line[match.end() :]))
        if left and right:
            yield left, right


def _is_file(text: str) -> bool:
    return Path(text.replace("\\", "/")).suffix.lower() in IMAGE_ENDINGS


def _is_path(text: str) -> bool:
    return _is_file(text) or "/" in text or "\\" in text
