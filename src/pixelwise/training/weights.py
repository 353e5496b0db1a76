"""Building the pipeline of a run, and saving and loading weights."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import torch

from pixelwise.core.bands import channel_count, repeat_over_channels
from pixelwise.core.errors import OptionError, RunError
from pixelwise.core.files import sha256, special_file_kind
from pixelwise.instances.grouping_parameters import GroupingParameters
from pixelwise.modelfile.info import ModelInfo
from pixelwise.nn.encoders.base import Encoder
from pixelwise.nn.encoders.padding import pad_symmetrically
from pixelwise.nn.encoders.timm import find_packaged
from pixelwise.nn.encoders.weight_file import LoadReport, fill_net, read_weights, require_numbers
from pixelwise.nn.models import MODELS, build
from pixelwise.nn.models.segnet import SegNet
from pixelwise.nn.pipeline import IMAGENET_MEAN, IMAGENET_STD, TTA, Pipeline
from pixelwise.nn.seeding import seeded
from pixelwise.tasks import TASKS
from pixelwise.training.checkpoint import Tensors, load_tensors, require_types, save_tensors
from pixelwise.training.config import RunConfig
from pixelwise.training.import_paths import require_registered
from pixelwise.training.planning.tiles import remove_tta
from pixelwise.training.run_directory import RunDirectory

HEAD = "head."
"""The name of every model's last layer, which depends on the classes."""


def build_pipeline(config: RunConfig, *, pretrained: bool) -> Pipeline:
    """Build the model that `config` names, with initial weights that depend only on its seed. Images are normalised as
    the weights of the encoder require, or as a model without encoder defines, or else with ImageNet's values.
    """
    channels = channel_count(config.bands)
    require_registered(MODELS, config.model)
    with seeded(config.seed):
        model = build(
            config.model,
            config.class_map.num_classes + TASKS[config.task].channels,
            channels,
            encoder=config.encoder,
            width=config.width,
            pretrained=pretrained,
            options=config.options,
        )
        if find_packaged(config.encoder) and config.encoder_padding == "symmetric":
            pad_symmetrically(model)
    encoder = getattr(model, "encoder", None)
    source = encoder if isinstance(encoder, Encoder) else model
    mean: tuple[float, ...] = getattr(source, "mean", IMAGENET_MEAN)
    std: tuple[float, ...] = getattr(source, "std", IMAGENET_STD)
    mean, std = (repeat_over_channels(values, channels) for values in (mean, std))  # fixed, as weights are
    recipe = config.recipe
    tta = TTA(recipe.magnifications, recipe.flip_axes)
    return Pipeline(model, mean, std, tta=tta, grouping=config.grouping, offset_unit=recipe.offset_unit)


def model_info(config: RunConfig, pipeline: Pipeline) -> ModelInfo:
    """Return the metadata that prediction needs."""
    return ModelInfo(
        model=config.model,
        encoder=config.encoder,
        task=config.task,
        classes=config.class_map,
        mean=pipeline.mean,
        std=pipeline.std,
        stride=pipeline.stride,
        tile=config.recipe.tile,
        overlap=config.recipe.overlap,
        width=config.width,
        options=config.options,
        grouping=pipeline.grouping,
        bands=config.bands,
        value_range=config.value_range,
        extra_channels=0 if pipeline.grouping else TASKS[config.task].channels,
    )


def save_weights(path: Path, pipeline: Pipeline, config: RunConfig) -> None:
    """Write the model's weights, whole or not at all. The header has the model that they belong to, its class bias, and
    its grouping of objects."""
    bias, grouping = pipeline.class_bias, pipeline.grouping
    header = {
        "model": config.model,
        "encoder": config.encoder,
        "width": config.width,
        "class_bias": None if bias is None else bias.flatten().tolist(),
        "grouping": None if grouping is None else asdict(grouping),
    }
    save_tensors(path, pipeline.model.state_dict(), header)


def load_run(path: Path, *, fast: bool = False) -> tuple[Pipeline, RunConfig]:
    """Return the pipeline of a run directory with its best weights, in evaluation mode, and its configuration; with
    `fast` for a model without test-time augmentation."""
    run = RunDirectory(path)
    run.require_weights()
    config = RunConfig.load(run.config)
    if fast:
        config = config.replace(recipe=remove_tta(config.recipe))
    pipeline = build_pipeline(config, pretrained=False)
    weights, header = load_tensors(run.weights)
    _fill(pipeline, weights, run.weights)
    try:
        if header.get("grouping") is not None:
            pipeline.grouping = GroupingParameters(**header["grouping"] | {"things": config.things})
        return pipeline.set_class_bias(header.get("class_bias")).eval(), config
    except (RuntimeError, TypeError, ValueError, OverflowError, OptionError) as error:
        problem_text = f"a header that makes no sense ({str(error).partition(chr(10))[0]})"
        raise RunError(run.weights, problem_text, "weights of this run", "Train again, or restore the file.") from error


