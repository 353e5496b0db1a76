import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pixelwise.core.classes import ClassMap
from pixelwise.core.errors import ShapeError
from pixelwise.render import (
    join_column,
    join_row,
    join_row_with_captions,
    legend,
)

CLASSES = ClassMap(("red", "blue"), ((200, 0, 0), (0, 0, 100)))
WHITE = (255, 255, 255)


def picture(height, width, color=(100, 100, 100)):
    return np.full((height, width, 3), color, np.uint8)


def test_rows_and_columns_leave_white_between():
    left, right = picture(2, 1, (1, 2, 3)), picture(2, 2, (4, 5, 6))
    row = join_row([left, right], gap=2)
    assert_array_equal(row, [[(1, 2, 3), WHITE, WHITE, (4, 5, 6), (4, 5, 6)]] * 2)
    column = join_column([left.transpose(1, 0, 2), right.transpose(1, 0, 2)], gap=1)
    assert_array_equal(column, [[(1, 2, 3)] * 2, [WHITE] * 2, [(4, 5, 6)] * 2, [(4, 5, 6)] * 2])
    assert_array_equal(join_row([left]), left)


def test_a_row_with_captions_writes_each_caption_below_its_picture():
    images = [picture(20, 120), picture(20, 80)]
    sheet = join_row_with_captions(images, ["photo", ""], gap=10)
    assert_array_equal(sheet[:20], join_row(images, gap=10))
    inked = np.flatnonzero((sheet[20:] < 128).all(axis=2).any(axis=0))
    assert inked[0] > 30
    assert inked[-1] < 90
    assert abs((inked[0] + inked[-1]) / 2 - 60) <= 2


def test_legend_shows_every_colour_and_takes_another_line_where_one_is_full():
    wide, narrow = legend(CLASSES, 200), legend(CLASSES, 60)
    assert wide.shape[1] == 200
    assert narrow.shape[1] == 60
    assert narrow.shape[0] == 2 * wide.shape[0]
    for sheet in (wide, narrow):
        for color in CLASSES.colors:
            assert (sheet == color).all(axis=2).sum() > 80


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: join_row([]), "pictures: found none"),
        (lambda: join_row([picture(2, 3), picture(3, 3)]), "picture 2: found height 3; expected 2"),
        (lambda: join_column([picture(2, 3), picture(2, 4)]), "picture 2: found width 4; expected 3"),
        (lambda: join_row_with_captions([picture(2, 3)], []), "found 0 captions for 1 pictures"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(call, message):
    with pytest.raises(ShapeError, match=message):
        call()
