"""Tracing of a net, operation by operation, without computing values: fields of view, and multiply-adds.

The image is a tensor without data (torch's meta device), so a trace takes no more memory or time at 4096 pixels than at
64. Values that do not depend on the image, such as the positions from which its border is mirrored, are computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.weak import WeakTensorKeyDictionary

from pixelwise.analysis.counting import Product, count_product
from pixelwise.analysis.field_of_view import Field
from pixelwise.analysis.operation_rules import output_field
from pixelwise.core.errors import OptionError, ShapeError

Hook = Callable[[str, torch.Tensor], None]
aten = torch.ops.aten
_SHAPE_ONLY = {aten.new_zeros, aten.new_ones, aten.new_full, aten.new_empty, aten.zeros_like, aten.ones_like}
"""Operations that use only the shape of a tensor."""


@dataclass(frozen=True)
class Output:
    """The last tensor that a module returned: its shape, and the field of view of its positions."""

    shape: tuple[int, ...]
    field: Field


@dataclass(frozen=True)
class Trace:
    """One pass of an image (1, C, height, width) through a net.

    `outputs` are those of the modules by path, in the order in which they last finished; "" is the net itself.
    `unknown` names the operations without a rule, whose outputs were taken to look at the whole image.
    """

    outputs: dict[str, Output]
    products: list[Product]
    unknown: list[str]


def trace(model: nn.Module, size: tuple[int, int], in_channels: int = 3) -> Trace:
    """Follow an image through a net in evaluation mode, without computing a value.

    Parameters
    ----------
    model
        A net that takes images (N, in_channels, H, W).
    size
        (height, width) of the image in pixels.
    in_channels
        Channels of the image.

    Returns
    -------
    Trace
        For each module, by its path in `model`, the shape and the receptive field of its output; and the products that
        were counted.

    Raises
    ------
    OptionError
        The size or the number of channels is below 1.
    ShapeError
        The net cannot take an image of that size, or its operations depend on the image's values.

    Examples
    --------
    >>> from torch import nn
    >>> trace(nn.Sequential(nn.Conv2d(3, 4, 3, stride=2)), (32, 48)).outputs["0"].shape
    (1, 4, 15, 23)
    """
    if min(size) < 1 or in_channels < 1:
        raise OptionError("size", f"{in_channels} x {size[0]} x {size[1]}", "sides of at least 1", "Give a larger one.")
    image = torch.empty(1, in_channels, *size, device="meta")
    tracer = _Tracer(image, Field.of_image(*size))
    outputs: dict[str, Output] = {}

    def record(path: str, output: torch.Tensor) -> None:
        field_of_view = tracer.fields.get(output)
        outputs.pop(path, None)
        if field_of_view is not None:
            outputs[path] = Output(tuple(output.shape), field_of_view)

    try:
        with evaluation_mode(model), torch.no_grad(), watch_outputs(model, record, tracer.path), tracer:
            model(image)
    except (RuntimeError, NotImplementedError, ValueError) as error:
        found = f"a net that cannot follow it ({str(error).partition(chr(10))[0]})"
        remedy = "Give a size that the net takes."
        raise ShapeError(f"an image of {size[0]}x{size[1]}", found, "a net for images of any size", remedy) from error
    return Trace(outputs, tracer.products, sorted(tracer.unknown))


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Set every module to evaluation mode, and afterwards each to the mode that it had."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, is_training in modes.items():
            module.training = is_training


@contextmanager
def watch_outputs(model: nn.Module, on_output: Hook, path: list[str] | None = None) -> Iterator[None]:
    """Call `on_output` with a module's path and its last output tensor whenever a module finishes. `path` holds the
    paths of the modules that are running."""
    running = [] if path is None else path
    with ExitStack() as stack:
        for name, module in model.named_modules():

            def before(module: nn.Module, inputs: object, name: str = name) -> None:
                running.append(name)

            def after(module: nn.Module, inputs: object, output: object, name: str = name) -> None:
                running.pop()
                tensors = [leaf for leaf in tree_leaves(output) if isinstance(leaf, torch.Tensor)]
                if tensors:
                    on_output(name, tensors[-1])

            stack.callback(module.register_forward_pre_hook(before).remove)
            stack.callback(module.register_forward_hook(after).remove)
        yield


@dataclass
class _Tracer(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Records the field of view of each tensor that depends on the image, and the products, while it is active."""

    image: torch.Tensor
    image_field: Field
    path: list[str] = field(default_factory=list)
    products: list[Product] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.fields: MutableMapping[torch.Tensor, Field] = WeakTensorKeyDictionary()
        self.fields[self.image] = self.image_field

    def __torch_dispatch__(
        self,
        func: torch._ops.OpOverload,
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        if not any(tensor.is_meta for tensor in tensors):
            if kwargs.get("device") == torch.device("meta"):
                kwargs["device"] = torch.device("cpu")
            return func(*args, **kwargs)
        output = func(*tree_map(_without_data, args), **tree_map(_without_data, kwargs))
        fields = [self.fields[tensor] for tensor in tensors if tensor in self.fields]
        if fields and func.overloadpacket not in _SHAPE_ONLY:
            self._follow(func, _name_arguments(func, args, kwargs), fields, output)
        return output

    def _follow(
        self, func: torch._ops.OpOverload, arguments: Mapping[str, Any], fields: list[Field], output: Any
    ) -> None:
        for tensor in tree_leaves(output):
            if not isinstance(tensor, torch.Tensor):
                continue
            after = output_field(func, arguments, fields, tensor)
            if after is None:
                self.unknown.add(str(func.overloadpacket))
                after = Field.of_whole_image(tensor.ndim)
            self.fields[tensor] = after
        product = count_product(func, arguments, output, self.path[-1] if self.path else "")
        if product is not None:
            self.products.append(product)


def _without_data(leaf: Any) -> Any:
    return leaf.to("meta") if isinstance(leaf, torch.Tensor) else leaf


def _name_arguments(func: torch._ops.OpOverload, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments by the names of the operation's schema, defaults filled in."""
    schema = func._schema.arguments
    given = {argument.name: value for argument, value in zip(schema, args, strict=False)}
    return {argument.name: argument.default_value for argument in schema} | given | dict(kwargs)
