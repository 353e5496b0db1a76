"""Translation of Python names in messages into the flags of the command line.

The library writes options as Python in backticks: `` `epochs` ``, `` `skip_bad=True` ``, `` `images_root='/data'` ``,
`` `train(folds=5)` ``. Here they become `--epochs`, `--skip-bad`, `--images-root /data` and `train --folds 5`. The flag
of a name is read from the signatures of the commands.
"""

from __future__ import annotations

import ast
import functools
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

import typer

from pixelwise.core.errors import MissingDependencyError, OptionError, PixelwiseError

OTHER_NAMES = {
    "in_channels": "--channels",
    "num_classes": "--classes",
    "layout": "--format",
    "metrics": "--metric",
    "model_options": "--option",
    "options": "--option",
    "passes": "--uncertainty",
    "sampling": "--uncertainty",
    "thresholds": "--threshold",
}
"""The flags of names that no command has as a parameter of its own."""


@dataclass(frozen=True)
class Flag:
    """A parameter of a command, as it is typed."""

    name: str
    """`--epochs`, or the capitals of an argument."""
    negative: str = ""
    """`--no-rotate`, empty where there is none."""
    values: int = 1
    """The number of values after the flag."""
    repeated: bool = False
    """Whether several values are given by repeating the flag."""


_BACKTICKED = re.compile(r"`([^`]+)`")
_OPTION = re.compile(r"(\w+)(?:=(.+))?")


def use_flags(text: str, command: str = "") -> str:
    """Return a text of the library as `pixelwise COMMAND` prints it, with flags in place of Python names.

    Text in backticks that is no option stays as it is.
    """
    return _BACKTICKED.sub(lambda match: _format_call(match[1]) or _format_text(match[1], command) or match[0], text)


def describe_error(error: PixelwiseError, command: str) -> str:
    """Return the message of an error as `pixelwise COMMAND` prints it."""
    where, message = error.where, str(error).removeprefix(error.where)
    if isinstance(error, (OptionError, MissingDependencyError)):
        where = _format_text(where, command) or use_flags(where, command)
    if isinstance(error, OptionError):
        where = _format_model_option(where, command) or where
    return where + use_flags(message, command)


def _format_call(text: str) -> str:
    """Return a call such as `train(folds=5)` as it is typed; "" for text that is no call of a command."""
    name = text.partition("(")[0]
    command = name.removeprefix("pixelwise.")
    if command not in _commands() or not text.endswith(")"):
        return ""
    try:
        call = ast.parse(text, mode="eval").body
        if not isinstance(call, ast.Call):
            return ""
        words = [shlex.quote(str(ast.literal_eval(value))) for value in call.args]
        words += [_format_option(str(value.arg), ast.literal_eval(value.value), command) for value in call.keywords]
    except (SyntaxError, ValueError):
        return ""
    return " ".join([name.replace(".", " "), *words]) if all(words) else ""


def _format_text(text: str, command: str) -> str:
    """Return an option such as `epochs` or `epochs=5` as it is typed; "" for text that is no option."""
    match = _OPTION.fullmatch(text)
    if match is None:
        return ""
    name, value = match.groups()
    if value is None:
        flag = _flags(command).get(name)
        return "" if flag is None else flag.name
    try:
        return _format_option(name, ast.literal_eval(value), command)
    except (SyntaxError, ValueError):
        return ""


def _format_model_option(text: str, command: str) -> str:
    """Return an option of a single model as it is typed to a command that builds models; "" for anything else."""
    builds = any(flag.name == "--option" for flag in _commands().get(command, {}).values())
    return f"--option {text}" if builds and text.isidentifier() and text.islower() else ""


def _format_option(name: str, value: object, command: str) -> str:
    """Return an option with a value as it is typed, "" where it cannot be typed."""
    flag = _flags(command).get(name)
    if flag is None:
        return ""
    if isinstance(value, bool):
        return flag.name if value else flag.negative
    values = list(value) if isinstance(value, (list, tuple)) else [value]
    words = [shlex.quote(f"{entry:g}" if isinstance(entry, float) else str(entry)) for entry in values]
    if flag.repeated:
        return " ".join(f"{flag.name} {word}" for word in words)
    return f"{flag.name} {(',' if flag.values == 1 else ' ').join(words)}"


@functools.cache
def _commands() -> Mapping[str, Mapping[str, Flag]]:
    """Return the parameters of each command by their Python names."""
    from pixelwise.cli.app import app  # which imports this module

    commands: dict[str, dict[str, Flag]] = {}
    for command, declared in typer.main.get_group(app).commands.items():
        commands[command] = {}
        subcommands = getattr(declared, "commands", {}).values()
        for parameter in (*declared.params, *(parameter for sub in subcommands for parameter in sub.params)):
            first = parameter.opts[0]
            commands[command][str(parameter.name)] = Flag(
                name=first if first.startswith("-") else first.upper(),
                negative=next(iter(parameter.secondary_opts), ""),
                values=parameter.nargs,
                repeated=bool(getattr(parameter, "multiple", False)),
            )
    return commands


@functools.cache
def _flags(command: str) -> Mapping[str, Flag]:
    """Return the parameters by their Python names: those of `command`, and the flags of all other commands."""
    declared = {
        name: flag
        for parameters in reversed(list(_commands().values()))
        for name, flag in parameters.items()
        if flag.name.startswith("-")
    }
    by_flag = {flag.name: flag for flag in declared.values()}
    others = {name: by_flag[text] for name, text in OTHER_NAMES.items()}
    return declared | others | dict(_commands().get(command, {}))
