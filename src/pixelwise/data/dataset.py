"""The result of reading any layout: items in splits, and their samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixelwise.core.bands import Bands, channel_count
from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.core.errors import MaskError, OptionError
from pixelwise.core.value_range import ValueRange
from pixelwise.data.masks.encoding import MaskEncoding
from pixelwise.data.problem import Problem
from pixelwise.metrics.pixels import counted_pixels
from pixelwise.raster.bands import band_size, measure_bands, read_channels, read_stored
from pixelwise.raster.depth import measure_range
from pixelwise.raster.image import image_size

UInt8 = npt.NDArray[np.uint8]
Int32 = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Source:
    """Where an image's labels lie: a file, or an entry of an annotation file that labels several images.

    Examples
    --------
    >>> from pathlib import Path
    >>> print(Source(Path("labels.json"), "street/a.jpg"))
    labels.json/street/a.jpg
    """

    file: Path
    entry: str = ""

    def __str__(self) -> str:
        return f"{self.file}/{self.entry}" if self.entry else str(self.file)

    @property
    def path(self) -> Path:
        """The source as messages show it; no file has this path where there is an entry."""
        return self.file / self.entry


@dataclass(frozen=True)
class Item:
    """One image of a data set and the files, or pages of a stack, that label it.

    Parameters
    ----------
    name
        Distinct within its split. Files that are written for the image bear this name.
    image
        The file of the image, or a page of one (see `pixelwise.raster.stack`).
    mask
        The file that labels its pixels: a mask, or an annotation file; `None` for an image without labels.
    instances
        The file of its object ids, where that is a file of its own, else `None`.
    auto_split
        Whether pixelwise drew its split, since the data name none.
    more
        Further masks, which are united with `mask`.
    entry
        The name of the image in `mask`, where that is an annotation file of several images. `read_labels` looks the
        labels up by it, and messages show it.
    held_out
        `True`: only the labels held out for validation (see `pixelwise.data.label_regions`). `False`: only the others.
        `None`: all labels.

    Examples
    --------
    >>> from pathlib import Path
    >>> item = Item("street", Path("images/street.jpg"), mask=Path("masks/street.png"))
    >>> item.mask.name, item.instances
    ('street.png', None)
    """

    name: str
    image: Path
    mask: Path | None = None
    instances: Path | None = None
    auto_split: bool = field(default=False, compare=False)
    more: tuple[Path, ...] = ()
    entry: str = ""
    held_out: bool | None = None


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
    """What an item's labels say: what the `read_labels` of a data set returns.

    Attributes
    ----------
    label_map
        uint8 (height, width): class indices, and `IGNORE_INDEX` (255) where nothing is known. Its size is that of the
        image as it is shown, after its EXIF orientation.
    instance_map
        int32 (height, width): object ids from 1, and 0 for no object; `None` for data without objects.
    remarks
        What was corrected while they were read, each a sentence. `check` lists them as `mended`.

    Examples
    --------
    >>> Labels(np.array([[0, 1], [1, 255]], np.uint8)).label_map.shape
    (2, 2)
    """

    label_map: UInt8
    instance_map: Int32 | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dataset:
    """The labelled images of a directory, a sequence of samples, and the facts about their files.

    `data[3]` reads an image and its labels as numpy arrays by name, so that a `torch.utils.data.DataLoader` takes a
    `Dataset` as it is: `image`, uint8 (height, width, channels); `label_map`, uint8 (height, width), class indices,
    `pixelwise.IGNORE_INDEX` where nothing is known; `instance_map`, int32 (height, width), object ids, 0 = no object,
    where the data have objects. A loader's workers read images in other processes; batches of more than one image need
    images of one size.

    Attributes
    ----------
    root
        The directory.
    format
        The name of its layout.
    classes
        The classes whose indices label maps hold.
    splits
        `train`, `val` and `test`, those that exist, with their items, sorted by name.
    read_labels
        Reads what labels an item, in this data set's classes. Raises `MaskError` for an item without a mask and for
        values that are no class, `ImageError` for a file that cannot be read.
    stray_masks
        Masks without an image.
    bands
        The images' channels, where they are others than red, green and blue.
    value_range
        The values that become 0 and 255 in images deeper than 8 bits. `None`: estimated for each file (see
        `estimate_range`).
    mask_encoding
        What the values of mask files stand for, where the data has such files.
    problems
        What was noticed on opening: what was assumed, files that were passed over, entries that make no sense.
    images_root
        A second directory, outside of `root`, in which files of the data set may lie.
    id_files
        Whether the objects that the masks show are numbered in files of their own.
    unlabelled
        Images without labels that training may learn from; they are in no split.

    Examples
    --------
    >>> import pixelwise as pw
    >>> data = pw.open_dataset("photos")
    >>> len(data), {name: len(data.split(name)) for name in data.splits}
    (6, {'train': 4, 'val': 2})
    >>> sample = data.split("train")[0]
    >>> {name: (array.dtype.name, array.shape) for name, array in sample.items()}
    {'image': ('uint8', (64, 96, 3)), 'label_map': ('uint8', (64, 96))}
    >>> from torch.utils.data import DataLoader
    >>> [tuple(batch["image"].shape) for batch in DataLoader(data.split("train"), batch_size=2)]
    [(2, 64, 96, 3), (2, 64, 96, 3)]
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
    unlabelled: tuple[Item, ...] = ()

    def __len__(self) -> int:
        """Return the number of images in all splits."""
        return sum(map(len, self.splits.values()))

    def __getitem__(self, index: int) -> dict[str, UInt8 | Int32]:
        """Read an image and its labels. The index counts through the items of all splits, one split after the other.

        Raises as `read`, and `IndexError` beyond the last item.
        """
        position = range(len(self))[index]
        return self._read_arrays(next(islice(chain.from_iterable(self.splits.values()), position, None)))

    def __iter__(self) -> Iterator[dict[str, UInt8 | Int32]]:
        return (self._read_arrays(item) for _, item in self.items())

    def _read_arrays(self, item: Item) -> dict[str, UInt8 | Int32]:
        sample = self.read(item)
        arrays: dict[str, UInt8 | Int32] = {"image": sample.image, "label_map": sample.label_map}
        return arrays if sample.instance_map is None else {**arrays, "instance_map": sample.instance_map}

    def split(self, name: str) -> Dataset:
        """Return the images of one split as a data set.

        Parameters
        ----------
        name
            `"train"`, `"val"` or `"test"`.

        Returns
        -------
        Dataset
            Its only split is `name`.

        Raises
        ------
        OptionError
            The data set has no such split.

        Examples
        --------
        >>> import pixelwise as pw
        >>> data = pw.open_dataset("photos")
        >>> len(data.split("val"))
        2
        """
        if name not in self.splits:
            known = ", ".join(self.splits) or "none"
            raise OptionError("name", repr(name), f"one of the data set's splits: {known}", "Choose one of these.")
        return replace(self, splits={name: self.splits[name]})

    @property
    def channels(self) -> int:
        """The number of channels of the images: 3 for RGB, else the number of bands.

        Examples
        --------
        >>> import pixelwise as pw
        >>> pw.open_dataset("photos").channels
        3
        """
        return channel_count(self.bands)

    def with_bands(self, numbers: Sequence[int]) -> Dataset:
        """Return this data set with these bands of its files as the channels of the images.

        The range of values that becomes 0..255 is measured for each band, on the training images, or on all images
        where none are for training. Images of 8 bits keep their values.

        Parameters
        ----------
        numbers
            The numbers of the bands, counted from 1, in the order of the channels.

        Returns
        -------
        Dataset

        Raises
        ------
        ImageError
            No image can be read, or none has these bands.
        OptionError
            There are no images, or `numbers` are not 1 or more different numbers from 1.
        MissingDependencyError
            rasterio, which reads bands, is not installed.

        Examples
        --------
        >>> import pixelwise as pw
        >>> data = pw.open_dataset("photos")
        >>> data.with_bands([3, 2, 1]).channels
        3
        """
        items = self.splits.get("train") or [item for _, item in self.items()]
        return replace(self, bands=measure_bands([item.image for item in items], numbers))

    def with_value_range(self) -> Dataset:
        """Return this data set with the range of values of its training images, which becomes 0..255.

        The range is measured on the images of more than 8 bits in `train`, or in all splits where `train` is empty. A
        data set of bands, or one that has a value range, is returned unchanged.

        Returns
        -------
        Dataset
            Its `value_range` is `None` where all images have 8 bits.

        Examples
        --------
        >>> import pixelwise as pw
        >>> data = pw.open_dataset("photos")
        >>> data.with_value_range().value_range is None  # its images have 8 bits
        True
        """
        if self.bands is not None or self.value_range is not None:
            return self
        items = self.splits.get("train") or [item for _, item in self.items()]
        return replace(self, value_range=measure_range([item.image for item in items]))

    def read_image(self, item: Item) -> UInt8:
        """Read the image of an item.

        Parameters
        ----------
        item
            An item of this data set.

        Returns
        -------
        numpy.ndarray
            uint8 (height, width, channels).

        Raises
        ------
        ImageError
            The file cannot be read.
        MissingDependencyError
            rasterio, which reads bands, is not installed.

        Examples
        --------
        >>> import pixelwise as pw
        >>> data = pw.open_dataset("photos")
        >>> data.read_image(data.splits["train"][0]).shape
        (64, 96, 3)
        """
        return read_channels(item.image, self.bands, self.value_range)

    def read_stored(self, item: Item) -> npt.NDArray[np.generic]:
        """Read the image of an item with the values that its file stores.

        Parameters
        ----------
        item
            An item of this data set.

        Returns
        -------
        numpy.ndarray
            (height, width, channels), in the dtype of the file.

        Raises
        ------
        ImageError
            The file cannot be read.
        MissingDependencyError
            rasterio, which reads bands, is not installed.

        Examples
        --------
        >>> import pixelwise as pw
        >>> data = pw.open_dataset("photos")
        >>> data.read_stored(data.splits["train"][0]).dtype
        dtype('uint8')
        """
        return read_stored(item.image, self.bands)

    def image_size(self, item: Item) -> tuple[int, int]:
        """Return the size of an item's image. Only the header of the file is read.

        Parameters
        ----------
        item
            An item of this data set.

        Returns
        -------
        tuple of int
            (height, width) in pixels.

        Raises
        ------
        ImageError
            The file cannot be read.
        MissingDependencyError
            rasterio, which reads bands, is not installed.

        Examples
        --------
        >>> import pixelwise as pw
        >>> data = pw.open_dataset("photos")
        >>> data.image_size(data.splits["train"][0])
        (64, 96)
        """
        return image_size(item.image) if self.bands is None else band_size(item.image)

    def read(self, item: Item) -> Sample:
        """Read the image and the labels of an item.

        A partly labelled image without a file of object ids, in a data set whose other images have such files, gets an
        instance map of zeros: none of its objects is known.

        Parameters
        ----------
        item
            An item of this data set.

        Returns
        -------
        Sample
            `image`, uint8 (height, width, channels); `label_map`, uint8 (height, width); `instance_map`, int32 (height,
            width) or `None`.

        Raises
        ------
        ImageError
            The image or the mask file cannot be read.
        MaskError
            The mask is missing, holds values that are no classes, or differs from the image in size.
        MissingDependencyError
            rasterio, which reads bands, is not installed.

        Examples
        --------
        >>> import pixelwise as pw
        >>> data = pw.open_dataset("photos")
        >>> sample = data.read(data.splits["train"][0])
        >>> sample.image.shape, sample.label_map.shape
        ((64, 96, 3), (64, 96))
        """
        image = self.read_image(item)
        labels = self.read_labels(item)
        require_sizes(item, labels, image.shape[:2])
        instance_map = labels.instance_map
        if instance_map is None and self.id_files and is_partly_labelled(labels.label_map):
            instance_map = np.zeros(labels.label_map.shape, np.int32)  # strokes are no objects
        return Sample(image, labels.label_map, instance_map)

    def read_unlabelled(self, item: Item) -> Sample:
        """Read the image of an item, with a label map in which every pixel is ignored.

        Parameters
        ----------
        item
            An item of this data set, also one of `unlabelled`.

        Returns
        -------
        Sample
            Without an instance map.

        Raises
        ------
        ImageError
            The file cannot be read.
        MissingDependencyError
            rasterio, which reads bands, is not installed.

        Examples
        --------
        >>> import pixelwise as pw
        >>> data = pw.open_dataset("photos")
        >>> set(data.read_unlabelled(data.splits["train"][0]).label_map.flat) == {pw.IGNORE_INDEX}
        True
        """
        image = self.read_image(item)
        return Sample(image, np.full(image.shape[:2], IGNORE_INDEX, np.uint8))

    def items(self) -> Iterator[tuple[str, Item]]:
        """Iterate over the items of all splits, without reading their files.

        Yields
        ------
        split : str
            The name of the item's split.
        item : Item
            The item.

        Examples
        --------
        >>> import pixelwise as pw
        >>> data = pw.open_dataset("photos")
        >>> [split for split, item in data.items()]
        ['train', 'train', 'train', 'train', 'val', 'val']
        """
        for split, items in self.splits.items():
            for item in items:
                yield split, item

    def without(self, images: set[Path]) -> Dataset:
        """Return this data set without some of its images.

        Parameters
        ----------
        images
            The paths of the images to leave out, as `Item.image` has them. Paths of no item have no effect.

        Returns
        -------
        Dataset

        Examples
        --------
        >>> import pixelwise as pw
        >>> data = pw.open_dataset("photos")
        >>> len(data.without({data.splits["train"][0].image}).splits["train"])
        3
        """
        splits = {split: tuple(i for i in items if i.image not in images) for split, items in self.splits.items()}
        return replace(self, splits=splits)


