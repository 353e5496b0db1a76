"""How mask files stand for classes, decided once for a data set, and the reading of masks by it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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

BINARY_CLASSES = ClassMap(("background", "foreground"), ((0, 0, 0), distinct_colors(1)[0]))

_REMEDY = (
    "Correct the mask; or state in classes.yaml which values stand for each class (classes: [{name: ..., value: 0}, "
    "{name: ..., values: [1, 5]}, ...]), and under ignore: which have no label; or leave the pair out "
    "(`train(skip_bad=True)`)."
)
OF_LAYOUT = "Correct the mask, or leave the pair out (`train(skip_bad=True)`); the values of this layout are fixed."
"""What to do about an unknown value where a list of classes beside the masks is not read."""
_REMEDY_OF_COLORS = (
    "Correct the mask; or give the colour to a class of the class list, or write it under ignore: in classes.yaml if "
    "it has no label; or leave the pair out (`train(skip_bad=True)`)."
)
_SHOWN = 8


@dataclass(frozen=True)
class MaskEncoding:
    """What a mask's values and colours stand for: class indices or `IGNORE_INDEX`.

    Gray masks, and RGB masks where `colors` (keys as `pack_rgb` gives them) is `None`, are read by their values; other
    RGB masks by their colours. Palette masks are read by the colours of their palette where `palette` knows them (keys
    as those of `colors`), else by their values.

    apart: groups of values of which a mask holds those of one alone. shown_colors: what the colours of palettes stand
    for (keys as those of `colors`), for people to see. objects: the values are object ids; anything but 0 is the second
    class, and no label what `values` says so of. ignored_ids: values of instance maps beside the masks that are no
    objects. smooth: JPEG masks are read too, because the class list states thresholds. why, why_no_label: what the
    values of classes, and of no label, were concluded from. remedy: what to do about a value that is no class.
    problems: what was assumed about the whole set, or is wrong with it.
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

        Raises `ImageError` for a file that cannot be read and `MaskError` for a JPEG file, a value or colour that is
        no class, colours where there are values only, or a palette that contradicts the colours of the classes.
        """
        if self.objects:
            return self._of_objects(read_instance_map(path))
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
                table = self._table_of(path, np.unique(stored).tolist(), palette)
                return self._looked_up(path, stored, table, as_colors=False)
            return self._looked_up(path, stored, self.values, as_colors=False)
        if self.colors is not None:
            return self._looked_up(path, stored, self.colors, as_colors=True)
        if not is_gray(stored):
            remedy = "Save it like the other masks, or leave the pair out (`train(skip_bad=True)`)."
            raise MaskError(path, "a mask in colours", "one value a pixel, as in the other masks", remedy)
        return self._looked_up(path, stored[..., 0], self.values, as_colors=False)

    def values_of(self, label: int) -> str:
        """Return the values that stand for a class index or `IGNORE_INDEX`, such as "1, 255" or "128..255"; of data
        that is told by colours alone, the colours."""
        if self.objects:
            void = format_ranges(value for value, own in self.values.items() if own == label)
            return {0: "0", 1: f"1..{MAX_ID}, each an object"}.get(label, void)
        values = format_ranges(value for value, own in self.values.items() if own == label)
        if self.colors is not None:
            return _colors_of(self.colors, label)
        colors = _colors_of(self.shown_colors, label)
        return f"{values} or {colors}" if values and colors else values or colors

    def reason_for(self, label: int) -> str:
        """Return what the values of a class index or `IGNORE_INDEX` were concluded from, a clause."""
        return self.why_no_label if label == IGNORE_INDEX else self.why

    def _of_objects(self, ids: Int32) -> UInt8:
        void = [value for value, label in self.values.items() if label == IGNORE_INDEX]
        return np.where(np.isin(ids, void), IGNORE_INDEX, ids > 0).astype(np.uint8)

    def _table_of(self, path: Path, used: list[int], palette: UInt8) -> Mapping[int, int]:
        """Return the labels of a palette mask's values: by their colours, or `values` where these say nothing."""
        if has_one_color(used, palette):
            return self.values
        known = palette_labels(palette, self.palette or {})
        of_classes = [value for value, label in self.values.items() if label != IGNORE_INDEX]
        if all(known.get(value) == self.values[value] for value in of_classes):
            # The palette lists the classes in their order; what colours it has beside them stands for these colours.
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
            f"colours of the classes: {_shown(self.palette or {})}",
            "Add the colours that are missing to the class list, under ignore: where they have no label, or export the "
            "mask again.",
        )

    def _looked_up(self, path: Path, stored: StoredMask, table: Mapping[int, int], as_colors: bool) -> UInt8:
        label_map = np.empty(stored.shape[:2], np.uint8)
        present: set[int] = set()
        for rows in rows_of(stored.shape):  # whole, a large mask would take many times its bytes
            codes = pack_rgb(stored[rows]) if as_colors else stored[rows]
            labels = _labels(codes, table)
            if (labels < 0).any():
                codes = pack_rgb(stored) if as_colors else stored
                unknown = np.empty(codes.shape, bool)
                for own in rows_of(codes.shape):
                    unknown[own] = _labels(codes[own], table) < 0
                remedy = _REMEDY_OF_COLORS if as_colors else self.remedy
                if as_colors and all(_reversed(code) in table for code in np.unique(codes).tolist()):
                    remedy = f"Red and blue seem to be exchanged, as OpenCV writes them: exchange them again. {remedy}"
                raise MaskError(path, _found(codes, unknown, as_colors), _expected(table, as_colors), remedy)
            label_map[rows] = labels
            if self.apart and table is self.values:
                present.update(np.unique(codes).tolist())
        held = [format_ranges(group & present) for group in self.apart if group & present]
        if len(held) > 1:
            found = f"values of two encodings in one mask: {' and '.join(held)}"
            raise MaskError(path, found, "one encoding of the classes in a mask", self.remedy)
        return label_map


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
    """Return (height, width, 3) RGB as one int32 a pixel: red * 65536 + green * 256 + blue."""
    codes = rgb[..., 0].astype(np.int32)
    for channel in (1, 2):
        codes <<= 8
        codes |= rgb[..., channel]
    return codes


