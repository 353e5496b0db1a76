"""A project: a data set that grows by actions, each written to disk before it takes effect. It works without a
browser."""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixelwise.core.classes import ClassMap
from pixelwise.core.errors import DataError, ImageError, MaskError, OptionError, OutputError, RunError
from pixelwise.core.files import output_errors, write_atomically, write_text
from pixelwise.core.locks import LockFile
from pixelwise.core.text import short_repr
from pixelwise.data import open_dataset
from pixelwise.data.class_list import read_class_list
from pixelwise.data.references import nfc
from pixelwise.data.sparse_labels import PENDING
from pixelwise.labels.action_checks import (
    CLASS_TYPES,
    PIXEL_TYPES,
    REGION_TYPES,
    Action,
    Limits,
    action_type,
    check_action,
    check_text,
)
from pixelwise.labels.boxes import Box
from pixelwise.labels.history import History, Table
from pixelwise.labels.image_labels import ImageLabels
from pixelwise.labels.journal import Entry, Journal, damaged_line
from pixelwise.labels.label_store import LabelStore
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
from pixelwise.labels.project_images import ImageRecord, find_image_records
from pixelwise.labels.regions import RegionPart, write_region

FIRST_BANDS = (1, 2, 3)
Resolve = Callable[[Action, ImageLabels], Iterable[RegionPart]]
DONE_SHARE = 0.5
"""An image with masks of another program counts as done where at least this share of it is labelled."""


@dataclass(frozen=True)
class Outcome:
    """The result of an action: its number in the journal, and the box of pixels that changed, `None` for none. nothing:
    there was nothing to undo or redo, and the journal is unchanged. of_classes: it was an action on the classes of the
    project, which may have changed the labels of every image.
    """

    number: int
    changed_box_tlbr: Box | None = None
    nothing: bool = False
    of_classes: bool = False


