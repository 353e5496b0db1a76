"""`MaskEncoding`: what the values and colours of mask files stand for, and the reading of masks by it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import IGNORE_INDEX, ClassMap, Color, distinct_colors
from pixelwise.core.errors import MaskError
from pixelwise.core.lookup import rows_of
from pixelwise.data.problem import Problem
from pixelwise.instances.objects import MAX_ID
from pixelwise.raster.image import is_jpeg, read_values, read_values_and_palette

UInt8 = npt.NDArray[np.uint8]
Int32 = npt.NDArray[np.int32]
StoredMask = npt.NDArray[np.uint8] | npt.NDArray[np.uint16] | npt.NDArray[np.int32]
"""The pixels of a mask file: values (height, width) or RGB (height, width, 3)."""

BINARY_CLASSES = ClassMap(("background", "foreground"), ((0, 0, 0), distinct_colors(1)[0]))

_REMEDY = (
    "Correct the mask; or state in classes.yaml which values stand for each class (classes: [{name: ..., value: 0}, "
    "{name: ..., values: [1, 5]}, ...]), and under ignore: which have no label; or leave the pair out "
    "(`train(skip_bad=True)`)."
)
OF_LAYOUT = "Correct the mask, or leave the pair out (`train(skip_bad=True)`); the values of this layout are fixed."
"""The remedy for an unknown value in layouts that read no class list."""
_REMEDY_OF_COLORS = (
    "Correct the mask; or give the colour to a class of the class list, or write it under ignore: in classes.yaml if "
    "it has no label; or leave the pair out (`train(skip_bad=True)`)."
)
_SHOWN = 8
"""Values or colours that a message lists."""


@dataclass(frozen=True)
class MaskEncoding:
    """A table from the values and colours of masks to class indices, or to `IGNORE_INDEX` for no label.

    Gray masks are read by their values, and so are RGB masks where `colors` is `None`. Other RGB masks are read by
    their colours. Palette masks are read by the colours of their palette where `palette` has them, else by their
    values. Colours are packed (see `pack_rgb`).

    values: the label of each value. colors, palette: the label of each colour. apart: groups of values that exclude one
    another; a mask holds values of one group at most. shown_colors: the labels of palette colours, for display only.
    objects: whether the values are object ids. Then 0 is the first class and any other id the second, except for the
    ids in `values`, which have no label. ignored_ids: values of instance maps, in files beside the masks, that are no
    objects. smooth: whether JPEG masks are read too, since the class list gives thresholds. why, why_no_label: the
    evidence for the values of classes and of no label, each a clause. remedy: what to do about an unknown value.
    problems: what was assumed about the data set, or is wrong with it.
    """

    classes: ClassMap
    values: Mapping[int, int]
    colors: Mapping[int, int] | None = None
    palette: Mapping[int, int] | None = None
    apart: tuple[frozenset[int], ...] = ()
    shown_colors: Mapping[int, int] = field(default_factory=dict, compare=False)
    objects: bool = False
    ignored_ids: tuple[int, ...] = ()
    smooth: bool = False
    why: str = "the values of this layout"
    why_no_label: str = "the value of this layout"
    remedy: str = _REMEDY
    problems: tuple[Problem, ...] = field(default=(), compare=False)

    def read(self, path: Path) -> UInt8:
        """Return the mask as a label map, uint8 (height, width).

        Raises `ImageError` for a file that cannot be read. Raises `MaskError` for a JPEG file, for a value or colour
        that is no class, for colours where only values are known, and for a palette that contradicts the colours of the
        classes.
        """
        if self.objects:
            return self._label_objects(read_instance_map(path))
        if is_jpeg(path) and not self.smooth:
            expected = "PNG or another format that keeps the values"
            remedy = (
                "Export the masks again from their source, as PNG. Where they hold two classes, black and white, a "
                "line 'threshold: 128' in classes.yaml reads them as they are."
            )
            raise MaskError(path, "a JPEG, which smears class values", expected, remedy)
        stored, palette = read_values_and_palette(path)
        if self.smooth and stored.ndim == 3:
            gray = np.empty(stored.shape[:2], np.uint8)
            for rows in rows_of(stored.shape):
                gray[rows] = stored[rows].mean(axis=2).round()
            stored = gray
        if stored.ndim == 2:
            if palette is not None and self.palette is not None:
                table = self._palette_table(path, np.unique(stored).tolist(), palette)
                return self._look_up(path, stored, table, as_colors=False)
            return self._look_up(path, stored, self.values, as_colors=False)
        if self.colors is not None:
            return self._look_up(path, stored, self.colors, as_colors=True)
        if not is_gray(stored):
            remedy = "Save it like the other masks, or leave the pair out (`train(skip_bad=True)`)."
            raise MaskError(path, "a mask in colours", "one value a pixel, as in the other masks", remedy)
        return self._look_up(path, stored[..., 0], self.values, as_colors=False)

    def values_of(self, label: int) -> str:
        """Return the values of a class index or `IGNORE_INDEX` as text, such as "1, 255" or "128..255".

        Where masks are read by their colours alone, these are colours.
        """
        values = format_ranges(value for value, index in self.values.items() if index == label)
        if self.objects:
            return {0: "0", 1: f"1..{MAX_ID}, each an object"}.get(label, values)
        if self.colors is not None:
            return _format_label_colors(self.colors, label)
        colors = _format_label_colors(self.shown_colors, label)
        return f"{values} or {colors}" if values and colors else values or colors

    def reason_for(self, label: int) -> str:
        """Return the evidence for the values of a class index or `IGNORE_INDEX`, a clause."""
        return self.why_no_label if label == IGNORE_INDEX else self.why

    def _label_objects(self, ids: Int32) -> UInt8:
        void = [value for value, label in self.values.items() if label == IGNORE_INDEX]
        return np.where(np.isin(ids, void), IGNORE_INDEX, ids > 0).astype(np.uint8)

    def _palette_table(self, path: Path, used: list[int], palette: UInt8) -> Mapping[int, int]:
        """Return the labels of a palette mask's values.

        They follow the palette's colours. Where these tell nothing, or agree with `values`, they are `values`.
        """
        if has_one_color(used, palette):
            return self.values
        known = palette_labels(palette, self.palette or {})
        of_classes = [value for value, label in self.values.items() if label != IGNORE_INDEX]
        if all(known.get(value) == self.values[value] for value in of_classes):
            # The palette lists the classes in their order. Its other known colours keep their own labels.
            others = {
                value: label
                for value, label in known.items()
                if value not in self.values and not (palette[:value] == palette[value]).all(axis=1).any()
            }
            return {**self.values, **others} if others else self.values
        if IGNORE_INDEX in self.values and (IGNORE_INDEX not in known or _is_filler(palette)):
            known[IGNORE_INDEX] = self.values[IGNORE_INDEX]
        if all(value in known for value in used):
            return known
        if all(known[value] == self.values.get(value) for value in used if value in known):
            return self.values
        pairs = ", ".join(
            f"{value} {palette[value].tolist()}" if value < len(palette) else f"{value} without a colour"
            for value in used[:_SHOWN]
        )
        raise MaskError(
            path,
            f"a palette that contradicts the colours of the classes (value and colour: {pairs})",
            f"colours of the classes: {_format_colors(self.palette or {})}",
            "Add the colours that are missing to the class list, under ignore: where they have no label, or export the "
            "mask again.",
        )

    def _look_up(self, path: Path, stored: StoredMask, table: Mapping[int, int], *, as_colors: bool) -> UInt8:
        label_map = np.empty(stored.shape[:2], np.uint8)
        present: set[int] = set()
        for rows in rows_of(stored.shape):  # strips, since a whole large mask would take many times its bytes
            keys = pack_rgb(stored[rows]) if as_colors else stored[rows]
            labels = _look_up_labels(keys, table)
            if (labels < 0).any():
                raise self._unknown_key_error(path, stored, table, as_colors=as_colors)
            label_map[rows] = labels
            if self.apart and table is self.values:
                present.update(np.unique(keys).tolist())
        groups = [format_ranges(group & present) for group in self.apart if group & present]
        if len(groups) > 1:
            found = f"values of two encodings in one mask: {' and '.join(groups)}"
            raise MaskError(path, found, "one encoding of the classes in a mask", self.remedy)
        return label_map

    def _unknown_key_error(
        self, path: Path, stored: StoredMask, table: Mapping[int, int], *, as_colors: bool
    ) -> MaskError:
        """Return the error for a mask with values or colours that are not in `table`."""
        keys = pack_rgb(stored) if as_colors else stored
        unknown = np.empty(keys.shape, bool)
        for rows in rows_of(keys.shape):
            unknown[rows] = _look_up_labels(keys[rows], table) < 0
        if not as_colors:
            expected = f"a class or no label: {format_ranges(table)}"
            return MaskError(path, _describe_unknown(keys, unknown, as_colors=False), expected, self.remedy)
        remedy = _REMEDY_OF_COLORS
        if all(_swap_red_blue(color) in table for color in np.unique(keys).tolist()):
            remedy = f"Red and blue seem to be exchanged, as OpenCV writes them: exchange them again. {remedy}"
        expected = f"a colour of the class list: {_format_colors(table)}"
        return MaskError(path, _describe_unknown(keys, unknown, as_colors=True), expected, remedy)


def read_instance_map(path: Path) -> Int32:
    """Return a file's object ids, int32 (height, width), 0 = no object.

    Raises `ImageError` for a file that cannot be read and `MaskError` for colours or ids beyond 16 bits.
    """
    stored = read_values(path)
    if stored.ndim == 3 and is_gray(stored):
        stored = stored[..., 0]
    if stored.ndim != 2 or stored.min() < 0 or stored.max() > MAX_ID:
        found = "an RGB image" if stored.ndim != 2 else f"object ids from {stored.min()} to {stored.max()}"
        remedy = "Save the instance map as 16-bit gray PNG."
        raise MaskError(path, found, f"one object id a pixel, 0..{MAX_ID}", remedy)
    return stored.astype(np.int32)


def pack_rgb(rgb: StoredMask) -> Int32:
    """Return RGB (height, width, 3) as one int32 a pixel: red * 65536 + green * 256 + blue.

    Examples
    --------
    >>> pack_rgb(np.array([[[0, 1, 2], [255, 0, 0]]], np.uint8)).tolist()
    [[258, 16711680]]
    """
    packed = rgb[..., 0].astype(np.int32)
    for channel in (1, 2):
        packed <<= 8
        packed |= rgb[..., channel]
    return packed


def unpack_rgb(color: int) -> Color:
    """Return the RGB colour of a packed one (see `pack_rgb`)."""
    return color >> 16, color >> 8 & 255, color & 255


def _swap_red_blue(color: int) -> int:
    """Return a packed colour with red and blue exchanged."""
    red, green, blue = unpack_rgb(color)
    return blue << 16 | green << 8 | red


def is_gray(rgb: StoredMask) -> bool:
    """Return whether the three channels of (height, width, 3) are equal."""
    return bool((rgb[..., 0] == rgb[..., 1]).all() and (rgb[..., 1] == rgb[..., 2]).all())


def palette_labels(palette: UInt8, labels: Mapping[int, int]) -> dict[int, int]:
    """Return the label of each palette entry whose packed colour is in `labels`. palette: uint8 (n, 3)."""
    colors = pack_rgb(palette[None]).ravel().tolist()
    return {value: labels[color] for value, color in enumerate(colors) if color in labels}


def has_one_color(values: Sequence[int], palette: StoredMask) -> bool:
    """Return whether a palette, (n, 3), gives all of several `values` the same colour, so that it tells nothing."""
    listed = [value for value in values if value < len(palette)]
    return len(listed) > 1 and bool((palette[listed] == palette[listed[0]]).all())


def _is_filler(palette: UInt8) -> bool:
    """Return whether entry 255 repeats an earlier colour. Then it is a filler and tells nothing about 255."""
    return len(palette) > IGNORE_INDEX and bool((palette[:IGNORE_INDEX] == palette[IGNORE_INDEX]).all(axis=1).any())


def _look_up_labels(keys: StoredMask, table: Mapping[int, int]) -> npt.NDArray[np.int16]:
    """Return the label of each key in `table`, -1 for a key that it lacks."""
    known = np.array(sorted(table), np.int64)
    labels = np.array([table[key] for key in sorted(table)], np.int16)
    if keys.dtype == np.uint8:  # most masks; five times as fast as searching
        dense = np.full(256, -1, np.int16)
        within = (known >= 0) & (known < 256)
        dense[known[within]] = labels[within]
        return dense[keys]
    positions = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return np.where(known[positions] == keys, labels[positions], np.int16(-1))


def _describe_unknown(keys: StoredMask, unknown: npt.NDArray[np.bool_], *, as_colors: bool) -> str:
    """Return which values or colours are unknown, in how many pixels, and where the first one is."""
    values, counts = np.unique(keys[unknown], return_counts=True)
    most_frequent = values[np.argsort(-counts, kind="stable")[:_SHOWN]].tolist()
    shown = ", ".join(str(list(unpack_rgb(value))) if as_colors else str(value) for value in most_frequent)
    noun = "colour" if as_colors else "value"
    more = f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
    total = int(counts.sum())
    row, column = (int(place) for place in np.unravel_index(int(unknown.argmax()), unknown.shape))
    where = f"{'at' if total == 1 else 'the first at'} row {row}, column {column} (counted from 0)"
    plural = "s" if total > 1 else ""
    return f"{noun}{'s' if len(values) > 1 else ''} {shown}{more} in {total:,} pixel{plural}, {where}"


def _format_label_colors(colors: Mapping[int, int], label: int) -> str:
    return _format_colors([color for color, index in colors.items() if index == label])


def _format_colors(colors: Collection[int]) -> str:
    shown = ", ".join(str(list(unpack_rgb(color))) for color in list(colors)[:_SHOWN])
    return f"{shown}{' ...' if len(colors) > _SHOWN else ''}"


def format_ranges(numbers: Iterable[int]) -> str:
    """Return numbers as text, with ranges for consecutive ones.

    Examples
    --------
    >>> format_ranges([3, 1, 2, 255])
    '1..3, 255'
    """
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}..{last}" for first, last in runs)
