"""One declaration of the options: `train`, its docstring and the command line have the same ones."""

from __future__ import annotations

import inspect
import re
from typing import Any, get_args, get_type_hints

import pytest
import torch
import typer

from pixelwise.cli.app import app
from pixelwise.nn.losses.cross_entropy import Reduction
from pixelwise.training.options import REDUCTIONS, TrainOptions, list_pairs, option_types
from pixelwise.training.run import train

PYTHON_ONLY = {"data", "out", "callbacks", "quiet", "wording"}
"""Parameters of `train` that are no option of a training."""
WIDER = {"model", "loss", "model_options", "augmentations", "start_from", "config", "encoder_weights", "metrics"}
"""Options for which `train` takes objects, mappings and texts of paths, too."""


def test_the_keywords_of_train_are_the_options() -> None:
    parameters = inspect.signature(train).parameters
    assert [name for name in parameters if name not in PYTHON_ONLY] == list(option_types())
    hints = get_type_hints(train, localns={"nn": torch.nn})
    for name, (kind, _) in option_types().items():
        assert parameters[name].default == getattr(TrainOptions(), name)
        assert hints[name] == kind or name in WIDER, name


def test_every_parameter_of_train_is_explained() -> None:
    section = (train.__doc__ or "").partition("Parameters\n")[2].partition("Returns\n")[0]
    assert re.findall(r"^    (\w+)$", section, re.MULTILINE) == list(inspect.signature(train).parameters)


def test_the_flags_are_the_options() -> None:
    command: Any = typer.main.get_group(app)
    flags = {parameter.name: parameter for parameter in command.commands["train"].params}
    for name, (kind, option) in option_types().items():
        expected = f"--{option.flag}" if option.flag else f"--{name.replace('_', '-')}"
        assert flags[name].opts == [expected]
        assert flags[name].rich_help_panel == option.group
        assert bool(flags[name].secondary_opts) == (kind == bool | None)
        assert "`" not in flags[name].help.replace("`pixelwise models`", "").replace("`pixelwise encoders`", "")
    others = set(flags) - set(option_types())
    assert others == {"data", "out", "format", "bands", "images_root", "as_json", "help"} - {"help"}


def test_reductions_are_those_of_the_loss() -> None:
    assert get_args(Reduction) == REDUCTIONS


@pytest.mark.parametrize("options", [{"at_once": True, "width": 0.5}, ["at_once=True", "width=0.5"]])
def test_options_of_a_model_are_a_mapping_or_pairs(options: Any) -> None:
    assert list_pairs(options) == ("at_once=True", "width=0.5")
    assert list_pairs(None) is None


def test_given_options_are_the_keywords_that_repeat_them() -> None:
    options = TrainOptions(task="instance", minutes=2.5, pretrained=False, model_options=("a=1",), resume=False)
    expected = {"task": "instance", "model_options": ("a=1",), "minutes": 2.5, "pretrained": False}
    assert options.as_keywords() == expected
