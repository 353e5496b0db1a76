"""A whole training, and one that is killed: the result is the same to the last bit."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
import yaml
from numpy.testing import assert_allclose

from pixelwise.core.errors import DataError, OptionError, OutputError, RunError
from pixelwise.data import open_dataset
from pixelwise.inference.evaluate import evaluate
from pixelwise.inference.loading import load
from pixelwise.metrics.confusion import ConfusionMatrix
from pixelwise.training import loop
from pixelwise.training.checkpoint import load_tensors
from pixelwise.training.config import RunConfig
from pixelwise.training.planning import plan
from pixelwise.training.planning.length import Cost
from pixelwise.training.posthoc.class_bias import class_bias
from pixelwise.training.run import train
from pixelwise.training.samples import Batch
from pixelwise.training.weights import build_pipeline, load_run, load_starting_weights
from pixelwise_scenes import write_scenes

EPOCHS = 12
SMALL = {"model": "segnet_basic", "width": 0.06, "epochs": EPOCHS, "quiet": True}
SCRIPT = """
import sys
from pathlib import Path
from pixelwise.training import distributed, loop
from pixelwise.training.run import train
loop.CHECKPOINT_SECONDS = 0.0
distributed.has_bfloat16_unit = lambda: False
resume = Path(sys.argv[2], "config.yaml").is_file()
train(sys.argv[1], out=sys.argv[2], model="segnet_basic", width=0.06, epochs={epochs}, resume=resume, quiet=True)
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight training and three validation scenes of 64x96."""
    path = tmp_path_factory.mktemp("scenes") / "data"
    write_scenes(path, 0, {"train": 8, "val": 3, "test": 2}, size=(64, 96))
    return path


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nobody disturbed."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    train(data, out=out, **SMALL)
    return out


def same_weights(a: Path, b: Path) -> bool:
    (first, head), (second, other) = (load_tensors(run / "weights.safetensors") for run in (a, b))
    same = first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)
    return same and head["class_bias"] == other["class_bias"]


def test_a_run_directory_holds_what_the_design_lists(whole: Path) -> None:
    names = {path.name for path in whole.iterdir()}
    assert names == {
        "config.yaml",
        "checkpoints",
        "weights.safetensors",
        "model.onnx",
        "metrics.json",
        "history.csv",
        "report.html",
        "tensorboard",
    }


def test_history_has_every_validation_and_learns(whole: Path) -> None:
    with (whole / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    losses = [float(row["loss"]) for row in rows]
    assert [row["step"] for row in rows if row["val_miou"]] == [str(i + 1) for i in range(EPOCHS)]
    assert np.mean(losses[-4:]) < np.mean(losses[:4])


def test_metrics_are_those_of_the_model_file(whole: Path, data: Path) -> None:
    stored = json.loads((whole / "metrics.json").read_text())
    again = evaluate(load(whole), open_dataset(data), "test").to_json_dict()
    assert {key: stored[key] for key in again} == again
    assert stored["split"] == "test"
    assert stored["cross_fitted"] is False


def test_the_model_file_predicts_as_the_weights_do(whole: Path, data: Path) -> None:
    dataset = open_dataset(data)
    image = dataset.read(dataset.splits["test"][0]).image
    pipeline, _ = load_run(whole)
    with torch.no_grad():
        expected = pipeline(torch.from_numpy(image[None])).argmax(1)[0].numpy()
    assert (load(whole).label_map(image) == expected).mean() >= 0.9999


def test_killed_twice_it_ends_with_the_same_weights(whole: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "broken"
    line = [sys.executable, "-c", SCRIPT.format(epochs=EPOCHS), str(data), str(out)]
    steps_seen = []
    for wanted in (1, 4):
        process = subprocess.Popen(line, stderr=subprocess.DEVNULL)
        steps_seen.append(_wait_for_step(out, wanted, process))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    train(data, out=out, resume=True, quiet=True)
    assert steps_seen == sorted(steps_seen)
    assert same_weights(whole, out)
    assert not list(out.rglob(".*")), "a temporary file was left under the run"


def _wait_for_step(run: Path, step: int, process: subprocess.Popen[bytes]) -> int:
    """Wait until the run's checkpoint is at `step` or later; return where it is."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        if (run / "checkpoints" / "last.ckpt").is_file():
            done = load_tensors(run / "checkpoints" / "last.ckpt")[1]["progress"]["step"]
            if done >= step:
                return int(done)
        assert process.poll() is None, "the run ended before it could be killed"
        time.sleep(0.005)
    raise AssertionError(f"no checkpoint at step {step}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_it_is_saved_and_goes_on_to_the_same_weights(
    whole: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    real = loop.Trainer.take_step

    def stop_in_the_fifth(trainer: loop.Trainer, batch: Batch) -> torch.Tensor:
        if trainer.progress.step == 4:
            signal.raise_signal(number)
        return real(trainer, batch)

    out = tmp_path / "stopped"
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(loop.Trainer, "take_step", stop_in_the_fifth)
            with pytest.raises(KeyboardInterrupt):
                train(data, out=out, **SMALL)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert load_tensors(out / "checkpoints" / "last.ckpt")[1]["progress"]["step"] == 5
    train(data, out=out, resume=True, **SMALL)
    assert same_weights(whole, out)


def test_a_finished_run_resumed_changes_nothing(whole: Path, data: Path) -> None:
    before = {path: path.read_bytes() for path in whole.rglob("*") if path.is_file() and "tensorboard" not in str(path)}
    run = train(data, out=whole, resume=True, quiet=True)
    assert run.score == json.loads((whole / "metrics.json").read_text())["miou"]
    assert {path: path.read_bytes() for path in before} == before


def test_the_weights_carry_a_class_bias_that_scores_better_than_any_share(whole: Path, data: Path) -> None:
    dataset = open_dataset(data)
    pipeline, config = load_run(whole)
    bias = load_tensors(whole / "weights.safetensors")[1]["class_bias"] or (0.0,) * dataset.classes.num_classes
    samples = [dataset.read(item) for item in dataset.splits["val"]]
    images, targets = (np.stack([getattr(each, name) for each in samples]) for name in ("image", "label_map"))
    with torch.no_grad():
        logits = pipeline.set_class_bias(None)(torch.from_numpy(images)).numpy()

    def miou(bias: Sequence[float]) -> float:
        confusion = ConfusionMatrix(dataset.classes.num_classes)
        for scores, target in zip(logits, targets, strict=True):
            confusion.update((scores + np.array(bias, np.float32)[:, None, None]).argmax(0), target)
        return np.nanmean(np.where(confusion.matrix.sum(1) > 0, confusion.iou(), np.nan))

    assert miou(bias) >= max(
        miou(class_bias(config.recipe.class_weights, share)) for share in config.recipe.bias_shares
    )
    (entry,) = (tensor for tensor in onnx.load(whole / "model.onnx").graph.initializer if tensor.name == "class_bias")
    assert_allclose(onnx.numpy_helper.to_array(entry).ravel(), bias, rtol=1e-6)


def test_a_run_finished_twice_has_the_same_class_bias(whole: Path, data: Path, tmp_path: Path) -> None:
    """Killed before its report was written."""
    again = tmp_path / "again"
    shutil.copytree(whole, again)
    (again / "report.html").unlink()
    train(data, out=again, resume=True, quiet=True)
    assert same_weights(whole, again)


def test_an_authors_recipe_leaves_the_scores_as_trained(data: Path, tmp_path: Path) -> None:
    train(data, out=tmp_path, model="segnet_basic", width=0.06, epochs=1, recipe="segnet", quiet=True)
    assert load_tensors(tmp_path / "weights.safetensors")[1]["class_bias"] is None


def test_config_repeats_a_run(whole: Path, data: Path, tmp_path: Path) -> None:
    train(data, out=tmp_path / "again", config=whole / "config.yaml", quiet=True)
    assert same_weights(whole, tmp_path / "again")


@pytest.mark.parametrize("validation", [1.0, 100.0])
def test_minutes_become_steps_once(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, validation: float
) -> None:
    # Of 60 s, 27 are kept for the end and 1.25 for the three validation images and the two test images, each of which
    # the model file takes in 3/4 of the third of a second that torch does; one validation more would be none to choose
    # from, so steps of 2 s get the other 31.75 s, less what reading the data took. Where validation takes longer than
    # there is, half of the time goes into steps.
    monkeypatch.setattr(plan, "measure_cost", lambda *_: Cost(step=2.0, validation=validation))
    train(data, out=tmp_path / "run", model="segnet_basic", width=0.06, minutes=1, quiet=True)
    steps = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())["recipe"]["steps"]
    assert 8 <= steps <= 15
    assert load_tensors(tmp_path / "run" / "checkpoints" / "last.ckpt")[1]["progress"]["step"] == steps


