"""Changes of bytes, whatever they mean."""

from __future__ import annotations

import struct
from collections.abc import Callable
from random import Random

INTERESTING = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def flip(data: bytearray, rng: Random, other: bytes) -> None:
    """Flip one to eight bits."""
    for _ in range(rng.randint(1, 8) if data else 0):
        data[_place(data, rng)] ^= 1 << rng.randrange(8)


def insert(data: bytearray, rng: Random, other: bytes) -> None:
    """Insert bytes by chance."""
    at = rng.randint(0, len(data))
    data[at:at] = rng.randbytes(rng.choice((1, 2, 4, 16, 300)))


def delete(data: bytearray, rng: Random, other: bytes) -> None:
    """Take a block away."""
    at = rng.randint(0, len(data))
    del data[at : at + rng.choice((1, 2, 4, 16, 300))]


def truncate(data: bytearray, rng: Random, other: bytes) -> None:
    """Cut the end off."""
    del data[rng.randint(0, len(data)) :]


def duplicate(data: bytearray, rng: Random, other: bytes) -> None:
    """Repeat a block where it stands."""
    at = rng.randint(0, len(data))
    block = bytes(data[at : at + rng.choice((1, 4, 16, 300))])
    data[at:at] = block * rng.choice((1, 1, 2, 50))


def splice(data: bytearray, rng: Random, other: bytes) -> None:
    """Go on as another file does."""
    del data[rng.randint(0, len(data)) :]
    data += other[rng.randint(0, len(other)) :]


def overwrite(data: bytearray, rng: Random, other: bytes) -> None:
    """Write an extreme number over 1, 2 or 4 bytes, mostly near the beginning, where headers are."""
    layout = rng.choice(("B", "<H", ">H", "<I", ">I"))
    size = struct.calcsize(layout)
    if len(data) < size:
        return
    last = len(data) - size
    at = rng.randint(0, last if rng.random() < 0.3 else min(last, 64))
    data[at : at + size] = struct.pack(layout, rng.choice(INTERESTING) & (256**size - 1))


def blank(data: bytearray, rng: Random, other: bytes) -> None:
    """Set a block to 0 or 255."""
    at, size = rng.randint(0, len(data)), rng.choice((1, 8, 100))
    size = min(size, len(data) - at)
    data[at : at + size] = rng.choice((b"\0", b"\xff")) * size


def replace(data: bytearray, rng: Random, other: bytes) -> None:
    """Be another file, or none."""
    data[:] = rng.choice((other, b"", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", rng.randbytes(50)))


CHANGES: tuple[Callable[[bytearray, Random, bytes], None], ...] = (
    *(flip, flip, insert, delete, truncate, duplicate, splice, overwrite, overwrite, blank, replace),
)


def changed(data: bytes, rng: Random, other: bytes) -> bytes:
    """Return the bytes with one or several changes; `other` is what a file of another kind holds."""
    result = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        rng.choice(CHANGES)(result, rng, other)
    return bytes(result)


def _place(data: bytearray, rng: Random) -> int:
    return rng.randrange(len(data))
