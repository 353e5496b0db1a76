"""The live head as a safetensors file."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from pixelwise.core.errors import ModelFileError
from pixelwise.core.files import write_atomically
from pixelwise.labels.head import Head

KIND = "pixelwise live head"


def write_head(path: Path, head: Head, revision: int, signature: str) -> None:
    """Write a head, the number of its fits and the signature of its features, whole or not at all."""
    tensors = {item.name: getattr(head, item.name).contiguous() for item in fields(head)}
    with write_atomically(path) as temporary:
        save_file(tensors, temporary, {"kind": KIND, "revision": str(revision), "signature": signature})


def read_head(path: Path, num_classes: int, signature: str) -> tuple[Head, int]:
    """Return the head and the number of its fits.

    Raises
    ------
    ModelFileError
        The file is missing or damaged, or its head is for other classes or other features.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except (OSError, SafetensorError) as error:
        raise _file_error(path, str(error) or type(error).__name__) from error
    if metadata.get("kind") != KIND or set(tensors) != {item.name for item in fields(Head)}:
        raise _file_error(path, "something else")
    if metadata.get("signature") != signature:
        raise _file_error(path, f"a model of the features {metadata.get('signature')}", f"the features {signature}")
    head = Head(**tensors)
    _require_matching(path, head, num_classes)
    revision = metadata.get("revision", "")
    return head, int(revision) if revision.isdecimal() else 1


def _require_matching(path: Path, head: Head, num_classes: int) -> None:
    """Raise `ModelFileError` unless the tensors fit one another and the classes."""
    if head.last.ndim != 3 or head.first.ndim != 2:
        raise _file_error(path, "tensors of other shapes")
    members, hidden, count = head.last.shape
    shapes = [tuple(getattr(head, item.name).shape) for item in fields(head)]
    channels = head.first.shape[1]
    units = members * hidden
    by_channel = [(channels,)] * 3
    wanted = [*by_channel, (units, channels), (units,), (members, hidden, count), (members, count), (count,)]
    dtypes = [getattr(head, item.name).dtype for item in fields(head)]
    if shapes != wanted or dtypes != [torch.float32] * 7 + [torch.bool]:
        raise _file_error(path, "tensors of other shapes")
    if count != num_classes:
        raise _file_error(path, f"a model of {count} classes", f"{num_classes} classes")


def _file_error(path: Path, found: str, expected: str = "a live model that pixelwise saved") -> ModelFileError:
    return ModelFileError(path, found, expected, "Fit the live model again: its labels are in the project.")
