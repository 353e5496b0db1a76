"""Deconvolution: the true inverse of a convolution, which finds the input whose convolution is y.

A convolution without bias is a matrix A that maps the flattened input x to y = A x. Three operations use it:

    transposed convolution    Aᵀ y: the gradient of the convolution, often called deconvolution, but no inverse
    deconvolution             A⁻¹ y: x itself
    regularised               (Aᵀ A + λ)⁻¹ Aᵀ y: the x that makes |A x - y|² + λ |x|² least

The last is Tikhonov's, and with λ = noise power / signal power Wiener's filter. It is needed if A has no inverse,
because the kernel's spectrum has zeros (a mean of two pixels does not see stripes), and if y is noisy: noise in a
direction that A shrinks by a factor s is amplified by 1 / s. `regularisation` is λ: 0 gives the inverse itself; 1e-2 of
the largest singular value squared is strong.

Convolution means, as in all nets, the sum of kernel[t] * x[p + t], without flipping the kernel. With a circular border,
A is diagonal in Fourier space, so images of any size can be inverted; with zeros outside, a decomposition of A is
needed. A. N. Tikhonov & V. Y. Arsenin, "Solutions of Ill-Posed Problems", 1977; N. Wiener, "Extrapolation,
Interpolation, and Smoothing of Stationary Time Series", 1949.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from pixelwise.core.errors import OptionError, ShapeError

LARGEST = 4096
"""The largest number of pixels of a plane that is inverted by its matrix, which has the square of this number of
entries."""


def convolution_matrix(
    kernel: torch.Tensor, size: tuple[int, int], *, padding: tuple[int, int] = (0, 0), stride: int = 1
) -> torch.Tensor:
    """Return the matrix by which a convolution without bias multiplies flattened planes.

    Its transpose is the matrix of the transposed convolution, `F.conv_transpose2d`.

    Parameters
    ----------
    kernel
        One plane of weights, float (kh, kw), as `F.conv2d` takes it: not flipped.
    size
        (H, W), the size of the input planes, of at most 4096 pixels.
    padding
        Rows of zeros above and below, and columns of zeros at the left and the right.
    stride
        Distance in input pixels between neighbouring output pixels.

    Returns
    -------
    torch.Tensor
        (H' * W', H * W), in the dtype of the kernel; (H', W') is the size of the output planes.

    Raises
    ------
    ShapeError
        The kernel is not one plane of floats or does not fit, or the planes have over 4096 pixels.

    Examples
    --------
    >>> import torch
    >>> from pixelwise.nn import layers as ops
    >>> ops.convolution_matrix(torch.tensor([[1.0, 2]]), (1, 3)).tolist()
    [[1.0, 2.0, 0.0], [0.0, 1.0, 2.0]]
    """
    height, width = size
    _require_plane(kernel)
    if height * width > LARGEST:
        remedy = "Cut the image into tiles, or use `deconvolve_circular`, which needs no matrix."
        raise ShapeError("size", f"{height}x{width}", f"at most {LARGEST} pixels", remedy)
    if any(pixels + 2 * zeros < side for pixels, zeros, side in zip(size, padding, kernel.shape, strict=True)):
        _raise_too_large(kernel, f"{height}x{width} with padding {padding}")
    unit_planes = torch.eye(height * width, dtype=kernel.dtype, device=kernel.device).view(-1, 1, height, width)
    columns: torch.Tensor = F.conv2d(unit_planes, kernel[None, None], stride=stride, padding=padding).flatten(1)
    return columns.T


def deconvolve(
    convolved: torch.Tensor, kernel: torch.Tensor, *, padding: tuple[int, int] = (0, 0), regularisation: float = 0.0
) -> torch.Tensor:
    """Return the planes whose convolution, with zeros outside, is given.

    Solved in float64 by a singular value decomposition, whose time grows with (H * W)³: for small planes.

    Parameters
    ----------
    convolved
        Float (N, C, H', W'). All channels were convolved by the one kernel.
    kernel
        Float (kh, kw), as `F.conv2d` takes it: not flipped.
    padding
        Rows and columns of zeros that the convolution added on each side.
    regularisation
        λ of (Aᵀ A + λ)⁻¹ Aᵀ y, 0 or above; 0 is the inverse itself.

    Returns
    -------
    torch.Tensor
        (N, C, H, W) in the dtype of `convolved`, with H = H' + kh - 1 - 2 * padding[0] and W alike.

    Raises
    ------
    OptionError
        The convolution has no inverse and `regularisation` is 0, or `regularisation` is negative or infinite.
    ShapeError
        The shapes do not fit, or the planes have over 4096 pixels.

    References
    ----------
    A. N. Tikhonov & V. Y. Arsenin, "Solutions of Ill-Posed Problems", 1977.

    Examples
    --------
    >>> import torch
    >>> from pixelwise.nn import layers as ops
    >>> signal = torch.tensor([[[[0.0, 8, 4, 0]]]])
    >>> blur = torch.tensor([[1.0, 2, 1]]) / 4
    >>> blurred = torch.nn.functional.conv2d(signal, blur[None, None], padding=(0, 1))
    >>> ops.deconvolve(blurred, blur, padding=(0, 1)).round(decimals=3).abs().tolist()
    [[[[0.0, 8.0, 4.0, 0.0]]]]
    """
    _require_regularisation(regularisation)
    _require_plane(kernel)
    _require_planes(convolved)
    height = convolved.shape[2] + kernel.shape[0] - 1 - 2 * padding[0]
    width = convolved.shape[3] + kernel.shape[1] - 1 - 2 * padding[1]
    if min(height, width) < 1:
        _raise_too_large(kernel, f"convolved planes of {tuple(convolved.shape[2:])} with padding {padding}")
    matrix = convolution_matrix(kernel.double(), (height, width), padding=padding)
    u, s, v_transposed = torch.linalg.svd(matrix, full_matrices=False)
    if regularisation == 0 and (len(s) < height * width or _vanishes(s, max(matrix.shape))):
        _raise_singular()
    solved: torch.Tensor = (convolved.double().flatten(2) @ u) * (s / (s.square() + regularisation)) @ v_transposed
    return solved.view(*convolved.shape[:2], height, width).to(convolved.dtype)


def convolve_circular(features: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    """Convolve every channel with one kernel. The border is circular: the plane goes on at its other side.

    Parameters
    ----------
    features
        Float (N, C, H, W).
    kernel
        Float (kh, kw), no larger than the planes, not flipped. Its middle, (kh // 2, kw // 2), lies on the output
        pixel.

    Returns
    -------
    torch.Tensor
        (N, C, H, W) in the dtype of `features`. Computed in float64.

    Raises
    ------
    ShapeError
        The shapes do not fit.

    Examples
    --------
    >>> import torch
    >>> from pixelwise.nn import layers as ops
    >>> impulse = torch.tensor([[[[4.0, 0, 0, 0]]]])
    >>> ops.convolve_circular(impulse, torch.tensor([[1.0, 2, 1]]) / 4).round(decimals=3).tolist()
    [[[[2.0, 1.0, 0.0, 1.0]]]]
    """
    return _filtered(features, _spectrum(kernel, features))


def deconvolve_circular(convolved: torch.Tensor, kernel: torch.Tensor, *, regularisation: float = 0.0) -> torch.Tensor:
    """Return the planes whose `convolve_circular` is given: a division in Fourier space, for planes of any size.

    Parameters
    ----------
    convolved
        Float (N, C, H, W). All channels were convolved by the one kernel.
    kernel
        Float (kh, kw), as `convolve_circular` takes it.
    regularisation
        λ, 0 or above. Each frequency is multiplied by conj(k) / (|k|² + λ), where k is the kernel's spectrum there.

    Returns
    -------
    torch.Tensor
        (N, C, H, W) in the dtype of `convolved`. Computed in float64.

    Raises
    ------
    OptionError
        The kernel's spectrum has zeros and `regularisation` is 0, or `regularisation` is negative or infinite.
    ShapeError
        The shapes do not fit.

    References
    ----------
    N. Wiener, "Extrapolation, Interpolation, and Smoothing of Stationary Time Series", 1949.

    Examples
    --------
    >>> import torch
    >>> from pixelwise.nn import layers as ops
    >>> blurred, blur = torch.tensor([[[[2.0, 1, 0]]]]), torch.tensor([[1.0, 2, 1]]) / 4
    >>> ops.convolve_circular(ops.deconvolve_circular(blurred, blur), blur).round(decimals=3).abs().tolist()
    [[[[2.0, 1.0, 0.0]]]]
    """
    _require_regularisation(regularisation)
    spectrum = _spectrum(kernel, convolved)
    power = spectrum.abs().square()
    if regularisation == 0 and _vanishes(power.sqrt(), power.numel()):
        _raise_singular()
    return _filtered(convolved, spectrum.conj() / (power + regularisation))


def _filtered(planes: torch.Tensor, factors: torch.Tensor) -> torch.Tensor:
    """Multiply the frequencies of (N, C, H, W) by `factors` (H, W // 2 + 1)."""
    frequencies = torch.fft.rfft2(planes.double())
    filtered: torch.Tensor = torch.fft.irfft2(frequencies * factors, planes.shape[-2:])
    return filtered.to(planes.dtype)


def _spectrum(kernel: torch.Tensor, planes: torch.Tensor) -> torch.Tensor:
    """Return the factors by which `convolve_circular` multiplies the frequencies of the planes, complex128 (H, W // 2 +
    1)."""
    _require_plane(kernel)
    _require_planes(planes)
    size, sides = planes.shape[-2:], kernel.shape
    if sides[0] > size[0] or sides[1] > size[1]:
        _raise_too_large(kernel, f"planes of {tuple(size)}")
    padded = F.pad(kernel.double(), (0, size[1] - sides[1], 0, size[0] - sides[0]))
    centred = padded.roll((-(sides[0] // 2), -(sides[1] // 2)), (0, 1))
    spectrum: torch.Tensor = torch.fft.rfft2(centred)
    return spectrum.conj()  # the kernel is not flipped


def _vanishes(factors: torch.Tensor, terms: int) -> bool:
    """Return whether the smallest of the factors is zero within the rounding error of sums of `terms` float64
    numbers."""
    return bool(factors.min() <= factors.max() * terms * torch.finfo(torch.float64).eps)


def _raise_singular() -> None:
    found = "0 with a convolution that has no inverse: it maps some images other than zero to zero"
    raise OptionError("regularisation", found, "a number above 0", "Pass a small one, such as 1e-3.")


def _raise_too_large(kernel: torch.Tensor, planes: str) -> None:
    raise ShapeError("kernel", f"{tuple(kernel.shape)} on {planes}", "a kernel that fits", "Give a smaller kernel.")


def _require_plane(kernel: torch.Tensor) -> None:
    if kernel.ndim != 2 or kernel.numel() == 0 or not kernel.is_floating_point():
        found = f"{kernel.dtype} {tuple(kernel.shape)}"
        raise ShapeError("kernel", found, "floats (height, width)", "Give one plane; all channels are convolved by it.")


def _require_planes(planes: torch.Tensor) -> None:
    if planes.ndim != 4 or planes.numel() == 0 or not planes.is_floating_point():
        found = f"{planes.dtype} {tuple(planes.shape)}"
        raise ShapeError("planes", found, "floats (N, C, H, W)", "Write a signal as (1, 1, 1, length).")


def _require_regularisation(regularisation: float) -> None:
    if not 0 <= regularisation < float("inf"):
        raise OptionError("regularisation", str(regularisation), "0 or a positive number", "Leave it out for none.")
