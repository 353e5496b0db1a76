"""Values and texts that break programs which do not expect them."""

from __future__ import annotations

from random import Random
from typing import Any

DEPTH = 100_000
NEST = "@@NEST@@"
"""Stands in a document for lists in lists, which no writer of JSON or YAML would write so deep."""

NUMBERS: tuple[Any, ...] = (
    *(0, -1, 1, 2, 255, 256, 65535, 65536, 2**31 - 1, 2**31, -(2**31), 2**32, 2**53, 2**63, 2**64, 10**9, 40_000),
    *(10**400, -(10**400), 0.0, -0.0, 0.5, -0.5, 1e-308, 1e16, 1e308, -1e308, 1e309),
    *(float("nan"), float("inf"), float("-inf"), 1_000_000_000, 100_000),
)
PATHS = (
    *(
        "../../etc/passwd",
        "/etc/passwd",
        "/",
        "/usr",
        "..",
        ".",
        "~",
        "a/../../b.png",
        "C:\\x\\y.png",
        "\\\\host\\x.png",
    ),
    *("/dev/zero", "/dev/stdin", "/proc/self/mem", "//", "a//b", "con.png", "a.png/b.png", "file:///etc/passwd"),
    *("/vsicurl/http://127.0.0.1:9/x.tif", "x" * 255 + ".png", "x/" * 3000, ".png", "..png", "a.png\n", " a.png "),
)
TEXTS = (
    *("", " ", "\n", "0", "-1", "1e400", "nan", "None", "null", "true", "'", '"', "%s%n", "{}", "{0.__class__}", "[]"),
    *("a\0b", "\ud800", "\udcff", "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\u202eabc", "\ufeff", "e\u0301", "é"),
    *("=cmd|' /C calc'!A0", "+1", "@SUM(A1)", "<b>", "&amp;", "a" * 10_000, "ä" * 300, "\u00a0", "😀", "a,b;c\td"),
    *("background", "ignore", "__ignore__", "_background_", "void", "[bold]", "x\ry", "\x85", "\u2028"),
)
TYPES: tuple[Any, ...] = (
    None,
    True,
    False,
    [],
    {},
    [[]],
    [{}],
    {"": ""},
    [None],
    [0],
    [[0]],
    [[[]]],
    "",
    0,
    1.5,
    [1, "a"],
)


def value(rng: Random) -> Any:
    """Return a value that has another type, or lies far from what is expected."""
    kind = rng.randrange(10)
    if kind == 0:
        return NEST
    if kind == 1:
        return [0] * 300
    return rng.choice((NUMBERS, NUMBERS, NUMBERS, TEXTS, TEXTS, PATHS, TYPES, TYPES)[kind - 2])


def text(rng: Random) -> str:
    """Return a text that is no name, or a surprising one."""
    return rng.choice((*TEXTS, *PATHS))


def number(rng: Random) -> str:
    """Return a number, or what looks like one, as a text."""
    value = rng.choice(NUMBERS)
    return (
        str(value)
        if rng.random() < 0.9
        else rng.choice(("0x10", "1_000", "1e5", "+5", "٣", "1.", ".5", "1,5", "--1", ""))
    )


def nested(depth: int, opening: str = "[", closing: str = "]") -> str:
    """Return lists in lists."""
    return opening * depth + closing * depth
