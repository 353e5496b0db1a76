"""What `predict --as` can write, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pixelwise.errors import OptionError
from pixelwise.predict.predictor import Result
from pixelwise.raster.image import write_png


@dataclass(frozen=True)
class Writer:
    """How one kind of result becomes a file, and what the file's name adds to its image's stem."""

    ending: str
    write: Callable[[Path, Result], None]


def write_mask(path: Path, result: Result) -> None:
    """Write the label map as a palette PNG: the values are class indices, shown in the model's colours."""
    write_png(path, result.label_map, palette=result.predictor.classes.palette())


def write_overlay(path: Path, result: Result) -> None:
    """Write the image under its classes' colours as an RGB PNG."""
    write_png(path, result.overlay())


WRITERS = {
    "mask": Writer(".png", write_mask),
    "overlay": Writer("_overlay.png", write_overlay),
}


def parse_kinds(text: str) -> tuple[str, ...]:
    """Return the kinds named in `text`, as in "mask,overlay". Raises `OptionError` for none, or one unknown."""
    kinds = tuple(dict.fromkeys(kind.strip() for kind in text.split(",") if kind.strip()))
    if not kinds:
        raise OptionError("--as", "nothing to write", f"some of {', '.join(WRITERS)}", "Name at least one.")
    for kind in kinds:
        if kind not in WRITERS:
            raise OptionError("--as", repr(kind), f"some of {', '.join(WRITERS)}", _suggestion(kind))
    return kinds


def _suggestion(kind: str) -> str:
    import difflib  # 20 ms that only a mistake should cost

    close = difflib.get_close_matches(kind, WRITERS, n=1)
    return f"Did you mean {close[0]!r}?" if close else "Choose from these, separated by commas."
