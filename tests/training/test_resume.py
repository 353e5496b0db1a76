"""What is given beside `resume` and `config`: it takes effect, or is an error that names it."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from pixelwise.core.errors import OptionError, RunError
from pixelwise.data import open_dataset
from pixelwise.data.check import check
from pixelwise.training.checkpoint import load_tensors
from pixelwise.training.config import RunConfig
from pixelwise.training.options import TrainOptions
from pixelwise.training.planning.choose_recipe import compute_class_weights
from pixelwise.training.planning.facts import DataFacts
from pixelwise.training.resume import repeat_config, require_same
from pixelwise.training.run import train
from pixelwise.training.run_directory import RunDirectory
from pixelwise_scenes import write_scenes

SMALL: dict[str, Any] = {"model": "segnet_basic", "width": 0.06, "epochs": 2, "quiet": True}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scenes") / "data"
    write_scenes(path, 0, {"train": 4, "val": 2}, size=(64, 96))
    return path


@pytest.fixture(scope="module")
def short(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of two epochs."""
    out = tmp_path_factory.mktemp("runs") / "short"
    train(data, out=out, **SMALL)
    return out


def copy(run: Path, to: Path) -> Path:
    return Path(shutil.copytree(run, to))


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_tensors(run / "checkpoints" / "last.ckpt")[0]


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "history.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_more_epochs_extend_a_finished_run_the_same_way_each_time(short: Path, data: Path, tmp_path: Path) -> None:
    extended = [copy(short, tmp_path / name) for name in "ab"]
    for run in extended:
        train(data, out=run, resume=True, epochs=5, quiet=True)
    first, second = map(weights, extended)
    assert all(torch.equal(first[name], second[name]) for name in first)
    before, after = (RunConfig.load(run / "config.yaml") for run in (short, extended[0]))
    assert [length.steps for length in after.recipe.earlier] == [before.recipe.steps]
    assert after.recipe.steps * after.recipe.batch == 5 * 4
    assert after.asked["epochs"] == 5
    history = rows(extended[0])
    assert [float(row["epoch"]) for row in history] == [1, 2, 3, 4, 5]
    assert [row["loss"] for row in history[:2]] == [row["loss"] for row in rows(short)]
    assert "5 of 4 crops" in (extended[0] / "report.html").read_text(encoding="utf-8")


def test_an_extended_run_is_repeated_by_its_config(short: Path, data: Path, tmp_path: Path) -> None:
    extended = copy(short, tmp_path / "extended")
    train(data, out=extended, resume=True, epochs=4, quiet=True)
    train(data, out=tmp_path / "again", config=extended / "config.yaml", quiet=True)
    first, second = weights(extended), weights(tmp_path / "again")
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_same_command_again_changes_nothing(short: Path, data: Path, tmp_path: Path) -> None:
    run = copy(short, tmp_path / "run")
    before = (run / "report.html").read_bytes()
    train(data, out=run, resume=True, class_weights="softened", rotate=False, **SMALL)
    assert (run / "report.html").read_bytes() == before


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ({"epochs": 1}, "`epochs=1`"),
        ({"minutes": 3.0}, "`minutes=3`"),
        ({"class_weights": "median"}, "`class_weights`"),
        ({"rotate": True}, "`rotate`"),
        ({"recipe": "segnet"}, "`recipe`"),
        ({"pretrained": False}, "`pretrained=False`"),
        ({"elastic": 4.0}, "`elastic`"),
        ({"border_weight": 10.0}, "`border_weight`"),
        ({"reduction": "sum"}, "`reduction`"),
        ({"task": "instance"}, "`task`"),
        ({"model": "unet"}, "`model`"),
        ({"width": 0.5}, "`width`"),
        ({"seed": 7}, "`seed`"),
        ({"start_from": "elsewhere"}, "`start_from`"),
    ],
)
def test_an_option_that_a_run_was_not_started_with_is_an_error_on_resuming(
    short: Path, data: Path, option: dict[str, Any], name: str
) -> None:
    before = {path: path.read_bytes() for path in short.iterdir() if path.is_file()}
    with pytest.raises(RunError) as error:
        train(data, out=short, resume=True, quiet=True, **option)
    assert name in str(error.value)
    assert {path: path.read_bytes() for path in before} == before


