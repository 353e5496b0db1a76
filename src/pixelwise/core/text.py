"""Text made safe for its destination: a terminal, a page, a spreadsheet, a file system."""

from __future__ import annotations

import hashlib
import re
import reprlib
from collections.abc import Sequence

MOST_NAME_BYTES = 255
"""Bytes of a file name in UTF-8 that common file systems allow."""
DIGITS = 8
"""Hash digits at the end of a shortened name."""
_LONE = re.compile("[\ud800-\udc7f\udd00-\udfff]")
"""Surrogates, except those that stand for a byte of a file name that is not UTF-8."""
_CONTROLS = "\x00-\x1f\x7f-\x9f"
_DIRECTIONS = "\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069"
"""Characters that change the direction of text around them, or break lines."""
_HIDDEN = re.compile(f"[{_CONTROLS}{_DIRECTIONS}]")
_HIDDEN_BUT_BREAKS = re.compile(f"(?!\n)[{_CONTROLS}{_DIRECTIONS}]")
_REPR = reprlib.Repr()
_REPR.maxlevel, _REPR.maxstring, _REPR.maxlong, _REPR.maxother = 3, 80, 40, 80
_FORMULA = re.compile("'*[=+\\-@\t\n\uff1d\uff0b\uff0d\uff20]")


def escape_controls(text: object, *, lines: bool = False) -> str:
    r"""Return text in which nothing acts on the terminal or page that shows it.

    Control characters, and those that change the direction of text, become the escapes that Python writes for them;
    so do the bytes of a file name that is not UTF-8. `lines` keeps line breaks.

    Examples
    --------
    >>> escape_controls("\x1b[31mred")
    '\\x1b[31mred'
    >>> escape_controls("caf\udce9.png")
    'caf\\xe9.png'
    """
    whole = _LONE.sub(_escape, str(text)).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return (_HIDDEN_BUT_BREAKS if lines else _HIDDEN).sub(_escape, whole)


def short_repr(value: object) -> str:
    """Return how Python writes a value, at most 80 characters, however large or deeply nested it is.

    Examples
    --------
    >>> short_repr([[[[1, 2]]]])
    '[[[...]]]'
    """
    return _REPR.repr(value)[:80]


def quantity(count: int, noun: str) -> str:
    """Return a count with its noun: 1 image, 1,200 images."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def join_first(texts: Sequence[str], most: int) -> str:
    """Return the first `most` texts, separated by commas, with " ..." after them where there are more.

    Examples
    --------
    >>> join_first(["a", "b", "c"], 2)
    'a, b ...'
    """
    return ", ".join(texts[:most]) + (" ..." if len(texts) > most else "")


def is_text(name: object) -> bool:
    """Return whether a file name is valid UTF-8, as other programs and text files require."""
    try:
        str(name).encode()
    except UnicodeEncodeError:
        return False
    return True


def as_cell(text: str) -> str:
    r"""Return text for a cell of a CSV file: behind an apostrophe where a spreadsheet would run it as a formula.

    Formulas begin with `=`, `+`, `-`, `@`, a tab or a line break. Text that begins with apostrophes before one of these
    gets one more, so that who takes the first apostrophe off such a cell has the text again. A carriage return, which
    Python's `csv` does not quote everywhere, is written as `\r`.
    """
    text = text.replace("\r", r"\r")
    return f"'{text}" if _FORMULA.match(text) else text


def name_bytes(name: str) -> int:
    """Return how many bytes a file's name takes, in UTF-8."""
    return len(name.encode("utf-8", "replace"))  # a byte that is no UTF-8 is one surrogate, replaced by one


def file_name(stem: str, ending: str = "", most: int = MOST_NAME_BYTES) -> str:
    """Return `stem` + `ending`, at most `most` bytes: a stem that is too long is cut, and ends in digits of its hash,
    so that names that begin alike stay different."""
    room = most - name_bytes(ending)
    if name_bytes(stem) <= room:
        return stem + ending
    digits = hashlib.sha256(stem.encode("utf-8", "surrogatepass")).hexdigest()[:DIGITS]
    cut = stem
    while cut and name_bytes(cut) > room - DIGITS - 1:
        cut = cut[:-1]
    return f"{cut}-{digits}{ending}"


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")
