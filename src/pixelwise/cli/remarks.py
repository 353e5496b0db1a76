"""Assumptions about a data set, printed by commands that do not list its problems."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixelwise.cli.flags import use_flags
from pixelwise.cli.output import note

if TYPE_CHECKING:
    from pixelwise.data.check import CheckResult
    from pixelwise.data.dataset import Dataset

SHOWN = 5
"""Problems that are printed at most."""


def print_assumptions(dataset: Dataset) -> None:
    """Print to standard error, a line each, what was assumed when the data set was opened."""
    for problem in dataset.problems:
        note(f"{problem.kind}: {problem.file}: {use_flags(problem.message)}")


def print_harmful(result: CheckResult) -> None:
    """Print to standard error the first `SHOWN` problems that would spoil a training."""
    for problem in result.harmful[:SHOWN]:
        note(f"{problem.kind}: {problem.file}: {use_flags(problem.message)}")
    if len(result.harmful) > SHOWN:
        note(f"... and {len(result.harmful) - SHOWN} more: pixelwise check {result.root}")
