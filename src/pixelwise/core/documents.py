"""JSON and XML of anybody's, read within bounds; YAML in `safe_yaml`.

No text makes its reader run on, fill the memory, or open another file: sizes, depths and numbers are limited, and XML
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
"""Of a file that is read as a whole: the largest public ones of COCO's kind have 1.8 GB."""
MAX_LIST_BYTES = 2**19
"""Of a YAML file or a list of classes."""
MAX_DEPTH = 64
"""Of YAML and XML; JSON may be as deep as Python reads it, some hundreds of levels."""
MAX_DIGITS = 100
"""Of a number in YAML; a longer one in JSON becomes a float, which may be infinite."""
BYTE_ORDER_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
_TOKEN = re.compile(r",?[^\s,:{}\[\]\"]{0,12}")
"""What may be left of JSON where it was cut off."""
_UNFINISHED = (3, 5, 6, 20)
"""Expat's codes of XML that ends too early: no element, an unclosed token, half a character, an unclosed section."""


def read_bytes(path: Path, most: int = MAX_BYTES) -> bytes:
    """Return a file's content. Raises `OSError` where it cannot be read, and `ValueError` for what is no file (a pipe
    would never end) or has more than `most` bytes."""
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("a folder, pipe or device")
    if status.st_size > most:
        raise ValueError(f"{status.st_size:,} bytes, more than {most:,}")
    return path.read_bytes()


def decode_text(data: bytes) -> str:
    """Return bytes as text: UTF-8, or what a byte order mark says. Raises `ValueError` for what is none."""
    if data.startswith(BYTE_ORDER_MARKS):
        return data.decode(json.detect_encoding(data)).removeprefix("\ufeff")
    return data.decode("utf-8-sig")


def read_text(path: Path, most: int = MAX_BYTES) -> str:
    """Return a file's text. Raises as `read_bytes` and `decode_text`."""
    return decode_text(read_bytes(path, most))


def json_value(text: str) -> Any:
    """Return what JSON says. Raises `ValueError` for what is none or is nested too deep."""
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
    """Return the root of XML. Raises `ValueError` for what is none, has a DOCTYPE, or is nested too deep."""
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
    """Return what is wrong with a text that is no JSON: it is empty, cut off, or wrong at a line and column."""
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
    """Return what is wrong with a text that is no XML, as `_damage_in_json`."""
    if not text.strip():
        return "it is empty"
    return _cut_off(text.rstrip()) if error.code in _UNFINISHED else str(error)


def _cut_off(text: str) -> str:
    size, line = len(text.encode("utf-8", "surrogatepass")), text.count("\n") + 1
    return f"it is cut off: its text ends at byte {size:,}, on line {line:,}, in the middle; copy it again, whole"


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= MAX_DIGITS else float(digits)


class _Builder(ElementTree.TreeBuilder):
    """What builds the tree, and counts its levels."""

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
