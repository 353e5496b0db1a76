"""The metadata inside a model file: all that prediction needs beside the graph."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

from pixelwise.core.bands import Bands, channel_count
from pixelwise.core.classes import MAX_CLASSES, ClassMap
from pixelwise.core.documents import json_value
from pixelwise.core.errors import DataError, ModelFileError, OptionError
from pixelwise.core.value_range import FULL, ValueRange
from pixelwise.instances.grouping_parameters import BOTH, CENTRES, CHANNELS, COMPONENTS, WAISTS, GroupingParameters
from pixelwise.modelfile.graph import REMEDY, read_metadata

METADATA_KEY = "pixelwise"
LIVE_MODEL = "live"
"""What a file calls the live model of `pixelwise.labels`, which is no net of `pixelwise models`."""
DROPOUT_SEED = "dropout_seed"
"""The optional input, int64, of a graph with dropout: 0, its default, leaves dropout out."""
COARSE = "coarse"
"""The second output of a graph whose logits are those of a coarser map, up-sampled bilinearly to the image, padded at
the bottom and right to multiples of its stride: that map, float32 (N, K, h, w)."""
GROUPING_VERSIONS = {BOTH: 2, COMPONENTS: 2, WAISTS: 3}
"""The format version of files whose objects are grouped in a way that an earlier reader does not know."""
FORMAT_VERSION = max(GROUPING_VERSIONS.values())
"""The highest format version; files without objects, or with objects grouped by centres, have 1."""
MAX_WIDTH = 64
"""Factor on the channels of a model as it was published."""
MAX_SIDE = 2**14
"""Side of a tile, and radius of a centre, in pixels."""


@dataclass(frozen=True)
class ModelInfo:
    """The metadata of a model file.

    tile and overlap are in pixels: an image with a side beyond `tile` is predicted in square tiles of that side
    (a multiple of `stride`) that share `overlap` pixels with their neighbours. mean and std are per channel, of
    values in 0..1; they are for the reader, the graph applies them itself. width and options: what the model was built
    with. grouping: how logits become objects, `None` of a model without objects. bands: the image's channels, `None`
    for red, green and blue. value_range: what becomes 0 and 255 of images deeper than 8 bits, `None` where the model
    was trained on none. extra_channels: how many channels the logits have after the class scores, of a task without
    objects; with a grouping there are three.
    """

    model: str
    encoder: str | None
    task: str
    classes: ClassMap
    mean: tuple[float, ...]
    std: tuple[float, ...]
    stride: int
    tile: int
    overlap: int
    width: float | None = None
    options: Mapping[str, bool | int | float | str] = field(default_factory=dict)
    grouping: GroupingParameters | None = None
    bands: Bands | None = None
    value_range: ValueRange | None = None
    extra_channels: int = 0

    @property
    def in_channels(self) -> int:
        """How many channels the image has."""
        return len(self.mean)

    @property
    def channels(self) -> int:
        """How many channels the logits have."""
        return self.classes.num_classes + (self.extra_channels if self.grouping is None else CHANNELS)

    @classmethod
    def read(cls, path: Path) -> ModelInfo:
        """Read the metadata of a model file. Raises as `from_json`, and `UnicodeDecodeError` for damaged text."""
        return cls.from_json(read_metadata(path, METADATA_KEY), path)

    def to_json(self) -> str:
        """Return the JSON text that `export` stores under `METADATA_KEY`."""
        version = 1 if self.grouping is None else GROUPING_VERSIONS.get(self.grouping.by, 1)
        content = {"format_version": version, **asdict(self), "classes": self.classes.to_dict()}
        return json.dumps(content, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str | None, path: Path) -> ModelInfo:
        """Read and validate what `to_json` wrote into the model file at `path`.

        Raises `ModelFileError` for `None` (no such entry: not a file of pixelwise's), damaged text, a format of a
        newer version, or fields that are missing or out of range.
        """
        if text is None:
            raise ModelFileError(path, "an ONNX file without pixelwise metadata", "a pixelwise model file", REMEDY)
        try:
            content: dict[str, Any] = json_value(text)
            version = _whole(content["format_version"], 1)
        except (ValueError, LookupError, TypeError) as error:
            raise ModelFileError(path, f"damaged metadata ({error})", "JSON with a format_version", REMEDY) from error
        if version > FORMAT_VERSION:
            problem = f"model file format {version}"
            raise ModelFileError(path, problem, f"at most {FORMAT_VERSION}", "Upgrade pixelwise to read this model.")
        try:
            info = cls(
                model=_text(content["model"]),
                encoder=None if content["encoder"] is None else _text(content["encoder"]),
                task=_text(content["task"]),
                classes=_classes(content["classes"]),
                mean=_numbers(content["mean"]),
                std=_numbers(content["std"]),
                stride=_whole(content["stride"]),
                tile=_whole(content["tile"]),
                overlap=_whole(content["overlap"]),
                width=None if content.get("width") is None else _number(content["width"]),
                options=_options(content.get("options", {})),
                grouping=_grouping(content.get("grouping")),
                bands=_bands(content.get("bands")),
                value_range=_value_range(content["value_range"]) if "value_range" in content else FULL,
                extra_channels=_whole(content.get("extra_channels", 0), 0, MAX_CLASSES),
            )
        except KeyError as error:
            raise ModelFileError(path, f"metadata without {error}", "all fields of a model file", REMEDY) from error
        except (TypeError, ValueError) as error:
            problem = f"metadata with an unusable value ({error})"
            raise ModelFileError(path, problem, "all fields of a model file", REMEDY) from error
        except DataError as error:
            raise ModelFileError(path, f"{error.found} in its classes", error.expected, REMEDY) from error
        except OptionError as error:
            raise ModelFileError(
                path, f"{error.found} in its grouping, bands or value range", error.expected, REMEDY
            ) from error
        _require_valid(info, path)
        return info


def _grouping(content: Any) -> GroupingParameters | None:
    if content is None:
        return None
    entry = _object(content)
    things = tuple(_whole(index) for index in _list(entry["things"]))
    numbers = _whole(entry["radius"], most=MAX_SIDE), _number(entry["least_heat"]), _whole(entry["least_area"])
    return GroupingParameters(things, *numbers, by=_text(entry.get("by", CENTRES)))


def _bands(content: Any) -> Bands | None:
    if content is None:
        return None
    entry = _object(content)
    numbers = tuple(_whole(number) for number in _list(entry["numbers"]))
    return Bands(numbers, _numbers(entry["low"]), _numbers(entry["high"]))


def _value_range(content: Any) -> ValueRange | None:
    if content is None:
        return None
    entry = _object(content)
    return ValueRange(_numbers(entry["low"]), _numbers(entry["high"]))


def _classes(content: Any) -> ClassMap:
    entries = [_object(entry) for entry in _list(content)[: MAX_CLASSES + 1]]
    for entry in entries:
        _text(entry["name"])
        for channel in _list(entry.get("color", [])):
            _whole(channel)
    return ClassMap.from_dict(entries)


def _options(content: Any) -> dict[str, bool | int | float | str]:
    for value in _object(content).values():
        if not isinstance(value, bool | int | float | str):
            raise TypeError(f"{_quote(value)} among the options")
    return dict(content)


def _object(content: Any) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise TypeError(f"{_quote(content)} in the place of an object")
    return content


def _list(content: Any) -> list[Any]:
    if not isinstance(content, list):
        raise TypeError(f"{_quote(content)} in the place of a list")
    return content


def _text(content: Any) -> str:
    if not isinstance(content, str):
        raise TypeError(f"{_quote(content)} in the place of a text")
    content.encode()  # half a surrogate pair cannot be stored
    return content


def _whole(content: Any, least: int | None = None, most: int | None = None) -> int:
    if not isinstance(content, int) or isinstance(content, bool):
        raise TypeError(f"{_quote(content)} in the place of a whole number")
    if least is not None and content < least:
        raise ValueError(f"{_quote(content)}, which is too small")
    if most is not None and content > most:
        raise ValueError(f"{_quote(content)}, which is too large")
    return content


def _number(content: Any) -> float:
    if not isinstance(content, int | float) or isinstance(content, bool) or abs(content) > sys.float_info.max:
        raise TypeError(f"{_quote(content)} in the place of a number")
    return float(content)


def _numbers(content: Any) -> tuple[float, ...]:
    return tuple(_number(value) for value in _list(content))


def _quote(content: Any) -> str:
    text = repr(content)
    return text if len(text) <= 40 else f"{text[:40]} ..."


def _require_valid(info: ModelInfo, path: Path) -> None:
    things = info.grouping.things if info.grouping else ()
    if max(things, default=0) >= info.classes.num_classes:
        problem = f"the things {things} among {info.classes.num_classes} classes"
        raise ModelFileError(path, problem, "indices of classes", REMEDY)
    values = (*info.mean, *info.std)
    count = channel_count(info.bands)
    if len(info.mean) != count or len(info.std) != count or not all(map(isfinite, values)) or min(info.std) <= 0:
        problem = f"mean {info.mean} and std {info.std}"
        raise ModelFileError(path, problem, f"{count} finite values each, std above 0", REMEDY)
    if info.width is not None and not 0 < info.width <= MAX_WIDTH:
        raise ModelFileError(path, f"width {info.width}", f"more than 0, at most {MAX_WIDTH}", REMEDY)
    fits = info.stride >= 1 and info.tile <= MAX_SIDE and not info.tile % info.stride
    if not fits or not 0 <= info.overlap <= info.tile - info.stride:
        problem = f"stride {info.stride}, tile {info.tile}, overlap {info.overlap}"
        expected = (
            f"a tile of at most {MAX_SIDE} that is a multiple of the stride, and an overlap of at most one stride less"
        )
        raise ModelFileError(path, problem, expected, REMEDY)
