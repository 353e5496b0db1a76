"""Run lengths by hand, and those of COCO's own code."""

from __future__ import annotations

import numpy as np
import pytest
from faster_coco_eval.core import mask as coco_mask
from numpy.testing import assert_array_equal

from pixelwise.core.errors import MaskError
from pixelwise.instances.rle import compress_counts, decode_mask, decompress_counts, encode_mask, encode_objects


def test_runs_go_down_the_columns_and_begin_with_zeros() -> None:
    assert encode_mask(np.array([[0, 1, 1], [0, 1, 0]], bool)) == [2, 3, 1]
    assert encode_mask(np.array([[1, 0], [1, 0]], bool)) == [0, 2, 2]
    assert encode_mask(np.zeros((2, 3), bool)) == [6]


def test_a_large_count_takes_several_characters() -> None:
    """40 = 8 + 1 * 32: 8 with more to follow, chr(48 + 32 + 8), then 1."""
    assert compress_counts([40]) == "X1"
    assert decompress_counts("X1", "here") == [40]


@pytest.mark.parametrize("seed", range(8))
def test_runs_are_cocos_both_ways(seed: int) -> None:
    """Sparse and dense masks, with counts that shrink and grow."""
    rng = np.random.default_rng(seed)
    mask = np.kron(rng.random((7, 9)) < rng.random(), np.ones(rng.integers(1, 40, 2), bool)).astype(bool)
    theirs = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    text = theirs["counts"].decode() if isinstance(theirs["counts"], bytes) else theirs["counts"]
    assert compress_counts(encode_mask(mask)) == text
    assert decompress_counts(text, "here") == encode_mask(mask)
    assert_array_equal(decode_mask(text, mask.shape, "here"), mask)
    assert_array_equal(decode_mask(encode_mask(mask), mask.shape, "here"), mask)


@pytest.mark.parametrize(
    ("counts", "problem"),
    [
        ([1, 2], "runs of 3 pixels"),
        ([7, -1], "runs of 6 pixels"),
        ([2, "4"], "runs that are no numbers of pixels"),
        ("~", "'~' in compressed runs"),
        ("P", "compressed runs that break off"),
    ],
)
def test_runs_that_are_none(counts: list[int] | str, problem: str) -> None:
    with pytest.raises(MaskError, match=f"annotations.json: found {problem}"):
        decode_mask(counts, (2, 3), "annotations.json")


def test_all_objects_of_a_map_at_once_are_as_each_by_itself() -> None:
    """Objects in several pieces, at both ends, and an id without a pixel, which no mask of pixels has: all zeros."""
    instance_map = np.random.default_rng(1).integers(0, 4, (7, 9)).astype(np.int32)
    for corner in (0, 2):
        instance_map[0, 0] = instance_map[-1, -1] = corner
        expected = [encode_mask(instance_map == number) for number in (1, 2, 3, 4)]
        assert encode_objects(instance_map, 4) == expected
