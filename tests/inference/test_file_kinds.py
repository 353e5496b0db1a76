"""One file has one meaning: whole, in windows, in `predict` and in `evaluate`, for 200 kinds of TIFF drawn by chance.

The files are written here byte by byte after "TIFF Revision 6.0", so that nothing but the specification says what they
mean; the expected pixels come from the picture that went into them.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pytest
import rasterio
from numpy.testing import assert_array_equal
from PIL import Image

from pixelwise.core.classes import ClassMap
from pixelwise.core.errors import ImageError
from pixelwise.core.value_range import ValueRange
from pixelwise.data.dataset import Dataset, Item, Labels
from pixelwise.inference.batch import predict_files
from pixelwise.inference.engines.base import FunctionEngine
from pixelwise.inference.evaluate import evaluate
from pixelwise.inference.jobs import plan_jobs
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.result import Result
from pixelwise.inference.scans import predict_scans
from pixelwise.raster import scan as raster_scan
from pixelwise.raster.image import image_size, read_image
from pixelwise.raster.scan import Scan

if TYPE_CHECKING:
    from tests.inference.conftest import ColourModel, UInt8

RANGE = ValueRange((100.0, 90.0, 80.0), (3000.0, 3100.0, 3200.0))
"""What becomes 0 and 255 of values of more than 8 bits here."""
MODES = {
    # name: (samples, bits, sample format: 1 unsigned, 2 signed, 3 floating-point)
    "bits": (1, 1, 1),
    "gray4": (1, 4, 1),
    "gray8": (1, 8, 1),
    "gray16": (1, 16, 1),
    "signed16": (1, 16, 2),
    "gray32": (1, 32, 1),
    "float32": (1, 32, 3),
    "float64": (1, 64, 3),
    "palette4": (1, 4, 1),
    "palette8": (1, 8, 1),
    "gray_alpha8": (2, 8, 1),
    "rgb8": (3, 8, 1),
    "rgba8": (4, 8, 1),
    "rgb16": (3, 16, 1),
    "rgba16": (4, 16, 1),
    "rgb_float32": (3, 32, 3),
}
TYPES = {(8, 1): "u1", (16, 1): "u2", (32, 1): "u4", (16, 2): "i2", (32, 3): "f4", (64, 3): "f8"}


@dataclass(frozen=True)
class Kind:
    mode: str
    white: bool
    planar: bool
    tiled: bool
    orientation: int
    order: str
    placed: bool
    large: bool


def drawn(seed: int) -> Kind:
    rng = np.random.default_rng(seed)
    mode = list(MODES)[seed % len(MODES)]
    samples = MODES[mode][0]
    flag = (bool(bit) for bit in rng.integers(0, 2, 5))
    white = next(flag) and mode in ("bits", "gray4", "gray8", "gray16", "signed16")
    planar = next(flag) and samples > 1
    orientation = int(rng.integers(1, 9)) if rng.random() < 0.6 else 1
    return Kind(mode, white, planar, next(flag), orientation, "<>"[rng.integers(2)], next(flag), next(flag))


def picture(kind: Kind, seed: int, height: int = 70, width: int = 91) -> npt.NDArray[Any]:
    """Stored values (height, width, samples)."""
    samples, bits, form = MODES[kind.mode]
    rng = np.random.default_rng((seed, 1))
    if form == 3:
        return rng.uniform(-500, 4000, (height, width, samples))
    low, high = (-500, 4000) if form == 2 else (0, 2 ** min(bits, 12))
    return rng.integers(low, high, (height, width, samples))


def palette_of(seed: int, bits: int) -> npt.NDArray[Any]:
    return np.random.default_rng((seed, 2)).integers(0, 256, (2**bits, 3))


def as_seen(kind: Kind, stored: npt.NDArray[Any], seed: int) -> UInt8:
    """What a person would call the picture, uint8 (height, width, 3)."""
    samples, bits, form = MODES[kind.mode]
    if kind.mode.startswith("palette"):
        shown = palette_of(seed, bits)[stored[..., 0]].astype(np.uint8)
    else:
        values = stored[..., : 3 if samples >= 3 else 1].astype(np.float64)
        if form == 3:
            values = values.astype(TYPES[bits, form])
        if kind.white:
            values = -1 - values if form == 2 else 2**bits - 1 - values
        values = np.broadcast_to(values, (*values.shape[:2], 3))
        if bits <= 8:
            shown = (values * (255 / (2**bits - 1))).round().astype(np.uint8)
        else:
            low, high = np.array(RANGE.low), np.array(RANGE.high)
            shown = np.rint(np.clip((values.astype(np.float64) - low) * (255 / (high - low)), 0, 255)).astype(np.uint8)
    turns = {
        1: shown,
        2: shown[:, ::-1],
        3: shown[::-1, ::-1],
        4: shown[::-1],
        5: shown.transpose(1, 0, 2),
        6: np.rot90(shown, -1),
        7: shown[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(shown, 1),
    }
    return np.ascontiguousarray(turns[kind.orientation])


def packed(values: npt.NDArray[Any], bits: int, form: int, order: str) -> bytes:
    """Bytes of values (height, width, samples), each row from a byte of its own."""
    if bits >= 8:
        return values.astype(order + TYPES[bits, form]).tobytes()
    flat = values.reshape(len(values), -1).astype(np.uint8)
    unpacked = np.unpackbits(flat[..., None], axis=2)[:, :, 8 - bits :].reshape(len(flat), -1)
    return np.packbits(unpacked, axis=1).tobytes()


def write_tiff(path: Path, kind: Kind, stored: npt.NDArray[Any], seed: int) -> Path:
    samples, bits, form = MODES[kind.mode]
    height, width, _ = stored.shape
    planes = [stored[..., i : i + 1] for i in range(samples)] if kind.planar else [stored]
    side = 32 if kind.tiled else None
    chunks = []
    for plane in planes:
        if side is None:
            chunks += [packed(plane[top : top + 20], bits, form, kind.order) for top in range(0, height, 20)]
            continue
        tiles = np.zeros((-(-height // side) * side, -(-width // side) * side, plane.shape[2]), plane.dtype)
        tiles[:height, :width] = plane
        for top in range(0, height, side):
            for left in range(0, width, side):
                chunks.append(packed(tiles[top : top + side, left : left + side], bits, form, kind.order))
    photometric = 3 if kind.mode.startswith("palette") else 2 if samples >= 3 else 0 if kind.white else 1
    tags: dict[int, tuple[str, Any]] = {
        256: ("I", [width]),
        257: ("I", [height]),
        258: ("H", [bits] * samples),
        259: ("H", [1]),
        262: ("H", [photometric]),
        274: ("H", [kind.orientation]),
        277: ("H", [samples]),
        284: ("H", [2 if kind.planar else 1]),
        339: ("H", [form] * samples),
    }
    if samples in (2, 4):
        tags[338] = ("H", [2])
    if photometric == 3:
        tags[320] = ("H", (palette_of(seed, bits) * 257).T.ravel().tolist())
    if kind.placed:
        tags[33550] = ("d", [0.5, 0.5, 0])
        tags[33922] = ("d", [0, 0, 0, 500_000, 5_500_000, 0])
    places, counts = ("I", [0] * len(chunks)), ("I", [len(chunk) for chunk in chunks])
    if side is None:
        tags |= {273: places, 278: ("I", [20]), 279: counts}
    else:
        tags |= {322: ("H", [side]), 323: ("H", [side]), 324: places, 325: counts}
    path.write_bytes(_file(tags, chunks, kind.order, 273 if side is None else 324))
    return path


def _file(tags: dict[int, tuple[str, Any]], chunks: list[bytes], order: str, place_tag: int) -> bytes:
    codes = {"H": 3, "I": 4, "d": 12}
    start = 8 + 2 + 12 * len(tags) + 4
    sizes = {tag: len(values) * struct.calcsize(code) for tag, (code, values) in tags.items()}
    extra = start
    at = {}
    for tag in sorted(tags):
        if sizes[tag] > 4:
            at[tag], extra = extra, extra + sizes[tag] + sizes[tag] % 2
    tags[place_tag] = ("I", [extra + sum(map(len, chunks[:i])) for i in range(len(chunks))])
    head = struct.pack(order + "2sHI", b"II" if order == "<" else b"MM", 42, 8) + struct.pack(order + "H", len(tags))
    body = b""
    for tag in sorted(tags):
        code, values = tags[tag]
        data = struct.pack(f"{order}{len(values)}{code}", *values)
        inline = struct.pack(order + "I", at[tag]) if tag in at else data.ljust(4, b"\0")
        head += struct.pack(order + "HHI", tag, codes[code], len(values)) + inline
        body += data.ljust(len(data) + len(data) % 2, b"\0") if tag in at else b""
    return head + struct.pack(order + "I", 0) + body + b"".join(chunks)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("seed", range(200))
def test_one_file_has_one_meaning(
    colour: ColourModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    kind = drawn(seed)
    stored = picture(kind, seed)
    expected = as_seen(kind, stored, seed)
    path = write_tiff(tmp_path / "a.tif", kind, stored, seed)
    monkeypatch.setattr(raster_scan, "LARGE_PIXELS", 70 * 91 if kind.large else 10**6)

    assert image_size(path) == expected.shape[:2]
    assert_array_equal(read_image(path, RANGE), expected)
    with Scan(path, value_range=RANGE) as scan:
        assert scan.shape == expected.shape
        assert_array_equal(scan[11:40, 3:64], expected[11:40, 3:64])

    info = type(colour.info)(**{**vars(colour.info), "value_range": RANGE})
    predictor = Predictor(FunctionEngine(lambda images: np.stack([colour.logits(image) for image in images])), info)
    (job,) = plan_jobs([str(path)], tmp_path / "out", ("mask",))
    assert (job.scan, job.placed) == (kind.large, kind.large or kind.placed)
    assert (predict_scans if job.scan else predict_files)(predictor, [job]) == {}
    labels = colour.labels(expected)
    if job.placed:
        with rasterio.open(job.outputs["mask"]) as file:
            mask = file.read(1)
            seen_corner = file.transform * (0, 0)
        assert seen_corner == (corner(kind, stored.shape) if kind.placed else (0, 0))
        assert mask.shape == labels.shape
        # What the file calls transparent has no label.
        assert_array_equal(mask[mask != 255], labels[mask != 255])
        assert (mask != 255).any()
        assert kind.mode in ("rgba8", "rgba16", "gray_alpha8") or (mask != 255).all()
    else:
        assert_array_equal(np.asarray(Image.open(job.outputs["mask"])), labels)

    viewed: list[UInt8] = []

    def on_image(item: Item, sample: object, result: Result) -> None:
        viewed.append(result.label_map)

    classes: ClassMap = colour.info.classes
    dataset = Dataset(tmp_path, "folders", classes, {"test": (Item("a", path, path),)}, lambda item: Labels(labels))
    scores = evaluate(predictor, dataset, "test", on_image=on_image)
    assert_array_equal(viewed[0], labels)
    assert scores.to_json_dict()["global_accuracy"] == 1


def corner(kind: Kind, shape: tuple[int, ...]) -> tuple[float, float]:
    """Where on earth the top left corner of the picture, as it is looked at, lies: pixels are half a metre."""
    height, width = shape[0] / 2, shape[1] / 2
    right = width if kind.orientation in (2, 3, 7, 8) else 0
    down = height if kind.orientation in (3, 4, 6, 7) else 0
    if kind.orientation in (6, 8):  # the stored picture's corner that comes to the top left
        right, down = (0, height) if kind.orientation == 6 else (width, 0)
    return 500_000 + right, 5_500_000 - down


@pytest.mark.parametrize("seed", range(0, 200, 3))
def test_without_rasterio_it_means_the_same_or_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    kind = drawn(seed)
    stored = picture(kind, seed)
    path = write_tiff(tmp_path / "a.tif", kind, stored, seed)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    refusal = ""
    try:
        image = read_image(path, RANGE)
    except ImageError as error:
        refusal = str(error)
    if refusal:
        assert "pip install 'pixelwise[geo]'" in refusal
        assert MODES[kind.mode][1] > 8 or kind.planar
    else:
        assert_array_equal(image, as_seen(kind, stored, seed))
