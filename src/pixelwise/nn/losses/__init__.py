"""Losses take `(logits, target)`; ignored pixels go through one helper."""

from pixelwise.nn.losses.border import border_weights
from pixelwise.nn.losses.centres import centre_errors
from pixelwise.nn.losses.cross_entropy import counted_weight, cross_entropy, median_frequency_weights

__all__ = ["border_weights", "centre_errors", "counted_weight", "cross_entropy", "median_frequency_weights"]
