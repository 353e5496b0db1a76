"""What `pixelwise inspect` looks at: a net by its name, of a run, or the one that a model file was exported from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError
from torch import nn

from pixelwise.analysis.tracing import trace
from pixelwise.core.errors import ModelFileError
from pixelwise.inference.engines.checks import require_model
from pixelwise.model_export.quantization import CONVOLUTIONS
from pixelwise.modelfile.graph import REMEDY
from pixelwise.modelfile.info import LIVE_MODEL, METADATA_KEY, ModelInfo
from pixelwise.nn.encoders import upgrade_encoder_name
from pixelwise.nn.encoders.padding import SamePaddedConv2d
from pixelwise.nn.models import build, default_encoder, parse_options
from pixelwise.nn.seeding import seeded
from pixelwise.training.config import EncoderPadding
from pixelwise.training.weights import load_run, model_info

SIZE = (224, 224)
"""The size that classifiers are compared at, (height, width)."""
_Shape = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True)
class InspectTarget:
    """The net that is inspected.

    Attributes
    ----------
    description
        What the net is and whose weights it has, for a person.
    size
        (height, width) of the image, unless another one is asked for.
    has_weights
        False where only the shape of the net is known.
    info
        The metadata of its model file; `None` of a net by its name.
    encoder_padding
        How its encoder pads strided convolutions; `None` of a net by its name.
    """

    model: nn.Module
    description: str
    in_channels: int
    size: tuple[int, int]
    has_weights: bool = True
    info: ModelInfo | None = None
    encoder_padding: EncoderPadding | None = None


def from_name(
    name: str, num_classes: int, in_channels: int, encoder: str | None, width: float | None, options: Sequence[str]
) -> InspectTarget:
    """Return model `name` with weights as training would start from, the encoder's random. Errors as in `build`."""
    parsed = parse_options(name, options)
    with seeded(0):
        model = build(name, num_classes, in_channels, encoder, width=width, options=parsed)
    described = f"{_name_net(name, encoder)}, {num_classes} classes, random weights"
    return InspectTarget(model, described, in_channels, SIZE)


def from_run(path: Path) -> InspectTarget:
    """Return the net of a run directory, at the size of its crops. Raises `RunError` if it is none."""
    pipeline, config = load_run(path)
    named = _name_net(config.model, config.encoder)
    described = f"{named}, {config.class_map.num_classes} classes, weights as trained in {path}"
    same = any(
        isinstance(layer, SamePaddedConv2d) and layer.before != layer.after for layer in pipeline.model.modules()
    )
    return InspectTarget(
        pipeline.model,
        described,
        len(pipeline.mean),
        config.recipe.crop,
        info=model_info(config, pipeline),
        encoder_padding=_padding(config.encoder, same=same),
    )


def from_model_file(path: Path) -> InspectTarget:
    """Rebuild the net that an .onnx file was exported from, out of its metadata; its weights are left out.

    Raises `ModelFileError` for a file that pixelwise did not write, or whose convolutions are not the net's.
    """
    require_model(path)
    try:
        graph = onnx.load(path, load_external_data=False)
    except (OSError, DecodeError) as error:
        raise ModelFileError(path, f"a file that is no ONNX ({error})", "an ONNX model", REMEDY) from error
    metadata = {entry.key: entry.value for entry in graph.metadata_props}
    info = ModelInfo.from_json(metadata.get(METADATA_KEY), path)
    if info.model == LIVE_MODEL:
        remedy = "`pixelwise benchmark` and `pixelwise evaluate` measure it."
        raise ModelFileError(path, "the live model of few labels", "a net of `pixelwise models`", remedy)
    in_channels, classes = len(info.mean), info.channels
    encoder = upgrade_encoder_name(info.model, info.encoder)
    with seeded(0):
        model = build(info.model, classes, in_channels, encoder, width=info.width, options=info.options)
    theirs, ours = _file_convolutions(graph), _convolutions(model, in_channels)
    if not theirs <= ours:  # what leads to no logit is not in the file
        found = f"{(theirs - ours).total()} convolutions unlike those of {info.model} (width {info.width or 1})"
        remedy = "Export the run again with this version, or name the run directory."
        raise ModelFileError(path, found, "the convolutions of the model that its metadata names", remedy)
    described = f"{_name_net(info.model, info.encoder)}, {classes} classes, rebuilt from the metadata of {path}"
    same = any(pads[: len(pads) // 2] != pads[len(pads) // 2 :] for pads in _pads(graph))
    padding = _padding(info.encoder, same=same)
    return InspectTarget(model, described, in_channels, SIZE, has_weights=False, info=info, encoder_padding=padding)


def _padding(encoder: str | None, *, same: bool) -> EncoderPadding | None:
    """Return how an encoder pads, given whether convolutions of the net pad `same`, more behind a map than before."""
    if encoder is None:
        return None
    return "trained" if same else "symmetric"


def _pads(graph: onnx.ModelProto) -> Iterator[tuple[int, ...]]:
    """Yield what each of the graph's convolutions pads: before each axis, then behind each."""
    for node in graph.graph.node:
        if node.op_type in CONVOLUTIONS:
            yield from (tuple(attribute.ints) for attribute in node.attribute if attribute.name == "pads")


def _name_net(name: str, encoder: str | None) -> str:
    encoder = encoder or default_encoder(name)
    return f"{name} on {encoder}" if encoder else name


def _convolutions(model: nn.Module, in_channels: int) -> Counter[_Shape]:
    products = trace(model, SIZE, in_channels).products
    return Counter((each.weight_shape, each.stride, each.dilation) for each in products if each.kernel)


def _file_convolutions(graph: onnx.ModelProto) -> Counter[_Shape]:
    """Count the (weight's shape, stride, dilation) of the graph's convolutions; one that sees an image several times
    counts once, by its weights, which of a file in 8 bits stand behind a node that makes numbers of them."""
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.graph.initializer}
    stored = {
        node.output[0]: node.input[0]
        for node in graph.graph.node
        if node.op_type == "DequantizeLinear" and node.output and node.input
    }
    convolutions: dict[str, _Shape] = {}
    for node in graph.graph.node:
        if node.op_type not in CONVOLUTIONS or len(node.input) < 2:
            continue
        given = {attribute.name: tuple(attribute.ints) for attribute in node.attribute}
        weight = stored.get(node.input[1], node.input[1])
        shape = shapes.get(weight, ())
        ones = (1,) * (len(shape) - 2)
        convolutions[weight] = (shape, given.get("strides", ones), given.get("dilations", ones))
    return Counter(convolutions.values())