def test_from_another_run_keeps_the_body_and_gives_other_classes_a_new_head(
    whole: Path, data: Path, tmp_path: Path
) -> None:
    fewer = tmp_path / "data"
    write_scenes(fewer, 1, {"train": 4, "val": 2}, size=(64, 96))
    listing = fewer / "classes.yaml"
    content = yaml.safe_load(listing.read_text())
    content["classes"][0]["name"] = "heaven"
    listing.write_text(yaml.safe_dump(content))
    run = tmp_path / "run"
    train(fewer, out=run, model="segnet_basic", width=0.06, epochs=1, start_from=whole, seed=5, quiet=True)
    start, _ = load_tensors(whole / "weights.safetensors")
    body, _ = load_tensors(run / "weights.safetensors")
    # One step at warm-up's rate moves no weight far from where it started, but a new head is elsewhere.
    moved = {
        name: float((body[name] - start[name]).abs().mean() / start[name].abs().mean())
        for name in ("encoder.0.0.weight", "head.weight")
    }
    assert moved["encoder.0.0.weight"] < 0.1 < moved["head.weight"]


def test_other_data_or_another_model_cannot_be_resumed(whole: Path, data: Path, tmp_path: Path) -> None:
    other = tmp_path / "data"
    write_scenes(other, 9, {"train": 4, "val": 2}, size=(64, 96))
    with pytest.raises(RunError, match="other data"):
        train(other, out=whole, resume=True, quiet=True)
    with pytest.raises(RunError, match="model segnet_basic"):
        train(data, out=whole, model="fpn", resume=True, quiet=True)