def labels_from_files(
    read_label_map: Callable[[Path], UInt8], read_instance_map: Callable[[Path], Int32] | None = None
) -> Callable[[Item], Labels]:
    """Return a `read_labels` for items whose masks, and instance maps where there are any, are files of their own.

    Parameters
    ----------
    read_label_map
        Takes the path `Item.mask`; returns class indices, uint8 (height, width), 255 where nothing is known.
    read_instance_map
        Takes the path `Item.instances`; returns object ids, int32 (height, width), 0 for no object. `None`: the data
        have no objects.

    Returns
    -------
    callable
        Takes an `Item` and returns `Labels`. It raises `MaskError` for an item without a mask.

    Examples
    --------
    Masks that store 0 and 1, the class indices themselves:

    >>> from pathlib import Path
    >>> from pixelwise.raster.image import read_values
    >>> read_labels = labels_from_files(read_values)
    >>> read_labels(Item("0", Path("photos/train/images/0.png"), Path("photos/train/masks/0.png"))).label_map.shape
    (64, 96)
    """
    return partial(_read_files, read_label_map=read_label_map, read_instance_map=read_instance_map)


def _read_files(
    item: Item, *, read_label_map: Callable[[Path], UInt8], read_instance_map: Callable[[Path], Int32] | None
) -> Labels:
    label_map = read_label_map(mask_of(item))
    if item.instances is None or read_instance_map is None:
        return Labels(label_map)
    return Labels(label_map, read_instance_map(item.instances))


def is_partly_labelled(label_map: UInt8) -> bool:
    """Return whether a label map has labels at less than half of its pixels, but at some, as strokes leave it."""
    labelled = np.count_nonzero(counted_pixels(label_map))
    return bool(0 < 2 * labelled < label_map.size)


def mask_of(item: Item) -> Path:
    """Return the item's mask file; raise `MaskError` where there is none."""
    if item.mask is None:
        raise MaskError(item.image, "no mask", "a mask with the same stem", "Add the mask or leave the image out.")
    return item.mask


def source_of(item: Item) -> Source:
    """Return where the item's labels lie; raise `MaskError` where it has none."""
    return Source(mask_of(item), item.entry)


def require_sizes(item: Item, labels: Labels, expected: tuple[int, ...]) -> None:
    """Raise `MaskError` where one of an item's maps has another (height, width) than its image."""
    mask = source_of(item).path
    objects = Source(item.instances or mask_of(item), item.entry).path
    maps = ((mask, labels.label_map), (objects, labels.instance_map))
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
