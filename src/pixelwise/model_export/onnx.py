"""From a torch model to one self-describing ONNX file."""

from __future__ import annotations

import contextlib
import logging
import math
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn

from pixelwise.core.files import write_atomically
from pixelwise.model_export.dropout import keep_dropout, seed_dropout
from pixelwise.model_export.folding import fold_batch_norms
from pixelwise.modelfile.info import COARSE, METADATA_KEY, ModelInfo
from pixelwise.nn.pipeline import Pipeline

OPSET = 18
CLASS_BIAS = "class_bias"
"""The pipeline's own name for it, which that of the initialiser in the graph ends with."""
NO_BIAS = -0.0
"""A class bias that adds nothing, for `replace_class_bias` to put another in its place. 0.0 would not do: the exporter
makes one tensor of equal ones, and the shift of images that are normalised in the first layer is 0.0 too."""
EXAMPLE_SIDES = (96, 128)
"""Height and width of the traced example; the exported graph takes any."""


def export_onnx(pipeline: nn.Module, info: ModelInfo, path: Path) -> None:
    """Write `pipeline`, a `Pipeline` or another net that takes and gives what one does, and its metadata to `path`,
    whole or not at all.

    The graph takes `image` uint8 (N, height, width, C) and gives `logits` float32 (N, K, height, width); N, height and
    width are free. Where they are those of one coarser map, up-sampled, that is a second output, `coarse`. Dropout
    layers wait for a seed (see `dropout`). The pipeline must be in evaluation mode.
    """
    size = (2, *EXAMPLE_SIDES, len(info.mean))
    example = torch.arange(math.prod(size)).mul(37).remainder(251).to(torch.uint8).view(size)  # what folding compares
    net = _Outputs(pipeline) if isinstance(pipeline, Pipeline) and pipeline.is_coarse else pipeline
    dimension = torch.export.Dim
    shape = {0: dimension("n", min=1), 1: dimension("height", min=1), 2: dimension("width", min=1)}
    with (
        quiet(),
        torch.no_grad(),
        _out_of_place(pipeline),
        fold_batch_norms(pipeline, example),
        keep_dropout(pipeline),
    ):
        program = torch.onnx.export(
            net,
            (example,),
            input_names=["image"],
            output_names=["logits", COARSE] if isinstance(net, _Outputs) else ["logits"],
            dynamic_shapes=(shape,),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    proto = seed_dropout(program.model_proto)  # type: ignore[union-attr]  # None without dynamo alone
    onnx.helper.set_model_props(proto, {METADATA_KEY: info.to_json()})
    proto.producer_name = "pixelwise"
    for node in proto.graph.node:
        del node.metadata_props[:]  # stack traces of the exporting machine
        node.doc_string = ""
    with write_atomically(path) as temporary:
        onnx.save(proto, temporary)


class _Outputs(nn.Module):
    """The logits, and the coarser ones that they are made of."""

    def __init__(self, pipeline: Pipeline) -> None:
        super().__init__()
        self.pipeline = pipeline

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        coarse = self.pipeline.coarse(images)
        return self.pipeline.upsample(coarse, images), coarse


def replace_class_bias(path: Path, class_bias: Sequence[float], info: ModelInfo, out: Path) -> None:
    """Write the file at `path`, exported from a pipeline with a class bias of `NO_BIAS` or of other values than any
    tensor has, to `out` with `class_bias` and `info` in the place of its own."""
    proto = onnx.load(path)
    onnx.helper.set_model_props(proto, {METADATA_KEY: info.to_json()})
    initializers = proto.graph.initializer
    (entry,) = (tensor for tensor in initializers if tensor.name.rpartition(".")[2] == CLASS_BIAS)
    values = np.array(class_bias, np.float32).reshape(tuple(entry.dims))
    entry.CopyFrom(onnx.numpy_helper.from_array(values, entry.name))
    with write_atomically(out) as temporary:
        onnx.save(proto, temporary)


@contextlib.contextmanager
def _out_of_place(pipeline: nn.Module) -> Iterator[None]:
    """Let no layer overwrite its input meanwhile: torch takes half as long again to trace layers that do."""
    layers = [layer for layer in pipeline.modules() if getattr(layer, "inplace", False)]
    for layer in layers:
        layer.inplace = False  # type: ignore[assignment]
    try:
        yield
    finally:
        for layer in layers:
            layer.inplace = True  # type: ignore[assignment]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence the tools' notes on their own internals, which no user can act on."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
