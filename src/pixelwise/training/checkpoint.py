"""The state of a training on disk: tensors in safetensors, the rest as JSON in its header. No pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import nn

from pixelwise.core.documents import json_value
from pixelwise.core.errors import RunError
from pixelwise.core.files import special_file_kind, write_atomically

Tensors = dict[str, torch.Tensor]


def save_tensors(path: Path, tensors: Tensors, header: dict[str, Any] | None = None) -> None:
    """Write tensors and a JSON header to `path`, whole or not at all, and on disk when this returns."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    metadata = {"pixelwise": json.dumps(header or {})}
    content = safetensors.torch.save(plain, metadata)
    with write_atomically(path, durable=True) as temporary:
        temporary.write_bytes(content)


def load_tensors(path: Path) -> tuple[Tensors, dict[str, Any]]:
    """Read what `save_tensors` wrote. Raises `RunError` for a file that is missing or damaged."""
    remedy = "Train again, or take the file from a copy of the run directory."
    if not path.is_file():
        raise RunError(path, special_file_kind(path) or "no such file", "weights that `pixelwise train` wrote", remedy)
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            header = json_value((file.metadata() or {}).get("pixelwise", "{}"))
            if not isinstance(header, dict):
                raise ValueError("a header that is no object")
            return {name: file.get_tensor(name) for name in file.keys()}, header  # noqa: SIM118
    except (safetensors.SafetensorError, ValueError, TypeError, RecursionError, OSError) as error:
        raise RunError(path, f"a damaged file ({error})", "a whole safetensors file", remedy) from error


def require_types(module: nn.Module, tensors: Tensors) -> None:
    """Raise `TypeError` for a tensor of another dtype than that of its name in a module; loading it would round
    values."""
    for name, current in module.state_dict().items():
        if name in tensors and tensors[name].dtype != current.dtype:
            raise TypeError(f"{name} in {tensors[name].dtype} for {current.dtype}")


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> Tensors:
    """Return the moments and step counts of the optimiser as named tensors."""
    state = optimizer.state_dict()["state"]
    return {f"{index}.{key}": value for index, entry in state.items() for key, value in entry.items()}


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Tensors) -> None:
    """Restore what `optimizer_tensors` returned. Moments get the memory layout of their parameters, on which the
    optimiser's arithmetic depends to the last bit. Raises `ValueError` or `LookupError` for tensors of another
    optimiser.
    """
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in tensors.items():
        index, _, key = name.partition(".")
        if value.dim():
            if value.shape != parameters[int(index)].shape:
                raise ValueError(f"{name} of shape {tuple(value.shape)}")
            value = torch.empty_like(parameters[int(index)]).copy_(value)
        state.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
