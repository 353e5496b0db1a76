"""Deconvolution undoes a convolution, which the transposed convolution does not; both against plain numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.testing import assert_allclose
from torch.testing import assert_close

from pixelwise.core.errors import OptionError, ShapeError
from pixelwise.nn.layers import convolution_matrix, convolve_circular, deconvolve, deconvolve_circular

pytestmark = pytest.mark.usefixtures("one_thread")

SIGNAL = torch.tensor([0.0, 0, 8, 8, 0, 4, 0, 0]).view(1, 1, 1, 8)
BLUR = torch.tensor([[1.0, 2, 1]]) / 4
STRIPES = torch.tensor([0.1, -0.1] * 4).view(1, 1, 1, 8)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def matrix_by_loops(kernel: np.ndarray, size: tuple[int, int], padding: tuple[int, int], stride: int) -> np.ndarray:
    (height, width), (kh, kw) = size, kernel.shape
    out = (height + 2 * padding[0] - kh) // stride + 1, (width + 2 * padding[1] - kw) // stride + 1
    matrix = np.zeros((*out, height, width))
    for row, column, r, c in np.ndindex(*out, kh, kw):
        y, x = row * stride + r - padding[0], column * stride + c - padding[1]
        if 0 <= y < height and 0 <= x < width:
            matrix[row, column, y, x] = kernel[r, c]
    return matrix.reshape(out[0] * out[1], height * width)


def circulant_by_loops(kernel: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    matrix = np.zeros((*size, *size))
    for row, column, r, c in np.ndindex(*size, *kernel.shape):
        y, x = (row + r - kernel.shape[0] // 2) % size[0], (column + c - kernel.shape[1] // 2) % size[1]
        matrix[row, column, y, x] += kernel[r, c]
    return matrix.reshape(size[0] * size[1], -1)


def rms(errors: torch.Tensor) -> float:
    return float(errors.square().mean().sqrt())


def test_the_worked_table_of_the_docs() -> None:
    """A blur, what transposed convolution and deconvolution make of it: the first two exact, in quarters of integers.

    The inverse enlarges at most 1 / 0.0302 = 33 times, so float64 leaves no trace in a float32 result.
    """
    blurred = F.conv2d(SIGNAL, BLUR[None, None], padding=(0, 1))
    transposed = F.conv_transpose2d(blurred, BLUR[None, None], padding=(0, 1))
    restored = deconvolve(blurred, BLUR, padding=(0, 1))
    assert blurred.flatten().tolist() == [0, 2, 6, 6, 3, 2, 1, 0]
    assert transposed.flatten().tolist() == [0.5, 2.5, 5, 5.25, 3.5, 2, 1, 0.25]
    assert_close(restored, SIGNAL, rtol=0, atol=1e-6)
    assert rms(blurred - SIGNAL) == pytest.approx(1.80, abs=0.005)
    assert rms(transposed - SIGNAL) == pytest.approx(2.25, abs=0.005)


def test_noise_comes_back_enlarged_and_regularisation_holds_it_down() -> None:
    """The docs' second table: noise of +-0.1, which the inverse enlarges 40 times at its worst pixel."""
    noisy = F.conv2d(SIGNAL, BLUR[None, None], padding=(0, 1)) + STRIPES
    plain = deconvolve(noisy, BLUR, padding=(0, 1))
    expected = np.linalg.solve(matrix_by_loops(BLUR.numpy(), (1, 8), (0, 1), 1), noisy.double().flatten().numpy())
    assert_allclose(plain.flatten().numpy(), expected, rtol=0, atol=1e-5)
    assert_allclose(plain.flatten().numpy(), [1.6, -2.8, 11.6, 4, 4, 0.4, 2.8, -1.6], rtol=0, atol=1e-5)

    def error(regularisation: float) -> float:
        return rms(deconvolve(noisy, BLUR, padding=(0, 1), regularisation=regularisation) - SIGNAL)

    assert [error(value) for value in (0, 1e-3, 1e-2, 1e-1)] == pytest.approx([3.137, 1.883, 1.085, 1.621], abs=5e-4)


