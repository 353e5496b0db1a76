"""JSON and XML from untrusted files, read within bounds; for YAML see `safe_yaml`.

No text can make its reader loop, fill the memory, or open another file: sizes, depths and numbers are limited, and XML
has no DOCTYPE, so no entities. Every reader of such texts goes through these two modules.
"""

from __future__ import annotations

import codecs
import json
import os
import re
import stat
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

MAX_BYTES = 2**31
"""Bytes of a file that is read as a whole. The largest public files of COCO's kind have 1.8 GB."""
MAX_LIST_BYTES = 2**19
"""Bytes of a YAML file or a list of classes."""
MAX_DEPTH = 64
"""Levels of nesting in YAML and XML. JSON may be as deep as Python reads it, some hundreds of levels."""
MAX_DIGITS = 100
"""Digits of a number in YAML. A longer one in JSON becomes a float, which may be infinite."""
BYTE_ORDER_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
_TOKEN = re.compile(r",?[^\s,:{}\[\]\"]{0,12}")
"""How the last line of truncated JSON may begin."""
_UNFINISHED = (3, 5, 6, 20)
"""Expat's codes of XML that ends too early: no element, an unclosed token, half a character, an unclosed section."""


def read_bytes(path: Path, most: int = MAX_BYTES) -> bytes:
    """Return a file's content. Raises `OSError` if it cannot be read, and `ValueError` if it is not a regular file (a
    pipe would never end) or has more than `most` bytes."""
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("a folder, pipe or device")
    if status.st_size > most:
        raise ValueError(f"{status.st_size:,} bytes, more than {most:,}")
    return path.read_bytes()


def decode_text(data: bytes) -> str:
    """Decode bytes as UTF-8, or as a byte order mark says. Raises `ValueError` for bytes that are not text."""
    if data.startswith(BYTE_ORDER_MARKS):
        return data.decode(json.detect_encoding(data)).removeprefix("\ufeff")
    return data.decode("utf-8-sig")


def read_text(path: Path, most: int = MAX_BYTES) -> str:
    """Return a file's text. Raises as `read_bytes` and `decode_text`."""
    return decode_text(read_bytes(path, most))


def json_value(text: str) -> Any:
    """Parse JSON. Raises `ValueError` for text that is not JSON or is nested too deep."""
    try:
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            raise
        except ValueError:  # a whole number of more digits than Python turns into one
            return json.loads(text, parse_int=_integer)
    except json.JSONDecodeError as error:
        raise ValueError(_damage_in_json(text, error)) from error
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def xml_root(text: str) -> ElementTree.Element:
    """Parse XML and return its root. Raises `ValueError` for text that is not XML, has a DOCTYPE, or is nested too
    deep."""
    if "<!DOCTYPE" in text:
        raise ValueError("a DOCTYPE, which could name other files")
    parser = ElementTree.XMLParser(target=_Builder())
    try:
        parser.feed(text)
        root: ElementTree.Element = parser.close()
    except ElementTree.ParseError as error:
        raise ValueError(_damage_in_xml(text, error)) from error
    return root


def _damage_in_json(text: str, error: json.JSONDecodeError) -> str:
    """Describe why a text is not JSON: it is empty, truncated, or wrong at a line and column."""
    end = len(text.rstrip(" \t\r\n\0"))
    if not end:
        return "it is empty"
    rest = text[error.pos : end]
    if (
        error.pos
        and error.msg != "Extra data"
        and (error.msg.startswith("Unterminated string") or _TOKEN.fullmatch(rest))
    ):
        return _cut_off(text[:end])
    return f"line {error.lineno:,}, column {error.colno:,}: {error.msg}"


def _damage_in_xml(text: str, error: ElementTree.ParseError) -> str:
    """Describe why a text is not XML, as `_damage_in_json` does."""
    if not text.strip():
        return "it is empty"
    return _cut_off(text.rstrip()) if error.code in _UNFINISHED else str(error)


def _cut_off(text: str) -> str:
    size, line = len(text.encode("utf-8", "surrogatepass")), text.count("\n") + 1
    return f"it is cut off: its text ends at byte {size:,}, on line {line:,}, in the middle; copy it again, whole"


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= MAX_DIGITS else float(digits)


class _Builder(ElementTree.TreeBuilder):
    """A tree builder that counts levels."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = 0

    def start(self, tag: str, attrs: dict[Any, Any], /) -> ElementTree.Element:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ValueError("nested too deep")
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> ElementTree.Element:
        self._depth -= 1
        return super().end(tag)
