"""Choice of the writer of a file, by the writer's name or the file's ending."""

from __future__ import annotations

from pathlib import Path

from pixelwise.core.errors import OptionError
from pixelwise.inference.writers.base import Writer
from pixelwise.inference.writers.registry import WRITERS


def choose_writer(path: Path, name: str | None, *, placed: bool) -> Writer:
    """Return the writer called `name`; without a name, the one with the longest ending that fits the path.

    `placed`: the image has a place on earth. Raises `OptionError` for an unknown name, and if the ending of the path
    belongs to another kind of file.
    """
    if name is not None:
        if name not in WRITERS:
            remedy = "Choose one of these."
            raise OptionError("as_", repr(name), f"one of {', '.join(WRITERS)}", remedy)
        writer = WRITERS[name]
        suffix = _suffix(writer.ending_of(placed=placed))
        if path.suffix.lower() != suffix:
            raise OptionError("path", str(path), f"a name that ends in {suffix}", f"Write {name} to such a file.")
        return writer
    names = {WRITERS[known].ending_of(placed=placed): known for known in reversed(list(WRITERS))}
    endings = [ending for ending in names if path.name.lower().endswith(ending)]
    alike = [ending for ending in names if _suffix(ending) == path.suffix.lower()]
    if not endings and len(alike) == 1:  # such as cells.csv: only one writer writes such files
        endings = alike
    if not endings:
        expected = f"a name that ends in one of {', '.join(sorted(names))}"
        raise OptionError("path", str(path), expected, "Rename it, or give `as_`.")
    return WRITERS[names[max(endings, key=len)]]


def _suffix(ending: str) -> str:
    return f".{ending.rpartition('.')[2]}"
