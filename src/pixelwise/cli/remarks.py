"""What was assumed about a data set, told by the commands that do not list its problems."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from pixelwise.formats.dataset import Dataset


def tell_assumptions(dataset: Dataset) -> None:
    """Print what was assumed when the data set was opened, a line each, to standard error."""
    for problem in dataset.problems:
        typer.echo(f"{problem.kind}: {problem.file}: {problem.message}", err=True)
