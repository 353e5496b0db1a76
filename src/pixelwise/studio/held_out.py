"""What a training holds out, and the live model's score on it when it learns from the rest: a fair comparison.

This runs in the process that trains, after the training. The live model of the studio knows all labels. Another one
learns from those that the net's score was not measured on; then both models know the same. What an earlier training
learned that this one started from is left out of both scores.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.core.files import read_json_object
from pixelwise.data.dataset import Item, Sample
from pixelwise.inference.result import Result
from pixelwise.instances.objects import Objects, objects_from_maps, renumber
from pixelwise.labels.boxes import tile_boxes
from pixelwise.labels.features import ArrayImage
from pixelwise.labels.live import SETTLED_STEPS, LiveModel
from pixelwise.labels.project_files import ProjectFolder
from pixelwise.labels.project_images import ImageRecord, find_image_records
from pixelwise.labels.proposals import propose_objects
from pixelwise.metrics.pixels import counted_pixels
from pixelwise.raster.image import read_values, write_png
from pixelwise.studio.comparison import (
    LEAST_UNITS,
    OBJECT_MEASURE,
    Comparison,
    count_objects,
    count_pixels,
    difference_interval,
    score,
)
from pixelwise.studio.pictures import Pictures
from pixelwise.studio.training_data import CLASSES, HELD_OUT, LABELS
from pixelwise.tasks.instance import unknown_pixels
from pixelwise.training.callbacks import Callback
from pixelwise.training.config import RunConfig

UInt8 = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
FIT_STEPS = 2 * SETTLED_STEPS
MOST_TILES = 64
"""Of more tiles with held-out labels so many are compared, spread over them."""


@dataclass(frozen=True)
class _Packed:
    """An array in the memory that its content needs."""

    content: bytes
    dtype: str
    shape: tuple[int, ...]

    @classmethod
    def pack(cls, values: npt.NDArray[Any]) -> _Packed:
        return cls(zlib.compress(np.ascontiguousarray(values).tobytes(), 1), values.dtype.str, values.shape)

    def unpack(self) -> npt.NDArray[Any]:
        return np.frombuffer(zlib.decompress(self.content), self.dtype).reshape(self.shape)


@dataclass(frozen=True)
class ScoredImage:
    """An image that the model file was scored on: the labels that count, and what the net predicts.

    unknown: where nobody knows which object is there, of a task with objects.
    """

    name: str
    is_part: bool
    label_map: _Packed
    prediction: _Packed
    target: Objects | None = None
    objects: Objects | None = None
    unknown: _Packed | None = None


class HeldOutLabels(Callback):
    """Takes down what a model file is scored on at the end of a training.

    Attributes
    ----------
    images
        By their file's name.
    classes, things
        The net's classes, and those of them that have objects.
    """

    def __init__(self) -> None:
        self.images: dict[str, ScoredImage] = {}
        self.classes: ClassMap | None = None
        self.things: tuple[int, ...] = ()

    def on_scored(self, item: Item, sample: Sample, prediction: Result) -> None:
        self.classes = prediction.info.classes
        parts: dict[str, Any] = {}
        if prediction.instances is not None and sample.instance_map is not None and prediction.info.grouping:
            self.things = tuple(prediction.info.grouping.things)
            parts = {
                "target": objects_from_maps(sample.label_map, sample.instance_map),
                "objects": prediction.instances,
                "unknown": _Packed.pack(unknown_pixels(sample, self.things)),
            }
        label_map, predicted = _Packed.pack(sample.label_map), _Packed.pack(prediction.label_map)
        self.images[item.image.name] = ScoredImage(item.image.name, bool(item.held_out), label_map, predicted, **parts)


def compare_with_live(held_out: HeldOutLabels, data: Path, run: Path, studio: Path, tests: set[str]) -> Comparison:
    """Return the scores of a run and of a live model that did not learn from what the run was scored on.

    Parameters
    ----------
    held_out
        What the run was scored on.
    data
        The labels at the start of the training (see `freeze_data`). What was held out is written there, for a training
        that goes on from this one.
    run
        The run's directory.
    studio
        The folder of the project's features.
    tests
        Names of the images that are marked as test.

    Raises
    ------
    ImageError
        A picture cannot be read.
    OutputError
        The disk is full.
    """
    folder = ProjectFolder(data)
    for image in held_out.images.values():
        write_png(
            folder.studio / HELD_OUT / f"{image.name}.png", counted_pixels(image.label_map.unpack()).view(np.uint8)
        )
    return _Comparing(held_out, folder, run, studio, tests).compare()


class _Comparing:
    def __init__(
        self, held_out: HeldOutLabels, folder: ProjectFolder, run: Path, studio: Path, tests: set[str]
    ) -> None:
        self._held_out, self._folder, self._tests = held_out, folder, tests
        content = read_json_object(folder.studio / CLASSES)
        self._classes = ClassMap.from_dict(content["classes"])
        self._split = "test" if held_out.images.keys() <= tests else "val"
        self._earlier = list(_earlier_data(run))
        records, _ = find_image_records(folder.images)
        self._numbers = {record.name: number for number, record in enumerate(records)}
        self._records: Sequence[ImageRecord] = records
        self._pictures = Pictures(list(records), studio / "tiles")
        self._model = LiveModel(self._classes.num_classes, studio / "features")

    @property
    def _has_objects(self) -> bool:
        return bool(self._held_out.things)

    def compare(self) -> Comparison:
        try:
            return self._compare()
        finally:
            self._pictures.close()

    def _compare(self) -> Comparison:
        scored = {name: image for name, image in self._held_out.images.items() if name in self._numbers}
        truths = {name: truth for name, image in scored.items() if (truth := self._new_labels(image)) is not None}
        chosen = _choose_tiles(truths, whole=self._has_objects)
        if not chosen:
            return Comparison(reason="nothing was held out that no training had seen", split=self._split)
        for record in self._records:
            self._teach(record)
        while missing := self._model.missing_tiles():
            self._model.compute_features(*missing[0])
        if not self._model.fit(steps=FIT_STEPS):
            return Comparison(reason="the rest of the labels is of a single class", split=self._split)
        parts = [self._count(scored[name], truths[name], tiles) for name, tiles in chosen.items()]
        return self._summarize(parts, {name: truths[name] for name in chosen})

    def _new_labels(self, image: ScoredImage) -> UInt8 | None:
        """Return the labels of an image that no earlier training learned from; of an image with objects all or
        `None`."""
        truth: UInt8 = image.label_map.unpack().copy()
        learned = np.zeros(truth.shape, np.bool_)
        for folder in self._earlier:
            learned |= _learned_pixels(folder, image.name, truth.shape)
        if self._has_objects:
            return None if learned.any() or image.is_part or image.target is None else truth
        truth[learned] = IGNORE_INDEX
        return truth if counted_pixels(truth).any() else None

    def _teach(self, record: ImageRecord) -> None:
        """Let the live model learn from the labels of an image that the net was not scored on."""
        number = self._numbers[record.name]
        key = self._pictures.key(number)
        self._model.add_image(key, self._pictures.of(number))
        if record.name in self._tests:
            return
        label_map = _read_labels(self._folder, record)
        image = self._held_out.images.get(record.name)
        if label_map is None or (image is not None and self._has_objects):
            return
        if image is not None:
            label_map[counted_pixels(image.label_map.unpack())] = IGNORE_INDEX
        self._model.set_labels(key, ArrayImage(label_map))

    def _count(self, image: ScoredImage, truth: UInt8, tiles: Sequence[int]) -> dict[str, npt.NDArray[np.float64]]:
        """Return the counts of both models in the tiles of an image."""
        number = self._numbers[image.name]
        boxes = tile_boxes(self._records[number].size)
        predicted = np.full(truth.shape, IGNORE_INDEX, np.uint8)
        for tile in tiles:
            top, left, bottom, right = boxes[tile]
            part = self._model.predict(self._pictures.key(number), tile).label_map
            predicted[top:bottom, left:right] = part
        if image.target is not None and image.objects is not None and image.unknown is not None:
            objects = self._objects(predicted)
            return count_objects(image.target, {"net": image.objects, "live": objects}, image.unknown.unpack())
        truth[predicted == IGNORE_INDEX] = IGNORE_INDEX  # tiles that were not chosen
        predictions = {"net": image.prediction.unpack(), "live": predicted}
        return count_pixels(truth, predictions, self._classes.num_classes)

    def _objects(self, predicted: UInt8) -> Objects:
        """Return the live model's objects, in the net's classes: it knows no border."""
        numbers, classes = propose_objects(predicted, self._classes)
        names = self._held_out.classes.names if self._held_out.classes else ()
        table = np.array([names.index(name) if name in names else -1 for name in self._classes.names])
        instance_map, ids = renumber(numbers)
        class_index = table[classes[ids]].astype(np.int32)
        objects = Objects(instance_map, class_index, np.ones(len(ids), np.float32))
        return objects.select(np.isin(class_index, self._held_out.things))

    def _summarize(self, parts: Sequence[dict[str, npt.NDArray[np.float64]]], truths: dict[str, UInt8]) -> Comparison:
        unit = "image"
        net, live = ([part[name] for part in parts] for name in ("net", "live"))
        by_image = len(parts) >= LEAST_UNITS and not any(self._held_out.images[name].is_part for name in truths)
        if by_image:
            net, live = ([part.sum(axis=0, keepdims=True) for part in side] for side in (net, live))
        else:
            unit = "object" if self._has_objects else "region"
        counts = np.concatenate(net), np.concatenate(live)
        scores = [float(score(side.sum(axis=0))) for side in counts]
        if not len(counts[0]) or np.isnan(scores).any():
            return Comparison(reason="no object was held out", split=self._split)
        low, high = difference_interval(*counts) or (None, None)
        return Comparison(
            metric=OBJECT_MEASURE if self._has_objects else "mIoU",
            net=scores[0],
            live=scores[1],
            low=low,
            high=high,
            units=int((counts[0][:, 1].sum(axis=1) > 0).sum()),
            unit=unit,
            pixels=sum(int(counted_pixels(truth).sum()) for truth in truths.values()),
            images=len(parts),
            split=self._split,
        )


def _choose_tiles(truths: dict[str, UInt8], *, whole: bool) -> dict[str, list[int]]:
    """Return the tiles with labels of each image, some of them where there are many; of each image all or none where it
    is looked at as a `whole`."""
    tiles = {name: list(_labelled_tiles(truth, whole=whole)) for name, truth in sorted(truths.items())}
    step = max(1, -(-sum(map(len, tiles.values())) // MOST_TILES))
    if whole:
        return {name: tiles[name] for name in list(tiles)[::step]}
    chosen: dict[str, list[int]] = {}
    for name, tile in [(name, tile) for name, numbers in tiles.items() for tile in numbers][::step]:
        chosen.setdefault(name, []).append(tile)
    return chosen


def _labelled_tiles(truth: UInt8, *, whole: bool) -> Iterator[int]:
    height, width = truth.shape
    for tile, (top, left, bottom, right) in enumerate(tile_boxes((height, width))):
        if whole or counted_pixels(truth[top:bottom, left:right]).any():
            yield tile


def _read_labels(folder: ProjectFolder, record: ImageRecord) -> UInt8 | None:
    """Return the labels of an image at the start of the training, in the classes of the project; `None` for none."""
    name = f"{record.stem}.png"
    path = next((path for path in (folder.studio / LABELS / name, folder.masks / name) if path.is_file()), None)
    return None if path is None else read_values(path).astype(np.uint8)


def _earlier_data(run: Path) -> Iterator[ProjectFolder]:
    """Yield the data of the runs that a run started from."""
    start = RunConfig.load(run / "config.yaml").start_from
    while start is not None:
        earlier = run.with_name(Path(start).name)
        if not (earlier / "config.yaml").is_file():
            return
        yield ProjectFolder(run.with_name(f"{earlier.name}-data"))
        start = RunConfig.load(earlier / "config.yaml").start_from


def _learned_pixels(folder: ProjectFolder, name: str, size: tuple[int, ...]) -> Mask:
    """Return what a training on some data may have learned from: the labels that it was not scored on."""
    mask, held_out = folder.masks / f"{Path(name).stem}.png", folder.studio / HELD_OUT / f"{name}.png"
    learned: Mask = np.zeros(size, np.bool_)
    if mask.is_file() and (values := read_values(mask)).shape == size:
        learned = counted_pixels(values)
        if held_out.is_file():
            learned &= read_values(held_out) == 0
    return learned
