"""Changes of picture files: header fields, chunks, tags, and pixels that are stored in another way."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from functools import cache
from random import Random

import numpy as np
from PIL import Image

from lab.fuzz.pictures import encoded

PNG = b"\x89PNG\r\n\x1a\n"
SIZES = (0, 1, 2, 17, 255, 65535, 65536, 23170, 40_000, 2**31 - 1, 2**31, 2**32 - 1)
MODES = ("1", "L", "P", "RGB", "RGBA", "CMYK", "LA", "I;16", "I", "F")
MOST_PIXELS = 10**6
WRITERS = ("PNG", "PNG", "PNG", "TIFF", "JPEG", "GIF", "BMP", "WEBP")
TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 16: 8}


def changed_header(data: bytes, rng: Random) -> bytes:
    """Return a picture with fields of its header, chunks or tags changed; as it is where its kind is not known."""
    if data.startswith(PNG):
        return _changed_png(data, rng)
    if data[:4] in (b"II*\0", b"MM\0*"):
        return _changed_tiff(data, rng)
    for start, change in _FIXED.items():
        if data.startswith(start):
            return change(data, rng)
    return data


def changed_pixels(data: bytes, rng: Random) -> bytes:
    """Return a picture with other values, another size, mode or format. Raises `OSError` for what is no picture."""
    image = Image.open(io.BytesIO(data))
    if image.width * image.height > MOST_PIXELS:
        raise ValueError("too large to change")
    image.load()
    choice = rng.randrange(5)
    if choice <= 1:
        pixels = np.array(image)
        top, left = rng.randrange(pixels.shape[0]), rng.randrange(pixels.shape[1])
        height, width = rng.choice(((1, 1), (3, 3), pixels.shape[:2]))
        highest = 1 if pixels.dtype == bool else min(int(np.iinfo(pixels.dtype).max), 2**31) if _whole(pixels) else 9
        value = rng.choice((0, 1, 2, 7, 19, 33, 127, 128, 254, 255, 256, 1000, 26001, 65535, highest))
        pixels[top : top + height, left : left + width] = min(value, highest)
        changed = Image.fromarray(pixels)
        if image.mode == "P" and (palette := image.getpalette()):
            changed.putpalette(palette[: 3 * rng.choice((256, 256, 2))])
        return encoded(changed)
    if choice == 2:
        size = rng.choice(((1, 1), (1, 500), (image.height, image.width), (image.width + 1, image.height), (64, 64)))
        return encoded(image.resize(size, rng.choice((Image.Resampling.NEAREST, Image.Resampling.BILINEAR))))
    if choice == 3:
        return encoded(_in_mode(image, rng.choice(MODES)), "TIFF")
    kind = rng.choice(WRITERS)
    return encoded(
        image.convert("RGB") if kind in ("JPEG", "WEBP") else image.convert(rng.choice(("L", "P", "RGB"))), kind
    )


def _whole(pixels: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> bool:
    return bool(np.issubdtype(pixels.dtype, np.integer))


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    if mode == "I;16":
        return Image.fromarray(np.array(image.convert("L")).astype(np.uint16) * 257)
    return image.convert("L").convert(mode) if mode in ("I", "F") else image.convert(mode)


def _changed_png(data: bytes, rng: Random) -> bytes:
    chunks = _chunks(data)
    choice = rng.randrange(7)
    if choice <= 2 and chunks:
        name, body = chunks[0]
        header = bytearray(body)
        if choice < 2 and len(header) >= 13:
            header[rng.choice((8, 9, 9, 10, 11, 12))] = rng.choice((0, 1, 2, 3, 4, 6, 8, 16, 255))
        if choice > 0 and len(header) >= 8:
            struct.pack_into(">I", header, rng.choice((0, 4)), rng.choice(SIZES))
        chunks[0] = name, bytes(header)
    elif choice == 3:
        at = rng.randrange(len(chunks))
        chunks[at : at + 1] = rng.choice(([], [chunks[at]] * 2, chunks[at:][::-1]))
    elif choice == 4:
        bomb = _zeros(10_000_000)
        kind = rng.choice((b"zTXt", b"iTXt", b"iCCP", b"tEXt", b"eXIf", b"tRNS", b"PLTE", b"acTL", b"gAMA"))
        start = b"key\0\1\0\0\0" if kind == b"iTXt" else b"key\0\0"
        chunks.insert(rng.randint(1, len(chunks)), (kind, rng.choice((start + bomb, rng.randbytes(30), b""))))
    elif choice == 5:
        pixels = _zeros(rng.choice((0, 10, 30_000_000)))
        chunks = [(name, pixels if name == b"IDAT" else body) for name, body in chunks]
    else:
        at = rng.randrange(len(chunks))
        length = struct.pack(">I", rng.choice(SIZES))
        parts = [_chunk(*chunk) for chunk in chunks]
        parts[at] = length + parts[at][4:]
        return PNG + b"".join(parts)
    return PNG + b"".join(_chunk(*chunk) for chunk in chunks)


@cache
def _zeros(count: int) -> bytes:
    return zlib.compress(bytes(count))


def _chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    chunks, at = [], len(PNG)
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return chunks or [(b"IHDR", bytes(13))]


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _changed_tiff(data: bytes, rng: Random) -> bytes:
    """Change tags of the first directory: a value, a type, a count, a tag's number, or where the next directory is."""
    order = "<" if data[:2] == b"II" else ">"
    result = bytearray(data)
    (at,) = struct.unpack_from(order + "I", data, 4)
    if at + 2 > len(data):
        return data
    (count,) = struct.unpack_from(order + "H", data, at)
    for _ in range(rng.choice((1, 1, 2, 3))):
        entry = at + 2 + 12 * rng.randrange(max(1, count))
        if entry + 16 > len(data):
            return bytes(result)
        choice = rng.randrange(8)
        if choice == 0:
            struct.pack_into(order + "I", result, at + 2 + 12 * count, rng.choice((0, at, 8, len(data), 2**32 - 1)))
        elif choice == 1:
            struct.pack_into(order + "H", result, entry + 2, rng.choice((0, 1, 2, 3, 4, 5, 12, 13, 16, 255)))
        elif choice == 2:
            struct.pack_into(order + "I", result, entry + 4, rng.choice(SIZES))
        elif choice == 3:
            struct.pack_into(
                order + "H", result, entry, rng.choice((254, 256, 258, 259, 262, 277, 320, 322, 330, 33550))
            )
        elif struct.unpack_from(order + "H", result, entry + 2)[0] == 3 and rng.random() < 0.7:
            struct.pack_into(
                order + "H", result, entry + 8, rng.choice((0, 1, 2, 3, 4, 5, 6, 7, 8, 16, 32, 32773, 65535))
            )
        else:
            struct.pack_into(order + "I", result, entry + 8, rng.choice((*SIZES, at, len(data) - 1)))
    return bytes(result)


