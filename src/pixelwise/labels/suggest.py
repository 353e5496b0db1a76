"""What to label next in a data set: which images, and in each of them which pixels and which region."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixelwise.core.errors import DataError, OptionError
from pixelwise.data import open_dataset
from pixelwise.data.dataset import Dataset, Item
from pixelwise.data.sparse_labels import PROJECT
from pixelwise.inference.jobs import find_images
from pixelwise.inference.mc_dropout import softmax
from pixelwise.inference.predictor import Predictor
from pixelwise.labels.boxes import Box, box_around
from pixelwise.labels.descriptions import Describe, Description, choose_description
from pixelwise.labels.selection import margin, rank_images, suggest_pixels, suggest_region
from pixelwise.labels.strokes import UInt8
from pixelwise.metrics.pixels import counted_pixels
from pixelwise.raster.bands import read_channels
from pixelwise.raster.depth import measure_range

Float32 = npt.NDArray[np.float32]
LABELLED = 0.5
"""An image with labels on at least this share of its pixels counts as done."""
_LEAST_DISTANCE, _DISTANCE = 8.0, 1 / 20
"""Least distance of two suggested pixels: in pixels, and as a share of the shorter side. The larger one holds."""
_LEAST_REGION, _REGION = 64, 1 / 4
"""Sides of a suggested region: in pixels, and as a share of the image's sides. The larger one holds."""


@dataclass(frozen=True)
class ImageSet:
    """Images, some of them with labels.

    images: their files. read_image: returns uint8 (height, width, channels). read_label_map: returns uint8 (height,
    width), or `None` of an image without labels. remarks: sentences about what was assumed.
    """

    images: Sequence[Path]
    read_image: Callable[[Path], UInt8]
    read_label_map: Callable[[Path], UInt8 | None]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Suggestion:
    """What to label in an image.

    Attributes
    ----------
    image
        Its file.
    labelled
        The share of its pixels that are labelled, 0..1.
    uncertainty
        The mean of `margin` over its unlabelled pixels, 0..1; `None` without a model.
    pixels
        (row, column) of single pixels, the most useful first.
    region_tlbr
        (top, left, bottom, right), half open, of the region that is most worth labelling; without a model it surrounds
        the first pixel.
    """

    image: Path
    labelled: float
    uncertainty: float | None
    pixels: tuple[tuple[int, int], ...]
    region_tlbr: Box


@dataclass(frozen=True)
class Suggestions:
    """What to label next, the most useful first; the number of images; and how they were compared."""

    images: tuple[Suggestion, ...]
    total: int
    compared_by: str


def open_images(path: Path, format: str | None = None, images_root: Path | None = None) -> ImageSet:
    """Return the images of a data set except for the split test, labelled or not. A folder in which no labels are
    recognised counts as a folder of unlabelled images, with a remark. Raises `DataError` for a folder without images,
    and as `open_dataset` where a format is given, and for a studio's project.
    """
    try:
        dataset = open_dataset(path, format, None, images_root)
    except DataError as error:
        if format is not None or not path.is_dir() or (path / PROJECT).is_dir():
            raise
        return _unlabelled_images(path, error)
    dataset = dataset.with_value_range()
    items = {item.image: item for split, item in dataset.items() if split != "test"}
    if not items:
        expected = "images that training may see"
        raise DataError(path, "a split test alone", expected, "Put images to label next to those, in train/.")
    return ImageSet(
        tuple(items), lambda image: dataset.read_image(items[image]), lambda image: _label_map(dataset, items[image])
    )


