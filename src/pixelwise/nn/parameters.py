"""Counting the parameters of a net."""

from __future__ import annotations

from torch import nn


def count_parameters(model: nn.Module) -> int:
    """Return the number of trainable parameters; a parameter that several layers share counts once."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
