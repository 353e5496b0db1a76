"""The classics' training: all layers learn from the weights of a file, and the authors' recipes reduce the loss."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from pixelwise.core.errors import OptionError, RunError
from pixelwise.data import open_dataset
from pixelwise.data.check import check
from pixelwise.nn.encoders.torchvision import build_classifier
from pixelwise.training.checkpoint import load_tensors
from pixelwise.training.config import RunConfig
from pixelwise.training.loop import Trainer
from pixelwise.training.options import TrainOptions
from pixelwise.training.paper_recipes import FCN_STAGES, paper_remarks
from pixelwise.training.planning.facts import Budget
from pixelwise.training.planning.plan import make_config
from pixelwise.training.run import train
from pixelwise.training.samples import SampleStore, batch_at
from pixelwise.training.weights import build_pipeline, load_encoder_weights, require_freezable

pytestmark = pytest.mark.usefixtures("one_thread")
WIDTH = {"alexnet": 1 / 16, "vgg16": 1 / 16, "googlenet": 1 / 4}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight images whose upper part, of a random height, is brighter than the lower one."""
    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for split, count in (("train", 8), ("val", 1)):
        for folder in ("images", "masks"):
            (root / split / folder).mkdir(parents=True)
        for index in range(count):
            mask = (np.arange(64)[:, None] + np.zeros(96) < rng.integers(16, 48)).astype(np.uint8)
            image = np.clip(60 + 120 * mask[..., None] + rng.normal(0, 10, (64, 96, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(image).save(root / split / "images" / f"{index}.png")
            Image.fromarray(mask).save(root / split / "masks" / f"{index}.png")
    (root / "classes.yaml").write_text("classes: [ground, sky]\n")
    return root


def weights_file(path: Path, encoder: str, width: float) -> Path:
    """Write random weights in the layout of torchvision's classifier, of this width."""
    torch.manual_seed(7)
    net = build_classifier(encoder, width=width).net
    state = {name: tensor + 0.01 if tensor.is_floating_point() else tensor for name, tensor in net.state_dict().items()}
    torch.save(state | {"fc.weight": torch.zeros(2, 2)}, path)
    return path


def configured(data: Path, **options: Any) -> tuple[RunConfig, SampleStore]:
    dataset = open_dataset(data)
    config = make_config(TrainOptions(**options), dataset, check(dataset), Budget())
    return config, SampleStore(dataset, dataset.splits["train"])


@pytest.mark.parametrize("model", ["fcn32s", "fcn16s", "fcn8s"])
@pytest.mark.parametrize("encoder", ["alexnet", "vgg16", "googlenet"])
def test_every_layer_of_an_encoder_with_the_weights_of_a_file_learns(
    data: Path, tmp_path: Path, model: str, encoder: str
) -> None:
    width = WIDTH[encoder]
    file = weights_file(tmp_path / "w.pth", encoder, width)
    config, store = configured(data, model=model, encoder=encoder, width=width, encoder_weights=file)
    pipeline = build_pipeline(config, pretrained=False)
    taken = load_encoder_weights(pipeline, config, file)
    assert taken.unused == ("fc.weight",)
    lent = torch.load(file, weights_only=True)
    before = {name: tensor.clone() for name, tensor in pipeline.model.encoder.net.state_dict().items()}
    assert all(torch.equal(tensor, lent[name]) for name, tensor in before.items())
    trainer = Trainer(pipeline, config.recipe.replace(steps=3), 0)
    trainer.start()
    for step in range(3):
        trainer.train_step(batch_at(store, trainer.recipe, 0, step))
    same = [name for name, tensor in pipeline.model.encoder.net.named_parameters() if torch.equal(tensor, before[name])]
    assert same == []


def test_all_stages_have_the_regime_of_the_first(data: Path, tmp_path: Path) -> None:
    file = weights_file(tmp_path / "w.pth", "alexnet", 1 / 16)
    asked: dict[str, Any] = {"model": "fcn16s", "encoder": "alexnet", "width": 1 / 16, "epochs": 1, "quiet": True}
    train(data, out=tmp_path / "run", stages=True, encoder_weights=file, **asked)
    configs = [RunConfig.load(tmp_path / "run" / part / "config.yaml") for part in ("stages/fcn32s", ".")]
    for config in configs:
        assert (config.pretrained, config.recipe.frozen_stride, config.recipe.color) == (True, 0, 1.0)
    assert [config.encoder_weights for config in configs] == [str(file), None]
    first, last = (load_tensors(tmp_path / "run" / part / "weights.safetensors")[0] for part in ("stages/fcn32s", "."))
    name = "encoder.net.features.0.weight"
    lent = torch.load(file, weights_only=True)["features.0.weight"]
    assert 0 < (first[name] - lent).abs().max() < 0.1  # a step or two from the file's
    assert 0 < (last[name] - first[name]).abs().max() < 0.1


def test_a_file_that_changed_and_a_stride_without_a_map_are_refused(data: Path, tmp_path: Path) -> None:
    file = weights_file(tmp_path / "w.pth", "alexnet", 1 / 16)
    options: dict[str, Any] = {"model": "fcn32s", "encoder": "alexnet", "width": 1 / 16}
    config, _ = configured(data, encoder_weights=file, freeze_through=4, **options)
    pipeline = build_pipeline(config, pretrained=False)
    with pytest.raises(OptionError, match="freeze_through: found 4; expected one of alexnet's strides: 8, 16, 32"):
        require_freezable(pipeline, config)
    file.write_bytes(file.read_bytes() + b"0")
    with pytest.raises(RunError, match=r"w\.pth: found weights with another SHA-256"):
        load_encoder_weights(pipeline, config, file)
    config, _ = configured(data, model="unet", width=1 / 16)
    with pytest.raises(OptionError, match="encoder_weights: found model unet, which has no encoder"):
        load_encoder_weights(build_pipeline(config, pretrained=False), config, file)


@pytest.mark.parametrize(
    ("recipe", "options", "steps", "factor"),
    [
        pytest.param("fcn", {"model": "fcn32s", "encoder": "vgg16", "width": 1 / 4}, 96, 1.0, marks=pytest.mark.slow),
        ("fcn", {"model": "fcn8s", "encoder": "vgg16", "width": 1 / 4}, 60, 1.0),
        pytest.param(
            "fcn", {"model": "fcn32s", "encoder": "alexnet", "width": 1 / 4}, 60, 10.0, marks=pytest.mark.slow
        ),
        pytest.param(
            "fcn", {"model": "fcn32s", "encoder": "googlenet", "width": 1 / 2}, 60, 10.0, marks=pytest.mark.slow
        ),
        ("segnet", {"model": "segnet", "width": 1 / 8}, 64, 10.0),
        ("segnet", {"model": "segnet_basic", "width": 1 / 8}, 40, 1.0),
        ("segnet", {"model": "bayesian_segnet_basic", "width": 1 / 8}, 40, 1.0),
        ("unet", {"model": "unet", "width": 1 / 8}, 60, 1.0),
    ],
)
def test_the_authors_recipes_halve_the_loss_of_eight_images(
    data: Path, recipe: str, options: dict[str, Any], steps: int, factor: float
) -> None:
    """`factor` is by how much the authors' rate is raised, where it is made for tens of thousands of steps; else 1."""
    config, store = configured(data, recipe=recipe, pretrained=False, **options)
    scaled = {
        "steps": steps,
        "learning_rate": factor * config.recipe.learning_rate,
        "batch": min(8, config.recipe.batch),
    }
    trainer = Trainer(build_pipeline(config, pretrained=False), config.recipe.replace(**scaled), 0)
    trainer.start()
    losses = [trainer.train_step(batch_at(store, trainer.recipe, 0, step)) for step in range(steps)]
    assert statistics.mean(losses[-8:]) < statistics.mean(losses[:4]) / 2


def test_what_differs_from_the_authors_is_told(data: Path) -> None:
    small: dict[str, Any] = {"encoder": "vgg16", "width": 1 / 16, "recipe": "fcn"}
    told = {model: paper_remarks("fcn", configured(data, model=model, **small)[0]) for model in FCN_STAGES}
    rate = f"recipe fcn: learning rate {1e-10 * 500 * 375 / (64 * 96):.3g}, the authors' 1e-10 of 500x375 pixels"
    assert told["fcn32s"] == [rate]
    assert told["fcn8s"] == [f"{rate}; their 1e-14 for fcn8s belongs to Caffe's VGG16"]
    at_once = configured(data, model="fcn8s", model_options=("at_once=true",), encoder="vgg16", width=1 / 16)[0]
    assert ["at_once scales" in remark for remark in paper_remarks(None, at_once)] == [True]
    assert paper_remarks("fcn", configured(data, model="fcn32s", recipe="fcn", encoder="alexnet")[0]) == []
