"""Replacing layers of a net, and restoring them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from torch import nn

Layer = TypeVar("Layer", bound=nn.Module)


def convert_layer(layer: nn.Module, kind: type[Layer]) -> Layer:
    """Return a new layer of another `kind` that shares the parameters, buffers, settings and hooks of `layer`.

    A state dict has the same entries with either. The `__init__` of `kind` is not run: attributes that `layer` lacks
    must be set by the caller.
    """
    converted = kind.__new__(kind)
    converted.__dict__.update(layer.__dict__)
    return converted


def replace_layers(net: nn.Module, replacements: Mapping[nn.Module, nn.Module]) -> None:
    """Replace the keys of `replacements` by their values wherever they occur in `net`."""
    for module in list(net.modules()):
        for name, child in module._modules.items():
            if child is not None and child in replacements:
                module._modules[name] = replacements[child]
