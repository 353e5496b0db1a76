"""A cross-validation: every image is scored once, by a model that did not see it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pixelwise.cli.evaluate import _training_remarks
from pixelwise.core.errors import OptionError, RunError
from pixelwise.data import open_dataset
from pixelwise.training.config import RunConfig
from pixelwise.training.options import TrainOptions
from pixelwise.training.run import train
from pixelwise_scenes import write_scenes

SMALL: dict[str, Any] = {"model": "segnet_basic", "width": 0.06, "epochs": 1, "quiet": True}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scenes") / "data"
    write_scenes(path, 0, {"train": 5, "val": 2}, size=(64, 96))
    return path


@pytest.fixture(scope="module")
def folded(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "folded"
    train(data, out=out, folds=2, **SMALL)
    return out


def metrics(run: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    return content


def test_the_score_is_that_of_all_images_each_by_a_model_that_did_not_see_it(folded: Path, data: Path) -> None:
    parts = [metrics(folded / "folds" / number) for number in "12"]
    whole = metrics(folded)
    assert [part["split"] for part in parts] == ["test", "test"]
    assert whole["split"] == "folds"
    assert whole["confusion"] == np.add(*(part["confusion"] for part in parts)).tolist()
    every = sorted(item.name for _, item in open_dataset(data).items())
    assert sorted(row["name"] for row in whole["per_image"]) == every
    assert whole["images"] == 7
    assert whole["intervals"]["miou"][0] < whole["miou"] < whole["intervals"]["miou"][1]
    assert "cross-validation, each image scored by a model that did not see it, 7 images" in (
        folded / "report.html"
    ).read_text(encoding="utf-8")


def test_the_model_of_the_run_is_trained_on_all_images(folded: Path) -> None:
    runs = [folded, folded / "folds" / "1", folded / "folds" / "2"]
    recipes = [RunConfig.load(run / "config.yaml").recipe for run in runs]
    crops = [recipe.crops or recipe.steps * recipe.batch for recipe in recipes]
    assert crops[0] == 7
    assert sorted(crops[1:]) == [3, 4]


@pytest.mark.slow
def test_more_epochs_extend_every_fold(folded: Path, data: Path) -> None:
    train(data, out=folded, folds=2, resume=True, quiet=True, epochs=2)
    for run in (folded, folded / "folds" / "1"):
        assert RunConfig.load(run / "config.yaml").asked == {"epochs": 2, "folds": 2}
    assert metrics(folded)["images"] == 7


def test_a_fold_that_was_not_begun_takes_its_options_from_the_first(folded: Path, data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(folded / "folds" / "1", run / "folds" / "1")
    train(data, out=run, folds=2, resume=True, quiet=True)
    first, second, whole = (
        RunConfig.load(folder / "config.yaml") for folder in (run / "folds/1", run / "folds/2", run)
    )
    for later in (second, whole):
        assert (later.model, later.width, later.asked) == (first.model, first.width, first.asked)


def test_options_that_were_given_are_keywords_of_train() -> None:
    options = TrainOptions(
        model="fcn8s", model_options=("at_once=true",), epochs=3, pretrained=False, skip_bad=True, elastic=2.5, folds=4
    )
    assert options.as_keywords() == {
        "model": "fcn8s",
        "model_options": ("at_once=true",),
        "epochs": 3,
        "pretrained": False,
        "skip_bad": True,
        "elastic": 2.5,
        "folds": 4,
    }
    others = TrainOptions(start_from=Path("a"), rotate=True, pretrained=True)
    assert others.as_keywords() == {"pretrained": True, "start_from": "a", "rotate": True}


def test_a_run_in_folds_is_resumed_in_as_many(folded: Path, data: Path) -> None:
    with pytest.raises(OptionError, match="started with `folds`"):
        train(data, out=folded, resume=True, quiet=True)
    with pytest.raises(RunError, match="expected `folds=3`"):
        train(data, out=folded, resume=True, folds=3, quiet=True)


def test_its_model_measured_on_what_it_learnt_from_comes_with_a_remark(folded: Path, data: Path) -> None:
    dataset = open_dataset(data)
    assert "too high" in _training_remarks(folded, dataset, "val")[0]
    assert _training_remarks(folded / "folds" / "1", dataset, "val") == []
    held_out = replace(dataset, splits={"test": dataset.splits["val"]})
    assert _training_remarks(folded, held_out, "test") == []


def test_what_does_not_go_with_folds_is_refused(data: Path, tmp_path: Path) -> None:
    for other in ({"stages": True}, {"config": data / "classes.yaml"}):
        with pytest.raises(OptionError, match="one of the two"):
            train(data, out=tmp_path / "run", folds=2, quiet=True, **other)
    with pytest.raises(OptionError, match="2 to 7, the number of images"):
        train(data, out=tmp_path / "run", folds=8, quiet=True)