def test_bands_that_a_run_was_not_started_with_are_an_error(short: Path, data: Path, tmp_path: Path) -> None:
    dataset = open_dataset(data, bands=(1, 2))
    for how in ({"out": short, "resume": True}, {"out": tmp_path / "new", "config": short / "config.yaml"}):
        with pytest.raises(
            RunError, match=r"the bands red, green and blue; expected `bands=\[1,2\]`\. Leave `bands` out"
        ):
            train(dataset, quiet=True, **how)


def test_another_config_beside_resume_is_an_error_and_the_runs_own_is_none(short: Path, tmp_path: Path) -> None:
    run, config = RunDirectory(short), RunConfig.load(short / "config.yaml")
    require_same(run, config, TrainOptions(config=short / "config.yaml"))
    config.replace(seed=5).save(tmp_path / "other.yaml")
    with pytest.raises(RunError, match="`config`"):
        require_same(run, config, TrainOptions(config=tmp_path / "other.yaml"))


def test_what_is_typed_beside_config_takes_effect(short: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    options: dict[str, Any] = {"rotate": True, "class_weights": "median", "seed": 3, "elastic": 2.0, "epochs": 3}
    train(data, out=out, config=short / "config.yaml", quiet=True, **options)
    config = RunConfig.load(out / "config.yaml")
    assert (config.recipe.rotate, config.recipe.elastic, config.seed) == (True, 2.0, 3)
    dataset = open_dataset(data)
    assert config.recipe.class_weights == compute_class_weights("median", DataFacts.of(dataset, check(dataset)))
    assert config.recipe.steps * config.recipe.batch == 3 * 4
    assert config.asked == {"epochs": 3, "class_weights": "median"}
    assert [float(row["epoch"]) for row in rows(out)] == [1, 2, 3]
    metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["images"] == 2


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ({"recipe": "segnet"}, "`recipe`"),
        ({"pretrained": False}, "`pretrained=False`"),
        ({"model": "unet"}, "`model`"),
        ({"width": 1.0}, "`width`"),
        ({"model_options": ("at_once=true",)}, "at_once"),
    ],
)
def test_another_net_beside_config_is_an_error(short: Path, data: Path, option: dict[str, Any], name: str) -> None:
    dataset = open_dataset(data)
    asked = TrainOptions(config=short / "config.yaml", **option)
    with pytest.raises((RunError, OptionError), match=name):
        repeat_config(RunDirectory(short), dataset, check(dataset), asked)


def test_what_a_repeated_run_starts_from_is_what_is_typed(short: Path, data: Path, tmp_path: Path) -> None:
    """One source of weights takes the place of the other, and layers with random weights are not frozen."""
    dataset, file, other = open_dataset(data), tmp_path / "w.pth", tmp_path / "other.yaml"
    file.touch()
    plain = RunConfig.load(short / "config.yaml").replace(encoder_padding="symmetric")
    survey = check(dataset)

    def repeated(config: RunConfig, **options: Any) -> RunConfig:
        config.save(other)
        return repeat_config(RunDirectory(short), dataset, survey, TrainOptions(config=other, **options))

    lent = repeated(plain.replace(pretrained=False, start_from="old"), encoder_weights=file)
    assert (lent.encoder_weights, lent.start_from, lent.pretrained) == (str(file.resolve()), None, True)
    assert lent.encoder_padding == "trained"
    again = repeated(lent, start_from=short)
    assert (again.encoder_weights, again.encoder_weights_sha256, again.start_from) == (None, None, str(short))
    assert again.encoder_padding == RunConfig.load(short / "config.yaml").encoder_padding
    assert repeated(plain, seed=3).encoder_padding == "symmetric"
    on_encoder = plain.replace(model="fpn", encoder="resnet18", width=None, pretrained=False)
    for config, problem in ((plain, "a model without an encoder"), (on_encoder, "random weights")):
        with pytest.raises(OptionError, match=f"freeze_through: found 8 with {problem}; expected a pretrained encoder"):
            repeated(config, freeze_through=8)


def test_a_run_in_stages_is_resumed_in_stages_and_no_other_is(short: Path, data: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="started without it"):
        train(data, out=short, stages=True, model="fcn16s", resume=True, quiet=True)
    (tmp_path / "run" / "stages").mkdir(parents=True)
    with pytest.raises(OptionError, match="Add `stages=True`"):
        train(data, out=tmp_path / "run", resume=True, quiet=True)
