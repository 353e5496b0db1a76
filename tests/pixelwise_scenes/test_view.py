import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pixelwise_scenes.view import View, project_surface

VIEW = View(height=120, width=160, focal=150.0, horizon=40.0, eye=10.0)
UP = (0.0, 1.0, 0.0)


class Plain:
    def height(self, x, z):
        return np.zeros_like(x)


class Wall(Plain):
    """A plain that rises by 5 m at z = 100 and stays there."""

    def height(self, x, z):
        return np.where(z > 100, np.float32(5.0), np.float32(0.0)) * np.ones_like(x)


def test_projects_like_a_pinhole():
    # 10 m below the eye at 50 m: 150 * 10 / 50 = 30 rows below the horizon; 8 m to the right: 24 columns
    assert VIEW.row(0.0, 50.0) == pytest.approx(70.0)
    assert VIEW.column(8.0, 50.0) == pytest.approx(104.0)


def test_box_is_cut_at_the_picture_and_empty_outside_it():
    assert VIEW.box(-5.0, 3.0, 100.0, 500.0) == (slice(0, 5), slice(99, 160))
    assert VIEW.box(130.0, 150.0, 0.0, 9.0) is None


def test_a_plain_is_seen_at_the_distance_of_its_row():
    surface = project_surface(VIEW, Plain(), UP)
    rows, columns = np.arange(45, 115), 30
    expected = 150.0 * 10.0 / (rows + 0.5 - 40.0)
    assert_allclose(surface.z[rows, columns], expected, rtol=2e-3)
    assert_allclose(surface.x[rows, columns], expected * (30.5 - 80.0) / 150.0, rtol=2e-3)
    assert_array_equal(surface.land[:40], False)
    assert_array_equal(surface.land[41:], True)
    assert np.isinf(surface.z[:40]).all()


def test_a_level_plain_meets_the_sun_at_its_height():
    surface = project_surface(VIEW, Plain(), (0.6, 0.8, 0.0))
    assert_allclose(surface.lambert[60:], 0.8, atol=1e-5)


def test_a_rise_hides_what_lies_behind_its_foot():
    surface = project_surface(VIEW, Wall(), UP)
    # foot at row 40 + 150 * 10 / 100 = 55, edge at 40 + 150 * 5 / 100 = 47.5: between them the wall itself.
    # The slices are 19 m apart there (steps of 0.0019 in 1/z), so it is known to within one of them.
    assert_allclose(surface.z[49:54], 100.0, atol=19.0)
    assert surface.z[57, 0] < 100.0
    assert surface.z[45, 0] == pytest.approx(150.0 * 5.0 / 5.5, rel=0.01)
