"""The live model of a data set's labels as a model file."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixelwise.core.errors import DataError, OptionError
from pixelwise.core.extras import require_train_extra
from pixelwise.core.text import quantity
from pixelwise.data import open_dataset
from pixelwise.data.border_class import border_class, drop_class
from pixelwise.data.dataset import Dataset, Item, require_sizes
from pixelwise.instances.grouping_parameters import WAISTS, GroupingParameters
from pixelwise.instances.objects import objects_from_maps
from pixelwise.labels.boxes import TILE, Box, cut_into_squares, shift, tile_boxes
from pixelwise.labels.features import (
    CONTEXT,
    SIZE_UNIT,
    ArrayImage,
    FeatureExtractor,
    Half,
    channel_weights,
    choose_scale,
    shared_extractor,
)
from pixelwise.labels.head import Head, fit_new_head
from pixelwise.labels.live import SETTLED_STEPS, TILE_PIXELS, TOTAL_PIXELS
from pixelwise.labels.live_net import LiveNet, ObjectNet
from pixelwise.labels.pixel_samples import LabelledPixels, sample_tiles, share_limit
from pixelwise.labels.proposals import object_classes
from pixelwise.model_export.onnx import export_onnx
from pixelwise.modelfile.info import LIVE_MODEL, ModelInfo
from pixelwise.nn.encoders import DEFAULT_ENCODER

MODEL_TILES = {1: 1280, 2: 768}
"""Side of a model file's tiles, in pixels, by how large the encoder sees images: either takes about 1 GB."""
LARGEST_TILE = 1024
"""Of a file that sees images at twice their size, for those of the data set in one piece."""
USED = 3 / 8
"""Share of an overlap that is context alone (see `tile_spans`)."""
OnProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class LiveExport:
    """What `export_live_model` wrote.

    Attributes
    ----------
    path
        The file.
    images, pixels
        How many images have labels, and how many of their pixels the model learned from.
    scale
        At how many times its size the encoder sees an image.
    remarks
        Sentences on what a person should know.
    """

    path: Path
    images: int
    pixels: int
    scale: int
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class _LabelledImage:
    """An image with labels: those of each tile that are learned from, in the order of `order_pixels`."""

    item: Item
    size: tuple[int, int]
    tiles: dict[Box, LabelledPixels]


def export_live_model(
    data: Dataset | str | Path, out: str | Path, *, seed: int = 0, on_progress: OnProgress | None = None
) -> LiveExport:
    """Fit the live model on all labels of a data set, and write it as one self-describing .onnx file.

    The live model is the one that the studio shows while a person draws: a small head on a frozen encoder, refined
    along the image's edges. It learns within seconds. With few labels it may predict better than a training. It learns
    from all images with labels but those of a named test split, 16,384 pixels in all at most.

    If the labels have objects, so has its prediction: the areas of their classes, parted where a class called `border`
    is predicted and at narrow waists, as the studio proposes them.

    Parameters
    ----------
    data
        A directory, or a data set that `open_dataset` returned. 255 in a mask is no label.
    out
        The file to write; its name ends in `.onnx`.
    seed
        Of the choice of pixels, and of the fit.
    on_progress
        Called with (images done, images in all) after each image that it has learned from.

    Returns
    -------
    LiveExport

    Raises
    ------
    OptionError
        `out` does not end in `.onnx`.
    DataError
        The directory holds no data set, or has labels of fewer than two classes.
    ImageError, MaskError
        A file cannot be read, or an image and its mask differ in size.
    OutputError
        The file cannot be written.
    MissingDependencyError
        pixelwise was installed without the extra `train`, or the package of the encoder's weights is missing.

    Examples
    --------
    >>> import pixelwise as pw
    >>> from pixelwise.labels.export import export_live_model
    >>> result = export_live_model("photos", "live.onnx")
    >>> result.images
    6
    >>> pw.load("live.onnx").predict("photo.jpg").label_map.shape
    (64, 96)
    """
    out = Path(out)
    if out.suffix != ".onnx":
        remedy = f"Use `out={str(out.with_suffix('.onnx'))!r}`."
        raise OptionError("out", str(out), "a file name ending in .onnx", remedy)
    require_train_extra("label export")
    dataset = (data if isinstance(data, Dataset) else open_dataset(data)).with_value_range()
    images, things = _labelled_images(dataset, seed)
    _require_two_classes(dataset, images)
    sizes = [image.size for image in images]
    scales = [choose_scale(size) for size in sizes]
    scale = 2 if 2 * scales.count(2) > len(scales) else 1
    remarks = [_describe_mixture(scales, scale)] if len(set(scales)) > 1 else []
    features, classes = _sample_features(dataset, images, scale, on_progress)
    head = fit_new_head(features, classes, dataset.classes.num_classes, steps=SETTLED_STEPS, seed=seed)
    remarks += _describe_unknown(dataset, head)
    net = LiveNet(head, dataset.channels, scale).eval()
    info = _describe_model(dataset, net, sizes)
    if things:
        border = border_class(dataset.classes)
        export_onnx(ObjectNet(net, things, border), _with_objects(info, things, border), out)
    else:
        export_onnx(net, info, out)
    return LiveExport(out, len(images), len(classes), scale, tuple(remarks))