def suggest_labels(
    image_set: ImageSet,
    predictor: Predictor | None = None,
    *,
    count: int = 5,
    pixels: int = 5,
    on_progress: Callable[[int, int], None] | None = None,
) -> Suggestions:
    """Return what to label next.

    Images without labels come first, in the order of `rank_images`: the model is uncertain about them, and they differ
    from each other and from labelled images. Then come images of which less than half is labelled, the most uncertain
    first. Without a model all are equally uncertain, and images and pixels are ordered by what they show.

    Parameters
    ----------
    image_set
        The images (see `open_images`).
    predictor
        A model, as `load` returns it.
    count, pixels
        Images, and pixels in each of them.
    on_progress
        Called with (done, total) after every image.

    Returns
    -------
    Suggestions

    Raises
    ------
    OptionError
        `count` or `pixels` is below 1.
    ImageError, MaskError
        A file cannot be read.

    Examples
    --------
    >>> import pixelwise as pw
    >>> from pixelwise.labels.suggest import open_images, suggest_labels
    >>> for suggestion in suggest_labels(open_images(Path("photos")), pw.load("runs/first")).images:
    ...     print(suggestion.image, suggestion.pixels[0])
    """
    for name, number in (("count", count), ("pixels", pixels)):
        if number < 1:
            raise OptionError(name, str(number), "1 or more", "Ask for more.")
    describe, compared_by = choose_description()
    read_image = image_set.read_image if predictor is None else predictor.read
    shares, scores = dict.fromkeys(image_set.images, 0.0), dict.fromkeys(image_set.images, 1.0)
    embeddings: dict[Path, Float32] = {}
    total = len(image_set.images) + min(count, len(image_set.images))
    for done, image in enumerate(image_set.images, start=1):
        values, label_map = read_image(image), image_set.read_label_map(image)
        labelled = np.zeros(values.shape[:2], bool) if label_map is None else counted_pixels(label_map)
        shares[image] = float(labelled.mean())
        embeddings[image] = describe(values).embedding
        if predictor is not None and shares[image] < LABELLED:
            scores[image] = float(predict_uncertainty(predictor, values)[~labelled].mean())
        if on_progress is not None:
            on_progress(done, total)
    suggestions = []
    for done, image in enumerate(_order(shares, scores, embeddings)[:count], start=len(image_set.images) + 1):
        questions = partial(_questions, describe, predictor, pixels)
        places, region = questions(read_image(image), image_set.read_label_map(image))
        score = None if predictor is None else scores[image]
        suggestions.append(Suggestion(image, shares[image], score, places, region))
        if on_progress is not None:
            on_progress(done, total)
    return Suggestions(tuple(suggestions), len(image_set.images), compared_by)


def predict_uncertainty(predictor: Predictor, image: UInt8) -> Float32:
    """Return the uncertainty of a model at each pixel, float32 (height, width) (see `margin`).

    image: uint8 (height, width, channels). Raises as `Predictor.blocks`.
    """
    uncertainty = np.empty(image.shape[:2], np.float32)
    for block in predictor.blocks(image):
        uncertainty[block.place] = margin(softmax(block.logits[: predictor.classes.num_classes]))
    return uncertainty


def _order(shares: dict[Path, float], scores: dict[Path, float], embeddings: dict[Path, Float32]) -> list[Path]:
    """Return the images that are not done: those without labels, then those that are labelled in part."""
    names = {str(image): image for image in shares}
    vectors = {name: embeddings[image] for name, image in names.items()}
    blank = {name: scores[image] for name, image in names.items() if shares[image] == 0}
    partly = {name: scores[image] for name, image in names.items() if 0 < shares[image] < LABELLED}
    order = rank_images(blank, vectors, [name for name in names if name not in blank])
    order += rank_images(partly, vectors, [name for name in names if shares[names[name]] >= LABELLED])
    return [names[name] for name in order]


def _questions(
    describe: Describe, predictor: Predictor | None, count: int, image: UInt8, label_map: UInt8 | None
) -> tuple[tuple[tuple[int, int], ...], Box]:
    """Return the pixels and the region to label in an image."""
    height, width = image.shape[:2]
    labelled = np.zeros((height, width), bool) if label_map is None else counted_pixels(label_map)
    description: Description = describe(image)
    if predictor is None:
        uncertainty = np.ones((height, width), np.float32)
    else:
        uncertainty = predict_uncertainty(predictor, image)
    distance = max(_LEAST_DISTANCE, _DISTANCE * min(height, width))
    places = suggest_pixels(uncertainty, count, labelled=labelled, features=description.places, distance=distance)
    size = (max(_LEAST_REGION, int(_REGION * height)), max(_LEAST_REGION, int(_REGION * width)))
    if predictor is None and places:
        return tuple(places), box_around(places[0], size, (height, width))
    return tuple(places), suggest_region(uncertainty, size, labelled=labelled)


def _label_map(dataset: Dataset, item: Item) -> UInt8 | None:
    return None if item.mask is None else dataset.read_labels(item).label_map


def _unlabelled_images(folder: Path, error: DataError) -> ImageSet:
    try:
        images = tuple(find_images([str(folder)], paged=False))
    except DataError:
        raise error from None
    value_range = measure_range(images)
    remark = f"No labels were recognised, so all images count as unlabelled: found {error.found}."
    return ImageSet(images, lambda image: read_channels(image, None, value_range), lambda image: None, (remark,))