@pytest.mark.parametrize(
    ("sides", "size", "padding", "stride"),
    [
        ((3, 3), (5, 6), (1, 1), 1),
        ((2, 3), (4, 5), (0, 0), 1),
        ((3, 3), (7, 5), (1, 1), 2),
        ((1, 5), (1, 9), (0, 4), 1),
    ],
)
def test_the_matrix_is_the_convolution_and_its_transpose_the_transposed_one(
    sides: tuple[int, int], size: tuple[int, int], padding: tuple[int, int], stride: int
) -> None:
    """Within 1e-12: sums of up to nine float64 products of values near 1."""
    kernel, planes = random(*sides), random(1, 1, *size, seed=1)
    matrix = convolution_matrix(kernel, size, padding=padding, stride=stride)
    assert_allclose(matrix.numpy(), matrix_by_loops(kernel.numpy(), size, padding, stride), rtol=0, atol=0)
    convolved = F.conv2d(planes, kernel[None, None], padding=padding, stride=stride)
    assert_close(matrix @ planes.flatten(), convolved.flatten(), rtol=0, atol=1e-12)
    transposed = F.conv_transpose2d(convolved, kernel[None, None], padding=padding, stride=stride)
    assert transposed.shape == planes.shape
    assert_close(matrix.T @ convolved.flatten(), transposed.flatten(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("padding", [(1, 1), (2, 2), (1, 2)])
def test_deconvolution_undoes_convolution_and_the_transposed_one_does_not(padding: tuple[int, int]) -> None:
    """Within 1e-10: float64's 2e-16 times a condition number below 1e4."""
    kernel, planes = random(3, 3) / 9, random(2, 3, 8, 7, seed=1)
    kernel[1, 1] += 1
    by_channel = kernel.expand(3, 1, 3, 3)
    convolved = F.conv2d(planes, by_channel, padding=padding, groups=3)
    assert_close(deconvolve(convolved, kernel, padding=padding), planes, rtol=0, atol=1e-10)
    transposed = F.conv_transpose2d(convolved, by_channel, padding=padding, groups=3)
    assert rms(transposed - planes) > 0.1


@pytest.mark.parametrize("size", [(8, 7), (6, 6), (5, 4)])
@pytest.mark.parametrize("sides", [(3, 3), (2, 4), (1, 1), (5, 4)])
def test_circular_convolution_is_its_loop_and_is_undone(size: tuple[int, int], sides: tuple[int, int]) -> None:
    kernel, planes = random(*sides) / 20, random(2, 3, *size, seed=1)
    kernel[sides[0] // 2, sides[1] // 2] += 1  # keeps the spectrum away from zero
    convolved = convolve_circular(planes, kernel)
    matrix = circulant_by_loops(kernel.numpy(), size)
    assert_allclose(convolved.flatten(2).numpy(), planes.flatten(2).numpy() @ matrix.T, rtol=0, atol=1e-12)
    assert_close(deconvolve_circular(convolved, kernel), planes, rtol=0, atol=1e-10)


def test_circular_convolution_is_torchs_with_circular_padding() -> None:
    kernel, planes = random(3, 5), random(1, 1, 6, 7, seed=1)
    padded = F.pad(planes, (2, 2, 1, 1), mode="circular")
    assert_close(convolve_circular(planes, kernel), F.conv2d(padded, kernel[None, None]), rtol=0, atol=1e-12)


@pytest.mark.parametrize("regularisation", [1e-3, 0.5])
def test_regularised_is_the_least_of_error_and_size(regularisation: float) -> None:
    """(Aᵀ A + λ)⁻¹ Aᵀ y solved by numpy, for both borders; within 1e-9 of values that λ keeps below about 1e3."""
    kernel = random(3, 3)
    for size, padding, deconvolved in [((5, 6), (0, 0), deconvolve), ((5, 6), (1, 1), deconvolve_circular)]:
        if deconvolved is deconvolve:
            matrix = matrix_by_loops(kernel.numpy(), size, padding, 1)
        else:
            matrix = circulant_by_loops(kernel.numpy(), size)
        out = size[0] - 2 + 2 * padding[0], size[1] - 2 + 2 * padding[1]
        convolved = random(1, 2, *out, seed=1)
        normal = matrix.T @ matrix + regularisation * np.eye(matrix.shape[1])
        expected = np.linalg.solve(normal, matrix.T @ convolved.flatten(2)[0].numpy().T).T
        estimate = deconvolved(convolved, kernel, regularisation=regularisation)
        assert estimate.shape == (1, 2, *size)
        assert_allclose(estimate.flatten(2)[0].numpy(), expected, rtol=0, atol=1e-9)


def test_a_kernel_with_zeros_needs_regularisation() -> None:
    """A mean of two does not see stripes: 1, -1, 1, -1 becomes zero, so nothing brings them back."""
    kernel, stripes = torch.tensor([[0.5, 0.5]]), 10 * STRIPES
    assert_close(convolve_circular(stripes, kernel), torch.zeros_like(stripes))
    with pytest.raises(OptionError, match="regularisation: found 0 with a convolution that has no inverse"):
        deconvolve_circular(convolve_circular(SIGNAL, kernel), kernel)
    visible = SIGNAL - (SIGNAL * stripes).mean() * stripes  # all but the stripes
    restored = deconvolve_circular(convolve_circular(SIGNAL, kernel), kernel, regularisation=1e-9)
    assert_close(restored, visible, rtol=0, atol=1e-4)


def test_a_matrix_without_inverse_needs_regularisation() -> None:
    identity_of_nothing = torch.zeros(3, 3)
    means = torch.full((3, 3), 1 / 9)  # singular on 5x5: the eigenvalue 1 + 2 cos(4 pi / 6) of a side is zero
    for kernel, padding in [(identity_of_nothing, (1, 1)), (means, (1, 1)), (means, (0, 0))]:
        convolved = F.conv2d(torch.ones(1, 1, 5, 5), kernel[None, None], padding=padding)
        with pytest.raises(OptionError, match="regularisation: found 0 with"):
            deconvolve(convolved, kernel, padding=padding)
        assert deconvolve(convolved, kernel, padding=padding, regularisation=1e-3).isfinite().all()


def test_the_result_has_the_inputs_dtype_and_the_input_stays_untouched() -> None:
    blurred = convolve_circular(SIGNAL, BLUR)
    before = blurred.clone()
    for restored in (
        deconvolve(blurred, BLUR, padding=(0, 1)),
        deconvolve_circular(blurred, BLUR, regularisation=0.1),
    ):
        assert restored.dtype == torch.float32
    assert torch.equal(blurred, before)


def test_shapes_and_numbers_that_do_not_fit_are_refused() -> None:
    kernel = torch.ones(3, 3)
    with pytest.raises(ShapeError, match=r"planes: found torch.float32 \(4, 4\); expected floats \(N, C, H, W\)"):
        deconvolve_circular(torch.ones(4, 4), kernel)
    with pytest.raises(ShapeError, match=r"kernel: found torch.int64 \(3, 3\)"):
        deconvolve(torch.ones(1, 1, 4, 4), kernel.long())
    with pytest.raises(ShapeError, match=r"kernel: found \(3, 3\) on planes of \(2, 4\)"):
        convolve_circular(torch.ones(1, 1, 2, 4), kernel)
    with pytest.raises(ShapeError, match=r"kernel: found \(3, 3\) on 2x4 with padding \(0, 0\)"):
        convolution_matrix(kernel, (2, 4))
    with pytest.raises(ShapeError, match=r"kernel: found \(3, 3\) on convolved planes of \(2, 2\) with padding"):
        deconvolve(torch.ones(1, 1, 2, 2), kernel, padding=(2, 2))
    with pytest.raises(ShapeError, match="size: found 65x64; expected at most 4096 pixels"):
        deconvolve(torch.ones(1, 1, 65, 64), kernel, padding=(1, 1))
    for number in (-1.0, float("nan"), float("inf")):
        with pytest.raises(OptionError, match="regularisation: found"):
            deconvolve_circular(torch.ones(1, 1, 4, 4), kernel, regularisation=number)
