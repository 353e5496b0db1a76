"""Losses take `(logits, target)`; ignored pixels go through one helper."""

from pixelwise.losses.cross_entropy import cross_entropy, median_frequency_weights

__all__ = ["cross_entropy", "median_frequency_weights"]
