"""Encoder weights from a user's file: the state dict of a classifier, by torchvision, timm or another training."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from torch import nn

from pixelwise.core.errors import OptionError
from pixelwise.core.files import special_file_kind
from pixelwise.nn.encoders.timm import adapt_input_channels, find_packaged

OPTION = "encoder_weights"
PICKLES = (".pth", ".pt", ".bin")
WRAPPERS = ("state_dict", "model_state_dict", "model", "net")
"""Keys under which checkpoints of other trainings store the weights."""
PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "encoder.")
"""Prefixes that wrappers (`DataParallel`, `torch.compile`, training frameworks) add to every name."""
COUNTER = "num_batches_tracked"
"""The last part of the names of entries that old files lack and that nothing depends on."""
SHOWN = 4
Weights = dict[str, torch.Tensor]


@dataclass(frozen=True)
class LoadReport:
    """How many entries of an encoder came from a file, and which entries of the file were not used."""

    count: int
    unused: tuple[str, ...]

    def __str__(self) -> str:
        if not self.unused:
            return f"all {self.count} entries taken"
        more = "" if len(self.unused) <= SHOWN else f" and {len(self.unused) - SHOWN} more"
        return f"{self.count} entries taken; not used: {', '.join(self.unused[:SHOWN])}{more}"


def read_weights(path: Path) -> Weights:
    """Read a state dict from a `.safetensors` file, or from a `.pth`, `.pt` or `.bin` file of only tensors.

    Enclosing dictionaries and common prefixes of names, as other trainings write them, are removed. No code from the
    file is run. Raises `OptionError` for a file that cannot be read or holds no weights.
    """
    expected = "a .safetensors file, or a .pth file of tensors"
    if kind := special_file_kind(path):  # a pipe would never end
        raise OptionError(OPTION, f"{path}, {kind}", expected, "Check the path.")
    if path.suffix.lower() not in (".safetensors", *PICKLES):
        raise OptionError(OPTION, f"{path}, a {path.suffix or 'nameless'} file", expected, "Convert the weights.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # for pickles that torch did not write
            content: object = _read(path)
    except Exception as error:  # a damaged file causes errors of many kinds
        beside = isinstance(error, pickle.UnpicklingError)  # torch would explain at length how to run the file's code
        reason = "more than tensors, such as a whole net" if beside else str(error).partition("\n")[0][:200]
        found = f"{path}, which cannot be read ({reason})"
        raise OptionError(OPTION, found, expected, "Save the net's state_dict() alone.") from error
    while isinstance(content, Mapping) and (inner := _unwrap(content)) is not None:
        content = inner
    weights = (
        {name: tensor for name, tensor in content.items() if isinstance(tensor, torch.Tensor)}
        if isinstance(content, Mapping)
        else {}
    )
    if not weights:
        raise OptionError(OPTION, f"{path}, without any weights", "a state dict", "Save the net's state_dict().")
    while prefix := next((prefix for prefix in PREFIXES if all(str(name).startswith(prefix) for name in weights)), ""):
        weights = {name.removeprefix(prefix): tensor for name, tensor in weights.items()}
    return weights


def _read(path: Path) -> object:
    if path.suffix.lower() in PICKLES:
        return torch.load(path, map_location="cpu", weights_only=True)
    return safetensors.torch.load_file(path)


def _unwrap(content: Mapping[object, object]) -> Mapping[object, object] | None:
    return next((inner for key in WRAPPERS if isinstance(inner := content.get(key), Mapping)), None)


def fill_net(net: nn.Module, weights: Weights, path: Path, encoder: str | None) -> LoadReport:
    """Copy `weights` into an encoder's `net`, entry by entry under the same names.

    Dots and underscores are equivalent, since timm replaces dots where it splits a net into features. Weights of a
    fully connected layer become those of the corresponding convolution. For other than 3 channels, the weights of the
    first convolution are repeated. Raises `OptionError`, and changes nothing, if an entry of the net is missing or has
    another shape.
    """
    wanted = net.state_dict()
    names = {_normalise_name(name): name for name in weights}
    sources = {name: names[_normalise_name(name)] for name in wanted if _normalise_name(name) in names}
    missing = [name for name in wanted if name not in sources and not name.endswith(COUNTER)]
    if missing and find_packaged(encoder) and (ordered := _match_by_order(wanted, weights)):
        sources, missing = ordered, []
    if missing:
        found = f"{path} without {missing[0]} ({len(missing)} of {len(wanted)} entries are missing)"
        remedy = (
            f"The file's first entries are {', '.join(list(weights)[:SHOWN])}. Name the encoder that they belong to."
        )
        raise OptionError(OPTION, found, f"the entries of {encoder or 'vgg16_bn'}", remedy)
    require_numbers({source: weights[source] for source in sources.values()}, path)
    adapted = {name: _adapt(name, weights[source], wanted[name].shape, path) for name, source in sources.items()}
    net.load_state_dict(wanted | adapted)
    used = set(sources.values())
    return LoadReport(len(adapted), tuple(name for name in weights if name not in used))


def require_numbers(weights: Mapping[str, torch.Tensor], path: Path) -> None:
    """Raise `OptionError` for weights that are not floating-point numbers, such as those of a net in 8 bits, or not
    finite."""
    for name, tensor in weights.items():
        if name.endswith(COUNTER):
            continue
        if tensor.layout != torch.strided or not tensor.is_floating_point():
            found = f"{name} in {tensor.dtype} in {path}"
            raise OptionError(OPTION, found, "weights in floating point", "Save the net before it is quantised.")
        if not bool(tensor.isfinite().all()):
            remedy = "The training that wrote the file has failed: take an earlier one."
            raise OptionError(OPTION, f"{name} with values that are no numbers in {path}", "finite ones", remedy)


def _normalise_name(name: str) -> str:
    return name.replace(".", "_")


def _match_by_order(wanted: Weights, weights: Weights) -> dict[str, str] | None:
    """Return the entry of the file for each entry of a packaged net, if all shapes agree in order, as in the packages'
    files; else `None`."""
    pairs = dict(zip(wanted, weights, strict=False))
    same = all(wanted[name].shape[:1] == weights[source].shape[:1] for name, source in pairs.items())
    return pairs if same and len(pairs) == len(wanted) else None


def _adapt(name: str, weight: torch.Tensor, shape: torch.Size, path: Path) -> torch.Tensor:
    """Return the `weight` of the file, converted for the entry `name` of the net, which has this shape."""
    if weight.ndim == 2 and len(shape) == 4 and weight.numel() == shape.numel():  # fully connected
        return weight.reshape(shape)
    if weight.ndim == len(shape) == 4 and weight.shape[1] == 3 != shape[1]:
        weight = adapt_input_channels(weight, shape[1])
    if weight.shape != shape:
        found = f"{name} of shape {tuple(weight.shape)} in {path}"
        remedy = "Name the encoder and width that the weights belong to."
        raise OptionError(OPTION, found, f"{tuple(shape)}", remedy)
    return weight