def _labelled_images(dataset: Dataset, seed: int) -> tuple[list[_LabelledImage], tuple[int, ...]]:
    """Return the images with labels, each once, but those of a named test split; and the classes of their objects."""
    items = {item.image: item for split, item in dataset.items() if split != "test" or item.auto_split}
    images, things = [], set[int]()
    for item in items.values():
        if item.mask is None and item.instances is None:
            continue
        labels = dataset.read_labels(replace(item, held_out=None))
        require_sizes(item, labels, dataset.image_size(item))
        if labels.instance_map is not None:
            things |= set(objects_from_maps(labels.label_map, labels.instance_map).class_index.tolist())
        height, width = labels.label_map.shape
        boxes, num_classes = tile_boxes((height, width)), dataset.classes.num_classes
        read = ArrayImage(labels.label_map).read
        tiles = sample_tiles(read, (height, width), num_classes, seed, TILE_PIXELS)
        if tiles:
            by_box = {boxes[number]: pixels for number, pixels in tiles.items()}
            images.append(_LabelledImage(item, (height, width), by_box))
    return images, tuple(sorted(things.intersection(object_classes(dataset.classes))))


def _require_two_classes(dataset: Dataset, images: Sequence[_LabelledImage]) -> None:
    parts = [pixels.class_indices for image in images for pixels in image.tiles.values()]
    count = len(np.unique(np.concatenate(parts))) if parts else 0
    if count < 2:
        found = f"labels of {count} class{'es' if count != 1 else ''}"
        remedy = "Label pixels of another class, in an image that is not in the split test."
        raise DataError(dataset.root, found, "labels of two classes or more", remedy)


def _describe_mixture(scales: Sequence[int], scale: int) -> str:
    """Return what to say of a data set of small and of large images."""
    small = quantity(scales.count(2), "labelled image")
    seen = "at twice its size" if scale == 2 else "at its own size"
    return (
        f"{small} of {len(scales)} have at most 640 x 640 pixels, the others more. The file sees every image {seen}, "
        "as suits most of them. The studio sees each as suits it, so its live model may predict some of them better."
    )


def _describe_unknown(dataset: Dataset, head: Head) -> list[str]:
    names = [name for name, known in zip(dataset.classes.names, head.known.tolist(), strict=True) if not known]
    return [f"Without a label, and so never predicted: {', '.join(names)}."] if names else []


def _sample_features(
    dataset: Dataset, images: Sequence[_LabelledImage], scale: int, on_progress: OnProgress | None
) -> tuple[Half, npt.NDArray[np.int64]]:
    """Return features (N, C) and classes (N,) of the pixels that are learned from."""
    extractor = shared_extractor(dataset.channels)
    share = share_limit([len(pixels) for image in images for pixels in image.tiles.values()], TOTAL_PIXELS)
    features, classes = [], []
    for number, image in enumerate(images, start=1):
        array = ArrayImage(dataset.read_image(image.item))
        for box, all_pixels in image.tiles.items():
            pixels = all_pixels.select(slice(share))
            features.append(_features_at(extractor, array, box, pixels, scale))
            classes.append(pixels.class_indices.astype(np.int64))
        if on_progress is not None:
            on_progress(number, len(images))
    return np.concatenate(features), np.concatenate(classes)


def _features_at(extractor: FeatureExtractor, image: ArrayImage, box: Box, pixels: LabelledPixels, scale: int) -> Half:
    """Return the features (N, C) of pixels of a tile. Of a large image that is seen enlarged, parts of the tile are
    computed one after the other."""
    result = np.empty((len(pixels), len(channel_weights())), np.float16)
    side = TILE // 2 if scale > choose_scale(image.size) else TILE
    corner, size = (box[0], box[1]), (box[2] - box[0], box[3] - box[1])
    for part in (shift(inner, corner) for inner in cut_into_squares(size, side)):
        top, left, bottom, right = part
        inside = (pixels.rows >= top) & (pixels.rows < bottom) & (pixels.columns >= left) & (pixels.columns < right)
        if not inside.any():
            continue
        maps = extractor.compute(image, part, scale)
        result[inside] = maps.columns(pixels.rows[inside], pixels.columns[inside])
    return result


def _describe_model(dataset: Dataset, net: LiveNet, sizes: Sequence[tuple[int, int]]) -> ModelInfo:
    """Return the metadata of the file. Its tiles hold the data set's images in one piece, as far as memory allows."""
    channels, scale = dataset.channels, net.scale
    tile = MODEL_TILES[scale]
    if scale == 2:
        longest = max(max(size) for size in sizes)
        tile = max(tile, min(-(-longest // SIZE_UNIT) * SIZE_UNIT, LARGEST_TILE))
    mean, std = (tuple((values.flatten()[:channels] / 255).tolist()) for values in (net.mean, net.std))
    return ModelInfo(
        model=LIVE_MODEL,
        encoder=DEFAULT_ENCODER,
        task="semantic",
        classes=dataset.classes,
        mean=mean,
        std=std,
        stride=SIZE_UNIT // scale,
        tile=tile,
        overlap=math.ceil(CONTEXT / scale / USED / SIZE_UNIT) * SIZE_UNIT,
        options={"scale": scale},
        bands=dataset.bands,
        value_range=dataset.value_range,
    )


def _with_objects(info: ModelInfo, things: tuple[int, ...], border: int | None) -> ModelInfo:
    """Return the metadata of an `ObjectNet`, whose classes are those of the data set without the border."""
    classes = info.classes
    if border is not None:
        classes = drop_class(classes, border)
        things = tuple(thing - (thing > border) for thing in things)
    grouping = GroupingParameters(things, least_area=1, by=WAISTS)
    return replace(info, task="instance", classes=classes, grouping=grouping)
