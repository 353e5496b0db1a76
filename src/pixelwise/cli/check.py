"""`pixelwise check`: what is in a data set and what is wrong with it."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import typer

from pixelwise.cli.arguments import AsJson, BandNumbers, Data, Format, ImagesRoot

if TYPE_CHECKING:
    from rich.table import Table

    from pixelwise.formats.check import CheckResult

BAR_WIDTH = 30


def check(
    data: Data,
    format: Format = None,
    bands: BandNumbers = None,
    images_root: ImagesRoot = None,
    as_json: AsJson = False,
) -> None:
    """Report what is in a data set and, by file, what is wrong with it; exit with 1 if training would suffer."""
    from pixelwise.bands import parse_bands
    from pixelwise.cli.progress import progress_bar
    from pixelwise.formats import open_dataset
    from pixelwise.formats.check import check as check_dataset

    dataset = open_dataset(data, format, None if bands is None else parse_bands(bands), images_root)
    with progress_bar("check") as on_progress:
        result = check_dataset(dataset, on_progress)
    if as_json:
        print(json.dumps(result.to_json_dict(), ensure_ascii=False))
    else:
        _print_report(result)
    if result.harmful:
        raise typer.Exit(1)


def _print_report(result: CheckResult) -> None:
    from rich.console import Console

    console = Console(markup=False, highlight=False)
    splits = ", ".join(f"{split} {count:,}" for split, count in result.splits.items())
    console.print(f"{result.root} (layout: {result.format})", soft_wrap=True)
    console.print(f"images    {result.images:,} ({splits})")
    console.print(f"sizes     {_sizes(result)} (height x width)", soft_wrap=True)
    console.print(f"labelled  {result.labelled_share:.1%} of the pixels")
    console.print(_class_table(result))
    for problem in result.problems:
        inside = problem.file != result.root and problem.file.is_relative_to(result.root)
        file = problem.file.relative_to(result.root) if inside else problem.file
        console.print(f"{file}  [{problem.kind}]\n    {problem.message}", soft_wrap=True)
    console.print(_summary(result), soft_wrap=True)


def _sizes(result: CheckResult) -> str:
    shown = [f"{height}x{width}: {count:,}" for (height, width), count in list(result.sizes.items())[:4]]
    more = len(result.sizes) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "") if shown else "none could be read"


def _class_table(result: CheckResult) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table("", "class", title_justify="left")
    table.add_column("share of labelled pixels", justify="right")
    table.add_column("")
    objects = result.class_objects.tolist() if result.class_objects.any() else []
    if objects:
        table.add_column("objects", justify="right")
    shares = result.class_shares
    largest = max(shares.values()) or 1.0
    for index, (name, share) in enumerate(shares.items()):
        bar = "█" * max(round(BAR_WIDTH * share / largest), 1 if share else 0)
        color = ",".join(map(str, result.classes.colors[index]))
        counted = [f"{count:,}" if count else "-" for count in objects[index : index + 1]]
        table.add_row(Text("██", style=f"rgb({color})"), name, f"{share:.2%}", bar, *counted)
    return table


def _summary(result: CheckResult) -> str:
    kinds = Counter(problem.kind for problem in result.problems)
    if not kinds:
        return "No problems found."
    total = f"{len(result.problems):,} problem{'s' if len(result.problems) > 1 else ''}"
    counts = ", ".join(f"{kind} {count:,}" for kind, count in kinds.most_common())
    if not result.harmful:
        return f"{total} ({counts}), none that spoils training."
    if not result.spoilt:
        return f"{total} ({counts}). Correct them."
    images = f"{len(result.spoilt):,} image{'s' if len(result.spoilt) > 1 else ''}"
    return f"{total} ({counts}). Correct them, or leave {images} out with train --skip-bad."
