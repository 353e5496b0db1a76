"""Which stages a model is trained in, where they lie, and what passes from one to the next."""

from __future__ import annotations

from pathlib import Path

import pytest

from pixelwise.core.errors import OptionError
from pixelwise.training.options import TrainOptions
from pixelwise.training.run_directory import RunDirectory
from pixelwise.training.staged_training import plan_stages


def test_each_stage_starts_from_the_last_and_has_its_share_of_the_minutes() -> None:
    options = TrainOptions(model="fcn8s", encoder="alexnet", minutes=30, start_from=Path("before"))
    coarse, middle, fine = plan_stages(options, RunDirectory(Path("out")))
    assert [run.path for run, _ in (coarse, middle, fine)] == [
        Path("out/stages/fcn32s"),
        Path("out/stages/fcn16s"),
        Path("out"),
    ]
    assert [stage.model for _, stage in (coarse, middle, fine)] == ["fcn32s", "fcn16s", "fcn8s"]
    assert [stage.start_from for _, stage in (coarse, middle, fine)] == [
        Path("before"),
        Path("out/stages/fcn32s"),
        Path("out/stages/fcn16s"),
    ]
    assert {stage.minutes for _, stage in (coarse, middle, fine)} == {10}
    assert {stage.encoder for _, stage in (coarse, middle, fine)} == {"alexnet"}
    assert {stage.pretrained for _, stage in (coarse, middle, fine)} == {None}


def test_stages_share_the_default_minutes_unless_they_go_on(tmp_path: Path) -> None:
    options, run = TrainOptions(model="fcn16s"), RunDirectory(tmp_path)
    assert [stage.minutes for _, stage in plan_stages(options, run)] == [5, 5]
    begun = tmp_path / "stages" / "fcn32s" / "config.yaml"
    begun.parent.mkdir(parents=True)
    begun.touch()
    assert [stage.minutes for _, stage in plan_stages(options, run)] == [None, None]  # what is stored counts


def test_a_file_of_weights_starts_the_first_stage_alone() -> None:
    options = TrainOptions(model="fcn8s", encoder_weights=Path("vgg16.pth"), freeze_through=8)
    stages = [stage for _, stage in plan_stages(options, RunDirectory(Path("out")))]
    assert [stage.encoder_weights for stage in stages] == [Path("vgg16.pth"), None, None]
    assert {stage.freeze_through for stage in stages} == {8}


def test_epochs_are_those_of_every_stage() -> None:
    stages = list(plan_stages(TrainOptions(model="fcn16s", epochs=7), RunDirectory(Path("out"))))
    assert [(stage.epochs, stage.minutes) for _, stage in stages] == [(7, None), (7, None)]


def test_a_model_without_stages_is_refused() -> None:
    for model, problem in (("fcn32s", "model fcn32s"), (None, "model by default")):
        with pytest.raises(OptionError, match=f"stages: found {problem}; expected one of fcn16s, fcn8s"):
            list(plan_stages(TrainOptions(model=model), RunDirectory(Path("out"))))


def test_stages_and_a_stored_configuration_exclude_each_other() -> None:
    with pytest.raises(OptionError, match="stages: found `config`"):
        list(plan_stages(TrainOptions(model="fcn8s", config=Path("config.yaml")), RunDirectory(Path("out"))))
