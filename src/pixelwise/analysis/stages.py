"""The stages of a net, as papers draw them, found from its module tree and the order in which its modules ran.

A unit is a module that is not opened further. Opened are containers, and modules that span three strides or more, such
as a whole encoder; a residual block spans two at most. Units with the same output stride and dilation, in the same part
of the net (a child of the net itself, such as `encoder`), form a stage, if it has parameters or multiplies anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import takewhile

from torch import nn

from pixelwise.analysis.tracing import Output, Trace

_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
_Key = tuple[str, Fraction, int]
"""The part, stride and dilation that the units of a stage share."""


@dataclass(frozen=True)
class Stage:
    """Modules that belong together, by their paths; `output` is the path of the one that ran last."""

    name: str
    modules: tuple[str, ...]
    output: str

    def holds(self, path: str) -> bool:
        """Return whether the module or parameter at `path` is in this stage."""
        return any(path == module or path.startswith(f"{module}.") for module in self.modules)


def find_stages(model: nn.Module, traced: Trace) -> list[Stage]:
    """Return the stages of `model` in the order in which they ran when it was traced."""
    keys = _keys(model, traced)
    units_of: dict[_Key, list[str]] = {}
    for unit, key in keys.items():
        units_of.setdefault(key, []).append(unit)
    stages = []
    for key, units in units_of.items():
        modules = tuple(_largest(model, "", keys, key))
        stages.append(Stage(_name(modules), modules, units[-1]))
    work = [name for name, _ in model.named_parameters()] + [product.module for product in traced.products]
    return [stage for stage in stages if any(map(stage.holds, work))]


def _keys(model: nn.Module, traced: Trace) -> dict[str, _Key]:
    """Return the key of each unit. A unit without a window has the dilation of the unit before it in its part."""
    units = _units(model, "", traced.outputs)
    keys: dict[str, _Key] = {}
    dilations: dict[str, int] = {}
    for unit, output in traced.outputs.items():
        if unit not in units:
            continue
        part = "" if isinstance(model, nn.Sequential) else unit.partition(".")[0]
        inside = [each for each in traced.products if f"{each.module}.".startswith(f"{unit}.")]
        windows = [max(each.dilation) for each in inside if max(each.kernel, default=1) > 1]
        dilations[part] = max(windows, default=dilations.get(part, 1))
        keys[unit] = part, output.field.jump, dilations[part]
    return keys


def _units(module: nn.Module, path: str, outputs: Mapping[str, Output]) -> set[str]:
    """Return the paths of the units in a module."""
    inside = [output for name, output in outputs.items() if name.startswith(f"{path}." if path else "")]
    strides = {output.field.jump for output in inside} - {0}
    if any(module.children()) and (path == "" or isinstance(module, _CONTAINERS) or len(strides) > 2):
        return set().union(*(_units(child, _join(path, name), outputs) for name, child in module.named_children()))
    return {path} if path in outputs else set()


def _largest(module: nn.Module, path: str, keys: Mapping[str, _Key], key: _Key) -> list[str]:
    """Return the largest modules all of whose units have this key, in the order of the module tree."""
    inside = {
        unit_key for unit, unit_key in keys.items() if unit == path or unit.startswith(f"{path}." if path else "")
    }
    if key not in inside:
        return []
    if inside == {key} and path:
        return [path]
    return [
        largest for name, child in module.named_children() for largest in _largest(child, _join(path, name), keys, key)
    ]


def _name(modules: tuple[str, ...]) -> str:
    """Return the path of a single module, or that of the first one and what differs in that of the last one:
    `encoder.net.blocks.3 … 4`."""
    first, last = modules[0], modules[-1]
    if first == last:
        return first
    same = takewhile(lambda names: names[0] == names[1], zip(first.split("."), last.split("."), strict=False))
    return f"{first} … {'.'.join(last.split('.')[len(list(same)) :])}"


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
