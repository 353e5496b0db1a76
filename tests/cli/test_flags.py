"""The library names options in Python; the command line prints flags."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import pixelwise
from pixelwise.cli.flags import OTHER_NAMES, describe_error, use_flags
from pixelwise.core.errors import MissingDependencyError, OptionError, RunError


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("Leave `border_weight` out.", "Leave --border-weight out."),
        ("Add `skip_bad=True`, or another `out`.", "Add --skip-bad, or another --out."),
        ("Leave it out (`train(skip_bad=True)`).", "Leave it out (train --skip-bad)."),
        ("`train(task='instance', folds=5)` measures", "train --task instance --folds 5 measures"),
        ("`pretrained=False` and `rotate=False`", "--no-pretrained and --no-rotate"),
        ("`pretrained=True` and `start_from`", "--pretrained and --from"),
        ("Allow it: `images_root='/a b/c'`.", "Allow it: --images-root '/a b/c'."),
        ('Allow it: `images_root="/data"`.', "Allow it: --images-root /data."),
        ("with `bands=[3, 2, 1]`", "with --bands 3,2,1"),
        ("`size=(480, 640)`", "--size 480 640"),
        ("Write `options=['a=1', 'b=2']`.", "Write --option a=1 --option b=2."),
        ("`minutes=2.5`, `epochs=3`, `width=1.0`", "--minutes 2.5, --epochs 3, --width 1"),
        ("Ask for `as_='mask'`, `passes=20`, `thresholds`.", "Ask for --as mask, --uncertainty 20, --threshold."),
        ("`pixelwise.train('a b', out='c', rotate=False)`", "pixelwise train 'a b' --out c --no-rotate"),
    ],
)
def test_options_in_backticks_become_flags(text: str, printed: str) -> None:
    assert use_flags(text) == printed


@pytest.mark.parametrize(
    "text",
    [
        "Run `pixelwise models` for all.",
        "the extra `train`",
        "`unheard_of=3`",
        "`stages=False`",
        "`epochs=f(x)`",
        "`epochs=`",
        "`f(epochs=3)`",
        "`train(epochs=3`",
        "`train(**options)`",
        "epochs=3",
        "`epochs",
    ],
)
def test_what_is_no_option_stays(text: str) -> None:
    assert use_flags(text) == text


def test_an_argument_is_called_by_its_capitals_where_the_command_has_it() -> None:
    assert use_flags("Name both with `data`.", "export") == "Name both with --data."
    assert use_flags("Name both with `data`.", "train") == "Name both with DATA."


@pytest.mark.parametrize(
    ("where", "command", "printed"),
    [
        ("class_weights", "train", "--class-weights"),
        ("encoder='resnet18'", "train", "--encoder resnet18"),
        ("data", "train", "DATA"),
        ("output_stride", "train", "--option output_stride"),
        ("options", "inspect", "--option"),
        ("`minutes` and `epochs`", "train", "--minutes and --epochs"),
        ("as_='labelme'", "predict", "--as labelme"),
        ("PIXELWISE_MAX_PIXELS", "train", "PIXELWISE_MAX_PIXELS"),
        ("--size", "inspect", "--size"),
        ("objects", "predict", "objects"),
    ],
)
def test_an_error_names_the_flag(where: str, command: str, printed: str) -> None:
    for kind in (OptionError, MissingDependencyError) if printed != "--option output_stride" else (OptionError,):
        error = kind(where, "9", "8", "Leave `width` out.")
        assert describe_error(error, command) == f"{printed}: found 9; expected 8. Leave --width out."


def test_a_file_called_as_an_option_keeps_its_name() -> None:
    error = RunError(Path("epochs"), "nothing", "a run", "Give `resume=True`.")
    assert describe_error(error, "train") == "epochs: found nothing; expected a run. Give --resume."


def test_other_names_are_of_flags_that_commands_have() -> None:
    assert [use_flags(f"`{name}`") for name in OTHER_NAMES] == list(OTHER_NAMES.values())


def test_no_flag_is_written_outside_the_command_line() -> None:
    """Python users read these texts, too."""
    package = Path(pixelwise.__file__).parent
    lines = [
        f"{path.relative_to(package)}:{number}: {line.strip()}"
        for path in sorted(package.rglob("*.py"))
        if "cli" not in path.relative_to(package).parts
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if re.search(r"""(?<![\w-])--["']?[a-z{]""", line)
    ]
    assert lines == []
