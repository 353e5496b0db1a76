"""`Predictor`: a model that answers for images of any size. What `pw.load` returns."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import ClassMap
from pixelwise.core.errors import OptionError, ShapeError
from pixelwise.inference.engines.onnxruntime import Engine, OnnxRuntimeEngine, name_image_in_errors
from pixelwise.inference.mc_dropout import MonteCarloDropout, moments_of_passes, softmax
from pixelwise.inference.result import Result
from pixelwise.instances.fields import CentreOffsetMaps
from pixelwise.instances.objects import Objects
from pixelwise.modelfile.info import ModelInfo
from pixelwise.raster.bands import read_channels
from pixelwise.tiling.coarse import upsample_labels
from pixelwise.tiling.stitch import Block, Image, Run, argmax_labels, stitch_blocks, stitch_label_map, stitch_logits

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]


class Predictor:
    """An engine with what it needs to know of tiles and classes; path: its model file, where it has one.

    Any number of threads may predict at a time; with `at_once` of them the cores are used best. `thresholds`, by class
    index, and `is_augmented` are what `with_thresholds` and `augmented` made of it.
    """

    def __init__(self, engine: Engine, info: ModelInfo, path: Path | None = None, at_once: int = 1) -> None:
        self._engine = engine
        self.info = info
        self.path = path
        self.at_once = at_once
        self.thresholds: dict[int, float] = {}
        self.is_augmented = False

    @property
    def classes(self) -> ClassMap:
        return self.info.classes

    def augmented(self) -> Predictor:
        """Return one that takes the mean over sizes and both ways round of an image (see `AugmentedEngine`): six times
        the work.
        """
        from pixelwise.inference.tta import AugmentedEngine  # which few ask for

        changed = self._with(AugmentedEngine(self._engine, offsets=self.info.grouping is not None))
        changed.is_augmented = True
        return changed

    def with_thresholds(self, thresholds: Mapping[str, float]) -> Predictor:
        """Return one whose label maps keep thresholds, by class (see `apply_thresholds`).

        Raises `OptionError` for an instance model, and for thresholds that the classes cannot have (see
        `thresholds_by_index`).
        """
        from pixelwise.inference.thresholds import thresholds_by_index  # which few ask for

        if self.info.grouping is not None:
            remedy = "Leave `thresholds` out; every object comes with its score."
            raise OptionError("thresholds", "an instance model", "a semantic one", remedy)
        changed = self._with(self._engine)
        changed.thresholds = thresholds_by_index(thresholds, self.classes)
        return changed

    def _with(self, engine: Engine) -> Predictor:
        changed = copy.copy(self)
        changed._engine = engine
        return changed

    def read(self, path: Path) -> UInt8:
        """Return a file's image in the channels that the model looks at, uint8 (height, width, C).

        Raises `ImageError` where it cannot be read, and `MissingDependencyError` for bands without rasterio.
        """
        return read_channels(path, self.info.bands, self.info.value_range)

    def predict(
        self, image: str | Path | UInt8, sampling: MonteCarloDropout | None = None, *, probabilities: bool = False
    ) -> Result:
        """Label an image file, or a uint8 (height, width, 3) RGB array; of a model of bands (height, width, C).

        An instance model's result holds the objects too. With `sampling` it carries a variance as well, and with
        `probabilities` those of all classes, 4 K bytes a pixel, which otherwise cost a second run. Raises `ImageError`
        for a file that cannot be read, `ShapeError` for any other array, `OptionError` for sampling from a model
        without dropout or from an instance model, and `ModelFileError` for a model file that fails on the image or
        gives what are no numbers.
        """
        if not isinstance(image, np.ndarray):
            with name_image_in_errors(Path(image)):
                return self.predict(self.read(Path(image)), sampling, probabilities=probabilities)
        pixels = image
        work_out = partial(self.probabilities, pixels, sampling)
        if self.info.grouping is not None:
            if sampling is not None:
                remedy = "Leave `sampling` out."
                raise OptionError("sampling", "an instance model", "a semantic one", remedy)
            label_map, objects = self.label_map_and_objects(pixels)
            return Result(pixels, label_map, self.info, work_out, instances=objects)
        if sampling is not None:
            label_map, variance = self.sampled(pixels, sampling)
            return Result(pixels, label_map, self.info, work_out, variance)
        if not probabilities:
            return Result(pixels, self.label_map(pixels), self.info, work_out)
        found = self.probabilities(pixels)
        return Result(pixels, self._chosen(found), self.info, lambda: found)

    def label_map(self, image: UInt8) -> UInt8:
        """Return the class indices, uint8 (height, width), of a uint8 (height, width, C) image.

        A large image goes through the engine in tiles: memory grows by a byte a pixel, not by a score a class.
        Raises `ShapeError` for another shape or dtype, or an image without pixels.
        """
        if self.info.grouping is not None:
            return self.label_map_and_objects(image)[0]
        self._require_image(image)
        info, engine, size = self.info, self._engine, image.shape[:2]
        in_one = max(size) <= info.tile and not self.thresholds
        if in_one and isinstance(engine, OnnxRuntimeEngine) and engine.has_coarse:
            return upsample_labels(engine.coarse(image[None])[0], size, info.stride)
        grid = {"tile": info.tile, "overlap": info.overlap, "stride": info.stride}
        return stitch_label_map(engine, image, **grid, labels=self.labels_of)

    def label_map_and_objects(self, image: UInt8) -> tuple[UInt8, Objects]:
        """Return the class indices, uint8 (height, width), and the objects that an instance model sees.

        Objects are grouped on the whole image, so that no border of a tile cuts one. Raises as `label_map`, and
        `OptionError` for a model that was not trained for objects.
        """
        grouping = self.info.grouping
        if grouping is None:
            remedy = "Train with `task='instance'`."
            raise OptionError("objects", "a semantic model", "one that was trained for objects", remedy)
        from pixelwise.instances.grouping import group_pixels  # scipy, which no semantic model should load

        blocks = self.blocks(image)
        label_map, fields = np.empty(image.shape[:2], np.uint8), CentreOffsetMaps.empty(image.shape[:2])
        for block in blocks:
            label_map[block.place] = self.labels_of(block.logits)
            fields.paste(block.place, CentreOffsetMaps.from_logits(block.logits, grouping.things))
        return label_map, group_pixels(fields, grouping)

    def logits(self, image: UInt8) -> Float32:
        """Return float32 (K, height, width): scores of classes and, of an instance model, heat and offsets.

        Raises as `label_map`.
        """
        self._require_image(image)
        return self._stitched(self._engine, image)

    def blocks(self, image: Image, from_row: int = 0) -> Iterator[Block]:
        """Yield the logits of a uint8 (height, width, C) image piece by piece: those of a large one are never held
        whole, nor is an image that is read in parts. They begin with those that hold `from_row`. Raises as `label_map`.
        """
        self._require_image(image)
        info = self.info
        grid = {"tile": info.tile, "overlap": info.overlap, "stride": info.stride}
        return stitch_blocks(self._engine, image, **grid, from_row=from_row)

    def label_bands(self, image: Image, from_row: int = 0) -> Iterator[tuple[int, UInt8]]:
        """Yield (row, labels uint8 (rows, width)) from top to bottom, a row of tiles each, the first at `from_row`.

        Raises as `label_map`, and what reading the image's parts raises.
        """
        for row, blocks in itertools.groupby(self.blocks(image, from_row), key=lambda block: block.row):
            labels = [self.labels_of(block.logits) for block in blocks]
            yield row, np.concatenate(labels, axis=1)

    def sampled(self, image: UInt8, sampling: MonteCarloDropout) -> tuple[UInt8, Float32]:
        """Return the label map of the mean probabilities of several passes with dropout on, and their variance.

        The variance, float32 (height, width), is that of a class's probability over the passes, averaged over the
        classes: 0..0.25. Tiled as `label_map` is; errors as for `predict`.
        """
        self._require_image(image)
        label_map = np.empty(image.shape[:2], np.uint8)
        variance = np.empty(image.shape[:2], np.float32)
        info, run = self.info, moments_of_passes(self._engine, sampling)
        for block in stitch_blocks(run, image, tile=info.tile, overlap=info.overlap, stride=info.stride):
            label_map[block.place] = self._chosen(block.logits[:-1])
            variance[block.place] = block.logits[-1]
        return label_map, variance

    def probabilities(self, image: UInt8, sampling: MonteCarloDropout | None = None) -> Float32:
        """Return float32 (K, height, width) that sum to 1 over the K classes, with `sampling` the mean of its passes.

        Errors as for `predict`.
        """
        if sampling is None:
            return softmax(self.logits(image)[: self.classes.num_classes])
        self._require_image(image)
        return self._stitched(moments_of_passes(self._engine, sampling), image)[:-1]

    def labels_of(self, logits: Float32) -> UInt8:
        """Return the class indices, uint8 (height, width), that logits (K or more, height, width) stand for."""
        scores = logits[: self.classes.num_classes]
        return self._chosen(softmax(scores)) if self.thresholds else argmax_labels(scores)

    def _chosen(self, probabilities: Float32) -> UInt8:
        if not self.thresholds:
            return argmax_labels(probabilities)
        from pixelwise.inference.thresholds import apply_thresholds

        return apply_thresholds(probabilities, self.thresholds)

    def _require_image(self, image: Image) -> None:
        channels = self.info.in_channels
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != channels or image.size == 0:
            shape = "x".join(map(str, image.shape))
            expected = f"uint8 height x width x {channels}, not empty"
            remedy = (
                "Convert the array to RGB in 0..255 first, as numpy.asarray(PIL.Image.open(path).convert('RGB')) is."
            )
            if self.info.bands is not None:
                remedy = f"Give the path of a file with the bands {', '.join(map(str, self.info.bands.numbers))}."
            raise ShapeError("image", f"an array of {image.dtype} {shape}", expected, remedy)

    def _stitched(self, run: Run, image: UInt8) -> Float32:
        info = self.info
        return stitch_logits(run, image, tile=info.tile, overlap=info.overlap, stride=info.stride)
