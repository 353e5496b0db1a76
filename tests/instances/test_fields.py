"""What grouping is told of logits, by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pixelwise.core.errors import ShapeError
from pixelwise.instances.fields import NO_THING, CentreOffsetMaps


def test_the_best_class_counts_where_it_is_a_thing() -> None:
    """Background, a thing, and stuff; of a tie the first is best."""
    logits = np.zeros((6, 1, 4), np.float32)
    logits[:3, 0] = [[0, 1, 0, 2], [3, 1, 0, 1], [0, 0, 9, 0]]
    logits[3:, 0] = [[0.5, 0, 0, 0], [1.4, -1.5, 0, 40_000], [-0.6, 0, 0, -40_000]]
    fields = CentreOffsetMaps.from_logits(logits, (1,))
    assert_array_equal(fields.class_index, [[1, NO_THING, NO_THING, NO_THING]])
    assert_allclose(fields.probability[0, 0], np.exp(3) / (np.exp(3) + 2), rtol=1e-6)
    assert_array_equal(fields.heat, logits[3])
    assert_array_equal(fields.down, [[1, -2, 0, 32767]])
    assert_array_equal(fields.right, [[-1, 0, 0, -32768]])


def test_an_image_is_filled_part_by_part() -> None:
    logits = np.random.default_rng(0).normal(0, 9, (5, 6, 7)).astype(np.float32)
    whole, filled = CentreOffsetMaps.from_logits(logits, (1,)), CentreOffsetMaps.empty((6, 7))
    for rows in (slice(0, 4), slice(4, 6)):
        for columns in (slice(0, 3), slice(3, 7)):
            filled.paste((rows, columns), CentreOffsetMaps.from_logits(logits[:, rows, columns], (1,)))
    for field in dataclasses.fields(CentreOffsetMaps):
        assert_array_equal(getattr(filled, field.name), getattr(whole, field.name))
        assert getattr(filled, field.name).dtype == getattr(whole, field.name).dtype


def test_another_number_of_channels() -> None:
    with pytest.raises(ShapeError, match=r"\(5 or more, height, width\)"):
        CentreOffsetMaps.from_logits(np.zeros((4, 2, 2), np.float32), (1,))
