"""Messages and exit codes of errors that are no `PixelwiseError`."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from pixelwise import __version__

USER, FAULT = 2, 70
"""Exit codes of a user's mistake and of a fault of pixelwise itself (sysexits.h: EX_SOFTWARE)."""
OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "bad_alloc", "bad allocation")
"""Parts, in lower case, of the messages of libraries that run out of memory."""


def explain_error(error: Exception) -> tuple[str, int]:
    """Return the message of an error that is not a `PixelwiseError`, and the exit code."""
    places = _places(error)
    file = _find_busy_file([frame for frame, _ in places])
    busy = f", while it was busy with {file}" if file else ""
    if isinstance(error, MemoryError) or any(sign in str(error).lower() for sign in OUT_OF_MEMORY):
        remedy = (
            "Use smaller images, cut large ones into parts, or close other programs. With PIXELWISE_MAX_PIXELS set, "
            "images of more pixels are refused with a message that names them."
        )
        return f"too little memory{busy}: {_first_line(error) or 'an allocation failed'}. {remedy}", USER
    if isinstance(error, OSError) and error.strerror:
        named = error.filename if isinstance(error.filename, (str, bytes)) else file
        at = "" if named is None else f"{os.fsdecode(named)}: "
        remedy = "The operating system refused this: check the path and its permissions. --debug shows where."
        return f"{at}{error.strerror}. {remedy}", USER
    frame, line = places[-1]
    share = ", and the file, if you may share it" if file else ""
    return (
        f"this is a fault of pixelwise {__version__}, not yours: {type(error).__name__}: {_first_line(error)} "
        f"({frame.f_globals['__name__']}:{line}{busy}). Please report it to the maintainers, with the command, what "
        f"--debug shows{share}.",
        FAULT,
    )


def _places(error: Exception) -> list[tuple[FrameType, int]]:
    """Return the frames of the traceback that are code of pixelwise, or all frames where none is, with their lines,
    the innermost last."""
    places = list(traceback.walk_tb(error.__traceback__))
    return [(frame, line) for frame, line in places if _is_in_pixelwise(frame)] or places


def _is_in_pixelwise(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).partition(".")[0] == "pixelwise"


def _find_busy_file(frames: list[FrameType]) -> Path | None:
    """Return the file that the code was busy with: the innermost existing file, else the innermost path, among the
    variables of the frames; `None` without any."""
    paths = [path for frame in reversed(frames) for path in _paths(frame)]
    files = (path for path in paths if os.path.isfile(path))
    return next(files, next(iter(paths), None))


def _paths(frame: FrameType) -> Iterator[Path]:
    """Yield the paths among a frame's variables and in their `image` attributes."""
    for value in frame.f_locals.values():
        if isinstance(value, Path):
            yield value
        elif isinstance(image := getattr(value, "__dict__", {}).get("image"), Path):
            yield image


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "").rstrip(". ")