def unpack_rgb(code: int) -> Color:
    """Return the RGB colour that `pack_rgb` made `code` of."""
    return code >> 16, code >> 8 & 255, code & 255


def _reversed(code: int) -> int:
    """Return a packed colour with red and blue exchanged."""
    red, green, blue = unpack_rgb(code)
    return blue << 16 | green << 8 | red


def is_gray(rgb: StoredMask) -> bool:
    """Return whether the three channels of (height, width, 3) are the same."""
    return bool((rgb[..., 0] == rgb[..., 1]).all() and (rgb[..., 1] == rgb[..., 2]).all())


def palette_labels(palette: UInt8, labels: Mapping[int, int]) -> dict[int, int]:
    """Return the entries in `labels` (keys as `pack_rgb` gives them) of a palette's values, (n, 3), that have one."""
    codes = pack_rgb(palette[None]).ravel().tolist()
    return {value: labels[code] for value, code in enumerate(codes) if code in labels}


def has_one_color(used: Sequence[int], palette: StoredMask) -> bool:
    """Return whether a palette, (n, 3), has one colour for all values that are used, of several."""
    listed = [value for value in used if value < len(palette)]
    return len(listed) > 1 and bool((palette[listed] == palette[listed[0]]).all())


def _colors_of(colors: Mapping[int, int], label: int) -> str:
    own = [str(list(unpack_rgb(code))) for code, index in colors.items() if index == label]
    return ", ".join(own[:_SHOWN]) + (" ..." if len(own) > _SHOWN else "")


def _is_filler(palette: UInt8) -> bool:
    """Return whether the last of 256 colours is the same as an earlier one, so that it says nothing about 255."""
    return len(palette) > IGNORE_INDEX and bool((palette[:IGNORE_INDEX] == palette[IGNORE_INDEX]).all(axis=1).any())


def _labels(codes: StoredMask, table: Mapping[int, int]) -> npt.NDArray[np.int16]:
    """Return each code's entry in `table`, -1 where it has none."""
    keys = np.array(sorted(table), np.int64)
    labels = np.array([table[key] for key in sorted(table)], np.int16)
    if codes.dtype == np.uint8:  # by far the most masks, and five times as fast as searching
        dense = np.full(256, -1, np.int16)
        within = (keys >= 0) & (keys < 256)
        dense[keys[within]] = labels[within]
        return dense[codes]
    at = np.minimum(np.searchsorted(keys, codes), len(keys) - 1)
    return np.where(keys[at] == codes, labels[at], np.int16(-1))


def _found(codes: StoredMask, unknown: npt.NDArray[np.bool_], as_colors: bool) -> str:
    values, counts = np.unique(codes[unknown], return_counts=True)
    order = np.argsort(-counts, kind="stable")[:_SHOWN]
    shown = ", ".join(str(list(unpack_rgb(int(values[i])))) if as_colors else str(int(values[i])) for i in order)
    noun = "colour" if as_colors else "value"
    more = f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
    total = int(counts.sum())
    row, column = (int(place) for place in np.unravel_index(int(unknown.argmax()), unknown.shape))
    where = f"{'at' if total == 1 else 'the first at'} row {row}, column {column} (counted from 0)"
    plural = "s" if total > 1 else ""
    return f"{noun}{'s' if len(values) > 1 else ''} {shown}{more} in {total:,} pixel{plural}, {where}"


def _expected(table: Mapping[int, int], as_colors: bool) -> str:
    if not as_colors:
        return f"a class or no label: {format_ranges(table)}"
    return f"a colour of the class list: {_shown(table)}"


def _shown(colors: Mapping[int, int]) -> str:
    shown = ", ".join(str(list(unpack_rgb(code))) for code in list(colors)[:_SHOWN])
    return f"{shown}{' ...' if len(colors) > _SHOWN else ''}"


def format_ranges(keys: Iterable[int]) -> str:
    """Return e.g. "0..10, 255" for the sorted numbers."""
    runs: list[list[int]] = []
    for key in sorted(keys):
        if runs and key == runs[-1][1] + 1:
            runs[-1][1] = key
        else:
            runs.append([key, key])
    return ", ".join(str(first) if first == last else f"{first}..{last}" for first, last in runs)
