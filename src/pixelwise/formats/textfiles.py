"""Annotation files as people have them: JSON, YAML and XML in any encoding that says itself, however damaged.

Windows editors and PowerShell put a byte order mark first, or write UTF-16.
"""

from __future__ import annotations

import codecs
import json
import mmap
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)


def decoded_text(data: bytes) -> str:
    """Return bytes as text: UTF-8, or what a byte order mark says. Raises `ValueError` for what is none."""
    if data.startswith(_MARKS):
        return data.decode(json.detect_encoding(data)).removeprefix("\ufeff")
    return data.decode("utf-8-sig")


def parse_json(path: Path) -> Any:
    """Return what a JSON file holds.

    Raises `OSError` where it cannot be read, and `ValueError` for what is no JSON or is nested too deep to be read.
    """
    try:
        return json.loads(decoded_text(path.read_bytes()))
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def parse_yaml(path: Path) -> Any:
    """Return what a YAML file holds. Raises as `parse_json`."""
    try:
        return yaml.safe_load(decoded_text(path.read_bytes()))
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def keys_in(path: Path, keys: Iterable[str]) -> set[str]:
    """Return which keys a JSON file has, at any depth and in any order; none where it cannot be read.

    The file is searched and not parsed: such files may be large.
    """
    return {key for key in keys if first_key(path, (key,)) is not None}


def first_key(path: Path, keys: Sequence[str]) -> str | None:
    """Return the key that comes first in a JSON file, at any depth; `None` as where `keys_in` finds none."""
    pattern = re.compile(rb'"(%s)"\s*:' % b"|".join(re.escape(key.encode()) for key in keys))
    try:
        with path.open("rb") as file:
            if file.read(4).startswith(_MARKS):
                match = pattern.search(decoded_text(path.read_bytes()).encode())
                return None if match is None else match[1].decode()
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                match = pattern.search(content)
                return None if match is None else match[1].decode()
    except (OSError, ValueError):
        return None


def shortened(text: str) -> str:
    """Return a text that fits into a message, whatever the file holds there."""
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= 80 else f"{text[:77]}..."
