"""Bilinear interpolation against the formulas of both corner conventions, and the transposed convolution against it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.testing import assert_allclose
from torch.testing import assert_close

from pixelwise.core.errors import OptionError
from pixelwise.nn.layers import BilinearUpsampling, bilinear_interpolation, bilinear_kernel

FACTORS = [1, 2, 3, 4, 8, 16]


def random(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def interpolated_by_loops(plane: np.ndarray, size: tuple[int, int], align_corners: bool) -> np.ndarray:
    """(H, W) -> `size`: each output pixel's input coordinate, held inside the plane, and its four neighbours."""

    def place(p: int, n: int, grown: int) -> tuple[int, int, float]:
        at = p * (n - 1) / (grown - 1) if align_corners else (p + 0.5) * n / grown - 0.5
        at = min(max(at, 0.0), n - 1.0)
        return int(at), min(int(at) + 1, n - 1), at - int(at)

    out = np.empty(size)
    for p, q in np.ndindex(size):
        top, below, down = place(p, plane.shape[0], size[0])
        left, right, across = place(q, plane.shape[1], size[1])
        upper = (1 - across) * plane[top, left] + across * plane[top, right]
        lower = (1 - across) * plane[below, left] + across * plane[below, right]
        out[p, q] = (1 - down) * upper + down * lower
    return out


def transposed_by_loops(plane: np.ndarray, kernel: np.ndarray, stride: int) -> np.ndarray:
    """Every value stamps the kernel, times itself, `stride` pixels further."""
    k = len(kernel)
    out = np.zeros([(n - 1) * stride + k for n in plane.shape])
    for row, column in np.ndindex(plane.shape):
        out[row * stride : row * stride + k, column * stride : column * stride + k] += plane[row, column] * kernel
    return out


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("size", [(8, 10), (12, 15), (7, 9), (4, 5)])
def test_interpolation_follows_its_corner_convention(size: tuple[int, int], align_corners: bool) -> None:
    """Within 1e-5: a float32 coordinate of up to 4 is off by 2e-7, between neighbours up to 5 apart."""
    planes = random(2, 3, 4, 5)
    actual = bilinear_interpolation(planes, size, align_corners=align_corners)
    assert actual.shape == (2, 3, *size)
    for at in np.ndindex(2, 3):
        assert_allclose(actual[at], interpolated_by_loops(planes[at].numpy(), size, align_corners), rtol=0, atol=1e-5)


def test_the_two_conventions_by_eye() -> None:
    row = torch.tensor([0.0, 12]).view(1, 1, 1, 2)
    assert bilinear_interpolation(row, (1, 4)).flatten().tolist() == [0, 3, 9, 12]
    assert bilinear_interpolation(row, (1, 4), align_corners=True).flatten().tolist() == [0, 4, 8, 12]


def test_the_kernel_of_the_reference_code() -> None:
    side = torch.tensor([1.0, 3, 3, 1]) / 4
    assert torch.equal(bilinear_kernel(4), side[:, None] * side)
    assert bilinear_kernel(3).tolist() == [[0.25, 0.5, 0.25], [0.5, 1, 0.5], [0.25, 0.5, 0.25]]
    assert bilinear_kernel(1).tolist() == [[1]]


@pytest.mark.parametrize("factor", FACTORS)
def test_up_sampling_stamps_the_kernel_and_keeps_channels_apart(factor: int) -> None:
    """Within 1e-6: sums of at most four float32 products of values near 1."""
    planes = random(2, 3, 4, 5)
    layer = BilinearUpsampling(3, factor)
    actual, odd = layer(planes), factor % 2
    assert actual.shape == (2, 3, 5 * factor - odd, 6 * factor - odd)
    kernel = bilinear_kernel(2 * factor - odd).numpy()
    for at in np.ndindex(2, 3):
        assert_allclose(actual[at], transposed_by_loops(planes[at].numpy(), kernel, factor), rtol=0, atol=1e-6)


@pytest.mark.parametrize("factor", FACTORS)
def test_the_crop_aligns_it_with_half_pixel_centres(factor: int) -> None:
    """Equal to interpolation within 1e-5 of values of up to 4 where no zeros from outside come in.

    Those are all pixels but the outermost `crop`; with the border value continued by one pixel they are all.
    """
    planes = random(2, 3, 4, 5)
    layer = BilinearUpsampling(3, factor)
    crop, size = layer.crop, (4 * factor, 5 * factor)
    expected = bilinear_interpolation(planes, size)
    cropped = _cropped(layer(planes), crop)
    assert cropped.shape == expected.shape
    assert_close(_cropped(cropped, crop), _cropped(expected, crop), rtol=0, atol=1e-5)
    continued = layer(F.pad(planes, (1, 1, 1, 1), mode="replicate"))
    assert_close(_cropped(continued, crop + factor), expected, rtol=0, atol=1e-5)


def _cropped(planes: torch.Tensor, border: int) -> torch.Tensor:
    return planes[..., border : planes.shape[-2] - border, border : planes.shape[-1] - border]


def test_fixed_and_learnt_weights_go_by_one_name() -> None:
    fixed, learnt = BilinearUpsampling(3, 4), BilinearUpsampling(3, 4, learnt=True)
    assert list(fixed.parameters()) == []
    assert [name for name, _ in learnt.named_parameters()] == ["weight"]
    assert fixed.state_dict().keys() == learnt.state_dict().keys() == {"weight"}
    with torch.no_grad():
        learnt.weight.mul_(2)
    fixed.load_state_dict(learnt.state_dict())
    assert torch.equal(fixed.weight, 2 * bilinear_kernel(8).expand(3, 1, 8, 8))


def test_learnt_weights_receive_a_gradient() -> None:
    layer, planes = BilinearUpsampling(2, 2, learnt=True), random(1, 2, 3, 3)
    layer(planes).sum().backward()
    assert_close(layer.weight.grad, planes.sum((0, 2, 3))[:, None, None, None].expand(2, 1, 4, 4))


def test_sizes_that_make_no_sense_are_refused() -> None:
    with pytest.raises(OptionError, match="factor: found 0; expected a whole number of at least 1"):
        BilinearUpsampling(3, 0)
    with pytest.raises(OptionError, match="size: found 0; expected a whole number of at least 1"):
        bilinear_kernel(0)
