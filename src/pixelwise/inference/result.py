"""`Result`: the prediction of a model for one image."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.core.errors import OptionError
from pixelwise.instances.objects import Objects
from pixelwise.modelfile.info import ModelInfo
from pixelwise.raster.features import Polygon
from pixelwise.raster.place import PlaceOnEarth
from pixelwise.render import to_rgb
from pixelwise.tasks import TASKS

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]
NAMED_CLASSES = 3
"""The most classes that the text of a result names, the largest first."""
MAX_SHOWN_SIDE = 1024
"""The longest side of the picture that a notebook shows, in pixels."""


@dataclass(frozen=True, eq=False, repr=False)
class Result:
    """The prediction of a model for one image. `Predictor.predict` returns it.

    `masks`, `boxes_xyxy`, `polygons()` and `mask_classes` correspond: entry i of each belongs to the same object, or
    for a semantic model, to class i.

    Attributes
    ----------
    image : numpy.ndarray
        uint8 (height, width, 3) RGB; for a model of bands (height, width, C).
    label_map : numpy.ndarray
        uint8 (height, width), class indices; `IGNORE_INDEX` where a file with a place has no data.
    info : ModelInfo
        The metadata of the model.
    compute_probabilities : callable
        Computes `probabilities` on first access.
    variance : numpy.ndarray or None
        float32 (height, width), 0..0.25: the variance over passes, if `sampling` was given.
    instances : Objects or None
        The objects, for a model of objects.
    source : Path or None
        The file of the image, where it came from one.
    place : PlaceOnEarth or None
        The place of the image on earth. Files of the result are then GeoTIFFs with this place.

    Examples
    --------
    >>> import numpy as np
    >>> from pixelwise.core.classes import ClassMap
    >>> zeros, ones = (0.0,) * 3, (1.0,) * 3
    >>> classes = ClassMap(("ground", "car"), ((0, 0, 0), (255, 0, 0)))
    >>> info = ModelInfo("rule", None, "semantic", classes, zeros, ones, stride=1, tile=64, overlap=0)
    >>> label_map = np.array([[0, 0, 0, 0], [0, 1, 1, 0]], np.uint8)
    >>> result = Result(np.zeros((2, 4, 3), np.uint8), label_map, info, lambda: np.eye(2)[label_map].transpose(2, 0, 1))
    >>> result
    Result(2x4: ground 75%, car 25%)
    >>> result.masks[1].astype(int)
    array([[0, 0, 0, 0],
           [0, 1, 1, 0]])
    >>> result.boxes_xyxy[1]
    array([1, 1, 3, 2])
    >>> [ring.tolist() for ring in result.polygons()[1][0]]
    [[[3.0, 1.0], [3.0, 2.0], [1.0, 2.0], [1.0, 1.0], [3.0, 1.0]]]
    """

    image: UInt8
    label_map: UInt8
    info: ModelInfo
    compute_probabilities: Callable[[], Float32]
    variance: Float32 | None = None
    instances: Objects | None = None
    source: Path | None = None
    place: PlaceOnEarth | None = None

    @cached_property
    def probabilities(self) -> Float32:
        """The probability of each class at each pixel, float32 (K, height, width), which sum to 1 over the K classes.

        Unless `predict` was asked to keep them, the first access computes them by running the model once more.

        Examples
        --------
        >>> import pixelwise as pw
        >>> result = pw.load("runs/photos").predict("photo.jpg")
        >>> result.probabilities.shape
        (2, 64, 96)
        """
        return self.compute_probabilities()

    @cached_property
    def mask_classes(self) -> npt.NDArray[np.int32]:
        """The class index of each mask, int32 (n,).

        Examples
        --------
        >>> import pixelwise as pw
        >>> pw.load("runs/photos").predict("photo.jpg").mask_classes  # of a semantic model: each class once
        array([0, 1], dtype=int32)
        """
        if self.instances is not None:
            return self.instances.class_index
        return np.arange(self.info.classes.num_classes, dtype=np.int32)

    @property
    def masks(self) -> npt.NDArray[np.bool_]:
        """The pixels of each object, or of each class of a semantic model, boolean (n, height, width).

        They take n bytes a pixel. `polygons` and `instances.instance_map` are smaller.

        Examples
        --------
        >>> import pixelwise as pw
        >>> pw.load("runs/photos").predict("photo.jpg").masks.shape
        (2, 64, 96)
        """
        if self.instances is not None:
            ids = np.arange(1, len(self.instances) + 1, dtype=np.int32)
            masks: npt.NDArray[np.bool_] = self.instances.instance_map == ids[:, None, None]
        else:
            masks = self.label_map == self.mask_classes.astype(np.uint8)[:, None, None]
        return masks

    @property
    def boxes_xyxy(self) -> npt.NDArray[np.int64]:
        """The left, top, right and bottom edge of each mask in pixels, int64 (n, 4); zeros for a class that is absent.

        Examples
        --------
        >>> import pixelwise as pw
        >>> pw.load("runs/photos").predict("photo.jpg").boxes_xyxy.shape
        (2, 4)
        """
        if self.instances is not None:
            return self.instances.boxes_xyxy()
        boxes = np.zeros((self.info.classes.num_classes, 4), np.int64)
        for index, mask in enumerate(self.masks):
            if mask.any():
                rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
                boxes[index] = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
        return boxes

    def polygons(self) -> list[list[Polygon]]:
        """Return the polygons of each mask, along the edges of its pixels.

        Returns
        -------
        list of list
            The polygons of each mask. A polygon is a list of closed rings: the outer ring, then those of its holes. A
            ring is float64 (m, 2) of points (x, y), in pixels from the top left corner of the image, y down.

        Examples
        --------
        >>> import pixelwise as pw
        >>> result = pw.load("runs/photos").predict("photo.jpg")
        >>> len(result.polygons()) == len(result.masks)
        True
        """
        from pixelwise.inference.writers.polygons import polygons_of
        from pixelwise.instances.parts import region_objects

        if self.instances is not None:
            return list(polygons_of(self.instances))
        of_class: list[list[Polygon]] = [[] for _ in self.mask_classes]
        parts = region_objects(self.label_map)
        for index, polygons in zip(parts.class_index.tolist(), polygons_of(parts), strict=True):
            if index < len(of_class):  # and not ignored
                of_class[index] += polygons
        return of_class

    def to_geojson(self) -> dict[str, Any]:
        """Return the result as GeoJSON, as `save("name.geojson")` writes it.

        Each object, or each 4-connected region of a class, is a feature with its class and area.

        Returns
        -------
        dict
            A feature collection. Coordinates are those of `polygons`, or on earth where the image has a place.

        Examples
        --------
        >>> import pixelwise as pw
        >>> result = pw.load("runs/photos").predict("photo.jpg")
        >>> result.to_geojson()["type"]
        'FeatureCollection'
        """
        with tempfile.TemporaryDirectory(prefix="pixelwise-") as folder:
            path = Path(folder) / "result.geojson"
            self.save(path, as_="geojson")
            collection: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return collection

    def to_coco(self) -> list[dict[str, Any]]:
        """Return the objects in COCO's format of results, as `save("name_coco.json")` writes them.

        Returns
        -------
        list of dict
            An entry for each object, with its run-length encoded mask, box and score. `image_id` is the stem of the
            source's name, as a number where it is one; it is empty without a source. `category_id` is the class index.

        Raises
        ------
        OptionError
            The result is of a semantic model.

        Examples
        --------
        >>> import pixelwise as pw
        >>> result = pw.load("runs/photos").predict("photo.jpg")
        >>> result.to_coco()  # of a semantic model
        Traceback (most recent call last):
        pixelwise.core.errors.OptionError: as_: found objects of a semantic model; expected an instance model. ...
        """
        from pixelwise.inference.writers.coco import coco_results

        return coco_results(self, "" if self.source is None else self.source.stem)

    def save(self, path: str | Path, as_: str | None = None) -> Path:
        """Write the result to a file. The file appears whole or not at all.

        Parameters
        ----------
        path
            The file. A missing folder is created; an existing file is replaced.
        as_
            The name of a writer: mask, overlay, geojson, coco, or another of `WRITERS`. Without it the ending of the
            path decides: `.png` is a mask, `_overlay.png` an overlay, `.geojson` GeoJSON, `_coco.json` COCO.

        Returns
        -------
        Path
            `path`.

        Raises
        ------
        OptionError
            No writer has this name or ending, or the result lacks what it writes.
        OutputError
            The file cannot be written.

        Examples
        --------
        >>> import pixelwise as pw
        >>> result = pw.load("runs/photos").predict("photo.jpg")
        >>> result.save("square.geojson").name
        'square.geojson'
        """
        from pixelwise.inference.writers.choice import choose_writer

        path = Path(path)
        choose_writer(path, as_, placed=self.place is not None).write(path, self)
        return path

    def overlay(self) -> UInt8:
        """Return the image with the prediction drawn on it.

        Returns
        -------
        numpy.ndarray
            uint8 (height, width, 3): the image tinted by class, or, of a model of objects, with each object outlined in
            its own colour and numbered.

        Examples
        --------
        >>> import pixelwise as pw
        >>> result = pw.load("runs/photos").predict("photo.jpg")
        >>> result.overlay().shape
        (64, 96, 3)
        """
        task = TASKS[self.info.task]
        return task.overlay(to_rgb(self.image), self, self.info.classes, numbered=True)

    def require_objects(self) -> Objects:
        """Return the objects of the result.

        Returns
        -------
        Objects

        Raises
        ------
        OptionError
            The result is of a semantic model, which has no objects.

        Examples
        --------
        >>> import pixelwise as pw
        >>> result = pw.load("runs/photos").predict("photo.jpg")
        >>> result.require_objects()
        Traceback (most recent call last):
        pixelwise.core.errors.OptionError: ...
        """
        if self.instances is None:
            remedy = (
                "This model predicts areas: a class for each pixel, not where one object ends and the next begins. It "
                "can write mask, overlay, labelme and geojson. For objects, train on labelled objects with "
                "`task='instance'`, or in the studio with single objects; the studio's live model has areas only."
            )
            raise OptionError("as_", "objects of a semantic model", "an instance model", remedy)
        return self.instances

    def __repr__(self) -> str:
        height, width = self.label_map.shape
        name = "" if self.source is None else f"{self.source.name}, "
        return f"Result({name}{height}x{width}: {self._summary()})"

    def _summary(self) -> str:
        if self.instances is not None:
            count = len(self.instances)
            return f"{count} object" if count == 1 else f"{count:,} objects"
        names = self.info.classes.names
        areas = np.bincount(self.label_map.ravel(), minlength=len(names))[: len(names)]
        largest = [index for index in np.argsort(-areas, kind="stable")[:NAMED_CLASSES] if areas[index]]
        shares = [f"{names[index]} {100 * areas[index] / self.label_map.size:.0f}%" for index in largest]
        others = np.count_nonzero(areas) - len(largest)
        return ", ".join([*shares, *([f"{others} more"] if others else [])])

    def _repr_png_(self) -> bytes:
        """Return the overlay as a PNG, for notebooks."""
        from PIL import Image

        picture = Image.fromarray(self.overlay())
        picture.thumbnail((MAX_SHOWN_SIDE, MAX_SHOWN_SIDE))
        file = io.BytesIO()
        picture.save(file, "PNG")
        return file.getvalue()
