"""`pixelwise check`: shows what is in a data set and what is wrong with it."""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import typer

from pixelwise.cli.arguments import AsJson, BandNumbers, Data, Format, ImagesRoot
from pixelwise.cli.flags import use_flags
from pixelwise.cli.output import cells, print_table, say
from pixelwise.core.text import quantity

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rich.table import Table

    from pixelwise.data.check import CheckResult, DepthUse

BAR_WIDTH = 30
"""Characters of the longest bar in the table of classes."""
SPARSE_BAR_WIDTH = 16
"""The same in the table for sparse labels, which has two more columns."""
FOLDERS_SHOWN = 3
FILES_SHOWN = 3
"""Files named for one problem that many have alike."""


def check(
    data: Data,
    *,
    format: Format = None,
    bands: BandNumbers = None,
    images_root: ImagesRoot = None,
    as_json: AsJson = False,
) -> None:
    """Show what a data set holds and, file by file, what is wrong with it. Exit code 1: training would suffer."""
    from pixelwise.cli.progress import progress_bar
    from pixelwise.core.bands import parse_bands
    from pixelwise.data import open_dataset
    from pixelwise.data.check import check as check_dataset

    dataset = open_dataset(data, format, None if bands is None else parse_bands(bands), images_root)
    with progress_bar("check") as on_progress:
        result = check_dataset(dataset, on_progress)
    if as_json:
        print(json.dumps(_use_flags(result.to_json_dict())))
    else:
        _print_report(result)
    if result.harmful:
        raise typer.Exit(1)


def _use_flags(report: dict[str, Any]) -> dict[str, Any]:
    """Return the report with flags of the command line in place of Python names."""
    problems = [{**problem, "message": use_flags(problem["message"])} for problem in report["problems"]]
    return report | {"remarks": [use_flags(remark) for remark in report["remarks"]], "problems": problems}


def _print_report(result: CheckResult) -> None:
    splits = ", ".join(f"{split} {count:,}" for split, count in result.splits.items())
    say(f"{result.root} (layout: {result.format})")
    say(f"images    {result.images:,} ({splits})")
    say(f"files     {_files(result)}")
    say(f"sizes     {_sizes(result)} (height x width)")
    for line in _depths(result):
        say(line)
    say(f"labelled  {_labelled(result)}")
    print_table(_class_table(result))
    for line in _mask_values(result):
        say(line)
    for remark in result.remarks:
        say(use_flags(remark))
    for (kind, message), files in _group_problems(result).items():
        for file in files[:FILES_SHOWN]:
            say(f"{file}  [{kind}]")
        if len(files) > FILES_SHOWN:
            say(f"and {quantity(len(files) - FILES_SHOWN, 'more file')}  [{kind}]")
        say(f"    {use_flags(message)}")
    say(_summary(result))


def _group_problems(result: CheckResult) -> dict[tuple[str, str], list[Path]]:
    """Return the files of each kind of problem with the same message, relative to the root where they lie in it."""
    groups: defaultdict[tuple[str, str], list[Path]] = defaultdict(list)
    for problem in result.problems:
        inside = problem.file != result.root and problem.file.is_relative_to(result.root)
        file = problem.file.relative_to(result.root) if inside else problem.file
        groups[problem.kind, problem.message].append(file)
    return groups


def _labelled(result: CheckResult) -> str:
    from pixelwise.data.sparse_labels import format_share

    if not result.is_sparse:
        return f"{result.labelled_share:.1%} of the pixels"
    labels = result.labels
    images = f"{labels.images:,} of {quantity(labels.images + labels.blank_images, 'image')}"
    return f"{format_share(labels.share)} of the pixels to train on, in {images}"


def _files(result: CheckResult) -> str:
    """Return the folders that images and labels were read from, and how many of each."""
    texts = []
    for kind, folders in result.folders.items():
        shown = [f"{folder} ({count:,})" for folder, count in list(folders.items())[:FOLDERS_SHOWN]]
        more = len(folders) - len(shown)
        texts += [f"{kind} in {', '.join(shown)}" + (f" and {more:,} more" if more else "")] if shown else []
    return "; ".join(texts)


