"""What tests of trainings share."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pixelwise.modelfile.info import ModelInfo
    from pixelwise.nn.pipeline import Pipeline


@pytest.fixture(scope="session", autouse=True)
def _a_pipeline_is_exported_once() -> Iterator[None]:
    """Let trainings that come to the same weights share the draft of their model file, whose export takes seconds."""
    from pixelwise.model_export.onnx import export_onnx
    from pixelwise.training.posthoc import cross_fitting

    files: dict[str, bytes] = {}

    def export_once(pipeline: Pipeline, info: ModelInfo, path: Path) -> None:
        key = digest(pipeline, info)
        if key in files:
            path.write_bytes(files[key])
        else:
            export_onnx(pipeline, info, path)
            files[key] = path.read_bytes()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cross_fitting, "export_onnx", export_once)
        yield


def digest(pipeline: Pipeline, info: ModelInfo) -> str:
    """Return a hash of all that an export depends on: the layers with their code and weights, and the metadata."""
    parts = [repr(pipeline), info.to_json(), repr((pipeline.test_scales, pipeline.flip_axes, pipeline.offset_unit))]
    parts += [f"{type(layer).__module__}.{type(layer).__qualname__}" for layer in pipeline.modules()]
    content = hashlib.sha256("\n".join(parts).encode())
    for name, tensor in [*pipeline.named_parameters(), *pipeline.named_buffers()]:
        content.update(name.encode())
        content.update(tensor.detach().cpu().numpy().tobytes())
    return content.hexdigest()
