"""The commands by name. A command is imported, and its signature read, only when it is run or its help is shown."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import Any

import typer
from typer.core import TyperGroup

from pixelwise.cli.help import PAGES, Command

COMMANDS = {
    "demo": "demo",
    "studio": "studio",
    "label": "label",
    "check": "check",
    "train": "train",
    "evaluate": "evaluate",
    "predict": "predict",
    "export": "export",
    "benchmark": "benchmark",
    "inspect": "inspect",
    "models": "models",
    "encoders": "models",
    "convert": "convert",
}
"""The file of each command, in the order of the help. The file defines the command under its name: as a function, or as
a `Typer` with several commands."""


class CommandGroup(TyperGroup):
    """The commands of `COMMANDS`, and after them those that typer added."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands = _LazyCommands(self.commands)  # type: ignore[assignment]

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names, without making the commands."""
        return list(self.commands)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the line of each command into the help."""
        lines = [(name, PAGES[name].summary) for name in self.commands]
        with formatter.section("Commands"):
            formatter.write_dl(lines)


class _LazyCommands(Mapping[str, Any]):
    """The commands by name; those of `COMMANDS` are made when they are first looked up."""

    def __init__(self, others: Mapping[str, Any]) -> None:
        self._commands: dict[str, Any] = dict.fromkeys(COMMANDS) | dict(others)  # `None`: not made yet

    def __getitem__(self, name: str) -> Any:
        command = self._commands[name]
        if command is None:
            command = self._commands[name] = _make_command(name)
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(self._commands)

    def __len__(self) -> int:
        return len(self._commands)


def _make_command(name: str) -> Any:
    """Return the command that typer makes from the signature of a function, for the parser."""
    function = getattr(importlib.import_module(f"pixelwise.cli.{COMMANDS[name]}"), name)
    if isinstance(function, typer.Typer):
        return typer.main.get_command(function)
    single = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    single.command(name, cls=Command, short_help=PAGES[name].summary, epilog=PAGES[name].epilog)(function)
    return typer.main.get_command(single)
