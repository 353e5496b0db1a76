"""The table of models: names, descriptions and defaults, told without loading torch."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pixelwise.core.errors import OptionError
from pixelwise.nn.encoders import DEFAULT_ENCODER
from pixelwise.nn.models import (
    DEFAULT_MODEL,
    MODELS,
    build,
    default_encoder,
    describe,
    has_coarse_logits,
    model_options,
    parse_options,
)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_described_by_the_first_line_of_its_file(name: str) -> None:
    line = describe(name)
    assert line.endswith(".")
    assert 30 < len(line) < 120
    assert "\n" not in line


def test_descriptions_tell_models_apart() -> None:
    assert describe("unet").startswith("U-Net")
    assert len({describe(name) for name in MODELS}) == len(MODELS)


def test_an_unknown_name_is_answered_with_close_ones() -> None:
    with pytest.raises(
        OptionError, match=r"model: found 'segnt' \(did you mean segnet\?\); expected one of fpn, unet, "
    ):
        build("segnt", 2)
    with pytest.raises(OptionError, match=rf"expected one of {', '.join(MODELS)}\."):
        build("transformer", 2)


def test_the_default_model_stands_on_the_default_encoder() -> None:
    assert DEFAULT_MODEL in MODELS
    assert default_encoder(DEFAULT_MODEL) == DEFAULT_ENCODER
    assert [default_encoder(name) for name in ("unet", "segnet")] == [None, None]


def test_the_table_and_its_descriptions_load_no_torch() -> None:
    script = "import sys, pixelwise.nn.models as m; [m.describe(name) for name in m.MODELS]; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert "pixelwise.nn.models" in modules
    assert {"torch", "timm", "torchvision"}.isdisjoint(modules)


def test_an_option_is_read_in_the_type_of_its_default() -> None:
    assert parse_options("fcn8s", ["at_once=True", "learnt_upsampling=false"]) == {
        "at_once": True,
        "learnt_upsampling": False,
    }
    assert parse_options("deeplabv3plus", ["output_stride=8"]) == {"output_stride": 8}
    assert model_options("fpn") == ()


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("at_once", "options: found 'at_once'; expected KEY=VALUE"),
        ("once=true", "options: found 'once'; expected an option of model fcn8s: at_once, learnt_upsampling, ref"),
        ("width=0.5", "options: found 'width'; expected an option of model fcn8s"),
        ("at_once=1", "at_once: found '1'; expected true or false"),
    ],
)
def test_an_option_that_the_model_has_not_is_refused(pair: str, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        parse_options("fcn8s", [pair])


def test_built_options_are_checked_as_well() -> None:
    with pytest.raises(OptionError, match="output_stride: found '8'; expected a value like 16"):
        build("deeplabv3plus", 2, options={"output_stride": "8"})
    with pytest.raises(OptionError, match="options: found 'depth'; expected an option of model fpn: none"):
        build("fpn", 2, options={"depth": 3})


def test_models_whose_logits_are_those_of_a_coarser_map() -> None:
    assert [name for name in MODELS if has_coarse_logits(name)] == ["fpn", "deeplabv3plus"]
