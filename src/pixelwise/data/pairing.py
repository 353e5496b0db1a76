"""Pairing images with their masks by the stems of their files."""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from pixelwise.core.errors import DataError
from pixelwise.data.references import stem_of
from pixelwise.raster.image import IMAGE_ENDINGS

_SUFFIX = re.compile(
    r"[_-](cp_masks?|masks?|labels?|gt|seg|segmentation|annotations?|annot|labelIds|L|manual\d?|simple[ _]segmentation"
    r"|object[ _]identities|lab|lbl|ground[ _]?truth)$",
    re.IGNORECASE,
)
"""Suffixes that a mask's stem may have after its image's, among them those of Cellpose, ilastik and DRIVE."""
_IMAGE_SUFFIX = re.compile(
    r"[_-](training|train|testing|test|validation|valid|val|img|image|rgb|photo|sat)$", re.IGNORECASE
)
"""Suffixes that an image's stem may have where its mask's has another: DeepGlobe's `7_sat.jpg` with `7_mask.png`."""
_PREFIX = re.compile(
    r"^(masks?|labels?|gt|seg|segmentation|annotations?|annot|lab|lbl|ground[ _]?truth|instances?)([ _-]+|(?=\d))",
    re.IGNORECASE,
)
"""Prefixes of masks: `mask_1`, `seg-007`, `Label12`."""
_IMAGE_PREFIX = re.compile(r"^(images?|img|im|photo|rgb|sat|input|raw)([ _-]+|(?=\d))", re.IGNORECASE)
"""Prefixes of images: `image_1`."""
_NUMBERED = re.compile(
    r"[_-](masks?|labels?|seg|segmentation|annotations?)([ _-]?\d{1,3}|[ _-]?\(\d{1,3}\))$", re.IGNORECASE
)
"""Numbered suffixes of several masks of one image: `x_mask_1.png` of breast ultrasound (BUSI)."""


def image_files(folder: Path) -> list[Path]:
    """Return the image files of a folder by their extensions, sorted; hidden ones are left out."""
    names = (name for name in os.listdir(folder) if name[0] != "." and name.lower().endswith(IMAGE_ENDINGS))
    return sorted(folder / name for name in names)


def pair_masks(images: Sequence[Path], masks: Sequence[Path]) -> dict[Path, Path]:
    """Return the mask of each image that has one. The first of these rules that gives an image a mask counts:

    1. The stems are equal.
    2. The mask has the image's stem and a suffix: `a` and `a_mask`.
    3. Both have a suffix: `21_training` and `21_manual1`. No other image may be called `21` without its suffix.
    4. One or both have a prefix: `1` and `mask_1`, `img_1` and `1`, `image_1` and `mask_1`. No other image may be
       called `1` without its prefix.

    Names are equal where they look the same. Raises `DataError` for two images of one stem, and for two masks that fit
    an image equally well.
    """
    if not masks:
        return {}
    by_stem: defaultdict[str, list[Path]] = defaultdict(list)
    by_base: defaultdict[str, list[Path]] = defaultdict(list)
    for mask in masks:
        by_stem[stem_of(mask)].append(mask)
        by_base[_SUFFIX.sub("", stem_of(mask))].append(mask)
    pairs: dict[Path, Path] = {}
    bases = Counter(_image_base(image) for image in images)
    for stem, image in _by_stem(images).items():
        base = _image_base(image)
        fitting = by_stem.get(stem) or by_base.get(stem) or (by_base.get(base, []) if bases[base] == 1 else [])
        if fitting:
            pairs[image] = _only_mask(image, fitting)
    return pairs | _pair_by_prefix(images, masks, pairs)


def _pair_by_prefix(images: Sequence[Path], masks: Sequence[Path], pairs: dict[Path, Path]) -> dict[Path, Path]:
    """Return the pairs of rule 4 of `pair_masks`, among the images and masks that are not in `pairs`.

    Paired images still count as other images: beside `img_1` and `photo_1` a mask `mask_1` belongs to neither.
    """
    paired = set(pairs.values())
    by_base: defaultdict[str, list[Path]] = defaultdict(list)
    for mask in masks:
        if mask not in paired:
            by_base[_PREFIX.sub("", stem_of(mask))].append(mask)
    bases = Counter(_without_prefix(image) for image in images)
    further: dict[Path, Path] = {}
    for image in images:
        base = _without_prefix(image)
        fitting = by_base.get(stem_of(image)) or (by_base.get(base, []) if bases[base] == 1 else [])
        if fitting and image not in pairs:
            further[image] = _only_mask(image, fitting)
    return further


def _only_mask(image: Path, fitting: Sequence[Path]) -> Path:
    """Return the one mask that fits an image; raise `DataError` where several do."""
    if len(fitting) > 1:
        names = ", ".join(mask.name for mask in fitting)
        remedy = "Leave the right one there and move the others elsewhere."
        raise DataError(image, f"{len(fitting)} masks for it: {names}", "one mask", remedy)
    return fitting[0]


