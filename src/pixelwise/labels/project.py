"""A project: a data set that grows by actions, each on the disk before it counts; usable without a browser."""

from __future__ import annotations

import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.core.errors import DataError, OptionError, PixelwiseError, RunError
from pixelwise.core.files import output_errors
from pixelwise.core.locks import LockFile
from pixelwise.data import open_dataset
from pixelwise.labels.action_checks import (
    CLASS_TYPES,
    PIXEL_TYPES,
    REGION_TYPES,
    Action,
    Limits,
    check_action,
    check_text,
)
from pixelwise.labels.history import History
from pixelwise.labels.image_labels import ImageLabels
from pixelwise.labels.journal import Entry, Journal
from pixelwise.labels.mask_files import MaskState, keep_base, read_map, read_state, write_mask
from pixelwise.labels.project_files import (
    ProjectFolder,
    Settings,
    create_from_dataset,
    create_project,
    default_classes,
    default_project,
    link_new_images,
    write_class_list,
    write_split_lists,
)
from pixelwise.labels.regions import RegionPart, write_region
from pixelwise.labels.tiled_map import Box
from pixelwise.raster.image import IMAGE_ENDINGS, image_size, tiff_page
from pixelwise.raster.reader import open_reader
from pixelwise.raster.zarr import is_zarr

Resolve = Callable[[Action, ImageLabels], Iterable[RegionPart]]
MOST_LABEL_BYTES = 2**28
"""What label maps in memory may take; those that were looked at longest ago are read again when they are needed."""


@dataclass(frozen=True)
class ImageRecord:
    """An image of a project: its file's name in images/, its path and its (height, width)."""

    name: str
    path: Path
    size: tuple[int, int]

    @property
    def stem(self) -> str:
        return Path(self.name).stem


@dataclass(frozen=True)
class Outcome:
    """What an action did: its number in the journal, and the box of pixels that changed, `None` for none.

    nothing: there was nothing to undo or redo, and the journal is as it was.
    """

    number: int
    changed_box_tlbr: Box | None = None
    nothing: bool = False


