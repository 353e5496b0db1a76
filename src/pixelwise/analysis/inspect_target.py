"""The net that `pixelwise inspect` examines: built by its name, loaded from a run, or rebuilt from a model file."""

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
"""The (height, width) of the image, by default: the one at which classifiers are compared."""
_Shape = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True)
class InspectTarget:
    """The net that is inspected.

    Attributes
    ----------
    description
        What the net is and where its weights come from, for the reader.
    size
        The (height, width) of the image, unless the user asks for another one.
    has_weights
        Whether the net has weights to measure with; `False` for one that was rebuilt from a model file.
    info
        The metadata of its model file; `None` for a net that was built by its name.
    encoder_padding
        How its encoder pads strided convolutions; `None` for a net that was built by its name, or without an encoder.
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
    """Return the model of a name, with random weights. Raises as `build`."""
    parsed = parse_options(name, options)
    with seeded(0):
        model = build(name, num_classes, in_channels, encoder, width=width, options=parsed)
    description = f"{_name_net(name, encoder)}, {num_classes} classes, random weights"
    return InspectTarget(model, description, in_channels, SIZE)


def from_run(path: Path) -> InspectTarget:
    """Return the net of a run directory, with its trained weights, at the size of its crops. Raises as `load_run`."""
    pipeline, config = load_run(path)
    name = _name_net(config.model, config.encoder)
    description = f"{name}, {config.class_map.num_classes} classes, weights as trained in {path}"
    same = any(
        isinstance(layer, SamePaddedConv2d) and layer.before != layer.after for layer in pipeline.model.modules()
    )
    return InspectTarget(
        pipeline.model,
        description,
        len(pipeline.mean),
        config.recipe.crop,
        info=model_info(config, pipeline),
        encoder_padding=_padding(config.encoder, same=same),
    )


def from_model_file(path: Path) -> InspectTarget:
    """Return the net from which an .onnx file was exported, rebuilt from its metadata, without its weights.

    Raises `ModelFileError` for a file that pixelwise did not write, for a live model, and for a file whose convolutions
    are not those of the net.
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
    in_file, in_net = _file_convolutions(graph), _convolutions(model, in_channels)
    if not in_file <= in_net:  # the file lacks convolutions of the net that no logit depends on
        found = f"{(in_file - in_net).total()} convolutions unlike those of {info.model} (width {info.width or 1})"
        remedy = "Export the run again with this version, or name the run directory."
        raise ModelFileError(path, found, "the convolutions of the model that its metadata names", remedy)
    description = f"{_name_net(info.model, info.encoder)}, {classes} classes, rebuilt from the metadata of {path}"
    same = any(pads[: len(pads) // 2] != pads[len(pads) // 2 :] for pads in _pads(graph))
    padding = _padding(info.encoder, same=same)
    return InspectTarget(model, description, in_channels, SIZE, has_weights=False, info=info, encoder_padding=padding)


def _padding(encoder: str | None, *, same: bool) -> EncoderPadding | None:
    """Return how an encoder pads; `None` without one. same: whether convolutions of the net pad more after a map than
    before it, as TensorFlow's "same" does."""
    if encoder is None:
        return None
    return "trained" if same else "symmetric"


def _pads(graph: onnx.ModelProto) -> Iterator[tuple[int, ...]]:
    """Yield the padding of each convolution of the graph: before each axis, then after each axis."""
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
    """Return how often each (shape of the weight, stride, dilation) occurs among the graph's convolutions.

    Convolutions that share a weight, as those of several scales do, count once.
    """
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.graph.initializer}
    stored = {  # in a file of 8 bits a node converts the stored weights to float
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
