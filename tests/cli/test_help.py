"""Help pages and completion."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, EntryPoints
from typing import Any

import pytest
import typer

from pixelwise.cli.app import app
from pixelwise.cli.arguments import LAYOUT_NAMES, WRITTEN_NAMES
from pixelwise.cli.commands import COMMANDS
from pixelwise.cli.help import PAGES, Command
from pixelwise.data.layouts import LAYOUTS
from pixelwise.nn.encoders.registry import ENCODERS
from pixelwise.nn.losses import LOSSES

Cli = Callable[..., Any]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_line_and_examples_that_can_be_typed(cli: Cli, command: str) -> None:
    page = PAGES[command]
    assert f"  {command:9}  {page.summary}\n" in cli("-h").out
    shown = cli(command, "-h")
    assert (shown.code, shown.err) == (0, "")
    assert "  Examples:\n" in shown.out
    parser = typer.main.get_group(app).commands[command]
    for example in page.examples:
        assert f"\n    pixelwise {example}\n" in shown.out
        name, *words = shlex.split(example)
        assert name == command
        single = parser
        if hasattr(parser, "commands"):
            name, *words = words
            single = parser.commands[name]
        with single.make_context(name, words) as context:  # raises for a flag that is none
            assert context.params


def test_options_stand_under_the_heading_of_their_group(capsys: pytest.CaptureFixture[str]) -> None:
    example = typer.Typer(rich_markup_mode=None, add_completion=False)

    @example.command(cls=Command)
    def paint(
        wall: str,
        colour: str = typer.Option("red", rich_help_panel="Paint"),
        brush: str = "wide",
        coats: int = typer.Option(2, rich_help_panel="Paint"),
    ) -> None:
        pass

    with pytest.raises(SystemExit):
        example(args=["--help"])
    lines = [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:] if line.strip()]
    assert lines == ["Arguments:", "wall", "Paint:", "--colour", "--coats", "Options:", "--brush", "--help"]


def test_help_names_what_packages_add(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Added by packages" not in cli("predict", "-h").out
    points = EntryPoints([EntryPoint("shares", "walls:SHARES", "pixelwise.writers")])
    monkeypatch.setattr("importlib.metadata.entry_points", lambda: points)
    shown = " ".join(cli("predict", "-h").out.split())
    assert "coco, panoptic. [default: mask] Added by packages: shares. --uncertainty" in shown
    assert shown.count("Added by packages") == 1


def test_encoders_of_packages_are_listed(cli: Cli) -> None:
    class Patches:
        def names(self) -> list[str]:
            return ["patches4", "patches8"]

        def knows(self, name: str) -> bool:
            return name in self.names()

        def build(self, name: str, in_channels: int = 3) -> None:
            raise NotImplementedError

    ENCODERS.register("patches", Patches())
    lines = json.loads(cli("encoders", "--json").out)
    assert list(lines)[-2:] == ["patches4", "patches8"]
    assert lines["patches8"] == "of the family patches, added by a package"


@pytest.mark.parametrize(
    ("typed", "expected"),
    [("pixelwise pre", ["predict"]), ("pixelwise predict --thr", ["--threshold"]), ("pixelwise nothing", [])],
)
def test_a_shell_completes_commands_and_flags(typed: str, expected: list[str]) -> None:
    words = {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1), "_PIXELWISE_COMPLETE": "complete_bash"}
    done = subprocess.run([sys.executable, "-m", "pixelwise"], env=os.environ | words, capture_output=True, text=True)
    assert (done.stdout.split(), done.stderr) == (expected, "")


def test_the_script_for_a_shell_is_shown(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")  # tests may run without a shell
    shown = cli("--show-completion", "bash")
    assert shown.code == 0
    assert shown.out.startswith("_pixelwise_completion()")


def test_a_command_costs_the_others_no_time() -> None:
    """Nothing of `train`, whose signature is made of its options, is imported to show another command's help."""
    code = (
        "import sys; from pixelwise.cli.app import app; app(['predict', '-h'], standalone_mode=False); "
        "print(*(name for name in sys.modules if name.startswith('pixelwise.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = set(done.stdout.splitlines()[-1].split())
    assert "pixelwise.cli.predict" in modules
    assert modules.isdisjoint({"pixelwise.cli.train", "pixelwise.cli.evaluate", "pixelwise.training.options"})


def test_help_names_the_layouts_and_the_losses_that_come_with_pixelwise(cli: Cli) -> None:
    assert set(LAYOUT_NAMES.split(", ")) == LAYOUTS._built_in
    assert set(WRITTEN_NAMES.split(", ")) == {name for name in LAYOUTS._built_in if LAYOUTS[name].write is not None}
    shown = " ".join(cli("train", "-h").out.split())
    assert f"Layout of DATA, if it is not recognised: {LAYOUT_NAMES}." in shown
    assert f"Loss of the class logits: {', '.join(sorted(LOSSES._built_in))}, or one of a package." in shown
