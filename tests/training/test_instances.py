"""Training for objects, from the command to a model file that finds some."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from PIL import Image
from scipy import ndimage
from typer.testing import CliRunner

from pixelwise.cli.app import app
from pixelwise.core.errors import DataError, OptionError, RunError
from pixelwise.data import open_dataset
from pixelwise.inference.evaluate import evaluate
from pixelwise.inference.loading import load
from pixelwise.metrics.instances import InstanceScores
from pixelwise.training import loop
from pixelwise.training.checkpoint import load_tensors
from pixelwise.training.config import RunConfig
from pixelwise.training.loop import Trainer
from pixelwise.training.run import train
from pixelwise.training.samples import Batch
from pixelwise.training.weights import load_run

SMALL = {"task": "instance", "model": "fpn", "encoder": "test_resnet", "pretrained": False, "quiet": True}
SIZE = 64


def discs(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return a gray image of bright discs, some of which touch, and its instance map."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    instance_map = np.zeros((SIZE, SIZE), np.uint16)
    for number, (row, column) in enumerate(rng.uniform(10, SIZE - 10, (5, 2)), start=1):
        disc = np.hypot(rows - row, columns - column) < rng.uniform(5, 9)
        instance_map[disc & (instance_map == 0)] = number
    image = np.where(instance_map > 0, 170, 60) + rng.normal(0, 8, instance_map.shape)
    return np.repeat(image.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2), instance_map


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve training, four validation and four test images of discs."""
    root, rng = tmp_path_factory.mktemp("discs"), np.random.default_rng(0)
    for split, count in {"train": 12, "val": 4, "test": 4}.items():
        for folder in ("images", "instances"):
            (root / split / folder).mkdir(parents=True)
        for index in range(count):
            image, instance_map = discs(rng)
            Image.fromarray(image).save(root / split / "images" / f"{index}.png")
            Image.fromarray(instance_map).save(root / split / "instances" / f"{index}.png")
    return root


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "discs"
    train(data, out=out, epochs=30, **SMALL)
    return out


def test_it_finds_discs(run: Path, data: Path) -> None:
    """A random net finds none; most are to be found, touching ones too."""
    scores = evaluate(load(run), open_dataset(data), "test")
    assert isinstance(scores, InstanceScores)
    assert scores.dsb["0.5"] > 0.6


def test_metrics_are_those_of_the_model_file(run: Path, data: Path) -> None:
    stored = json.loads((run / "metrics.json").read_text())
    assert {"ap", "ap50", "ap75", "pq", "dsb"} <= stored.keys()
    again = evaluate(load(run), open_dataset(data), "test").to_json_dict()
    assert {key: stored[key] for key in again} == again
    assert (stored["split"], stored["cross_fitted"]) == ("test", False)


def test_the_model_file_says_what_the_weights_say(run: Path, data: Path) -> None:
    dataset, predictor = open_dataset(data), load(run)
    image = dataset.read(dataset.splits["test"][0]).image
    pipeline, config = load_run(run)
    with torch.no_grad():
        expected = pipeline(torch.from_numpy(image[None]))[0].numpy()
    logits = predictor.logits(image)
    assert logits.shape == (2 + 3, SIZE, SIZE)
    assert_allclose(logits, expected, atol=1e-3)
    assert predictor.info.task == config.task == "instance"
    assert config.things == (1,)


def test_history_and_report_tell_of_ap(run: Path) -> None:
    assert "val_ap" in (run / "history.csv").read_text().splitlines()[0]
    assert "Panoptic quality" in (run / "report.html").read_text()


def test_stopped_and_resumed_it_ends_with_the_same_weights(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The weights alone are compared: the export takes longest, and follows from them."""
    monkeypatch.setattr("pixelwise.training.session.finish", lambda *_: None)
    train(data, out=tmp_path / "whole", epochs=3, **SMALL)
    take, steps = Trainer.take_step, itertools.count()

    def stopped(self: Trainer, batch: Batch) -> torch.Tensor:
        if next(steps) == 2:
            raise KeyboardInterrupt
        return take(self, batch)

    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(Trainer, "take_step", stopped)
    with pytest.raises(KeyboardInterrupt):
        train(data, out=tmp_path / "broken", epochs=3, **SMALL)
    train(data, out=tmp_path / "broken", resume=True, quiet=True)
    whole, broken = (load_tensors(tmp_path / name / "weights.safetensors")[0] for name in ("whole", "broken"))
    assert all(torch.equal(whole[name], broken[name]) for name in whole)


def test_the_command_line_measures_and_predicts(run: Path, data: Path, tmp_path: Path) -> None:
    def answer(*arguments: object) -> str:
        result = CliRunner().invoke(app, list(map(str, arguments)))
        assert result.exit_code == 0, result.output
        return result.stdout

    assert json.loads(answer("evaluate", run, data, "--json"))["images"] == 4
    assert "TP / (TP + FN + FP) at 0.5" in answer("evaluate", run, data)
    answer("predict", run, data / "test" / "images", "--out", tmp_path, "--as", "instances,objects")
    names = {path.name for path in tmp_path.iterdir()}
    tables = {f"{index}{ending}" for index in range(4) for ending in ("_instances.png", "_objects.csv")}
    assert names == tables | {"objects_per_image.csv"}


def test_data_without_objects(data: Path, tmp_path: Path) -> None:
    for folder in ("images", "masks"):
        (tmp_path / "data" / folder).mkdir(parents=True)
    for index in range(4):
        image, instance_map = discs(np.random.default_rng(index))
        Image.fromarray(image).save(tmp_path / "data" / "images" / f"{index}.png")
        Image.fromarray((instance_map > 0).astype(np.uint8)).save(tmp_path / "data" / "masks" / f"{index}.png")
    with pytest.raises(DataError, match="no objects; expected instance maps"):
        train(tmp_path / "data", out=tmp_path / "run", **SMALL)


def test_a_class_of_borders_is_not_learned(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The rims of the discs are labelled as border, as in a project of the studio."""
    monkeypatch.setattr("pixelwise.training.session.finish", lambda *_: {})
    root = tmp_path / "cells"
    for folder in ("images", "instances", "masks"):
        (root / folder).mkdir(parents=True)
    for index in range(2):
        image, instance_map = discs(np.random.default_rng(index))
        inner = ndimage.binary_erosion(instance_map > 0)
        mask = np.where(inner, 2, (instance_map > 0).astype(np.uint8))
        for folder, values in (("images", image), ("instances", instance_map), ("masks", mask.astype(np.uint8))):
            Image.fromarray(values).save(root / folder / f"{index}.png")
    (root / "classes.yaml").write_text("classes: [background, border, disc]\n")
    train(root, out=tmp_path / "run", epochs=1, **(SMALL | {"quiet": False}))
    config = RunConfig.load(tmp_path / "run" / "config.yaml")
    assert ([entry.name for entry in config.classes], config.things) == (["background", "disc"], (1,))
    assert "border marks borders and is not learned" in capsys.readouterr().err


def test_another_task_than_the_run_to_resume(run: Path, data: Path) -> None:
    with pytest.raises(RunError, match="task instance"):
        train(data, out=run, task="semantic", resume=True, quiet=True)


def test_authors_recipes_know_no_objects(data: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="unet with `task='instance'`"):
        train(data, out=tmp_path / "run", task="instance", recipe="unet", quiet=True)
