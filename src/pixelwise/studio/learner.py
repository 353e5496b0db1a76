"""`Learner`: the live model of a project. Images are identified by their numbers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.core.errors import DataError, PixelwiseError
from pixelwise.labels.live import LiveModel
from pixelwise.labels.project import Project
from pixelwise.labels.tiled_map import TiledMap
from pixelwise.studio.pictures import Pictures
from pixelwise.studio.prediction_store import TilePrediction

UInt8 = npt.NDArray[np.uint8]


class Learner:
    """Learns from the labels of a project. All methods but `embeddings` must be called from one thread.

    Parameters
    ----------
    project, pictures
        The labels and the pixels.
    folder
        The folder of the features and the model, which continues from an earlier process.

    Attributes
    ----------
    classes
        The classes of the model; those of the project after `follow_classes`.
    """

    def __init__(self, project: Project, pictures: Pictures, folder: Path) -> None:
        self._project, self._path = project, folder / "live.safetensors"
        self.classes, moves = project.class_changes()
        self._moves = len(moves)
        self._keys = [pictures.key(number) for number in range(len(project.images))]
        self._numbers = {key: number for number, key in enumerate(self._keys)}
        self._model = LiveModel(self.classes.num_classes, folder / "features")
        for number, key in enumerate(self._keys):
            self._model.add_image(key, pictures.of(number))
        if self._path.is_file():
            with contextlib.suppress(PixelwiseError):  # of other classes or another version: learn from the start
                self._model.load(self._path)

    @property
    def revision(self) -> int:
        """The number of fits, 0 where there is no prediction yet."""
        return self._model.revision

    @property
    def is_settled(self) -> bool:
        """Whether further fits would change little."""
        return self._model.is_settled

    def follow_classes(self) -> bool:
        """Adapt the model to the project's classes; return whether they have changed. After a change all labels must be
        read again.
        """
        now, moves = self._project.class_changes()
        if now is self.classes:
            return False
        if now.num_classes != self.classes.num_classes or len(moves) > self._moves:
            table = np.arange(256, dtype=np.uint8)
            for step in moves[self._moves :]:
                table = step[table]
            targets = {index: int(table[index]) for index in range(self.classes.num_classes)}
            mapping = {index: None if target == IGNORE_INDEX else target for index, target in targets.items()}
            self._model.set_classes(now.num_classes, mapping)
        self.classes, self._moves = now, len(moves)
        return True

    def read_labels(self, numbers: Iterable[int]) -> list[int]:
        """Read the labels of images again; test images count as unlabelled. Return the images that could not be read
        because the classes have just changed."""
        left = []
        for number in numbers:
            image = self._project.images[number]
            try:
                label_map = self._project.labels(image.name).label_map
            except DataError:  # its actions cannot be read, which is reported when its masks are written
                continue
            if self._project.history.of(image.name).is_test:
                label_map = TiledMap(image.size, label_map.dtype, label_map.empty)
            if self._project.classes is self.classes:
                self._model.set_labels(self._keys[number], label_map)
            else:
                left.append(number)
        return left

    def has_features(self, image: int, tile: int) -> bool:
        return self._model.has_features(self._keys[image], tile)

    def compute_features(self, image: int, tile: int) -> None:
        """Compute and store the features of a tile. Raises `ImageError`."""
        self._model.compute_features(self._keys[image], tile)

    def missing(self) -> list[tuple[int, int]]:
        """Return (image, tile) of labelled tiles without features."""
        return [(self._numbers[key], tile) for key, tile in self._model.missing_tiles()]

    def fit(self, seconds: float, should_stop: Callable[[], bool]) -> int:
        """Learn from the labels; return the revision."""
        with _one_core():
            return self._model.fit(seconds, should_stop)

    def predict(self, image: int, tile: int) -> TilePrediction:
        """Return the prediction of a tile; its number is 0. Raises `ImageError`."""
        self._model.compute_features(self._keys[image], tile)
        with _one_core():
            prediction = self._model.predict(self._keys[image], tile)
        return TilePrediction(0, prediction.label_map, prediction.uncertainty, prediction.probabilities)

    def embeddings(self) -> dict[int, npt.NDArray[np.float32]]:
        """Return the mean features of the images that have any. May be called from any thread."""
        vectors = ((number, self._model.embedding(key)) for number, key in enumerate(self._keys))
        return {number: vector for number, vector in vectors if vector is not None}

    def save(self) -> None:
        """Save the model for the next process."""
        if self._model.revision:
            self._model.save(self._path)


@contextlib.contextmanager
def _one_core() -> Iterator[None]:
    """Let torch use one core: small arrays are faster on one, and the browser has the others. This holds for the
    calling thread, and for threads that first use torch meanwhile, of which the studio has none.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
