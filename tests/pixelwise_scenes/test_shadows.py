import numpy as np

from pixelwise_scenes.blend import rgb
from pixelwise_scenes.layout import Things
from pixelwise_scenes.light import Light
from pixelwise_scenes.poles import Pole
from pixelwise_scenes.shadows import cast_shadows
from pixelwise_scenes.view import View, project_surface

VIEW = View(height=240, width=320, focal=288.0, horizon=80.0, eye=10.0)


class Plain:
    def height(self, x, z):
        return np.zeros_like(x)


def test_a_pole_darkens_the_ground_away_from_the_sun_and_nothing_else():
    # sun on the right at 45 degrees: a pole of 8 m at (0, 30) reaches 8 m to the left
    light = Light((0.7071, 0.7071, 0.0), *[rgb(0.5, 0.5, 0.5)] * 4, 1e9, 0.0)
    surface = project_surface(VIEW, Plain(), light.toward_sun)
    sunlit = cast_shadows(VIEW, light, surface, Things([], [], [Pole(0.0, 0.0, 30.0, 8.0, None)]))
    row, middle = int(VIEW.row(0.0, 30.0)), VIEW.column(0.0, 30.0)
    shadow = np.flatnonzero(sunlit[row] < 0.9)
    # its ends are round and soft
    assert abs(shadow[0] - VIEW.column(-8.0, 30.0)) < 8
    assert abs(shadow[-1] - middle) < 8
    assert (sunlit[: row - 4] == 1).all()
    assert (sunlit[row + 5 :] == 1).all()
    assert sunlit.min() >= 0.0
