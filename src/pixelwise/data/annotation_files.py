"""Annotation files: JSON and YAML in UTF-8 or UTF-16, possibly damaged.

Windows editors and PowerShell put a byte order mark first, or write UTF-16.
"""

from __future__ import annotations

import mmap
import os
import re
from collections.abc import Iterable, Sequence
from itertools import islice
from math import log10
from pathlib import Path
from typing import Any

from pixelwise.core.classes import is_class_name
from pixelwise.core.documents import (
    BYTE_ORDER_MARKS,
    MAX_LIST_BYTES,
    decode_text,
    json_value,
    read_bytes,
    read_text,
)
from pixelwise.core.safe_yaml import yaml_value

_SHOWN = 80
"""Characters of a text, that a message shows at most."""
_SHOWN_VALUES = 6
"""Entries of a list or object that a message shows at most."""
_SHOWN_DIGITS = 30
"""Digits of a number that a message shows at most."""


def parse_json(path: Path) -> Any:
    """Parse a JSON file. Raises `OSError` if it cannot be read, and `ValueError` if it is not JSON or is nested too
    deep.
    """
    return json_value(read_text(path))


def parse_yaml(path: Path) -> Any:
    """Parse a YAML file. Raises as `parse_json`, and for files beyond the bounds of `safe_yaml`."""
    return yaml_value(read_text(path, MAX_LIST_BYTES))


def keys_in(path: Path, keys: Iterable[str]) -> set[str]:
    """Return which of `keys` a JSON file has, at any depth and in any order; none if it cannot be read.

    The file is searched and not parsed, since it may be large.
    """
    return {key for key in keys if first_key(path, (key,)) is not None}


def first_key(path: Path, keys: Sequence[str]) -> str | None:
    """Return which of `keys` comes first in a JSON file, at any depth; `None` where none does or it cannot be read."""
    if not os.path.isfile(path):  # a pipe would never end
        return None
    pattern = re.compile(rb'"(%s)"\s*:' % b"|".join(re.escape(key.encode()) for key in keys))
    try:
        with path.open("rb") as file:
            if file.read(4).startswith(BYTE_ORDER_MARKS):
                match = pattern.search(decode_text(read_bytes(path)).encode())
                return None if match is None else match[1].decode()
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                match = pattern.search(content)
                return None if match is None else match[1].decode()
    except (OSError, ValueError):
        return None


def shorten(text: str) -> str:
    """Return a text shortened to one line, for a message."""
    text = text[: 2 * _SHOWN]
    if not is_class_name(text):
        text = "".join(letter if is_class_name(letter) else ascii(letter)[1:-1] for letter in text)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def format_value(value: object) -> str:
    """Return a value as messages show it, shortened, however large or deep it is."""
    return shorten(_shown(value, 3))


def _shown(value: object, levels: int) -> str:
    if isinstance(value, dict):
        pairs = islice(value.items(), _SHOWN_VALUES if levels else 0)
        parts = [f"{_shown(key, levels - 1)}: {_shown(entry, levels - 1)}" for key, entry in pairs]
        return f"{{{', '.join(parts)}{_more(parts, value)}}}"
    if isinstance(value, list | tuple):
        parts = [_shown(entry, levels - 1) for entry in value[: _SHOWN_VALUES if levels else 0]]
        return f"[{', '.join(parts)}{_more(parts, value)}]"
    if isinstance(value, str | bytes):
        return repr(value[: 2 * _SHOWN])
    if isinstance(value, int) and value.bit_length() * log10(2) > _SHOWN_DIGITS:
        return f"a number of about {round(value.bit_length() * log10(2)):,} digits"
    return repr(value)


def _more(parts: list[str], value: dict[Any, Any] | list[Any] | tuple[Any, ...]) -> str:
    return "" if len(parts) == len(value) else ", ..." if parts else "..."
