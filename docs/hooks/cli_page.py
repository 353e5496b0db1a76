"""The page of all commands: what `--help` says, from the same parser."""

from __future__ import annotations

import re
from typing import Any

import typer

from pixelwise.cli.app import app
from pixelwise.cli.help import OTHERS, PAGES

TITLE = """# The command line

All commands with all options, as `pixelwise COMMAND --help` shows them. Most flags are named like the
parameter of the Python function in the [API](api/index.md), with hyphens in place of underscores. To find a flag with
the search, leave out its two leading hyphens.

`MODEL` is a run directory or an `.onnx` file. `DATA` is the directory of a data set, whose [layout](formats.md) is
recognised. With `--json`, commands that report something print one [JSON object](json.md) on standard output.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | done, but `check` found problems that would spoil a training, or `predict` could not read some of the images |
| 2 | a mistake in what was given; the message says what to do ([messages](messages.md)) |
| 70 | a fault of pixelwise itself |
| 130, 143 | stopped by Ctrl-C or SIGTERM; the message says how to continue |
"""


def cli_page() -> str:
    """Return the page in Markdown."""
    group = typer.main.get_group(app)
    parts = [TITLE, _options(group, "pixelwise", heading="## Options of every command")]
    parts += [_section(name, command) for name, command in group.commands.items()]
    return "\n\n".join(parts)


def _section(name: str, command: Any) -> str:
    page = PAGES[name]
    lines = [f"## {name}", f"*{page.summary}*"]
    if hasattr(command, "commands"):
        lines += [
            part
            for single, inner in command.commands.items()
            for part in (_help_text(inner), _options(inner, f"pixelwise {name} {single}"))
        ]
    else:
        lines += [_help_text(command), _options(command, f"pixelwise {name}")]
    lines += ["```\n" + "\n".join(f"pixelwise {example}" for example in page.examples) + "\n```"]
    return "\n\n".join(line for line in lines if line) + "\n"


def _help_text(command: Any) -> str:
    """Return a command's docstring with its paragraphs, each on one line."""
    paragraphs = (command.help or "").replace("\b", "").split("\n\n")
    return "\n\n".join(_escape(" ".join(paragraph.split())) for paragraph in paragraphs)


def _options(command: Any, path: str, heading: str = "") -> str:
    """Return the usage of a command and a table of its arguments and options a group."""
    context = typer.Context(command, info_name=path)
    usage = " ".join(command.collect_usage_pieces(context))
    groups: dict[str, list[tuple[str, str]]] = {"Arguments": []}
    others: list[tuple[str, str]] = []
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is None or parameter.name == "help":
            continue
        title = "Arguments" if parameter.param_type_name == "argument" else getattr(parameter, "rich_help_panel", None)
        (others if title is None else groups.setdefault(title, [])).append(record)
    lines = [heading, f"```\n{path} {usage}\n```"] if not heading else [heading]
    for title, rows in (*groups.items(), (OTHERS, others)):
        if rows:
            table = [f"| {title.lower()} | |", "|---|---|"]
            table += [f"| `{flag}` | {_escape(text)} |" for flag, text in rows]
            lines.append("\n".join(table))
    return "\n\n".join(line for line in lines if line)


def _escape(text: str) -> str:
    """Return text as Markdown shows it, letter for letter but for code in backticks; flags become code."""
    text = re.sub(r"([\\*_<>|\[\]])", r"\\\1", " ".join(text.split()))
    return re.sub(r"(?<![\w-])(--[a-z][a-z-]+)", r"`\1`", text)