def _sizes(result: CheckResult) -> str:
    shown = [f"{height}x{width}: {count:,}" for (height, width), count in list(result.sizes.items())[:4]]
    more = len(result.sizes) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "") if shown else "none could be read"


def _depths(result: CheckResult) -> Iterator[str]:
    """Yield a line for each type of pixels deeper than 8 bits, and one for the values that become 0 to 255."""
    for name, use in result.depths.items():
        images = quantity(use.images, "image")
        yield f"depth     {name}: {images}, values {use.low:,.6g} to {use.high:,.6g}{_share(name, use)}"
    value_range = result.value_range
    if value_range is not None and result.depths:
        ends = dict.fromkeys(zip(value_range.low, value_range.high, strict=True))
        spans = ", ".join(f"{low:,.6g} to {high:,.6g}" for low, high in ends)
        channels = "" if len(ends) == 1 else " (red, green, blue)"
        yield f"          {spans}{channels} become 0 to 255, here and in the trained model"


def _share(name: str, use: DepthUse) -> str:
    import numpy as np

    if not name.startswith(("int", "uint")):
        return ""
    limits = np.iinfo(name)
    return f", {(use.high - use.low) / (int(limits.max) - int(limits.min)):.1%} of the type's range"


def _class_table(result: CheckResult) -> Table:
    from rich.table import Table
    from rich.text import Text

    block = _block()
    table = Table("", title_justify="left")
    table.add_column("class", overflow="fold")
    table.add_column("share of labels" if result.is_sparse else "share of labelled pixels", justify="right")
    table.add_column("")
    objects = result.class_objects.tolist() if result.class_objects.any() else []
    if objects:
        table.add_column("objects", justify="right")
    if result.is_sparse:
        table.add_column("pixels", justify="right")
        table.add_column("images", justify="right")
    labels = result.class_labels
    shares, width = result.class_shares, BAR_WIDTH
    if result.is_sparse:
        total = max(result.labels.labelled, 1)
        shares, width = {name: entry.pixels / total for name, entry in labels.items()}, SPARSE_BAR_WIDTH
    largest = max(shares.values()) or 1.0
    for index, (name, share) in enumerate(shares.items()):
        bar = block * max(round(width * share / largest), 1 if share else 0)
        color = ",".join(map(str, result.classes.colors[index]))
        counted = [f"{count:,}" if count else "-" for count in objects[index : index + 1]]
        if result.is_sparse:
            counted += [f"{labels[name].pixels:,}", f"{labels[name].images:,}"]
        table.add_row(Text(2 * block, style=f"rgb({color})"), *cells(name, f"{share:.2%}", bar, *counted))
    return table


def _mask_values(result: CheckResult) -> list[str]:
    """Return a line on how the meaning of mask values was decided, and a line for each value."""
    rows = [(row.values, result.name_of(row.label), row.share, row.why) for row in result.mask_values]
    uncounted = "; no pixel was counted, because every pair of image and mask has a problem"
    lines = [f"masks     {rows[0][3]}{uncounted if rows[0][2] is None else ''}"] if rows else []
    for values, name, share, why in rows:
        reason = f" ({why})" if why != rows[0][3] else ""
        part = "" if share is None else f", {_percent(share)} of the pixels"
        lines.append(f"          {values} = {name}{part}{reason}")
    return lines


def _percent(share: float) -> str:
    return "less than 0.01%" if 0 < share < 0.00005 else f"{share:.2%}"


def _block() -> str:
    """Return the character that bars are drawn with, which standard output must be able to encode."""
    block = "█"
    try:
        block.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return "#"
    return block


def _summary(result: CheckResult) -> str:
    kinds = Counter(problem.kind for problem in result.problems)
    if not kinds:
        return "No problems found."
    total = quantity(len(result.problems), "problem")
    counts = ", ".join(f"{kind} {count:,}" for kind, count in kinds.most_common())
    if not result.harmful:
        return f"{total} ({counts}), none that spoils training."
    if not result.unusable or len(result.unusable) == result.images:
        return f"{total} ({counts}). Correct them."
    images = quantity(len(result.unusable), "image")
    return f"{total} ({counts}). Correct them, or leave {images} out with train --skip-bad."