def group_masks(images: Sequence[Path], masks: Sequence[Path], pairs: dict[Path, Path]) -> dict[Path, list[Path]]:
    """Return the masks of the images that have several: first the one in `pairs` (see `pair_masks`), then those with a
    numbered suffix, in the order of their numbers (`x_mask.png`, `x_mask_1.png`).

    `x_mask_1` is no such mask where there is an image `x_1`: the number may be part of the image's name.
    """
    stems = {stem_of(image): image for image in images}
    used = set(pairs.values())
    numbered: defaultdict[Path, list[Path]] = defaultdict(list)
    for mask in masks:
        stem = stem_of(mask)
        match = _NUMBERED.search(stem)
        if mask in used or match is None or _SUFFIX.search(stem) or (image := stems.get(stem[: match.start()])) is None:
            continue
        if stem[: match.start()] + match[2] not in stems:
            numbered[image].append(mask)
    return {
        image: [*([pairs[image]] if image in pairs else []), *sorted(several, key=_number)]
        for image, several in numbered.items()
    }


def separate_masks(files: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Return the images and the masks among files that lie in one folder; no masks where names do not tell them.

    A mask has its image's stem and a suffix, or a prefix (`image_1` and `mask_1`), or it has the stem of a JPEG and is
    no JPEG itself. A suffix or prefix that tells one mask here tells all files with it, also those without an image. A
    file with a numbered suffix is an image where it has a mask of its own (`a_seg_1.jpg` with `a_seg_1_mask.png` or
    `a_seg_1.png`).
    """
    by_stem: defaultdict[str, list[Path]] = defaultdict(list)
    for file in files:
        by_stem[stem_of(file)].append(file)
    jpeg_pairs = {stem for stem, group in by_stem.items() if sorted(map(_is_jpeg_name, group)) == [False, True]}
    masked_stems = jpeg_pairs | {_mask_base(file) for file in files if _SUFFIX.search(stem_of(file))}
    suffix_of = {file: "" if _is_numbered(file) and stem_of(file) in masked_stems else _suffix(file) for file in files}
    image_stems = by_stem.keys() | {_image_base(file) for file in files if not suffix_of[file]}
    mask_suffixes = {suffix for file, suffix in suffix_of.items() if suffix and _mask_base(file) in image_stems}
    masks = {file for file in files if suffix_of[file] in mask_suffixes}
    masks |= {file for file in files if stem_of(file) in jpeg_pairs and not _is_jpeg_name(file)}
    masks |= _with_prefix([file for file in files if file not in masks])
    return [file for file in files if file not in masks], [file for file in files if file in masks]


def _with_prefix(files: Sequence[Path]) -> set[Path]:
    """Return the files that are masks by their prefix: all files with a prefix that one of them has before the name of
    an image."""
    prefixes = {file: match[1].lower() for file in files if (match := _PREFIX.match(stem_of(file)))}
    others = [file for file in files if file not in prefixes]
    images = {name for file in others for name in (stem_of(file), _without_prefix(file))}
    telling = {prefix for file, prefix in prefixes.items() if _PREFIX.sub("", stem_of(file)) in images}
    return {file for file, prefix in prefixes.items() if prefix in telling}


def _without_prefix(image: Path) -> str:
    return _IMAGE_PREFIX.sub("", stem_of(image))


def _number(mask: Path) -> tuple[int, str]:
    match = _NUMBERED.search(stem_of(mask))
    return int(re.sub(r"\D", "", match[2])) if match else 0, mask.name


def _suffix(file: Path) -> str:
    """Return the suffix of a mask's stem without its number; empty for a stem without one."""
    stem = stem_of(file)
    if match := _SUFFIX.search(stem):
        return match.group().lower()
    return f"_{match[1].lower()}" if (match := _NUMBERED.search(stem)) else ""


def _is_numbered(file: Path) -> bool:
    stem = stem_of(file)
    return _SUFFIX.search(stem) is None and _NUMBERED.search(stem) is not None


def _mask_base(file: Path) -> str:
    stem = stem_of(file)
    return _SUFFIX.sub("", stem) if _SUFFIX.search(stem) else _NUMBERED.sub("", stem)


def _image_base(file: Path) -> str:
    return _IMAGE_SUFFIX.sub("", stem_of(file))


def _is_jpeg_name(file: Path) -> bool:
    return file.suffix.lower() in (".jpg", ".jpeg")


def _by_stem(images: Sequence[Path]) -> dict[str, Path]:
    stems: dict[str, Path] = {}
    for image in images:
        other = stems.setdefault(stem_of(image), image)
        if other is not image:
            found = f"the same stem as {other.name}"
            raise DataError(image, found, "images with different stems", "Rename one of them, and its mask.")
    return stems
