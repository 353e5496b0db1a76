"""A model that learns while a person labels: features are cached on disk, and a small head is fitted in under a
second."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixelwise.core.errors import OptionError
from pixelwise.labels.boxes import TILE, Box, tile_boxes
from pixelwise.labels.feature_cache import FeatureCache
from pixelwise.labels.features import (
    SIGNATURE,
    FeatureMaps,
    ImageReader,
    channel_weights,
    shared_extractor,
)
from pixelwise.labels.head import Head, fit_head, new_head, with_classes, with_statistics
from pixelwise.labels.head_file import read_head, write_head
from pixelwise.labels.pixel_samples import (
    LabelledPixels,
    checked_pixels,
    order_pixels,
    sample_tiles,
    share_limit,
)
from pixelwise.labels.prediction import LivePrediction, predict_tile
from pixelwise.metrics.pixels import counted_pixels, require_num_classes

MAX_BYTES = 8 * 2**30
"""The largest size of the features on disk."""
TILE_PIXELS = 4096
"""The most labelled pixels of a tile that are used."""
TOTAL_PIXELS = 16384
"""The most labelled pixels of all images together that the head is fitted on."""
FIT_SECONDS = 0.3
"""Duration of a fit that has no other bound."""
FIRST_RATE = 30.0
"""Assumed steps of a fit per second, until they are measured."""
SETTLED_STEPS = 200
"""After this many steps since the last change of the labels, further steps change little."""

Half = npt.NDArray[np.float16]
Never = Callable[[], bool]


@dataclass
class _Tile:
    """A tile's labelled pixels, in the order of `order_pixels`, and the features of the first of them.

    before: the tile before its labels changed, whose features are reused.
    """

    pixels: LabelledPixels
    features: Half | None = None
    before: _Tile | None = None

    def complete_features(self, maps: FeatureMaps, count: int) -> Half:
        """Return the features of the first `count` pixels; known ones are not computed again."""
        pixels = self.pixels.select(slice(count))
        result = np.empty((count, maps.channels), np.float16)
        known = np.full(count, -1)
        if self.before is not None and self.before.features is not None:
            known = self.before.pixels.select(slice(len(self.before.features))).find(pixels)
            result[known >= 0] = self.before.features[known[known >= 0]]
        self.before = None
        new = pixels.select(known < 0)
        result[known < 0] = maps.columns(new.rows, new.columns)
        return result


@dataclass
class _Image:
    reader: ImageReader
    size: tuple[int, int]
    boxes: list[Box]
    tiles: dict[int, _Tile] = field(default_factory=dict)
    """The tiles that have labels, by number."""


class LiveModel:
    """All images of a project and the one model that learns from their labelled pixels.

    All methods may be called from any thread. `compute_features` waits for another `compute_features`, and `fit` for
    another `fit`; all other methods wait for neither.

    Parameters
    ----------
    num_classes
        1 to 255.
    folder
        The directory of cached features. Those of an earlier process are reused.
    seed
        The seed of the random numbers of `fit`.
    max_bytes
        The largest size of the features on disk; the least recently used are removed first.

    Attributes
    ----------
    revision
        The number of fits so far. 0: there is no prediction yet.

    Examples
    --------
    >>> model = LiveModel(2, Path("features"))
    >>> model.add_image("photo", ArrayImage(image))
    >>> model.set_pixels("photo", rows=[10, 90], columns=[20, 40], class_indices=[0, 1])
    >>> model.compute_features("photo", 0)
    >>> model.fit(seconds=3)
    1
    >>> model.predict("photo", 0).label_map.shape
    (100, 150)
    """

    def __init__(self, num_classes: int, folder: Path, *, seed: int = 0, max_bytes: int = MAX_BYTES) -> None:
        require_num_classes(num_classes)
        self.num_classes = num_classes
        self.seed = seed
        self.revision = 0
        self._cache = FeatureCache(folder, max_bytes)
        self._means = FeatureCache(folder / "means", max_bytes)
        self._images: dict[str, _Image] = {}
        self._head: Head | None = None
        self._labels_changed = 0
        """How many times labels or classes have changed."""
        self._classes_changed_at = 0
        """The count at the last change of the classes. A fit that began before it is discarded."""
        self._steps_since_change = 0
        self._pixels_of_statistics = 0
        self._steps_a_second = FIRST_RATE
        self._state = threading.RLock()
        """Guards all of the above. It is held for short times only."""
        self._extracting = threading.Lock()
        self._fitting = threading.Lock()

    # images and features

    def add_image(self, key: str, image: ImageReader) -> None:
        """Add an image. A key that is there already gets the new reader.

        The key must identify the content of the image: a changed image needs another key, or its old features would be
        used.
        """
        size = (int(image.size[0]), int(image.size[1]))
        with self._state:
            if (known := self._images.get(key)) is not None:
                if known.size != size:
                    found, expected = f"{size[0]}x{size[1]}", f"{known.size[0]}x{known.size[1]} as before"
                    raise OptionError("image", found, expected, "Give a changed image another key.")
                known.reader = image
            else:
                self._images[key] = _Image(image, size, tile_boxes(size))

    def tiles(self, key: str) -> Sequence[Box]:
        """Return the tiles (top, left, bottom, right) of an image in reading order, 1024 pixels a side at most."""
        return tuple(self._image(key).boxes)

    def has_features(self, key: str, tile: int) -> bool:
        return self._cache_key(key, tile) in self._cache

    def compute_features(self, key: str, tile: int) -> None:
        """Compute and store the features of a tile, unless they are stored already. Takes up to a second."""
        self._features(key, tile)

    def missing_tiles(self) -> list[tuple[str, int]]:
        """Return (key, tile) of labelled tiles without features: `fit` does not learn from them yet."""
        with self._state:
            tiles = [(key, tile) for key, image in self._images.items() for tile in sorted(image.tiles)]
            without = [(key, tile) for key, tile in tiles if self._images[key].tiles[tile].features is None]
        return [(key, tile) for key, tile in without if not self.has_features(key, tile)]

    def embedding(self, key: str) -> npt.NDArray[np.float32] | None:
        """Return the mean features of an image, float32 (C,), over the tiles whose features are known; `None` where
        none are.

        Images that look alike have similar ones: see `selection.rank_images`.
        """
        means = [self._means.get(self._cache_key(key, tile)) for tile in range(len(self.tiles(key)))]
        vectors = [mean["mean"].astype(np.float32) for mean in means if mean is not None]
        return np.stack(vectors).mean(axis=0) if vectors else None

    # labels

    def set_pixels(self, key: str, rows: npt.ArrayLike, columns: npt.ArrayLike, class_indices: npt.ArrayLike) -> None:
        """Replace all labelled pixels of an image: three arrays (N,). Class index 255 is no label.

        At most 4,096 pixels of each tile are used, and 16,384 of all images together, balanced over the classes as far
        as possible.
        """
        image = self._image(key)
        pixels = checked_pixels(rows, columns, class_indices, image.size, self.num_classes)
        tiles_a_row = -(-image.size[1] // TILE)
        numbers = pixels.rows // TILE * tiles_a_row + pixels.columns // TILE
        groups = {int(number): pixels.select(numbers == number) for number in np.unique(numbers)}
        self._replace_tiles(
            key, {number: order_pixels(group, self.seed, TILE_PIXELS) for number, group in groups.items()}
        )

    def set_labels(self, key: str, label_map: ImageReader) -> None:
        """Replace all labelled pixels of an image by those of a label map, whose reader gives uint8 (h, w)."""
        image = self._image(key)
        groups = sample_tiles(label_map.read, image.size, self.num_classes, self.seed, TILE_PIXELS)
        self._replace_tiles(key, groups)

    def set_classes(self, num_classes: int, mapping: Mapping[int, int | None]) -> None:
        """Change the classes, and the class indices of the labelled pixels with them.

        Parameters
        ----------
        num_classes
            The new number of classes.
        mapping
            From each old class index to the new one; `None` for a class that is removed. Classes with the same new
            index are merged.

        Raises
        ------
        OptionError
            An old class is missing, or a new one is beyond the classes.
        """
        require_num_classes(num_classes)
        with self._state:
            targets = [mapping.get(old, -1) for old in range(self.num_classes)]
            if any(new is not None and not 0 <= new < num_classes for new in targets):
                expected = f"0 to {num_classes - 1} or None for each class of 0 to {self.num_classes - 1}"
                raise OptionError("mapping", str(dict(mapping)), expected, "Name what becomes of each class.")
            table = np.full(256, 255, np.uint8)
            table[: self.num_classes] = [255 if new is None else new for new in targets]
            for image in self._images.values():
                for number, tile in list(image.tiles.items()):
                    classes = table[tile.pixels.class_indices]
                    pixels = LabelledPixels(tile.pixels.rows, tile.pixels.columns, classes).select(
                        counted_pixels(classes)
                    )
                    image.tiles[number] = _Tile(order_pixels(pixels, self.seed, TILE_PIXELS))
                    if not len(pixels):
                        del image.tiles[number]
            if self._head is not None:
                self._head = with_classes(self._head, num_classes, mapping, self.seed)
            self.num_classes = num_classes
            self._note_change()
            self._classes_changed_at = self._labels_changed

    # the model

    @property
    def is_settled(self) -> bool:
        """Whether further fits would change little, because enough steps were taken since the labels changed, or there
        is nothing to learn from."""
        with self._state:
            return self._steps_since_change >= SETTLED_STEPS

    def fit(self, seconds: float | None = None, should_stop: Never = lambda: False, *, steps: int | None = None) -> int:
        """Learn from all labelled pixels whose tiles have features, from where the last fit ended.

        Parameters
        ----------
        seconds
            The approximate duration, by default 0.3. The number of steps then depends on the load of the machine.
        should_stop
            Asked before each step. On `True` the fit ends, and what it has learned so far is used.
        steps
            The number of steps, in place of `seconds`: the same labels and seed then give the same model.

        Returns
        -------
        revision
            The number of fits so far. Labels of fewer than two classes are not fitted, and leave it unchanged.

        Raises
        ------
        OptionError
            Both `seconds` and `steps` are given, or fewer than one step.
        """
        if steps is not None and (seconds is not None or steps < 1):
            found = f"{steps} with {seconds:g} seconds" if seconds is not None else str(steps)
            raise OptionError("steps", found, "1 or more, or `seconds` alone", "Bound a fit by one of them.")
        at_most = FIT_SECONDS if seconds is None else seconds
        with self._fitting:
            features, classes, change = self._training_pixels()
            with self._state:
                head, revision, steps_a_second = self._head, self.revision, self._steps_a_second
            if len(np.unique(classes)) < 2:
                with self._state:
                    self._steps_since_change = SETTLED_STEPS
                return revision
            head = self._prepared(head, features)
            latest = math.inf if steps is not None else time.perf_counter() + 2 * at_most
            started = time.perf_counter()
            head, done = fit_head(
                head,
                features,
                classes,
                steps=max(round(at_most * steps_a_second), 1) if steps is None else steps,
                seed=self.seed * 1_000_003 + revision,
                should_stop=lambda: should_stop() or time.perf_counter() > latest,
            )
            return self._commit(head, change, done, done / max(time.perf_counter() - started, 1e-3))

    def predict(self, key: str, tile: int) -> LivePrediction:
        """Predict a tile. Features that are missing are computed first.

        Raises
        ------
        OptionError
            The model was never fitted.
        """
        with self._state:
            head, revision = self._head, self.revision
        if head is None or not revision:
            remedy = "Label pixels of two classes and call `fit`."
            raise OptionError("revision", "a model that was not fitted", "a `fit` before", remedy)
        box = self.tiles(key)[tile]
        maps = self._features(key, tile)
        return predict_tile(head, revision, maps, box)

    def save(self, path: Path) -> None:
        """Write the model, without images and labels, to a safetensors file."""
        with self._state:
            head, revision = self._head, self.revision
        if head is None:
            raise OptionError("revision", "a model that was not fitted", "a `fit` before", "Call `fit` first.")
        write_head(path, head, revision, SIGNATURE)

    def load(self, path: Path) -> None:
        """Replace the model by one that `save` wrote.

        Raises
        ------
        ModelFileError
            The file is no live model, or one of other classes or features.
        """
        head, revision = read_head(path, self.num_classes, SIGNATURE)
        with self._state:
            self._head, self.revision = head, max(revision, self.revision + 1)

    # inside

    def _image(self, key: str) -> _Image:
        with self._state:
            image = self._images.get(key)
        if image is None:
            raise OptionError("key", repr(key), "the key of an image", "Add the image first.")
        return image

    def _cache_key(self, key: str, tile: int) -> str:
        image = self._image(key)
        if not 0 <= tile < len(image.boxes):
            raise OptionError("tile", str(tile), f"0 to {len(image.boxes) - 1}", "Choose one of `tiles`.")
        return f"{SIGNATURE} {image.size} {tile} {key}"

    def _features(self, key: str, tile: int) -> FeatureMaps:
        """Return the features of a tile from the cache, or compute and keep them."""
        name = self._cache_key(key, tile)
        maps = self._cached_features(name)
        if maps is None:
            with self._extracting:
                maps = self._cached_features(name)  # another thread may have been faster
                if maps is None:
                    image = self._image(key)
                    channels = image.reader.read((0, 0, 1, 1)).shape[2]
                    maps = shared_extractor(channels).compute(image.reader, image.boxes[tile])
                    self._cache.put(name, maps.to_arrays())
                    self._means.put(name, {"mean": maps.mean()})
        return maps

    def _cached_features(self, name: str) -> FeatureMaps | None:
        arrays = self._cache.get(name) if name in self._cache else None
        return None if arrays is None else FeatureMaps.from_arrays(arrays)

    def _replace_tiles(self, key: str, groups: Mapping[int, LabelledPixels]) -> None:
        with self._state:
            image = self._image(key)
            tiles = {number: _update_tile(image.tiles.get(number), pixels) for number, pixels in groups.items()}
            if tiles.keys() != image.tiles.keys() or any(tiles[number] is not image.tiles[number] for number in tiles):
                image.tiles = tiles
                self._note_change()

    def _note_change(self) -> None:
        self._labels_changed += 1
        self._steps_since_change = 0

    def _training_pixels(self) -> tuple[Half, npt.NDArray[np.int64], int]:
        """Return features (N, C), classes (N,), and the count of label changes at which they were taken."""
        with self._state:
            change = self._labels_changed
            tiles = [(key, number, tile) for key, image in self._images.items() for number, tile in image.tiles.items()]
        share = share_limit([len(tile.pixels) for _, _, tile in tiles], TOTAL_PIXELS)
        features, classes = [np.empty((0, 0), np.float16)], [np.empty(0, np.int64)]
        for key, number, tile in tiles:
            count = min(share, len(tile.pixels))
            if tile.features is None or len(tile.features) < count:
                name = self._cache_key(key, number)
                if (maps := self._cached_features(name)) is None:
                    continue
                tile.features = tile.complete_features(maps, count)
            elif len(tile.features) > 2 * count:
                tile.features = tile.features[:count].copy()
            features.append(tile.features[:count])
            classes.append(tile.pixels.class_indices[:count].astype(np.int64))
        if len(features) == 1:
            return features[0], classes[0], change
        return np.concatenate(features[1:]), np.concatenate(classes), change

    def _prepared(self, head: Head | None, features: Half) -> Head:
        """Return the head to start from: a new one for the first fit, later the last one, with new statistics where
        many pixels were added."""
        if head is None or head.channels != features.shape[1]:
            self._pixels_of_statistics = len(features)
            return new_head(features, channel_weights(), self.num_classes, self.seed)
        if len(features) > 2 * self._pixels_of_statistics:
            self._pixels_of_statistics = len(features)
            return with_statistics(head, features)
        return head

    def _commit(self, head: Head, change: int, steps: int, steps_a_second: float) -> int:
        """Use a fitted head as the model, unless the classes have changed meanwhile."""
        with self._state:
            self._steps_a_second = steps_a_second
            if head.num_classes == self.num_classes and self._classes_changed_at <= change:
                self._head = head
                self.revision += 1
                if change == self._labels_changed:
                    self._steps_since_change += steps
            return self.revision


def _update_tile(tile: _Tile | None, pixels: LabelledPixels) -> _Tile:
    """Return the tile with these labelled pixels: the old one where they are unchanged."""
    if tile is None:
        return _Tile(pixels)
    if tile.pixels.equals(pixels):
        return tile
    return _Tile(pixels, before=tile if tile.features is not None else tile.before)
