"""Natural-looking noise: a periodic random texture."""

from __future__ import annotations

import numpy as np
from scipy import fft

from pixelwise_scenes.blend import Float

_SIDE = 256
_FREQUENCY = np.hypot(np.fft.fftfreq(_SIDE)[:, None], np.fft.rfftfreq(_SIDE)[None, :]).astype(np.float32)
_FREQUENCY[0, 0] = np.inf


class Texture:
    """A periodic random surface of 256x256 texels, mean 0 and standard deviation 1.

    Its spectrum falls as 1/frequency**`roughness`: 0.6 is sand or leaves, 1.7 is clouds or land. Drawn in the
    frequency domain, so that it shows neither lattice nor seams.
    """

    def __init__(self, rng: np.random.Generator, roughness: float) -> None:
        waves = rng.standard_normal((*_FREQUENCY.shape, 2), dtype=np.float32).view(np.complex64)[..., 0]
        surface = fft.irfft2(waves * _FREQUENCY**-roughness, s=(_SIDE, _SIDE))
        value = (surface / surface.std()).astype(np.float32)
        # Bilinear interpolation as value + down * u + across * v + both * u * v, its four terms laid out in advance.
        down_step, across_step = np.roll(value, -1, 0) - value, np.roll(value, -1, 1) - value
        self._value, self._down, self._across = value.ravel(), down_step.ravel(), across_step.ravel()
        self._both: Float = (np.roll(across_step, -1, 0) - across_step).ravel()

    def at(self, u: Float, v: Float) -> Float:
        """Return the bilinear value at texel coordinates (u, v), of their broadcast shape; any range, it wraps."""
        u_floor, v_floor = np.floor(u), np.floor(v)
        u_part, v_part = u - u_floor, v - v_floor
        texel = (u_floor.astype(np.int32) & (_SIDE - 1)) * _SIDE + (v_floor.astype(np.int32) & (_SIDE - 1))
        slope: Float = self._both.take(texel)
        slope *= v_part
        slope += self._down.take(texel)
        slope *= u_part
        result: Float = self._across.take(texel)
        result *= v_part
        result += slope
        result += self._value.take(texel)
        return result