class Project:
    """An open project. One process has it open at a time.

    Methods may be called by several threads.

    Parameters
    ----------
    root
        The directory of the project (see `create_project`).

    Attributes
    ----------
    images
        The project's images, by name.
    problems
        Sentences on what was noticed on opening: images that cannot be read, an action that was torn by a crash.

    Raises
    ------
    DataError
        There is no project, or its journal is damaged.
    RunError
        Another process has it open.

    Examples
    --------
    >>> with open_project("photos", "photos-labels") as project:
    ...     name = project.images[0].name
    ...     stroke = {"type": "stroke", "points": [[8, 8], [8, 20]], "width": 3, "class_index": 1}
    ...     outcome = project.perform(stroke, name)
    >>> outcome.number, outcome.changed_box_tlbr
    (1, (6, 6, 10, 22))
    """

    def __init__(self, root: Path) -> None:
        self.folder = ProjectFolder(root)
        if not self.folder.is_project:
            raise DataError(root, "no .studio/settings.json", "a project", "Make one with `pixelwise studio`.")
        self.problems: list[str] = []
        self._lock = threading.RLock()
        self._writing = threading.Lock()
        self._is_closed = False
        self._labels: OrderedDict[str, ImageLabels] = OrderedDict()
        self._dirty: set[str] = set()
        self._counts: dict[str, dict[int, int]] = {}
        self._objects: dict[str, int] = {}
        self._lock_file = LockFile(self.folder.lock)
        self._take_lock()
        try:
            self._open()
        except BaseException:
            self._lock_file.release()
            raise

    def _take_lock(self) -> None:
        with output_errors(self.folder.lock):
            taken = self._lock_file.take()
        if not taken:
            holder = self._lock_file.holder()
            remedy = "Use the page that is open, or end the other studio first."
            raise RunError(self.folder.root, f"a project that {holder} has open", "one studio at a time", remedy)
        if not self._lock_file.is_locked:
            self.problems.append("This file system has no locks: see to it that nobody else opens the project.")

    def _open(self) -> None:
        folder = self.folder
        self.settings = Settings.load(folder.settings)
        if self.settings.source and Path(self.settings.source).is_dir():
            known = len(self.settings.sources)
            link_new_images(folder, self.settings)
            if len(self.settings.sources) > known:
                self.settings.save(folder.settings)
        self.images = self._find_images()
        splits = self.settings.splits
        self.history = History(self.settings.classes, frozenset(n for n, split in splits.items() if split == "test"))
        self.journal = Journal(folder.journal)
        try:
            self._follow_journal()
        except BaseException:
            self.journal.close()
            raise

    def _follow_journal(self) -> None:
        """Bring everything to where the journal says that it is."""
        regions: set[str] = set()
        for entry in self.journal.load():
            self.history.add(entry)
            regions.add(str(entry.get("region", "")))
        for path in self.folder.regions.glob("*.zip"):
            if path.name not in regions:  # of an action that was cut off before it was in the journal
                path.unlink()
        if self.journal.remark:
            self.problems.append(self.journal.remark)
        for image in list(self.images):
            self._compare_masks(image)
        self._require_images()
        write_class_list(self.folder.classes, self.history.classes)
        self._write_lists()
        self.flush()

    def _find_images(self) -> list[ImageRecord]:
        images: list[ImageRecord] = []
        for path in sorted(self.folder.images.iterdir()):
            if path.name.startswith(".") or not (path.suffix.lower() in IMAGE_ENDINGS or is_zarr(path)):
                continue
            try:
                images.append(ImageRecord(path.name, path, measure_image(path)))
            except PixelwiseError as error:
                self.problems.append(f"{path.name} was left out: {error}")
        return images

    def _require_images(self) -> None:
        """Number the images. Raises `DataError` where there is none."""
        if not self.images:
            reason = "; ".join(self.problems[:3])
            raise DataError(self.folder.images, "no image that can be used", "images", reason or "Add some.")
        self._numbers = {image.name: number for number, image in enumerate(self.images)}

    def _compare_masks(self, image: ImageRecord) -> None:
        """See whether an image's masks are those of its last action, older, or another program's."""
        mask, state = self.mask_path(image.name), None
        if mask.is_file():
            state = read_state(mask)
            if state is None or state.number > self.history.last_number(image.name):
                self._import_mask(image)
                return
        last = self.history.last_number(image.name)
        if (state is None and last) or (state is not None and state.number != last):
            self._dirty.add(image.name)
        self._note_counts(image.name, state)

    def _note_counts(self, name: str, state: MaskState | None) -> None:
        self._counts[name] = state.counts if state is not None else {}
        objects = read_state(self.instances_path(name)) if self.instances_path(name).is_file() else None
        self._objects[name] = len(objects.counts) if objects is not None else 0

    def _import_mask(self, image: ImageRecord) -> None:
        """Take masks that another program wrote for what the image's labels are from now on; leave an image out whose
        masks are none."""
        mask, instances = self._label_paths(image.name)
        try:
            counts = read_map(mask, image.size, self.classes.num_classes).counts()
            objects = read_map(instances, image.size, None).counts() if instances.is_file() else {}
        except PixelwiseError as error:
            self.problems.append(f"{image.name} was left out: {error}")
            self.images.remove(image)
            return
        with output_errors(self.folder.base):
            for path, base in zip(self._label_paths(image.name), self._base_paths(image.name), strict=True):
                if path.is_file():
                    keep_base(path, base)
                else:
                    base.unlink(missing_ok=True)
        is_done = 2 * sum(counts.values()) >= image.size[0] * image.size[1]
        self._append({"type": "import", "image": image.name, "client": "studio", "done": is_done})
        self._dirty.add(image.name)
        self._counts[image.name], self._objects[image.name] = counts, len(objects)

    @property
    def classes(self) -> ClassMap:
        return self.history.classes

    @property
    def number(self) -> int:
        """The number of the last action."""
        return self.journal.last_number

    @property
    def names(self) -> frozenset[str]:
        """The names of all images."""
        return frozenset(self._numbers)

    def number_of(self, name: str) -> int:
        """Return an image's place in `images`."""
        return self._numbers[name]

    def mask_path(self, name: str) -> Path:
        return self.folder.masks / f"{Path(name).stem}.png"

    def instances_path(self, name: str) -> Path:
        return self.folder.instances / f"{Path(name).stem}.png"

    def _label_paths(self, name: str) -> tuple[Path, Path]:
        return self.mask_path(name), self.instances_path(name)

    def _base_paths(self, name: str) -> tuple[Path, Path]:
        stem = Path(name).stem
        return self.folder.base / "masks" / f"{stem}.png", self.folder.base / "instances" / f"{stem}.png"

    def perform(
        self,
        action: Mapping[str, Any],
        image: str | None = None,
        *,
        client: str = "python",
        resolve: Resolve | None = None,
    ) -> Outcome:
        """Do an action: it is in the journal, on the disk, when this returns.

        Parameters
        ----------
        action
            `type` and what the type needs (see `action_checks`); `id`, where it may be sent twice: the second one does
            nothing.
        image
            The image's name; `None` for an action on the whole project.
        client
            Who does it.
        resolve
            Yields the pixels that an action writes whose fields do not say them (see `Corrector.resolve`).

        Raises
        ------
        OptionError
            A field is missing or makes no sense.
        OutputError
            The disk does not take the action; nothing has changed.
        """
        identity = check_text(action["id"], "id") if action.get("id") is not None else None
        if image is not None and action.get("type") in REGION_TYPES:
            return self._write_region(action, image, client, resolve, identity)
        with self._lock:
            if (number := self._number_of_id(identity)) is not None:
                return self._repeat(number, image)
            checked = self._check(action, image)
            self.history.require_possible(checked)
            if checked["type"] in ("undo", "redo"):
                return self._step_in_history(checked["type"], image, client, identity)
            return self._do({**checked, "image": image, "client": client}, identity)

    def _write_region(
        self, action: Mapping[str, Any], image: str, client: str, resolve: Resolve | None, identity: str | None
    ) -> Outcome:
        """Do an action whose pixels are computed and written to a file first, while others go on. Where the image's
        labels have changed meanwhile, they are computed again, and others wait."""
        if resolve is None:
            raise OptionError("resolve", "None", f"what {action['type']} writes", "Pass `Corrector(...).resolve`.")
        path = self.folder.regions / f"{uuid.uuid4().hex}.zip"
        with self._lock:
            if (number := self._number_of_id(identity)) is not None:
                return self._repeat(number, image)
            checked, labels = self._check(action, image), self.labels(image)
        try:
            count = write_region(path, resolve(checked, labels))
            with self._lock:
                if (number := self._number_of_id(identity)) is not None:
                    path.unlink()
                    return self._repeat(number, image)
                checked, newest = self._check(action, image), self.labels(image)
                if newest.number != labels.number:
                    count = write_region(path, resolve(checked, newest))
                if count:
                    return self._do({**checked, "image": image, "client": client, "region": path.name}, identity)
                path.unlink()
                return Outcome(self.number, nothing=True)
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def _number_of_id(self, identity: str | None) -> int | None:
        return None if identity is None else self.history.ids.get(identity)

    def _repeat(self, number: int, image: str | None) -> Outcome:
        """Return what an action did that was sent before: where exactly is not known any more."""
        whole = None if image is None else (0, 0, *self.images[self.number_of(image)].size)
        return Outcome(number, whole)

    def _check(self, action: Mapping[str, Any], image: str | None) -> Action:
        is_whole = action.get("type") in CLASS_TYPES
        if is_whole != (image is None):
            expected = "null" if is_whole else "an image of the project"
            raise OptionError("image", repr(image), expected, "Send the image that the action is for.")
        if image is not None and image not in self._numbers:
            raise OptionError("image", repr(image)[:80], "an image of the project", "Send another.")
        size = None if image is None else self.images[self._numbers[image]].size
        return check_action(action, Limits(self.classes.num_classes, size))

    def _do(self, entry: Entry, identity: str | None) -> Outcome:
        kind, image = entry["type"], entry["image"]
        changed: Box | None = None
        if kind in PIXEL_TYPES:
            labels = self._load(image)
            changed = labels.apply({**entry, "number": self.number + 1}, self.folder.regions)
        try:
            number = self._append(entry, identity)
        except BaseException:
            if image is not None:
                self._labels.pop(image, None)
            raise
        if kind in PIXEL_TYPES:
            self._dirty.add(image)
            self._trim()
        elif kind in CLASS_TYPES:
            self._follow_classes(number)
        elif kind == "mark_test":
            self._write_lists()
        return Outcome(number, changed)

    def _append(self, entry: Entry, identity: str | None = None) -> int:
        """Write an entry to the journal, and take it into account; return its number."""
        full = {"time": round(time.time(), 3), **entry, **({"id": identity} if identity is not None else {})}
        number = self.journal.append(full)
        self.history.add({**full, "number": number})
        return number

    def _follow_classes(self, number: int) -> None:
        """Write the class list, and where class indices changed have all masks follow."""
        write_class_list(self.folder.classes, self.classes)
        if not self.history.remaps or self.history.remaps[-1][0] != number:
            return
        table = self.history.remaps[-1][1]
        for labels in self._labels.values():
            labels.remap(number, table)
        for name, counts in self._counts.items():
            moved: dict[int, int] = {}
            for value, count in counts.items():
                if (target := int(table[value])) != IGNORE_INDEX:
                    moved[target] = moved.get(target, 0) + count
            self._counts[name] = moved
        self._dirty |= {image.name for image in self.images if self.history.of(image.name).last}

    def _step_in_history(self, kind: str, image: str | None, client: str, identity: str | None) -> Outcome:
        if image is None:
            raise OptionError("image", "null", "an image of the project", "Send the image to undo in.")
        history = self.history.of(image)
        stack = history.done if kind == "undo" else history.undone
        if not stack:
            return Outcome(self.number, nothing=True)
        subject = stack[-1]
        labels = self._load(image)
        number = self._append({"type": kind, "image": image, "client": client, "of": subject}, identity)
        changed: Box | None = None
        if not self.history.tables_after(subject):
            if kind == "undo":
                changed = labels.take_back(subject, number)
            else:
                changed = labels.apply(self.journal.read(subject), self.folder.regions)
                labels.number = number
        if labels.number != number:
            self._labels.pop(image)
            self._load(image)
            changed = (0, 0, *labels.size)
        self._dirty.add(image)
        self._trim()
        return Outcome(number, changed)

    def labels(self, name: str) -> ImageLabels:
        """Return a snapshot of an image's labels: its maps stay as they are now. Raises `DataError`."""
        with self._lock:
            labels = self._load(name)
            copy = ImageLabels(labels.size)
            copy.label_map, copy.instance_map = labels.label_map.snapshot(), labels.instance_map.snapshot()
            copy.number = labels.number
            return copy

    def counts(self, name: str) -> dict[int, int]:
        """Return how many pixels of an image have each class; classes without any are left out."""
        with self._lock:
            if name in self._labels:
                return self._labels[name].label_map.counts()
            return dict(self._counts.get(name, {}))

    def object_count(self, name: str) -> int:
        """Return how many objects an image has."""
        with self._lock:
            if name in self._labels:
                return len(self._labels[name].instance_map.counts())
            return self._objects.get(name, 0)

    def _load(self, name: str) -> ImageLabels:
        """Return an image's labels: those in memory, else its masks where they are up to date, else the journal's."""
        labels = self._labels.get(name)
        if labels is None:
            labels = self._read_masks(name) or self._replay(name)
            self._labels[name] = labels
            self._trim()
        self._labels.move_to_end(name)
        return labels

    def _read_masks(self, name: str) -> ImageLabels | None:
        last, size = self.history.last_number(name), self.images[self._numbers[name]].size
        labels = ImageLabels(size)
        labels.number = last
        mask, instances = self._label_paths(name)
        state = read_state(mask)
        if not last and state is None:
            return labels
        if state is None or state.number != last:
            return None
        try:
            labels.label_map = read_map(mask, size, self.classes.num_classes)
            if instances.is_file():
                labels.instance_map = read_map(instances, size, None)
        except PixelwiseError:
            return None
        objects = read_state(instances) if instances.is_file() else None
        if labels.label_map.checksum() != state.checksum:
            return None
        if instances.is_file() and (objects is None or objects.checksum != labels.instance_map.checksum()):
            return None
        return labels

    def _replay(self, name: str) -> ImageLabels:
        history, size = self.history.of(name), self.images[self._numbers[name]].size
        labels = ImageLabels(size)
        if history.base:
            mask, instances = self._base_paths(name)
            if mask.is_file():
                labels.label_map = read_map(mask, size, 256)
            if instances.is_file():
                labels.instance_map = read_map(instances, size, None)
        entries = (self.journal.read(number) for number in history.done)
        labels.replay(entries, self.history.tables_after(history.base), self.folder.regions)
        labels.number = self.history.last_number(name)
        return labels

    def _trim(self) -> None:
        """Let go of the labels that were looked at longest ago; what they hold is in the journal."""
        while len(self._labels) > 1 and sum(labels.nbytes for labels in self._labels.values()) > MOST_LABEL_BYTES:
            name, labels = self._labels.popitem(last=False)
            self._counts[name] = labels.label_map.counts()
            self._objects[name] = len(labels.instance_map.counts())

    def flush(self) -> None:
        """Write the masks of all images whose labels have changed since. Raises `OutputError`."""
        with self._writing:
            while (name := self._next_dirty()) is not None:
                labels, classes = self.labels(name), self.classes
                try:
                    self._write(name, labels, classes)
                except BaseException:
                    self._dirty.add(name)
                    raise

    def _next_dirty(self) -> str | None:
        with self._lock:
            return self._dirty.pop() if self._dirty else None

    def _write(self, name: str, labels: ImageLabels, classes: ClassMap) -> None:
        mask, instances = self._label_paths(name)
        if labels.instance_map.counts() or instances.is_file():
            write_mask(instances, labels.instance_map, labels.number, None)
        write_mask(mask, labels.label_map, labels.number, classes)

    def _write_lists(self) -> None:
        """Write the lists of splits: none where no image is marked as test and the data named none."""
        names = [image.name for image in self.images]
        test = [name for name in names if self.history.of(name).is_test]
        val = [name for name in names if self.settings.splits.get(name) == "val" and name not in test]
        rest = [name for name in names if name not in {*test, *val}]
        lists = {"train": rest, "val": val, "test": test} if test or val else {}
        write_split_lists(self.folder, lists)

    def close(self) -> None:
        """Write what is to be written, and let others open the project."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            self.flush()
        finally:
            self.journal.close()
            self._lock_file.release()

    def __enter__(self) -> Project:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def measure_image(path: Path) -> tuple[int, int]:
    """Return the (height, width) of an image that can be read, from its header. Raises `ImageError`."""
    page = None if is_zarr(path) else tiff_page(path)
    if page is None and not is_zarr(path):
        return image_size(path)
    with open_reader(path) as reader:
        return reader.shape


def open_project(photos: str | Path, out: str | Path | None = None, classes: list[str] | None = None) -> Project:
    """Open the project of a folder of photos, made where there is none.

    Parameters
    ----------
    photos
        The folder of images, a labelled data set, which stays as it is, or a project.
    out
        The project's directory; by default `photos-labels` beside `photos`.
    classes
        Names for a new project; by default background and object.

    Raises
    ------
    DataError, OutputError
        There are no images, or `out` is something else already.
    OptionError
        `classes` are given and the project has others already.
    RunError
        Another process has the project open.
    """
    photos = Path(photos)
    if out is None and ProjectFolder(photos).is_project:
        root = photos
    else:
        root = default_project(photos) if out is None else Path(out)
    if not ProjectFolder(root).is_project:
        remarks = _create(photos, root, classes)
        project = Project(root)
        project.problems[:0] = remarks
        return project
    project = Project(root)
    if classes is not None and tuple(classes) != project.classes.names:
        names = ", ".join(project.classes.names)
        project.close()
        remedy = "Leave `classes` out, and change them on the page."
        raise OptionError("classes", ", ".join(classes), f"those of the project: {names}", remedy)
    return project


def _create(photos: Path, root: Path, classes: list[str] | None) -> list[str]:
    """Make a project of a folder of images, or of a labelled data set; return remarks."""
    try:
        dataset = open_dataset(photos)
    except DataError:  # no data set: images without labels
        create_project(photos, root, default_classes(classes))
        return []
    if classes is not None:
        names = ", ".join(dataset.classes.names)
        remedy = "Leave `classes` out, and change them on the page."
        raise OptionError("classes", ", ".join(classes), f"those of the labels in {photos}: {names}", remedy)
    _, remarks = create_from_dataset(dataset, root)
    return [f"The labels of {photos} are corrected in {root}; {photos} stays as it is.", *remarks]