def load_starting_weights(pipeline: Pipeline, config: RunConfig, path: Path) -> None:
    """Copy the weights of the run at `path` into `pipeline`. If its task, its classes or its unit of offsets differ,
    the head is not copied. From a model of the same family, such as FCN-32s for FCN-16s, weights with equal names and
    shapes are copied. Raises `RunError` if the weights belong to any other model.
    """
    run = RunDirectory(path)
    run.require_weights()
    other = RunConfig.load(run.config)
    if (_family(other.model), other.encoder, other.width) != (_family(config.model), config.encoder, config.width):
        remedy = "Ask for the same `model`, `encoder` and `width`."
        raise RunError(path, f"weights of {_describe_net(other)}", _describe_net(config), remedy)
    weights, _ = load_tensors(run.weights)
    initial = pipeline.model.state_dict()
    if _head_of(other) != _head_of(config):
        weights = {name: initial[name] if name.startswith(HEAD) else tensor for name, tensor in weights.items()}
    if other.model != config.model:
        fitting = {name: weight for name, weight in weights.items() if _fits(weight, initial.get(name))}
        weights = initial | fitting
    _fill(pipeline, weights, run.weights)


def require_freezable(pipeline: Pipeline, config: RunConfig) -> None:
    """Raise `OptionError` for a `freeze_through` at which the encoder has no map, so that nothing would be frozen."""
    stride, encoder = config.asked.get("freeze_through"), getattr(pipeline.model, "encoder", None)
    if stride and isinstance(encoder, Encoder) and int(stride) < encoder.strides[0]:
        strides = ", ".join(map(str, dict.fromkeys(encoder.strides)))
        remedy = "Give one of these, or 0 to let all layers learn."
        raise OptionError("freeze_through", str(stride), f"one of {config.encoder}'s strides: {strides}", remedy)


def load_encoder_weights(pipeline: Pipeline, config: RunConfig, path: Path) -> LoadReport:
    """Load the encoder of `pipeline` from the file at `path`, and return a description of what was taken.

    SegNet's encoder, which is VGG16's convolutions with batch norm, takes those of torchvision's `vgg16_bn`. Raises
    `OptionError` for a model without an encoder or weights of another net, and `RunError` for another file than the
    run's.
    """
    if not path.is_file():
        problem_text, expected = special_file_kind(path) or "no such file", "the weights that the run starts from"
        raise RunError(path, problem_text, expected, "Restore the file, or start a new run.")
    if config.encoder_weights_sha256 not in (None, sha256(path)):
        remedy = "Restore the file, or start a new run."
        raise RunError(path, "weights with another SHA-256", str(config.encoder_weights_sha256), remedy)
    weights, model = read_weights(path), pipeline.model
    if isinstance(encoder := getattr(model, "encoder", None), Encoder):
        return fill_net(encoder.net, weights, path, config.encoder)
    if isinstance(model, SegNet):
        features = {name: tensor for name, tensor in weights.items() if name.startswith("features.")}
        require_numbers(features, path)
        model.fill(features, path)
        return LoadReport(len(features), tuple(name for name in weights if name not in features))
    problem_text, remedy = f"model {config.model}, which has no encoder", "Leave it out, or name a model on an encoder."
    raise OptionError("encoder_weights", problem_text, "a model on an encoder", remedy)


def _head_of(config: RunConfig) -> tuple[str, tuple[str, ...], float]:
    """Return everything that a head depends on."""
    return config.task, config.class_map.names, config.recipe.offset_unit


def _fill(pipeline: Pipeline, weights: Tensors, path: Path) -> None:
    try:
        require_types(pipeline.model, weights)
        pipeline.model.load_state_dict(weights)
    except (RuntimeError, TypeError) as error:
        raise RunError(
            path, "weights of another model", "the run's own", "Restore the file, or train again."
        ) from error


def _family(model: str) -> str:
    """Return the file that defines a model. The models in a file share the names of their layers."""
    return MODELS[model].__module__


def _fits(weight: torch.Tensor, initial: torch.Tensor | None) -> bool:
    return initial is not None and initial.shape == weight.shape


def _describe_net(config: RunConfig) -> str:
    return f"{config.model} (encoder {config.encoder or 'of its own'}, width {config.width or 1})"