def test_a_directory_in_use_is_not_overwritten(whole: Path, data: Path) -> None:
    with pytest.raises(OutputError, match="`resume=True`"):
        train(data, out=whole, quiet=True)


def test_bad_files_are_refused_or_left_out_and_listed(data: Path, tmp_path: Path) -> None:
    broken = tmp_path / "data"
    write_scenes(broken, 0, {"train": 5, "val": 2}, size=(64, 96))
    victim = sorted((broken / "train" / "images").iterdir())[0]
    victim.write_bytes(victim.read_bytes()[:200])
    with pytest.raises(DataError, match="`skip_bad=True`"):
        train(broken, out=tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()
    train(broken, out=tmp_path / "run", model="segnet_basic", width=0.06, epochs=1, skip_bad=True, quiet=True)
    assert victim.name in (tmp_path / "run" / "report.html").read_text()


def test_options_that_contradict_each_other(data: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="one of them"):
        train(data, out=tmp_path / "run", minutes=1, epochs=1, quiet=True)
    with pytest.raises(OptionError, match="close ones"):
        train(data, out=tmp_path / "run", encoder="resnet19", epochs=1, quiet=True)
    assert not (tmp_path / "run").exists()


def test_a_full_disk_ends_with_a_typed_error_and_the_run_goes_on_later(
    whole: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    real_write = Path.write_bytes

    def full(self: Path, content: bytes) -> int:
        if self.suffix == ".ckpt":
            real_write(self, content[:100])
            raise OSError(28, "No space left on device")
        return real_write(self, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="No space left"):
        train(data, out=out, **SMALL)
    assert not list(out.rglob("*.ckpt"))
    monkeypatch.undo()
    train(data, out=out, resume=True, quiet=True)
    assert same_weights(whole, out)


def test_without_validation_images_the_last_weights_are_kept(tmp_path: Path) -> None:
    data = tmp_path / "data"
    write_scenes(data, 0, {"train": 4}, size=(64, 96))
    run = train(data, out=tmp_path / "run", model="segnet_basic", width=0.06, epochs=2, quiet=True)
    assert run.score is None
    assert not (tmp_path / "run" / "metrics.json").exists()
    image = np.zeros((32, 32, 3), np.uint8)
    assert load(tmp_path / "run").label_map(image).shape == (32, 32)


def test_an_fcn_is_trained_in_stages_each_from_the_last(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    asked = {"model": "fcn16s", "encoder": "alexnet", "width": 0.06, "pretrained": False, "epochs": 1, "quiet": True}
    train(data, out=out, stages=True, model_options=["at_once=true"], **asked)
    coarse = out / "stages" / "fcn32s"
    first, second = RunConfig.load(coarse / "config.yaml"), RunConfig.load(out / "config.yaml")
    assert (first.model, first.start_from, first.options) == ("fcn32s", None, {})
    assert (second.model, second.start_from, second.options) == ("fcn16s", str(coarse), {"at_once": True})
    assert (coarse / "report.html").is_file()

    fresh = build_pipeline(second, pretrained=False)
    untouched = {name: tensor.clone() for name, tensor in fresh.model.state_dict().items()}
    load_starting_weights(fresh, second, coarse)
    lent, _ = load_tensors(coarse / "weights.safetensors")
    state = fresh.model.state_dict()
    shared = set(lent) & set(state)
    assert "head.score_fr.weight" in shared
    assert all(torch.equal(state[name], lent[name]) for name in shared)
    assert all(torch.equal(state[name], untouched[name]) for name in set(state) - shared)

    before = (out / "weights.safetensors").read_bytes()
    train(data, out=out, stages=True, model_options=["at_once=true"], resume=True, **asked)
    assert (out / "weights.safetensors").read_bytes() == before


def test_the_default_model_ends_in_a_file_whose_labels_are_those_of_its_logits(data: Path, tmp_path: Path) -> None:
    """It labels by coarser logits, to which its class bias belongs as well."""
    run = train(data, out=tmp_path / "run", encoder="test_resnet", pretrained=False, epochs=4, quiet=True)
    pipeline, config = load_run(run.path)
    assert config.model == "fpn"
    assert pipeline.class_bias is not None
    model, dataset = load(run.path), open_dataset(data)
    for item in dataset.splits["test"]:
        image = dataset.read(item).image
        logits = model.logits(image)
        with torch.no_grad():
            assert_allclose(logits, pipeline(torch.from_numpy(image[None]))[0], atol=1e-4)
        assert (model.label_map(image) == logits.argmax(axis=0)).mean() > 0.9999
    assert evaluate(model, dataset, "test").to_json_dict()["miou"] == pytest.approx(run.score)
    assert run.split == "test"
