from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pixelwise.core import lookup
from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.core.errors import ImageError, MaskError
from pixelwise.data.masks.encoding import MaskEncoding, is_gray, pack_rgb, read_instance_map, unpack_rgb

CLASSES = ClassMap.from_names(("a", "b", "c"))
INDEX = MaskEncoding(CLASSES, {0: 0, 1: 1, 2: 2, 255: IGNORE_INDEX})
COLORS = MaskEncoding(CLASSES, {}, {0x000000: 255, 0x0A141E: 0, 0xFF0000: 1, 0x00FF00: 2})


def test_values_become_labels(save) -> None:
    values = np.array([[0, 1, 2], [255, 2, 0]])
    label_map = INDEX.read(save("a.png", values))
    assert label_map.dtype == np.uint8
    assert_array_equal(label_map, values)
    deep = save("b.png", values.astype(np.uint16))
    assert_array_equal(INDEX.read(deep), values)
    assert_array_equal(MaskEncoding(CLASSES, {0: 2, 1: 1, 2: 0, 255: 255}).read(deep), [[2, 1, 0], [255, 0, 2]])


def test_unknown_values_are_counted_and_named(save) -> None:
    path = save("a.png", [[0, 3, 3], [77, 2, 3]])
    with pytest.raises(MaskError) as caught:
        INDEX.read(path)
    assert caught.value.where == str(path)
    assert caught.value.found == "values 3, 77 in 4 pixels, the first at row 0, column 1 (counted from 0)"
    assert caught.value.expected == "a class or no label: 0..2, 255"


def test_values_beyond_8_bits_are_unknown_too(save) -> None:
    with pytest.raises(MaskError, match="value 65535 in 1 pixel, at row 0, column 1 "):
        INDEX.read(save("a.png", np.array([[0, 65535]], np.uint16)))
    with pytest.raises(MaskError, match="value -1 in 1 pixel, at row 0, column 1 "):
        INDEX.read(save("a.tif", np.array([[0, -1]], np.int32)))


def test_colours_become_labels(save) -> None:
    mask = save("a.png", [[[10, 20, 30], [255, 0, 0]], [[0, 255, 0], [0, 0, 0]]])
    assert_array_equal(COLORS.read(mask), [[0, 1], [2, 255]])
    black = save("b.png", np.zeros((2, 2, 3)))
    assert_array_equal(COLORS.read(black), [[255, 255], [255, 255]])


def test_unknown_colours_are_counted_and_named(save) -> None:
    with pytest.raises(MaskError) as caught:
        COLORS.read(save("a.png", [[[10, 20, 30], [10, 20, 31], [255, 255, 255]]]))
    assert caught.value.found.startswith("colours [10, 20, 31], [255, 255, 255] in 2 pixels, the first at row 0, ")
    assert "[10, 20, 30]" in caught.value.expected


def test_gray_rgb_is_read_by_value_where_the_data_has_no_colours(save) -> None:
    assert_array_equal(INDEX.read(save("a.png", [[[1, 1, 1], [2, 2, 2]]])), [[1, 2]])
    with pytest.raises(MaskError, match="a mask in colours"):
        INDEX.read(save("b.png", [[[1, 1, 2], [2, 2, 2]]]))


def test_jpeg_is_refused_even_where_no_value_was_smeared(save) -> None:
    with pytest.raises(MaskError, match="JPEG"):
        INDEX.read(save("a.png", np.zeros((8, 8)), format="JPEG"))


def test_an_unreadable_mask_is_an_image_error(tmp_path) -> None:
    with pytest.raises(ImageError):
        INDEX.read(tmp_path / "none.png")


def test_object_ids(save) -> None:
    ids = np.array([[0, 1, 300], [65535, 0, 2]], np.uint16)
    path = save("a.png", ids)
    instance_map = read_instance_map(path)
    assert instance_map.dtype == np.int32
    assert_array_equal(instance_map, ids)
    with pytest.raises(MaskError, match="RGB"):
        read_instance_map(save("b.png"))
    with pytest.raises(MaskError, match="to 65536"):
        read_instance_map(save("c.tif", np.array([[65536]], np.int32)))


def test_packing() -> None:
    assert pack_rgb(np.array([[[1, 2, 3]]], np.uint8)).item() == 1 * 65536 + 2 * 256 + 3
    assert unpack_rgb(0x0102FF) == (1, 2, 255)
    assert is_gray(np.full((2, 2, 3), 5, np.uint8))
    assert not is_gray(np.array([[[5, 5, 6]]], np.uint8))


def test_values_of_two_codings_in_one_mask(save) -> None:
    encoding = MaskEncoding(
        CLASSES, {0: 0, 1: 1, 2: 2, 127: 1, 254: 2}, apart=(frozenset({1, 2}), frozenset({127, 254}))
    )
    assert_array_equal(encoding.read(save("a.png", [[0, 127, 254]])), [[0, 1, 2]])
    with pytest.raises(MaskError, match="values of two encodings in one mask: 2 and 127;"):
        encoding.read(save("b.png", [[0, 2, 127]]))


def test_object_ids_with_a_value_without_a_label(save) -> None:
    encoding = MaskEncoding(CLASSES, {255: IGNORE_INDEX}, objects=True)
    assert_array_equal(encoding.read(save("a.png", [[0, 3, 254, 255]])), [[0, 1, 1, 255]])
    assert [encoding.values_of(label) for label in (0, 255)] == ["0", "255"]


def test_masks_are_read_some_rows_at_a_time(save, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "AT_ONCE", 20)
    values = np.random.default_rng(0).choice([0, 1, 2, 255], (30, 7))
    table = np.array([[10, 20, 30], [255, 0, 0], [0, 255, 0], *[[0, 0, 0]] * 253])
    for encoding, stored in ((INDEX, values), (INDEX, values.astype(np.uint16)), (COLORS, table[values])):
        assert_array_equal(encoding.read(save("a.png", stored)), values)
    values[[17, 28], [3, 5]] = 77
    for dtype in (np.uint8, np.uint16):
        with pytest.raises(MaskError, match="value 77 in 2 pixels, the first at row 17, column 3 "):
            INDEX.read(save("a.png", values.astype(dtype)))
    table[77] = 9
    with pytest.raises(MaskError, match=r"colour \[9, 9, 9\] in 2 pixels, the first at row 17, column 3 "):
        COLORS.read(save("a.png", table[values]))
    jpeg_like = np.random.default_rng(1).integers(0, 256, (30, 7, 3))
    smooth = MaskEncoding(CLASSES, {value: int(value > 127) for value in range(256)}, smooth=True)
    assert_array_equal(smooth.read(save("a.png", jpeg_like)), jpeg_like.mean(axis=2).round() > 127)
