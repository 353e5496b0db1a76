from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pixelwise.core import lookup
from pixelwise.data.masks.encoding import pack_rgb
from pixelwise.data.masks.statistics import collect_statistics, masks_per_value, pixels_per_value


def test_statistics_unite_what_the_masks_hold(save, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG")
    masks = [
        save("a.png", [[0, 3, 3]]),
        save("b.png", np.array([[300, 7]], np.uint16)),
        save("c.jpg", [[90, 90]]),
        broken,
        save("d.png", [[[5, 5, 5], [0, 0, 0]]]),
    ]
    statistics = collect_statistics(masks)
    assert (statistics.values, statistics.colors, statistics.first_colored) == ({0, 3, 5, 7, 300}, set(), None)
    masks.append(save("e.png", [[[1, 2, 3], [1, 2, 3], [0, 0, 9]]]))
    statistics = collect_statistics(masks)
    assert (statistics.values, statistics.colors) == ({0, 3, 7, 300}, {0x050505, 0, 0x010203, 9})
    assert statistics.first_colored == masks[-1]
    assert [mask.rgb for mask in statistics.masks] == [False, False, True, True]


def test_pixels_and_masks_are_counted(save) -> None:
    paths = [save("a.png", [[0, 3, 3]]), save("b.png", [[[3, 3, 3], [9, 9, 9], [9, 9, 9]]])]
    masks = collect_statistics(paths).gray_masks
    assert pixels_per_value(masks) == {0: 1, 3: 3, 9: 2}
    assert masks_per_value(masks) == {0: 1, 3: 2, 9: 1}
    deep = collect_statistics([save("c.tif", np.array([[70000, 70000, 2]], np.int32))]).masks[0]
    assert deep.pixels == {2: 1, 70000: 2}
    assert (deep.area, deep.deep, masks[0].deep) == (3, True, False)


def test_the_colours_of_a_palette_that_occur(save_palette) -> None:
    mask = collect_statistics([save_palette("a.png", [[0, 2, 2]], [(1, 2, 3), (4, 5, 6), (7, 8, 9)])]).masks[0]
    assert mask.palette_colors == {0: (1, 2, 3), 2: (7, 8, 9)}
    assert mask.pixels == {0: 1, 2: 2}


@pytest.mark.parametrize("kind", ["gray", "deep", "colours"])
def test_counts_are_those_of_the_whole_mask_some_rows_at_a_time(
    kind: str, save, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "AT_ONCE", 50)
    shape = (40, 21, 3) if kind == "colours" else (40, 21)
    top = 2 if kind == "colours" else 200
    values = np.random.default_rng(0).integers(0, top, shape).astype(np.uint16 if kind == "deep" else np.uint8)
    values[20:] = values[19]  # runs that go on over the border of two parts
    mask = collect_statistics([save("a.png", values)]).masks[0]
    codes = pack_rgb(values) if kind == "colours" else values
    assert mask.pixels == dict(zip(*(column.tolist() for column in np.unique(codes, return_counts=True)), strict=True))
    assert (mask.rgb, mask.gray) == (kind == "colours", kind != "colours")