class Project:
    """An open project. Only one process at a time can have it open. Methods may be called from several threads.

    Parameters
    ----------
    root
        The directory of the project (see `create_project`).

    Attributes
    ----------
    images
        The project's images, by name.
    problems
        Sentences about what was noticed on opening, such as images that cannot be read, or an action that a crash cut
        off.

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
        self._is_closed = False
        self._classes_behind = self._lists_behind = True
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
        self.images, remarks = find_image_records(folder.images)
        self.problems += remarks
        splits = self.settings.splits
        self.history = History(self.settings.classes, frozenset(n for n, split in splits.items() if split == "test"))
        self.journal = Journal(folder.journal)
        self.store = LabelStore(folder, self.journal, self.history, self._lock)
        try:
            self._follow_journal()
        except BaseException:
            self.journal.close()
            raise

    def _follow_journal(self) -> None:
        """Bring class list, splits and masks into agreement with the journal."""
        regions: set[str] = set()
        past = [self.history.classes]
        for entry in self.journal.load():
            try:
                self.history.add(entry)
            except (KeyError, TypeError, ValueError, IndexError, OptionError) as error:
                raise damaged_line(self.journal.path, entry["number"], _reason(error)) from error
            regions.add(str(entry.get("region", "")))
            if self.history.classes is not past[-1]:
                past.append(self.history.classes)
        for path in self.folder.regions.glob("*.zip"):
            if path.name not in regions:  # of an action that was cut off before it reached the journal
                path.unlink()
        if self.journal.remark:
            self.problems.append(self.journal.remark)
        self._leave_out_same_stems()
        for image in list(self.images):
            self._add_image(image)
        self._require_images()
        self._note_foreign_classes(past)
        try:
            self.flush()
        except DataError as error:  # of one image: the others can be used
            self.problems.append(str(error))

    def _note_foreign_classes(self, past: list[ClassMap]) -> None:
        """Keep a copy of a class list that another program wrote, before the list is rewritten from the journal, with a
        remark. past: all class lists that the project has had.
        """
        try:
            written = read_class_list(self.folder.root)
        except DataError:
            written = None
        if not self.folder.classes.is_file() or (written is not None and written.classes in past):
            return
        copy = self.folder.studio / "classes-edited.yaml"
        with write_atomically(copy) as temporary:
            shutil.copyfile(self.folder.classes, temporary)
        self.problems.append(
            f"{self.folder.classes} was changed outside of the studio. It is rewritten from the journal; a copy "
            f"of the changed file is kept in {copy}. Add, rename and delete classes on the page."
        )

    def _require_images(self) -> None:
        """Number the images. Raises `DataError` for a project without images."""
        if not self.images:
            reason = "; ".join(self.problems[:3])
            raise DataError(self.folder.images, "no image that can be used", "images", reason or "Add some.")
        self._numbers = {image.name: number for number, image in enumerate(self.images)}

    def _leave_out_same_stems(self) -> None:
        """Leave out images that would share the mask of another one."""
        first: dict[str, ImageRecord] = {}
        for image in list(self.images):
            if (other := first.setdefault(nfc(image.stem).casefold(), image)) is not image:
                self.images.remove(image)
                self.problems.append(
                    f"{image.name} was left out: {other.name} has the same name except for the ending, and both "
                    f"would share one mask. Rename it."
                )

    def _add_image(self, image: ImageRecord) -> None:
        """Add an image with its masks. Masks of another program become its initial labels. An image with invalid masks
        is left out."""
        if self.store.add_image(image):
            return
        try:
            share = self.store.read_foreign_masks(image.name, self.classes.num_classes)
        except (MaskError, ImageError) as error:
            self.problems.append(f"{image.name} was left out: {error}")
            self.images.remove(image)
            return
        if self.history.of(image.name).last:
            self.problems.append(
                f"{image.name}: its mask was changed by another program. The changed mask is used, and what was "
                f"drawn before cannot be undone any more."
            )
        self._append({"type": "import", "image": image.name, "client": "studio", "done": share >= DONE_SHARE})
        self.store.change(image.name)

    @property
    def classes(self) -> ClassMap:
        return self.history.classes

    def class_changes(self) -> tuple[ClassMap, list[Table]]:
        """Return the classes and all changes of class indices up to now, read together."""
        with self._lock:
            return self.history.classes, list(self.history.moves)

    @property
    def bands(self) -> tuple[int, ...] | None:
        """The bands that models learn from, where an image has more than 4; `None` for red, green and blue."""
        return FIRST_BANDS if any(image.has_more_bands for image in self.images) else None

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
        """Return the file of an image's label map."""
        return self.store.mask_paths(name)[0]

    def instances_path(self, name: str) -> Path:
        """Return the file of an image's instance map."""
        return self.store.mask_paths(name)[1]

    def perform(
        self,
        action: Mapping[str, Any],
        image: str | None = None,
        *,
        client: str = "python",
        resolve: Resolve | None = None,
    ) -> Outcome:
        """Do an action. When this returns, the action is in the journal, on disk.

        Parameters
        ----------
        action
            `type` and the fields of the type (see `action_checks`). An action that may be sent twice has an `id`; the
            second one has no effect.
        image
            The image's name; `None` for an action on the whole project. `undo` with an image reverts an action on
            classes where that is newer than the image's own; `undo` with `None` reverts only actions on classes.
        client
            The name of the client that does it.
        resolve
            Computes the pixels of an action that do not follow from its fields (see `Corrector.resolve`).

        Raises
        ------
        OptionError
            A field is missing or makes no sense.
        OutputError
            The action cannot be written to disk; nothing has changed.
        """
        identity = check_text(action["id"], "id") if action.get("id") is not None else None
        if image is not None and action_type(action) in REGION_TYPES:
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
        """Do an action whose pixels are first computed and written to a file, while other actions go on. Where the
        image's labels have changed meanwhile, the pixels are computed again, while other actions wait."""
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
        """Return the result of an action that was sent before; the box of changed pixels is not known any more."""
        if self.journal.read(number)["image"] is None:
            return Outcome(number, of_classes=True)
        whole = None if image is None else (0, 0, *self.images[self.number_of(image)].size)
        return Outcome(number, whole)

    def _check(self, action: Mapping[str, Any], image: str | None) -> Action:
        is_whole = action_type(action) in CLASS_TYPES
        if is_whole != (image is None) and action_type(action) not in ("undo", "redo"):
            expected = "null" if is_whole else "an image of the project"
            raise OptionError("image", short_repr(image), expected, "Send the image that the action is for.")
        if image is not None and image not in self._numbers:
            raise OptionError("image", short_repr(image), "an image of the project", "Send another.")
        size = None if image is None else self.images[self._numbers[image]].size
        return check_action(action, Limits(self.classes.num_classes, size))

    def _do(self, entry: Entry, identity: str | None) -> Outcome:
        kind, image = entry["type"], entry["image"]
        changed: Box | None = None
        try:
            if kind in PIXEL_TYPES:
                labels = self.store.load(image)
                changed = labels.apply({**entry, "number": self.number + 1}, self.folder.regions)
            if kind in ("class_merge", "class_delete"):
                self._note_pending()
            number = self._append(entry, identity)
        except BaseException:
            if image is not None:
                self.store.forget(image)
            raise
        if kind in PIXEL_TYPES:
            self.store.change(image)
        elif kind in CLASS_TYPES:
            if self.history.remaps and self.history.remaps[-1][0] == number:
                self.store.remap(*self.history.remaps[-1])
            self._classes_behind = True
        elif kind == "mark_test":
            self._lists_behind = True
        with contextlib.suppress(
            OutputError
        ):  # the action is in the journal; `flush` tries again, and reports the error
            self._write_lists()
        return Outcome(number, changed, of_classes=kind in CLASS_TYPES)

    def _append(self, entry: Entry, identity: str | None = None) -> int:
        """Write an entry to the journal, apply it to the history, and return its number."""
        full = {"time": round(time.time(), 3), **entry, **({"id": identity} if identity is not None else {})}
        number = self.journal.append(full)
        self.history.add({**full, "number": number})
        return number

    def _step_in_history(self, kind: str, image: str | None, client: str, identity: str | None) -> Outcome:
        change = self.history.class_step(kind, image)
        if change is not None:
            return self._step_in_classes(kind, change, client, identity)
        if image is None:
            return Outcome(self.number, nothing=True)
        history = self.history.of(image)
        stack = history.done if kind == "undo" else history.undone
        if not stack:
            return Outcome(self.number, nothing=True)
        subject, number = stack[-1], self.number + 1
        labels = self.store.load(image)
        changed: Box | None = None
        try:
            if not self.history.tables_after(subject):
                if kind == "undo":
                    changed = labels.take_back(subject, number)
                else:
                    changed = labels.apply(self.journal.read(subject), self.folder.regions)
                    labels.number = number
            self._append({"type": kind, "image": image, "client": client, "of": subject}, identity)
        except BaseException:
            self.store.forget(image)
            raise
        if labels.number != number:
            self.store.forget(image)
            changed = (0, 0, *labels.size)
        self.store.change(image)
        return Outcome(number, changed)

    def _step_in_classes(self, kind: str, subject: int, client: str, identity: str | None) -> Outcome:
        """Undo an action on classes, or do it again."""
        self._note_pending()
        number = self._append({"type": kind, "image": None, "client": client, "of": subject}, identity)
        if self.history.class_number == number:
            self.store.start_anew()
        self._classes_behind = True
        with contextlib.suppress(OutputError):
            self._write_lists()
        return Outcome(number, of_classes=True)

    def labels(self, name: str) -> ImageLabels:
        """Return an immutable snapshot of an image's labels. Raises `DataError`."""
        with self._lock:
            return self.store.snapshot(name)

    def counts(self, name: str) -> dict[int, int]:
        """Return how many pixels of an image have each class; classes without any are left out."""
        with self._lock:
            return self.store.counts(name)

    def object_count(self, name: str) -> int:
        """Return how many objects an image has."""
        with self._lock:
            return self.store.object_count(name)

    def flush(self) -> None:
        """Write the class list, the lists of splits and the masks of all images that have changed since. Raises
        `OutputError`, and `DataError` for an image whose actions cannot be read."""
        with self._lock:
            if self._classes_behind or self._lists_behind or not self.store.is_written:
                self.journal.require_its_place()
            self._write_lists()
        try:
            self.store.flush()
        finally:
            with self._lock:
                self.problems += self.store.remarks
                self.store.remarks.clear()
        with self._lock, output_errors(self._pending):
            if self.store.is_written:
                self._pending.unlink(missing_ok=True)

    @property
    def _pending(self) -> Path:
        """A file that exists while some masks have outdated class indices."""
        return self.folder.studio / PENDING

    def _note_pending(self) -> None:
        write_text(self._pending, "The masks of some images have outdated class indices.\n")

    def _write_lists(self) -> None:
        """Write the class list and the lists of splits where they are out of date."""
        if self._classes_behind:
            write_class_list(self.folder.classes, self.classes)
            self._classes_behind = False
        if self._lists_behind:
            self._write_split_lists()
            self._lists_behind = False

    def _write_split_lists(self) -> None:
        """Write the lists of splits; none where no image is marked as test and the data set had no splits."""
        names = [image.name for image in self.images]
        test = [name for name in names if self.history.of(name).is_test]
        val = [name for name in names if self.settings.splits.get(name) == "val" and name not in test]
        rest = [name for name in names if name not in {*test, *val}]
        lists = {"train": rest, "val": val, "test": test} if test or val else {}
        write_split_lists(self.folder, lists)

    def close(self) -> None:
        """Write what has changed, and release the project for other processes."""
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


def _reason(error: Exception) -> str:
    """Return what is wrong with an action of the journal."""
    return f"no {error}" if isinstance(error, KeyError) else str(error)


def open_project(photos: str | Path, out: str | Path | None = None, classes: list[str] | None = None) -> Project:
    """Open the project of a folder of photos, and create it where there is none.

    Parameters
    ----------
    photos
        A folder of images, a labelled data set, or a project. Images and data sets are not changed.
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
    """Create a project from a folder of images or a labelled data set; return remarks."""
    try:
        dataset = open_dataset(photos)
    except DataError as error:
        if photos.is_dir():
            read_class_list(photos)  # a damaged class list: the folder is a data set, not plain photos
        create_project(photos, root, default_classes(classes))
        if Path(error.where) in (photos, photos.resolve()):  # no data set: images without labels
            return []
        return [f"{photos} is opened as images without labels: {error}"]
    if classes is not None:
        names = ", ".join(dataset.classes.names)
        remedy = "Leave `classes` out, and change them on the page."
        raise OptionError("classes", ", ".join(classes), f"those of the labels in {photos}: {names}", remedy)
    _, remarks = create_from_dataset(dataset, root)
    return [f"The labels of {photos} are corrected in {root}; {photos} stays as it is.", *remarks]
