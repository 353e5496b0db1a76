"""The two kinds of models whose predictions the page shows: the live head, and a model file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.core.errors import OptionError
from pixelwise.data.border_class import border_class
from pixelwise.inference.mc_dropout import softmax
from pixelwise.instances.fields import CentreOffsetMaps
from pixelwise.instances.grouping import group_pixels
from pixelwise.instances.parts import touching_pixels
from pixelwise.labels.boxes import Box, grow_box
from pixelwise.labels.project import FIRST_BANDS
from pixelwise.labels.selection import margin
from pixelwise.render import object_overlay, overlay
from pixelwise.studio.pictures import Pictures
from pixelwise.studio.prediction_store import TilePrediction

UInt8 = npt.NDArray[np.uint8]
MARGIN = 128
"""Pixels around a tile that a net gets as context."""
COARSE = 4
"""Only every fourth row and column of the probabilities is stored."""


class RunPredictor:
    """Predicts tiles with a model file, through `pixelwise.inference`.

    Parameters
    ----------
    path
        A run directory or an .onnx file.
    pictures
        The images' pixels.

    Raises
    ------
    OptionError
        The model takes other channels than red, green and blue, or the first three bands.
    ModelFileError, RunError
        There is no such model.
    """

    def __init__(self, path: Path, pictures: Pictures) -> None:
        from pixelwise.inference.loading import load

        self.path, self._pictures = path, pictures
        self._predictor = load(path)
        bands = self._predictor.info.bands
        if self._predictor.info.in_channels != 3 or (bands is not None and bands.numbers != FIRST_BANDS):
            found = f"a model of {self._predictor.info.in_channels} channels"
            if bands is not None:
                found = f"a model of the bands {', '.join(map(str, bands.numbers))}"
            raise OptionError("model", found, "a model of red, green and blue", "Choose another model.")

    def require_classes(self, classes: ClassMap) -> None:
        """Raise `OptionError` where no class of the model is one of the project."""
        if not set(self._predictor.classes.names) & set(classes.names):
            names = ", ".join(self._predictor.classes.names[:5])
            raise OptionError("model", f"the classes {names}", "a class of the project", "Choose another model.")

    def predict(self, image: int, size: tuple[int, int], box_tlbr: Box, classes: ClassMap) -> TilePrediction:
        """Return the prediction of a box, in the classes of the project; its number is 0.

        If the model finds objects and the project has a class of borders, the pixels where objects touch have that
        class.
        """
        top, left, bottom, right = box_tlbr
        around = grow_box(box_tlbr, MARGIN, size)
        info = self._predictor.info
        pixels = self._pictures.read_as(image, around, info.bands, info.value_range)
        logits = self._predictor.logits(pixels)
        inner = slice(top - around[0], bottom - around[0]), slice(left - around[1], right - around[1])
        values = softmax(logits[: self._predictor.classes.num_classes])[(slice(None), *inner)]
        names = self._predictor.classes.names
        table = np.array([classes.names.index(name) if name in classes.names else IGNORE_INDEX for name in names])
        label_map = table[values.argmax(axis=0)].astype(np.uint8)
        border = border_class(classes)
        if info.grouping is not None and border is not None:
            objects = group_pixels(CentreOffsetMaps.from_logits(logits, info.grouping.things), info.grouping)
            label_map[touching_pixels(objects.instance_map)[inner]] = border
        uncertainty = np.rint(255 * margin(values)).clip(0, 255).astype(np.uint8)
        coarse = np.zeros((classes.num_classes, *values[:, ::COARSE, ::COARSE].shape[1:]), np.float16)
        for index, target in enumerate(table.tolist()):
            if target != IGNORE_INDEX:
                coarse[target] = values[index, ::COARSE, ::COARSE]
        return TilePrediction(0, label_map, uncertainty, coarse)

    def draw(self, image: int, size: tuple[int, int], classes: ClassMap) -> UInt8:
        """Return the picture of an image, uint8 (height, width, 3), with its predicted objects or, of a semantic model,
        its predicted classes drawn on it."""
        whole = (0, 0, *size)
        picture = self._pictures.read(image, whole)
        info = self._predictor.info
        if info.task == "semantic":
            return overlay(picture, self.predict(image, size, whole, classes).label_map, classes)
        result = self._predictor.predict(self._pictures.read_as(image, whole, info.bands, info.value_range))
        return object_overlay(picture, result.require_objects().instance_map, numbered=True)
