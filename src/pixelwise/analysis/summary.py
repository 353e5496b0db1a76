"""The numbers of a net, stage by stage, that `pixelwise inspect` prints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

from torch import nn

from pixelwise.analysis.counting import Saving, dilation_saving, separable_saving
from pixelwise.analysis.receptive_field import effective_side, gradient_maps, trace_without_border
from pixelwise.analysis.stages import Stage, find_stages
from pixelwise.analysis.tracing import Output, Trace, trace
from pixelwise.nn.parameters import count_parameters

SAMPLES = 4
"""Images of noise over which effective receptive fields are averaged: enough for a table, within seconds."""
EFFORT = 100e9
"""Multiply-adds that are spent on them; a large net gets fewer images."""


@dataclass(frozen=True)
class StageSummary:
    """One row of the table.

    stride: `None` for an output that is no map. receptive_field: in pixels, `None` for the whole image.
    effective_receptive_field: in pixels, `None` where it was not measured, or where weights of zero let no gradient
    through.
    """

    name: str
    channels: int
    stride: float | None
    receptive_field: int | None
    effective_receptive_field: float | None
    parameters: int
    multiply_adds: int


@dataclass(frozen=True)
class Summary:
    """The numbers of a net on an image of `size` (height, width) in pixels.

    parameters: the trainable ones. receptive_field: `None` for the whole image. samples: the number of images on which
    the effective receptive fields were measured. unknown: the operations that have no rule and so were taken to look at
    the whole image. The totals may exceed the sums over stages by what belongs to no stage.
    """

    size: tuple[int, int]
    parameters: int
    multiply_adds: int
    stride: int
    receptive_field: int | None
    effective_receptive_field: float | None
    samples: int
    stages: tuple[StageSummary, ...]
    separable: Saving
    dilated: Saving
    unknown: tuple[str, ...]

    def to_json_dict(self) -> dict[str, Any]:
        """Return the summary for `json.dumps`; a receptive field of the whole image as the image's longer side."""
        content = asdict(self)
        for entry in (content, *content["stages"]):
            entry["sees_whole_image"] = entry["receptive_field"] is None
            entry["receptive_field"] = entry["receptive_field"] or max(self.size)
        return content


def summarise(
    model: nn.Module, size: tuple[int, int], in_channels: int = 3, *, effective: bool = True, seed: int = 0
) -> Summary:
    """Count and measure `model` on images of `size` (height, width) with `in_channels` channels.

    effective: whether effective receptive fields are measured, with the weights that the model has, on noise drawn from
    `seed`. Raises `OptionError` and `ShapeError` as `tracing.trace` does.
    """
    traced = trace(model, size, in_channels)
    unlimited = trace_without_border(model, in_channels)
    stages = find_stages(model, unlimited)
    measured = [stage.output for stage in stages if _is_map(unlimited.outputs[stage.output])] if effective else []
    total = sum(product.multiply_adds for product in traced.products)
    samples = int(min(SAMPLES, max(1, EFFORT / max(1, total * len(measured)))))
    paths = list(dict.fromkeys([*measured, ""])) if effective else []
    maps = gradient_maps(model, size, paths, in_channels, samples=samples, seed=seed)
    sides = {path: effective_side(gradients) for path, gradients in maps.items() if gradients.any()}
    return Summary(
        size=size,
        parameters=count_parameters(model),
        multiply_adds=total,
        stride=model.stride,  # type: ignore[arg-type]  # every model has one
        receptive_field=_pixels(unlimited.outputs[""]),
        effective_receptive_field=sides.get(""),
        samples=samples if effective else 0,
        stages=tuple(_row(model, stage, traced, unlimited, sides) for stage in stages),
        separable=separable_saving(traced.products),
        dilated=dilation_saving(traced.products),
        unknown=tuple(unlimited.unknown),
    )


def _row(model: nn.Module, stage: Stage, traced: Trace, unlimited: Trace, sides: Mapping[str, float]) -> StageSummary:
    named = model.named_parameters()
    parameters = [parameter for name, parameter in named if stage.holds(name) and parameter.requires_grad]
    jump = unlimited.outputs[stage.output].field.jump
    return StageSummary(
        name=stage.name,
        channels=unlimited.outputs[stage.output].shape[1],
        stride=(int(jump) if jump.denominator == 1 else float(jump)) or None,
        receptive_field=_pixels(unlimited.outputs[stage.output]),
        effective_receptive_field=sides.get(stage.output),
        parameters=sum(parameter.numel() for parameter in parameters),
        multiply_adds=sum(product.multiply_adds for product in traced.products if stage.holds(product.module)),
    )


def _is_map(output: Output) -> bool:
    return output.field.dims == ((), (), (0,), (1,))


def _pixels(output: Output) -> int | None:
    extent = max(output.field.extents)
    return int(extent) if isfinite(extent) else None
