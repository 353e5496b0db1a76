import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pixelwise_scenes.blend import floats
from pixelwise_scenes.noise import Texture


@pytest.fixture(scope="module")
def texture():
    return Texture(np.random.default_rng(1), 1.2)


def test_has_mean_0_and_deviation_1(texture):
    texel = np.arange(256, dtype=np.float32)
    values = texture.at(texel[:, None], texel[None, :])
    assert values.shape == (256, 256)
    assert abs(values.mean()) < 1e-4
    assert abs(values.std() - 1) < 1e-4


def test_between_texels_it_is_bilinear(texture):
    corners = texture.at(floats([[7.0], [8.0]]), floats([[3.0, 4.0]]))
    weights = np.outer([0.75, 0.25], [0.4, 0.6])
    assert_allclose(texture.at(floats([7.25]), floats([3.6])), [(corners * weights).sum()], atol=1e-5)


def test_wraps_in_both_directions(texture):
    u, v = floats([3.5, 255.5, 0.0]), floats([9.25, 255.75, 0.0])
    assert_allclose(texture.at(u - 256, v + 512), texture.at(u, v), atol=1e-5)


def test_rougher_textures_vary_more_from_texel_to_texel():
    def step(roughness):
        texture = Texture(np.random.default_rng(1), roughness)
        texel = np.arange(256, dtype=np.float32)
        return np.abs(np.diff(texture.at(texel[:, None], texel[None, :]))).mean()

    assert step(0.6) > 2 * step(1.2) > 4 * step(1.8)


def test_is_a_function_of_the_generator():
    u = np.linspace(0, 50, 11, dtype=np.float32)
    first, second = (Texture(np.random.default_rng(5), 1.0).at(u, u) for _ in range(2))
    assert_array_equal(first, second)
