"""The folders of images, masks and instance maps of a data set, recognised by their names."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pixelwise.core.errors import DataError
from pixelwise.core.text import join_first, quantity
from pixelwise.data.pairing import image_files, separate_masks
from pixelwise.data.problem import Problem
from pixelwise.data.references import contains, walk
from pixelwise.data.splits import SPLITS

ROLES = {
    "images": ("images", "image", "imgs", "img", "photos", "photo", "jpegimages"),
    "masks": (
        *("masks", "mask", "labels", "label", "annotations", "annotation", "annot"),
        *("gt", "segmentations", "segmentation", "segmentationclass"),
        *("1st_manual", "manual1", "manual", "2nd_manual", "manual2"),
    ),
    "instances": ("instances", "instance"),
}
"""What a folder holds, by its name in lower case; the first name is the one that is written."""

OTHER_ROLES = {
    "images": (
        *("img_dir", "images_png", "original", "originals", "original_images", "org-img", "rgb", "input", "inputs"),
    ),
    "masks": (
        *("ann_dir", "masks_png", "ground_truth", "ground-truth", "groundtruth", "gts", "truth", "target", "targets"),
        *("label_images", "label_images_semantic", "mask_images", "masks_machine", "label-img", "segs", "lab"),
        *("segmentationclasspng", "segmentationclasscontext"),
    ),
    "instances": ("instance_maps", "segmentationobject"),
}
"""Names that count where no folder has one of the names above."""

BY_HAND = ("1st_manual", "manual1", "manual")
"""Folders of labels that observers drew by hand. The first that is there is read, and none of `BESIDE_BY_HAND`."""
BESIDE_BY_HAND = ("2nd_manual", "manual2", "mask", "masks")
"""Folders of a second observer's labels, and of the camera's field of view."""

EXPECTED = (
    "images/ beside masks/ (or labels/, annotations/ ...) or instances/, with or without train/, val/ and test/ above "
    "or below them and any folders within them, or images and masks in one folder told apart by a suffix such as _mask"
)
Known = tuple[Path, str | None, str | None]
"""A folder, the split that its name tells, and its role, a key of `ROLES`; `None` for what the name does not tell."""
Files = dict[tuple[str, ...], list[Path]]
"""The image files in a folder, by the names of the folders within it in which they lie."""


@dataclass(frozen=True)
class FileGroup:
    """The files of one split: images, masks and instance maps, not yet paired.

    split: `None` where no folder names it. folder: that of the images. within: the names of the folders, inside
    `images/`, `masks/` and `instances/`, in which all of these files lie.
    """

    split: str | None
    folder: Path
    images: list[Path]
    masks: list[Path]
    instances: list[Path]
    within: tuple[str, ...] = ()


def holds_images(folder: Path) -> bool:
    """Return whether the name of a folder says that images lie in it."""
    name = _parse_name(folder.name)
    return name is not None and name[1] == "images"


def find_file_groups(root: Path, images_root: Path | None = None) -> tuple[list[FileGroup], list[Problem]]:
    """Return what the folders in `root` hold, and remarks on folders that were passed over.

    Understood are `train/images`, `images/train`, `train` and `train_masks`, and one folder of masks for several
    splits. Folders within them pair by their names: `images/a` with `masks/a`. They are searched in `root` and in its
    folders, and at any depth where no masks lie there. Where `root` has no images of its masks, those in `images_root`
    are taken. Raises `DataError` where two folders could hold the same.
    """
    passed_over: list[Problem] = []
    groups = _groups_near_root(root, passed_over)
    if any(group.masks or group.instances for group in groups):
        return _without_hidden_labels(groups, passed_over), passed_over
    left_out: list[tuple[Path, int]] = []
    deeper = _groups_at_any_depth(root, left_out)
    remarks = [*_read_as_one(root, deeper), *_without_masks(root, left_out)]
    if deeper:
        return deeper, remarks
    if images_root is not None and images_root.is_dir():
        return [_masks_alone(root, images_root)], passed_over
    return groups, passed_over


def _masks_alone(root: Path, images_root: Path) -> FileGroup:
    """Return the masks in `root`, or in its folder of masks, with the images in `images_root`."""
    folders = {role: folder for folder, split, role in _known_folders(root) if split is None}
    instances = image_files(folders["instances"]) if "instances" in folders else []
    masks = [] if instances and "masks" not in folders else image_files(folders.get("masks", root))
    return FileGroup(None, images_root, image_files(images_root), masks, instances)


def common_folder(root: Path, groups: list[FileGroup]) -> Path:
    """Return the folder that holds all files: `root`, or one below it where all lie there."""
    folders = {path.parent for group in groups for path in (*group.images[:1], *group.masks[:1], *group.instances[:1])}
    home = Path(os.path.commonpath(folders)) if len(folders) > 1 else root
    while home != root and _parse_name(home.name) is not None:
        home = home.parent
    return home if home.is_relative_to(root) else root


def _groups_near_root(root: Path, passed_over: list[Problem]) -> list[FileGroup]:
    by_role: defaultdict[tuple[str | None, str | None], list[tuple[Path, Files]]] = defaultdict(list)
    folders = _without_other_observers(root, list(_known_folders(root)), passed_over)
    known = {folder for folder, _, _ in folders}
    names = {folder.name.lower() for folder in known}
    by_hand = next((name for name in BY_HAND if name in names), None)
    for folder, split, role in folders:
        if by_hand and folder.name.lower() in BESIDE_BY_HAND + BY_HAND and folder.name.lower() != by_hand:
            message = (
                f"found what could be masks beside {by_hand}/, which is read; expected one folder of masks. It was not "
                f"read, as a field of view or another observer's labels; move {by_hand}/ elsewhere to read this one."
            )
            passed_over.append(Problem(folder, "assumed", message))
            continue
        files: Files = _files_in(folder, known) if role else {(): image_files(folder)}
        if any(files.values()):
            by_role[split, role].append((folder, files))

    def only(split: str | None, role: str | None) -> tuple[Path, Files] | None:
        return _only(root, split, role, by_role.get((split, role), []), passed_over)

    groups: list[FileGroup] = []
    for split in (None, *SPLITS):
        images = only(split, "images") or only(split, None)
        if images is None:
            continue
        masks = only(split, "masks") or only(None, "masks") or (root, {})
        instances = only(split, "instances") or only(None, "instances") or (root, {})
        folder, by_folder = images
        if masks[1] or instances[1]:
            groups += _match_inner_folders(split, folder, by_folder, masks[1], instances[1], passed_over)
        elif direct := by_folder.get((), []):
            groups.append(FileGroup(split, folder, *separate_masks(direct), []))
        else:
            groups += [FileGroup(split, folder, inner, [], [], within) for within, inner in by_folder.items()]
    return groups


def _without_other_observers(root: Path, folders: list[Known], passed_over: list[Problem]) -> list[Known]:
    """Return the folders without those of a second observer's labels and of fields of view, where a folder of labels by
    hand lies beside them."""
    names = {folder.name.lower() for folder, *_ in folders if image_files(folder)}
    by_hand = next((name for name in BY_HAND if name in names), None)
    if by_hand is None:
        return folders
    others = {name for name in BESIDE_BY_HAND + BY_HAND if name != by_hand}
    unread = sorted(folder for folder, *_ in folders if folder.name.lower() in others and image_files(folder))
    if unread:
        chosen = _shown(root, sorted(folder for folder, *_ in folders if folder.name.lower() == by_hand))
        message = (
            f"found masks in {chosen}, which are read, and in {_shown(root, unread)} what was taken for a field of "
            "view or another observer's labels and not read; expected one folder of masks. To read another one, move "
            f"{chosen} elsewhere."
        )
        passed_over.append(Problem(root, "assumed", message))
    return [known for known in folders if known[0] not in unread]


def _shown(root: Path, folders: list[Path]) -> str:
    return ", ".join(f"{folder.relative_to(root).as_posix()}/" for folder in folders)


def _without_hidden_labels(groups: list[FileGroup], passed_over: list[Problem]) -> list[FileGroup]:
    """Return the groups without a validation folder that has no mask, where the masks of train lie among its images.

    Challenges that do not publish the labels of their validation images have such folders.
    """
    remaining: list[FileGroup] = []
    masks_among_images = any(
        group.split == "train" and group.masks[:1] and group.masks[0].parent == group.folder for group in groups
    )
    for group in groups:
        if masks_among_images and group.split == "val" and not (group.masks or group.instances):
            message = (
                f"found {quantity(len(group.images), 'image')} and no mask; expected masks beside them, as in train. "
                "The folder was not read; add the masks to have it read."
            )
            passed_over.append(Problem(group.folder, "passed_over", message))
        else:
            remaining.append(group)
    return remaining


def _match_inner_folders(
    split: str | None, folder: Path, images: Files, masks: Files, instances: Files, passed_over: list[Problem]
) -> list[FileGroup]:
    """Return a group for each folder within the images' folder.

    It gets the masks and the instance maps at the same path, or, without such, those directly in their folder.
    """
    nested = any(within for files in (masks, instances) for within in files)
    groups: list[FileGroup] = []
    for within, files in images.items():
        if within and images.get(()) and not nested:
            message = (
                f"found {quantity(len(files), 'image')} in a folder within the one of images, and none within that of "
                "masks; expected masks at the same path. They were not read; move them elsewhere, or add their masks."
            )
            passed_over.append(Problem(folder.joinpath(*within), "passed_over", message))
            continue
        label_files = [labels.get(within) or labels.get((), []) for labels in (masks, instances)]
        groups.append(FileGroup(split, folder, files, label_files[0], label_files[1], within))
    if nested:
        unread = set(masks) - set(images)
        groups += [FileGroup(split, folder, [], masks[within], [], within) for within in sorted(unread) if within]
    return groups


def _groups_at_any_depth(root: Path, left_out: list[tuple[Path, int]]) -> list[FileGroup]:
    """Return the folders at any depth that hold images and their masks, by the names of the folders above them.

    `left_out` gets the folders of images without masks, each with its number of images.
    """
    by_role = _folders_by_names(root)

    def only(split: str | None, within: tuple[str, ...], role: str | None) -> tuple[Path, list[Path]] | None:
        chosen = _only(root, split, role, by_role.get((split, within, role), []), [])
        return None if chosen is None else (chosen[0], chosen[1][()])

    groups: list[FileGroup] = []
    for split, within in dict.fromkeys((split, within) for split, within, _ in by_role):
        images = only(split, within, "images") or only(split, within, None)
        if images is None:
            continue
        folder, files = images
        masks, instances = (
            only(split, within, role) or only(None, within, role) or only(split, (), role) or (root, [])
            for role in ("masks", "instances")
        )
        if masks[1] or instances[1]:
            groups.append(FileGroup(split, folder, files, masks[1], instances[1], within))
        else:
            images_here, masks_here = separate_masks(files)
            if masks_here or (split, within, "images") in by_role:
                groups.append(FileGroup(split, folder, images_here, masks_here, [], within))
            else:
                left_out.append((folder, len(files)))
    if not any(group.masks or group.instances for group in groups):
        return []
    return _without_shared_levels(groups)


def _folders_by_names(root: Path) -> dict[tuple[str | None, tuple[str, ...], str | None], list[tuple[Path, Files]]]:
    """Return the folders at any depth that hold images, by the split that their paths name, the names in their paths
    that tell neither split nor role, and the role that they name."""
    by_role: defaultdict[tuple[str | None, tuple[str, ...], str | None], list[tuple[Path, Files]]] = defaultdict(list)
    for folder, _ in walk(root):
        if not (files := image_files(folder)):
            continue
        split: str | None = None
        role: str | None = None
        above: list[str] = []
        for part in folder.relative_to(root).parts:
            part_split, part_role = _parse_name(part) or (None, None)
            split, role = split or part_split, part_role or role  # the outermost split and the innermost role
            if part_split is None and part_role is None:
                above.append(part)
        by_role[split, tuple(above), role].append((folder, {(): files}))
    return by_role


def _without_shared_levels(groups: Sequence[FileGroup]) -> list[FileGroup]:
    """Return the groups without the outermost names of `within` that all of them share."""
    levels = zip(*(group.within for group in groups), strict=False)
    shared = next((depth for depth, names in enumerate(levels) if len(set(names)) > 1), None)
    if shared is None:
        shared = min(len(group.within) for group in groups)
    return [replace(group, within=group.within[shared:]) for group in groups]


def _read_as_one(root: Path, groups: list[FileGroup]) -> list[Problem]:
    """Return a remark where several folders, each with images and masks of its own, are read together."""
    names = list(dict.fromkeys("/".join(group.within) for group in groups))
    if len(names) < 2:
        return []
    shown = join_first([name or "the one above" for name in names], 5)
    message = (
        f"found {len(names):,} folders of images and masks ({shown}); expected one. They were read as one data set, "
        "which has one list of classes; pass one of them to read it alone."
    )
    return [Problem(root, "assumed", message)]


def _without_masks(root: Path, left_out: list[tuple[Path, int]]) -> list[Problem]:
    """Return a remark on folders of images without masks, such as MVTec AD's of products without a fault."""
    if not left_out:
        return []
    count = sum(number for _, number in left_out)
    names = join_first([f"{folder.relative_to(root).as_posix()}/ ({number:,})" for folder, number in left_out], 5)
    message = (
        f"found {quantity(count, 'image')} in folders without masks: {names}; expected masks of them. They were not "
        "read; if they show background alone, add masks of zeros."
    )
    return [Problem(root, "passed_over", message)]