def _at(layout: str, *offsets: int) -> Callable[[bytes, Random], bytes]:
    """Return what writes an extreme number at one of the offsets of a file."""

    def change(data: bytes, rng: Random) -> bytes:
        result, at = bytearray(data), rng.choice(offsets)
        size = struct.calcsize(layout)
        if at + size <= len(data):
            struct.pack_into(layout, result, at, rng.choice(SIZES) & (256**size - 1))
        return bytes(result)

    return change


def _changed_jpeg(data: bytes, rng: Random) -> bytes:
    """Change the height, width, depth or channels of the frame header, or the length of a segment."""
    frame = next((at for start in (b"\xff\xc0", b"\xff\xc2") if (at := data.find(start)) > 0), 0)
    marker = rng.choice([at for at in range(2, len(data) - 4) if data[at] == 0xFF and data[at + 1] >= 0xC0] or [0])
    return _at(">H", frame + 2, frame + 5, frame + 7, frame + 9, marker + 2)(data, rng)


def _changed_jp2(data: bytes, rng: Random) -> bytes:
    header, codestream = data.find(b"ihdr"), data.find(b"\xff\x51")
    return _at(">I", header + 4, header + 8, codestream + 6, codestream + 10, codestream + 22, codestream + 26)(
        data, rng
    )


_FIXED: dict[bytes, Callable[[bytes, Random], bytes]] = {
    b"BM": _at("<I", 2, 10, 14, 18, 22, 28, 30, 46),
    b"GIF8": _at("<H", 6, 8, 10, 785, 787, 789, 791),
    b"RIFF": _at("<I", 4, 12, 16, 20, 24, 26, 28),
    b"\xff\xd8": _changed_jpeg,
    b"\0\0\0\x0cjP": _changed_jp2,
    b"\0\0\x02": _at("<H", 0, 2, 8, 12, 14, 16),
}
