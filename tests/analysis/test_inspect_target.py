"""The net that `inspect` looks at is the one that was asked for, trained or exported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
import torch

from pixelwise.analysis.inspect_target import from_model_file, from_name, from_run
from pixelwise.core.errors import ModelFileError, OptionError, RunError
from pixelwise.model_export.onnx import export_onnx
from pixelwise.training.config import RunConfig
from pixelwise.training.weights import build_pipeline, model_info, save_weights

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def config(config_of: Callable[..., RunConfig]) -> RunConfig:
    """SegNet of width 0.25 with three classes; its crops are 32x64."""
    return config_of("sky", "road", "car").replace(width=1 / 32)


def test_a_name_is_built_with_its_options_and_a_fixed_seed() -> None:
    first, again = (from_name("segnet", 4, 1, None, 1 / 32, []) for _ in range(2))
    assert first.model.head.out_channels == 4
    assert (first.in_channels, first.size, first.has_weights) == (1, (224, 224), True)
    assert first.description == "segnet, 4 classes, random weights"
    states = first.model.state_dict().values(), again.model.state_dict().values()
    assert all(torch.equal(a, b) for a, b in zip(*states, strict=True))
    eight = from_name("deeplabv3plus", 2, 3, "test_resnet", None, ["output_stride=8"])
    assert eight.model.stride == 8
    assert eight.description.startswith("deeplabv3plus on test_resnet, 2 classes")


def test_a_run_comes_with_its_weights_and_the_size_of_its_crops(config: RunConfig, tmp_path: Path) -> None:
    pipeline = build_pipeline(config.replace(seed=9), pretrained=False)
    config.save(tmp_path / "config.yaml")
    save_weights(tmp_path / "weights.safetensors", pipeline, config)
    subject = from_run(tmp_path)
    assert (subject.size, subject.in_channels, subject.has_weights) == ((32, 64), 3, True)
    assert torch.equal(subject.model.head.weight, pipeline.model.head.weight)
    assert subject.info == model_info(config, pipeline)
    assert subject.encoder_padding is None
    with pytest.raises(RunError, match=r"found no config\.yaml with weights"):
        from_run(tmp_path / "none")


@pytest.mark.slow
def test_a_model_file_is_rebuilt_and_compared(config: RunConfig, tmp_path: Path) -> None:
    pipeline = build_pipeline(config, pretrained=False).eval()
    path = tmp_path / "model.onnx"
    export_onnx(pipeline, model_info(config, pipeline), path)
    subject = from_model_file(path)
    assert [p.shape for p in subject.model.parameters()] == [p.shape for p in pipeline.model.parameters()]
    assert not subject.has_weights
    assert subject.info == model_info(config, pipeline)
    assert subject.encoder_padding is None
    export_onnx(pipeline, replace(model_info(config, pipeline), width=None), path)  # as if it were the paper's
    # 13 convolutions of the encoder, 13 of the decoder with the head
    with pytest.raises(ModelFileError, match=r"found 26 convolutions unlike those of segnet \(width 1\)"):
        from_model_file(path)


@pytest.mark.slow
def test_a_net_that_sees_an_image_several_times_counts_once(
    config_of: Callable[..., RunConfig], tmp_path: Path
) -> None:
    """An instance FPN on an encoder whose last projection leads to no map, so that its file goes without."""
    config = config_of("sky", "road").replace(model="fpn", encoder="test_efficientnet", width=0.25)
    recipe = config.recipe.replace(magnifications=(1.0, 1.25), tile=256)
    config = config.replace(recipe=recipe, task="instance", things=(1,))
    pipeline = build_pipeline(config, pretrained=False).eval()
    export_onnx(pipeline, model_info(config, pipeline), tmp_path / "model.onnx")
    subject = from_model_file(tmp_path / "model.onnx")
    assert subject.model.head.out_channels == 2 + 3
    assert subject.encoder_padding == "symmetric"
    graph = onnx.load(tmp_path / "model.onnx")
    pads = next(
        attribute
        for node in graph.graph.node
        if node.op_type == "Conv"
        for attribute in node.attribute
        if attribute.name == "pads"
    )
    pads.ints[:] = [0, 0, 1, 1]
    onnx.save(graph, tmp_path / "same.onnx")
    assert from_model_file(tmp_path / "same.onnx").encoder_padding == "trained"


@pytest.mark.parametrize("padding", ["trained", "symmetric"])
def test_a_run_says_how_its_encoder_pads(config_of: Callable[..., RunConfig], tmp_path: Path, padding: str) -> None:
    expected = {"model": "fpn", "encoder": "efficientnet_lite0", "width": None, "encoder_padding": padding}
    config = config_of("sky", "road").replace(**expected)
    config.save(tmp_path / "config.yaml")
    save_weights(tmp_path / "weights.safetensors", build_pipeline(config, pretrained=False), config)
    assert from_run(tmp_path).encoder_padding == padding


def test_files_of_others_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"no model")
    with pytest.raises(ModelFileError, match="found a file that is no ONNX"):
        from_model_file(path)
    graph = onnx.helper.make_graph([], "empty", [], [])
    onnx.save(onnx.helper.make_model(graph), path)
    with pytest.raises(ModelFileError, match="found an ONNX file without pixelwise metadata"):
        from_model_file(path)


def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(OptionError, match=r"model: found 'segnt' \(did you mean segnet"):
        from_name("segnt", 2, 3, None, None, [])