def _only(
    root: Path,
    split: str | None,
    role: str | None,
    folders: list[tuple[Path, Files]],
    passed_over: list[Problem],
) -> tuple[Path, Files] | None:
    """Return the one folder of this split and role, `None` where there is none; raise `DataError` where there are two.

    A folder with a name of `ROLES` is preferred to those with names of `OTHER_ROLES`, each of which gets a remark.
    """
    usual = [folder for folder in folders if role is None or not _has_other_name(folder[0])]
    if len(usual) == 1 < len(folders):
        chosen = usual[0][0]
        reported = {problem.file for problem in passed_over}
        for folder in (folder for folder, _ in folders if folder != chosen and folder not in reported):
            message = (
                f"found {role} here and in {chosen.name}/; expected one folder of {role}. {chosen.name}/ was read; "
                "move it elsewhere to have this one read."
            )
            passed_over.append(Problem(folder, "passed_over", message))
        folders = usual
    if len(folders) > 1:
        names = " and ".join(f"{folder.relative_to(root)}/" for folder, _ in folders)
        remedy = "Move all but one of them elsewhere."
        raise DataError(root, f"{role} of {split or 'all splits'} in {names}", "one of these folders", remedy)
    return folders[0] if folders else None


def _has_other_name(folder: Path) -> bool:
    names = {name for names in OTHER_ROLES.values() for name in names}
    return any(re.fullmatch(rf"(.*[_-])?{re.escape(name)}([_-].*)?", folder.name.lower()) for name in names)


