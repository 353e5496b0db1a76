"""Checks of the arguments of operations, whose messages use the caller's terms."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from pixelwise.core.errors import OptionError, ShapeError


def are_sizes_known() -> bool:
    """Return whether sizes are numbers. During an export they are symbols, which a comparison would fix to
    constants."""
    return not torch.compiler.is_compiling()


def require_maps(features: torch.Tensor, name: str = "features") -> None:
    """Raise `ShapeError` unless `features` are maps (N, C, H, W) with at least one position."""
    shape = features.shape
    if len(shape) != 4 or (are_sizes_known() and 0 in shape[1:]):
        raise ShapeError(
            name, f"shape {tuple(shape)}", "(N, C, height, width)", "Write a single plane as plane[None, None]."
        )


def require_fitting_window(features: torch.Tensor, window: int) -> None:
    """Raise `ShapeError` if a window is larger than the maps."""
    height, width = features.shape[-2:]
    if are_sizes_known() and min(height, width) < window:
        found = f"{window} on maps of {height}x{width}"
        raise ShapeError("window", found, "a window that fits into the maps", "Give a smaller one, or pad the maps.")


def require_counts(remedy: str, **counts: int) -> None:
    """Raise `OptionError` for a count that is not a whole number of at least 1."""
    for name, value in counts.items():
        if not isinstance(value, int) or value < 1:
            raise OptionError(name, repr(value), "a whole number of at least 1", remedy)


def require_size(size: Sequence[int]) -> None:
    """Raise `OptionError` unless `size` is (height, width), each at least 1."""
    if len(size) != 2 or (are_sizes_known() and not all(side >= 1 for side in size)):
        raise OptionError(
            "size", repr(tuple(size)), "(height, width) of at least 1", "Give the size of the maps to make."
        )
