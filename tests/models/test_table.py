"""The table of models: names, descriptions and defaults, told without loading torch."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pixelwise.encoders import DEFAULT_ENCODER
from pixelwise.errors import OptionError
from pixelwise.models import DEFAULT_MODEL, MODELS, build, default_encoder, describe


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
    with pytest.raises(OptionError, match=r"--model: found 'segnt'; expected one of segnet\."):
        build("segnt", 2)
    with pytest.raises(OptionError, match=rf"expected one of {', '.join(MODELS)}\."):
        build("transformer", 2)


def test_the_default_model_stands_on_the_default_encoder() -> None:
    assert DEFAULT_MODEL in MODELS
    assert default_encoder(DEFAULT_MODEL) == DEFAULT_ENCODER
    assert [default_encoder(name) for name in ("unet", "segnet")] == [None, None]


def test_the_table_and_its_descriptions_load_no_torch() -> None:
    script = "import sys, pixelwise.models as m; [m.describe(name) for name in m.MODELS]; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert "pixelwise.models" in modules
    assert {"torch", "timm", "torchvision"}.isdisjoint(modules)