def _files_in(folder: Path, known: set[Path]) -> Files:
    """Return the images in a folder and in those within it, without the `known` folders, which have their own role."""
    files: Files = {}
    for here, _ in walk(folder):
        if not (images := image_files(here)):
            continue
        inner = here.relative_to(folder).parts
        above = (folder.joinpath(*inner[: depth + 1]) for depth in range(len(inner)))
        if not any(parent in known for parent in above):
            files[inner] = images
    return files


def _known_folders(root: Path) -> Iterator[Known]:
    """Yield `root`, its folders whose names tell a split or role, and the folders in these that tell the other one."""
    yield root, None, None
    for outer in _subfolders(root):
        if (outer_name := _parse_name(outer.name)) is None:
            continue
        yield outer, *outer_name
        for inner in _subfolders(outer):
            inner_name = _parse_name(inner.name)
            if inner_name is None or any(a and b for a, b in zip(outer_name, inner_name, strict=True)):
                continue
            yield inner, outer_name[0] or inner_name[0], outer_name[1] or inner_name[1]


def _subfolders(folder: Path) -> list[Path]:
    """Return the folders in a folder, without links to a folder that holds it, which would lead through the whole
    machine."""
    home = os.path.realpath(folder)
    return sorted(
        f for f in folder.iterdir() if os.path.isdir(f) and not (f.is_symlink() and contains(os.path.realpath(f), home))
    )


def _one_of(group: str, *tables: dict[str, tuple[str, ...]]) -> str:
    names = (name for table in tables for spellings in table.values() for name in spellings)
    return f"(?P<{group}>{'|'.join(map(re.escape, names))})"


_SPLIT = rf"{_one_of('split', SPLITS)}(?:[_-]?20[0-9][0-9])?"
"""A split and a year, as COCO's `train2017`."""
_ROLE = _one_of("role", ROLES, OTHER_ROLES)
_NAMES = [re.compile(rf"{_SPLIT}(?:[_-]?{_ROLE})?"), re.compile(rf"{_ROLE}(?:[_-]?{_SPLIT})?")]


def _parse_name(name: str) -> tuple[str | None, str | None] | None:
    """Return (split, role) of a folder's name such as `train`, `images` or `train_masks`; `None` if it says neither."""
    for pattern in _NAMES:
        if match := pattern.fullmatch(name.lower().replace(" ", "_")):
            role = _meaning(match["role"], ROLES) or _meaning(match["role"], OTHER_ROLES)
            return _meaning(match["split"], SPLITS), role
    return None


def _meaning(word: str | None, names: dict[str, tuple[str, ...]]) -> str | None:
    return next((meaning for meaning, spellings in names.items() if word in spellings), None)
