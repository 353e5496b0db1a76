"""The labels of a project's images, which follow from the journal: in memory while they are worked on, and as masks on
disk."""

from __future__ import annotations

import contextlib
import stat
import threading
from collections import OrderedDict
from pathlib import Path

from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.core.errors import DataError, OptionError, PixelwiseError
from pixelwise.core.files import output_errors
from pixelwise.labels.history import History, Table
from pixelwise.labels.image_labels import ImageLabels
from pixelwise.labels.journal import Journal, damaged_line
from pixelwise.labels.mask_files import keep_base, read_map, read_state, write_mask
from pixelwise.labels.project_files import ProjectFolder
from pixelwise.labels.project_images import ImageRecord
from pixelwise.labels.tiled_map import TiledMap

MOST_LABEL_BYTES = 2**27
"""The most bytes for label maps in memory. The least recently used are dropped, and read again when needed."""

MOST_FAILURES = 20
"""After this many masks that cannot be written, the others are left for the next attempt."""


Stamp = tuple[int, int, int]
"""The time of the last change of a file, its size and its number in the file system."""


class LabelStore:
    """Label maps and instance maps by the names of images. Callers hold the project's lock, except for `flush`, which
    takes it.

    Parameters
    ----------
    folder, journal, history
        The folder, the journal and the history of the project.
    lock
        The lock of the project.
    """

    def __init__(self, folder: ProjectFolder, journal: Journal, history: History, lock: threading.RLock) -> None:
        self._folder, self._journal, self._history, self._lock = folder, journal, history, lock
        self._sizes: dict[str, tuple[int, int]] = {}
        self._loaded: OrderedDict[str, ImageLabels] = OrderedDict()
        self._dirty: dict[str, None] = {}
        """Names, in the order in which their masks are to be written."""
        self._being_written: str | None = None
        self._counts: dict[str, dict[int, int]] = {}
        self._objects: dict[str, int] = {}
        self._writing = threading.Lock()
        self._stamps: dict[Path, Stamp] = {}
        """The mask files as they were when the project last read or wrote them."""
        self.remarks: list[str] = []
        """Sentences about files that another program changed meanwhile."""

    def mask_paths(self, name: str) -> tuple[Path, Path]:
        """Return the files of an image's label map and of its instance map."""
        stem = Path(name).stem
        return self._folder.masks / f"{stem}.png", self._folder.instances / f"{stem}.png"

    def _base_paths(self, name: str) -> tuple[Path, Path]:
        stem = Path(name).stem
        return self._folder.base / "masks" / f"{stem}.png", self._folder.base / "instances" / f"{stem}.png"

    def add_image(self, image: ImageRecord) -> bool:
        """Add an image, and compare its masks with the journal.

        Masks older than its last action are rewritten by the next `flush`. Returns `False` where another program wrote
        the masks (see `read_foreign_masks`).
        """
        name = image.name
        self._sizes[name] = image.size
        states = [read_state(path) if path.is_file() else None for path in self.mask_paths(name)]
        self._stamps |= {path: stamp for path in self.mask_paths(name) if (stamp := _stamp_of(path)) is not None}
        last = self._history.last_number(name)
        for path, state in zip(self.mask_paths(name), states, strict=True):
            if path.is_file() and (state is None or state.number > last):
                return False
        mask, objects = states
        if (mask is None and last) or any(state is not None and state.number != last for state in states):
            self._dirty[name] = None
        self._counts[name] = {} if mask is None else mask.counts
        self._objects[name] = 0 if objects is None else len(objects.counts)
        return True

    def read_foreign_masks(self, name: str, num_classes: int) -> float:
        """Take masks that another program wrote as the initial labels of an image; return the share of its pixels that
        is labelled. Raises `MaskError` and `ImageError` for invalid masks."""
        mask, instances = self.mask_paths(name)
        size = self._sizes[name]
        counts = read_map(mask, size, num_classes).counts() if mask.is_file() else {}
        objects = read_map(instances, size, None).counts() if instances.is_file() else {}
        with output_errors(self._folder.base):
            for path, base in zip(self.mask_paths(name), self._base_paths(name), strict=True):
                if path.is_file():
                    keep_base(path, base)
                else:
                    base.unlink(missing_ok=True)
        self._counts[name], self._objects[name] = counts, len(objects)
        return sum(counts.values()) / (size[0] * size[1])

    def load(self, name: str) -> ImageLabels:
        """Return an image's labels: from memory, else from its masks where they are up to date, else by replaying the
        journal."""
        labels = self._loaded.get(name)
        if labels is None:
            labels = self._read_masks(name) or self.replay(name)
            self._loaded[name] = labels
            self.trim()
        self._loaded.move_to_end(name)
        return labels

    def forget(self, name: str) -> None:
        """Drop an image's labels from memory, where they disagree with the journal; they are then replayed from it."""
        self._loaded.pop(name, None)
        self._dirty[name] = None

    def _read_masks(self, name: str) -> ImageLabels | None:
        """Return an image's labels from its masks; `None` where the masks do not include its last action."""
        last, size = self._history.last_number(name), self._sizes[name]
        labels = ImageLabels(size)
        labels.number = last
        maps: list[TiledMap] = []
        for path, empty in zip(self.mask_paths(name), (labels.label_map, labels.instance_map), strict=True):
            state = read_state(path) if path.is_file() else None
            if state is None:
                if path.is_file() or (last and empty is labels.label_map):
                    return None
                maps.append(empty)
                continue
            if state.number != last:
                return None
            try:
                stored = read_map(path, size, self._history.classes.num_classes if not maps else None)
            except PixelwiseError:
                return None
            if stored.checksum() != state.checksum:
                return None
            maps.append(stored)
        labels.label_map, labels.instance_map = maps
        return labels

    def replay(self, name: str) -> ImageLabels:
        """Return an image's labels by replaying its actions on its initial masks. Raises `DataError`."""
        history, size = self._history.of(name), self._sizes[name]
        labels = ImageLabels(size)
        if history.base:
            mask, instances = self._base_paths(name)
            if mask.is_file():
                labels.label_map = read_map(mask, size, 256)
            if instances.is_file():
                labels.instance_map = read_map(instances, size, None)
        entries = (self._journal.read(number) for number in history.done)
        try:
            labels.replay(entries, self._history.tables_after(history.base), self._folder.regions)
        except (KeyError, TypeError, ValueError, IndexError, OptionError) as error:
            number = next((number for number in history.done if number > labels.number), 0)
            raise damaged_line(self._journal.path, number, f"{type(error).__name__}: {error}") from error
        labels.number = self._history.last_number(name)
        return labels

    def change(self, name: str) -> None:
        """Note that the labels of an image in memory have changed."""
        self._dirty[name] = None
        self.trim()

    def remap(self, number: int, table: Table) -> None:
        """Change the class indices of all labels by a table."""
        for labels in self._loaded.values():
            labels.remap(number, table)
        for name, counts in self._counts.items():
            moved: dict[int, int] = {}
            for value, count in counts.items():
                if (target := int(table[value])) != IGNORE_INDEX:
                    moved[target] = moved.get(target, 0) + count
            self._counts[name] = moved
        self._dirty |= dict.fromkeys(name for name in self._sizes if self._history.of(name).last)

    def start_anew(self) -> None:
        """Drop all labels from memory, so that they are replayed from the journal; used after undo or redo of an action
        on classes."""
        names = [name for name in self._sizes if self._history.of(name).last]
        self._loaded.clear()
        self._dirty |= dict.fromkeys(names)
        for name in names:
            with contextlib.suppress(DataError):  # told when its masks are written
                labels = self.load(name)
                self._counts[name], self._objects[name] = labels.label_map.counts(), len(labels.instance_map.counts())

    def trim(self) -> None:
        """Drop the least recently used labels from memory; they are in the journal."""
        while len(self._loaded) > 1 and sum(labels.nbytes for labels in self._loaded.values()) > MOST_LABEL_BYTES:
            name, labels = self._loaded.popitem(last=False)
            self._counts[name] = labels.label_map.counts()
            self._objects[name] = len(labels.instance_map.counts())

    def snapshot(self, name: str) -> ImageLabels:
        """Return an immutable snapshot of an image's labels."""
        labels = self.load(name)
        copy = ImageLabels(labels.size)
        copy.label_map, copy.instance_map = labels.label_map.snapshot(), labels.instance_map.snapshot()
        copy.number = labels.number
        return copy

    def counts(self, name: str) -> dict[int, int]:
        """Return how many pixels of an image have each class; classes without any are left out."""
        if name in self._loaded:
            return self._loaded[name].label_map.counts()
        return dict(self._counts.get(name, {}))

    def object_count(self, name: str) -> int:
        """Return how many objects an image has."""
        if name in self._loaded:
            return len(self._loaded[name].instance_map.counts())
        return self._objects.get(name, 0)

    @property
    def is_written(self) -> bool:
        """Whether all masks on disk are up to date with the journal."""
        return not self._dirty and self._being_written is None

    def flush(self) -> None:
        """Write the masks of all images whose labels have changed. If some cannot be written, the others are, and the
        first error is raised at the end.
        """
        failed: dict[str, PixelwiseError] = {}
        with self._writing:
            while len(failed) < MOST_FAILURES:
                with self._lock:
                    name = next((name for name in self._dirty if name not in failed), None)
                    if name is None:
                        break
                    del self._dirty[name]
                    self._being_written = name
                try:
                    with self._lock:
                        labels, classes = self.snapshot(name), self._history.classes
                    self._write(name, labels, classes)
                except BaseException as error:
                    with self._lock:
                        self._dirty[name] = None  # at the end: the others come first
                    if not isinstance(error, PixelwiseError):
                        raise
                    failed[name] = error
                finally:
                    self._being_written = None
        if failed:
            raise next(iter(failed.values()))

    def _write(self, name: str, labels: ImageLabels, classes: ClassMap) -> None:
        mask, instances = self.mask_paths(name)
        if labels.instance_map.counts() or instances.is_file():
            self._replace(instances, labels.instance_map, labels.number, None)
        self._replace(mask, labels.label_map, labels.number, classes)

    def _replace(self, path: Path, values: TiledMap, number: int, classes: ClassMap | None) -> None:
        """Write a mask; of a file that another program has changed meanwhile a copy is kept, and a remark."""
        stamp = _stamp_of(path)
        if stamp is not None and stamp != self._stamps.get(path):
            copy = self._folder.studio / "edited" / path.parent.name / f"{path.stem}-{number}.png"
            with output_errors(copy):
                keep_base(path, copy)
            self.remarks.append(
                f"Another program changed {path} while the project was open. It is written again from the journal; the "
                f"changed file is kept in {copy}. Close the studio before you edit a mask: it is then taken over."
            )
        write_mask(path, values, number, classes)
        if (stamp := _stamp_of(path)) is not None:
            self._stamps[path] = stamp


def _stamp_of(path: Path) -> Stamp | None:
    """Return what tells whether a file is still the same; `None` where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_mtime_ns, status.st_size, status.st_ino) if stat.S_ISREG(status.st_mode) else None
