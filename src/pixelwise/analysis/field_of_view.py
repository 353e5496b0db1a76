"""The field of view of a tensor: the pixels of the image that each position looks at, and how operations change them.

An operation is described by its taps: an integer array (taps, n) whose column i holds the input positions that output
position i is computed from. Positions outside the input are padding and look at nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

Taps = npt.NDArray[np.int64]
Pixels = npt.NDArray[np.float64]
Step = tuple[Taps, Fraction]
"""Taps, and the stride: the factor by which the distance of neighbours grows."""


@dataclass(frozen=True)
class Reach:
    """The pixels, along one axis of the image, that n positions look at: position i at those from `first[i]` to
    `last[i]`, both included.

    `first` and `last` are infinite where a position looks at the whole image, and `first` is above `last` where it
    looks at nothing. `jump` is the distance in pixels from one position to the next, 0 for a single position that
    stands for the whole image.
    """

    first: Pixels
    last: Pixels
    jump: Fraction

    @classmethod
    def of_image(cls, side: int) -> Reach:
        pixels = np.arange(side, dtype=np.float64)
        return cls(pixels, pixels, Fraction(1))

    @classmethod
    def of_whole_image(cls) -> Reach:
        return cls(np.array([-np.inf]), np.array([np.inf]), Fraction(0))

    @property
    def extent(self) -> float:
        """The largest number of pixels that a position looks at, `inf` for the whole image."""
        return float((self.last - self.first).max() + 1)

    def widen(self) -> Reach:
        """Return the reach of as many positions, all of which look at the whole image."""
        return Reach(np.full_like(self.first, -np.inf), np.full_like(self.last, np.inf), self.jump)

    def apply(self, step: Step) -> Reach:
        """Return the reach after an operation with these taps."""
        taps, factor = step
        outside = len(self.first)
        index = np.where((taps >= 0) & (taps < outside), taps, outside)
        first, last = np.append(self.first, np.inf)[index].min(0), np.append(self.last, -np.inf)[index].max(0)
        return Reach(first, last, self.jump * factor)

    def union(self, other: Reach) -> Reach:
        """Return the smallest reach that contains both, as after an addition or a concatenation."""
        first, last = np.minimum(self.first, other.first), np.maximum(self.last, other.last)
        return Reach(first, last, self.jump or other.jump)


Dim = tuple[int, ...]
"""The image axes, 0 rows and 1 columns, that one dimension of a tensor runs over; (0, 1) is a flattened plane."""


@dataclass(frozen=True)
class Field:
    """The field of view of a tensor.

    reaches: those of its positions along the rows and along the columns of the image. dims: the image axes that each of
    its dimensions runs over, empty for a dimension without a place in the image, such as the channels.
    """

    reaches: tuple[Reach, ...]
    dims: tuple[Dim, ...]

    @classmethod
    def of_image(cls, height: int, width: int) -> Field:
        """Return the field of an image (N, C, height, width)."""
        return cls((Reach.of_image(height), Reach.of_image(width)), ((), (), (0,), (1,)))

    @classmethod
    def of_whole_image(cls, ndim: int) -> Field:
        return cls((Reach.of_whole_image(), Reach.of_whole_image()), ((),) * ndim)

    @property
    def extents(self) -> tuple[float, ...]:
        """The largest (height, width) in pixels that a position looks at, `inf` for the whole image."""
        return tuple(reach.extent for reach in self.reaches)

    @property
    def jump(self) -> Fraction:
        """The stride so far: the distance in pixels from one position to the next, the larger of both axes."""
        return max(reach.jump for reach in self.reaches)

    def widen(self) -> Field:
        return Field(tuple(reach.widen() for reach in self.reaches), self.dims)

    def with_dims(self, dims: Sequence[Dim]) -> Field:
        return Field(self.reaches, tuple(dims))

    def apply(self, steps: Mapping[int, Step]) -> Field:
        """Return the field after an operation that takes `steps[d]` along each dimension d that it changes."""
        reaches = list(self.reaches)
        for dim, step in steps.items():
            if len(self.dims[dim]) > 1:
                return Field.of_whole_image(len(self.dims))
            for axis in self.dims[dim]:
                reaches[axis] = reaches[axis].apply(step)
        return Field(tuple(reaches), self.dims)

    def reduce(self, over: Sequence[int], *, keep: bool) -> Field:
        """Return the field after a mean, sum or maximum over dimensions, all of them where `over` is empty. Along the
        image axes of these it is that of the whole image."""
        reduced = {dim % len(self.dims) for dim in over} or set(range(len(self.dims)))
        reduced_axes = {axis for dim in reduced for axis in self.dims[dim]}
        reaches = [Reach.of_whole_image() if axis in reduced_axes else reach for axis, reach in enumerate(self.reaches)]
        dims = [() if dim in reduced else axes for dim, axes in enumerate(self.dims) if keep or dim not in reduced]
        return Field(tuple(reaches), tuple(dims))

    def union(self, other: Field) -> Field:
        """Return the field of an element-wise operation on both, dimensions aligned from the last as in broadcasting.

        Where their dimensions run over different image axes, it is that of the whole image.
        """
        ndim = max(len(self.dims), len(other.dims))
        pairs = list(zip(_aligned(self.dims, ndim), _aligned(other.dims, ndim), strict=True))
        lengths = [{len(a.first), len(b.first)} - {1} for a, b in zip(self.reaches, other.reaches, strict=True)]
        if any(a and b and a != b for a, b in pairs) or any(len(length) > 1 for length in lengths):
            return Field.of_whole_image(ndim)
        reaches = tuple(a.union(b) for a, b in zip(self.reaches, other.reaches, strict=True))
        return Field(reaches, tuple(a or b for a, b in pairs))

    def reshape(self, before: Sequence[int], after: Sequence[int]) -> Field:
        """Return the field of the same elements in another shape.

        Where a dimension that runs over the image is split, it is that of the whole image. Where such a dimension is
        merged with one of length r without a place in the image, as in (rows, r) -> rows * r, each position is repeated
        r times.
        """
        atoms = [atom for dim, length in zip(self.dims, before, strict=True) for atom in self._atoms(dim, length)]
        reaches, dims = list(self.reaches), list[Dim]()
        for length in after:
            taken = _take(atoms, length)
            if taken is None:
                return Field.of_whole_image(len(after))
            axes = tuple(axis for _, axis in taken if axis is not None)
            repeats = [size for size, axis in taken if axis is None]
            if repeats and axes:
                if len(axes) > 1 or taken[0][1] is None:
                    return Field.of_whole_image(len(after))
                reaches[axes[0]] = reaches[axes[0]].apply(repeat_taps(taken[0][0], int(np.prod(repeats))))
            dims.append(axes)
        return Field(tuple(reaches), tuple(dims))

    def _atoms(self, dim: Dim, length: int) -> list[tuple[int, int | None]]:
        """Return the (length, image axis or `None`) of the parts of a dimension, without those of length 1."""
        atoms: list[tuple[int, int | None]] = [(len(self.reaches[axis].first), axis) for axis in dim] or [
            (length, None)
        ]
        return [atom for atom in atoms if atom[0] != 1]


def window_taps(n: int, kernel: int, stride: int, padding: int, dilation: int) -> Step:
    """Return the taps of a convolution or pooling with `n` outputs."""
    starts = np.arange(n) * stride - padding
    return starts + dilation * np.arange(kernel)[:, None], Fraction(stride)


def transposed_taps(n: int, kernel: int, stride: int, padding: int, dilation: int) -> Step:
    """Return the taps of a transposed convolution: input j adds to outputs stride * j - padding + dilation * tap."""
    source = np.arange(n) + padding - dilation * np.arange(kernel)[:, None]
    return np.where(source % stride == 0, source // stride, -1), Fraction(1, stride)


def nearest_taps(n_in: int, n_out: int) -> Step:
    """Return the taps of nearest-neighbour resizing."""
    return (np.arange(n_out) * n_in // n_out)[None], Fraction(n_in, n_out)


def linear_taps(n_in: int, n_out: int, *, align_corners: bool, around: int = 0) -> Step:
    """Return the taps of (bi)linear resizing; with one more tap `around` it on each side, of cubic resizing. Beyond the
    border its pixel repeats."""
    if align_corners and n_out > 1:
        numerator, denominator = np.arange(n_out) * (n_in - 1), n_out - 1
    else:
        numerator, denominator = (2 * np.arange(n_out) + 1) * n_in - n_out, 2 * n_out
    below, above = numerator // denominator, -(-numerator // denominator)
    taps = np.stack([below - around, below, above, above + around])
    return np.clip(taps, 0, n_in - 1), Fraction(n_in, n_out)


def shifted_taps(n: int, start: int, step: int = 1) -> Step:
    """Return the taps of a slice from `start`; for a negative `start`, of a padding by as much."""
    return (start + step * np.arange(n))[None], Fraction(step)


def repeat_taps(n: int, times: int) -> Step:
    """Return the taps of repeating each of `n` positions."""
    return (np.arange(n * times) // times)[None], Fraction(1, times)


def _aligned(dims: tuple[Dim, ...], ndim: int) -> tuple[Dim, ...]:
    return ((),) * (ndim - len(dims)) + dims


def _take(atoms: list[tuple[int, int | None]], length: int) -> list[tuple[int, int | None]] | None:
    """Remove from the front of `atoms`, and return, those whose lengths multiply to `length`; `None` where an image
    axis would have to be split."""
    taken: list[tuple[int, int | None]] = []
    while length > 1:
        if not atoms:
            return None
        size, axis = atoms.pop(0)
        part = np.gcd(size, length) if axis is None else size
        if length % part or part == 1:
            return None
        if part < size:
            atoms.insert(0, (size // part, axis))
        taken.append((int(part), axis))
        length //= part
    return taken
