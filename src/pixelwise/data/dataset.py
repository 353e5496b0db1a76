"""What every layout is read into: items in splits, and the samples behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixelwise.core.bands import Bands, channel_count
from pixelwise.core.classes import ClassMap
from pixelwise.core.errors import MaskError
from pixelwise.core.value_range import ValueRange
from pixelwise.data.masks.encoding import MaskEncoding
from pixelwise.data.problem import Problem
from pixelwise.raster.bands import band_size, measure_bands, read_channels, read_stored
from pixelwise.raster.depth import measure_range
from pixelwise.raster.image import image_size

UInt8 = npt.NDArray[np.uint8]
Int32 = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Item:
    """One image of a data set and the files, or pages of a stack, that label it; `None` where there is none.

    auto_split: whether pixelwise chose its split, since the data name none. more: masks that are united with `mask`.
    """

    name: str
    image: Path
    mask: Path | None = None
    instances: Path | None = None
    auto_split: bool = field(default=False, compare=False)
    more: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Sample:
    """One image in memory with its labels.

    image: uint8 (height, width, 3) RGB, or of as many channels as the data set has bands. label_map: uint8 (height,
    width), class indices, `IGNORE_INDEX` where nothing is known. instance_map: int32 (height, width), object ids, 0 =
    no object; `None` where the data has no objects.
    """

    image: UInt8
    label_map: UInt8
    instance_map: Int32 | None = None


@dataclass(frozen=True)
class Labels:
    """What an item's labels say: maps as in `Sample`, and in `remarks`, a sentence each, what was mended in them."""

    label_map: UInt8
    instance_map: Int32 | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dataset:
    """A directory of labelled images whose layout is known.

    `splits` maps `train`, `val` and `test` (those that exist) to their items, sorted by name. `read_labels` reads what
    labels an item, in this data set's classes, and raises `MaskError` for an item without a mask and for values that
    are none of them, `ImageError` for a file that cannot be read. `stray_masks` are masks without an image. `bands` are
    the images' channels, where they are others than red, green and blue. `value_range` says what becomes 0 and 255 of
    images deeper than 8 bits; without one each file suggests it (see `estimate_range`). `mask_encoding` says what the
    values of mask files stand for, where the data has such files. `problems` are what was found on opening it: what was
    assumed, files that were passed over, entries that make no sense. `id_files` says whether files beside the masks
    number the objects that the masks show. `images_root` is the folder outside `root` in which files may lie too.
    """

    root: Path
    format: str
    classes: ClassMap
    splits: dict[str, tuple[Item, ...]]
    read_labels: Callable[[Item], Labels]
    stray_masks: tuple[Path, ...] = ()
    bands: Bands | None = None
    value_range: ValueRange | None = None
    mask_encoding: MaskEncoding | None = None
    problems: tuple[Problem, ...] = ()
    images_root: Path | None = None
    id_files: bool = False

    @property
    def channels(self) -> int:
        return channel_count(self.bands)

    def with_bands(self, numbers: Sequence[int]) -> Dataset:
        """Return this data set with these bands of its files, counted from 1, as channels: in the range of values that
        the training images show, or all of them where there are none. Raises as `measure_bands`.
        """
        items = self.splits.get("train") or [item for _, item in self.items()]
        return replace(self, bands=measure_bands([item.image for item in items], numbers))

    def with_value_range(self) -> Dataset:
        """Return this data set with the range of values that its training images show where they have more than 8 bits,
        or all images of it where there are none to train on.
        """
        if self.bands is not None or self.value_range is not None:
            return self
        items = self.splits.get("train") or [item for _, item in self.items()]
        return replace(self, value_range=measure_range([item.image for item in items]))

    def read_image(self, item: Item) -> UInt8:
        """Read one item's image. Raises `ImageError` where that is not possible."""
        return read_channels(item.image, self.bands, self.value_range)

    def read_stored(self, item: Item) -> npt.NDArray[np.generic]:
        """Read one item's image as it is stored, (height, width, channels). Raises as `read_image`."""
        return read_stored(item.image, self.bands)

    def image_size(self, item: Item) -> tuple[int, int]:
        """Return the (height, width) of one item's image, from the file's header. Raises as `read_image`."""
        return image_size(item.image) if self.bands is None else band_size(item.image)

    def read(self, item: Item) -> Sample:
        """Read one item's files.

        Raises `ImageError` for an image or mask file that cannot be read and `MaskError` for a mask that is missing,
        holds values that are no classes, or differs from its image in size.
        """
        image = self.read_image(item)
        labels = self.read_labels(item)
        require_sizes(item, labels, image.shape[:2])
        return Sample(image, labels.label_map, labels.instance_map)

    def items(self) -> Iterator[tuple[str, Item]]:
        """Yield (split, item) over all splits."""
        for split, items in self.splits.items():
            for item in items:
                yield split, item

    def without(self, images: set[Path]) -> Dataset:
        """Return this data set less the items whose image is among `images`."""
        splits = {split: tuple(i for i in items if i.image not in images) for split, items in self.splits.items()}
        return replace(self, splits=splits)


def labels_from_files(
    read_label_map: Callable[[Path], UInt8], read_instance_map: Callable[[Path], Int32] | None = None
) -> Callable[[Item], Labels]:
    """Return a `read_labels` for items whose mask, and instance map where there is one, are files of their own."""

    def read_labels(item: Item) -> Labels:
        label_map = read_label_map(mask_of(item))
        if item.instances is None or read_instance_map is None:
            return Labels(label_map)
        return Labels(label_map, read_instance_map(item.instances))

    return read_labels


def mask_of(item: Item) -> Path:
    """Return the item's mask file; raise `MaskError` where there is none."""
    if item.mask is None:
        raise MaskError(item.image, "no mask", "a mask with the same stem", "Add the mask or leave the image out.")
    return item.mask


def require_sizes(item: Item, labels: Labels, expected: tuple[int, ...]) -> None:
    """Raise `MaskError` where one of an item's maps has another (height, width) than its image."""
    mask = mask_of(item)
    maps = ((mask, labels.label_map), (item.instances or mask, labels.instance_map))
    for path, values in maps:
        if values is None or values.shape == expected:
            continue
        shape = values.shape
        raise MaskError(
            path,
            f"a mask of {shape[0]}x{shape[1]} (height x width)",
            f"{expected[0]}x{expected[1]}, its image's size",
            "Export the mask again at the image's size, or leave the pair out (`train(skip_bad=True)`).",
        )
