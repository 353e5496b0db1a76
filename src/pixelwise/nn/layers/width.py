"""The width of a net: a factor on all its channel counts."""

from __future__ import annotations

from pixelwise.core.errors import OptionError


def scale_channels(channels: int, width: float) -> int:
    """Return `channels` times the factor `width`, at least 1. Raises `OptionError` for a factor outside 0..4."""
    if not 0 < width <= 4:
        raise OptionError("width", str(width), "a factor above 0 and at most 4", "Use 1 for the net as it is.")
    return max(1, round(channels * width))
