"""`pixelwise label`: help with labelling, beside the studio."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixelwise.cli.arguments import AsJson, BandNumbers, Data, Format, ImagesRoot, check_path
from pixelwise.cli.help import PAGES, Command
from pixelwise.cli.output import cells, note, print_table, say
from pixelwise.core.text import quantity

if TYPE_CHECKING:
    from pixelwise.labels.export import LiveExport
    from pixelwise.labels.suggest import Suggestion, Suggestions

label = typer.Typer(
    name="label",
    help="Help with labelling, beside the studio.",
    epilog=PAGES["label"].epilog,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@label.callback()
def _group() -> None:
    """Help with labelling, beside the studio."""


@label.command(cls=Command, epilog=PAGES["label"].epilog)
def suggest(
    data: Data,
    *,
    model: Annotated[
        Path | None,
        typer.Option(help="A run directory or .onnx file; prefer images it is unsure about.", callback=check_path),
    ] = None,
    count: Annotated[int, typer.Option(help="Images to suggest.")] = 5,
    pixels: Annotated[int, typer.Option(help="Pixels to suggest in each image.")] = 5,
    format: Format = None,
    images_root: ImagesRoot = None,
    as_json: AsJson = False,
) -> None:
    """Suggest images of DATA to label next, with pixels and a region in each.

    DATA may have labels for some images or pixels, or none. With --model, images come first that the model is unsure
    about and that differ from each other and from labelled images. Without, images that resemble many others come
    first. Images of the test split are left out.
    """
    from pixelwise.cli.progress import progress_bar
    from pixelwise.inference.loading import load
    from pixelwise.labels.suggest import open_images, suggest_labels

    image_set = open_images(data, format, images_root)
    for remark in image_set.remarks:
        note(f"note: {remark}")
    predictor = None if model is None else load(model)
    with progress_bar("suggest") as on_progress:
        suggestions = suggest_labels(image_set, predictor, count=count, pixels=pixels, on_progress=on_progress)
    if as_json:
        print(json.dumps(_report(suggestions, model, image_set.remarks)))
    else:
        _print_table(suggestions, data, model)


@label.command(cls=Command, epilog=PAGES["label"].epilog)
def export(
    data: Data,
    *,
    out: Annotated[Path, typer.Option(help="The .onnx file to write.", callback=check_path)],
    format: Format = None,
    bands: BandNumbers = None,
    images_root: ImagesRoot = None,
    as_json: AsJson = False,
) -> None:
    """Write the live model of DATA's labels as one self-describing .onnx file, for images of any size.

    The live model is the one that the studio shows while you draw. It is fitted within seconds on all labels but those
    of a named test split. With few labels it may predict better than a training. If the labels have
    objects, the file predicts objects.
    """
    from pixelwise.core.extras import require_train_extra

    require_train_extra("label export")
    from pixelwise.cli.progress import progress_bar
    from pixelwise.core.bands import parse_bands
    from pixelwise.data import open_dataset
    from pixelwise.labels.export import export_live_model

    dataset = open_dataset(data, format, None if bands is None else parse_bands(bands), images_root)
    with progress_bar("export") as on_progress:
        result = export_live_model(dataset, out, on_progress=on_progress)
    for remark in result.remarks:
        note(f"note: {remark}")
    if as_json:
        print(json.dumps(_describe_export(result)))
    else:
        say(result.path)


def _describe_export(result: LiveExport) -> dict[str, Any]:
    return {
        "model": str(result.path),
        "bytes": result.path.stat().st_size,
        "images": result.images,
        "pixels": result.pixels,
        "scale": result.scale,
        "remarks": list(result.remarks),
    }


def _report(suggestions: Suggestions, model: Path | None, remarks: tuple[str, ...]) -> dict[str, Any]:
    return {
        "total": suggestions.total,
        "model": None if model is None else str(model),
        "compared_by": suggestions.compared_by,
        "images": [
            {
                "image": str(row.image),
                "labelled": row.labelled,
                "uncertainty": row.uncertainty,
                "pixels": [list(pixel) for pixel in row.pixels],
                "region_tlbr": list(row.region_tlbr),
            }
            for row in suggestions.images
        ],
        "remarks": list(remarks),
    }


def _print_table(suggestions: Suggestions, data: Path, model: Path | None) -> None:
    from rich.table import Table

    if not suggestions.images:
        say(f"{data}: nothing to suggest. Each of {quantity(suggestions.total, 'image')} is at least half labelled.")
        return
    doubts = "" if model is None else f", by the uncertainty of {model}"
    images = quantity(suggestions.total, "image")
    say(f"{data}: what to label next in {images}{doubts}. Images are compared by their {suggestions.compared_by}.")
    table = Table()
    for heading in ("image", "labelled", "unsure", "pixels (row, column)", "region (top, left, bottom, right)"):
        table.add_column(heading, overflow="fold")
    for row in suggestions.images:
        table.add_row(*_cells(row, data))
    print_table(table, 120)


def _cells(row: Suggestion, data: Path) -> list[str]:
    name = row.image.relative_to(data) if row.image.is_relative_to(data) else row.image
    unsure = "-" if row.uncertainty is None else f"{row.uncertainty:.2f}"
    pixels = " ".join(f"{r},{c}" for r, c in row.pixels)
    return list(cells(name, f"{row.labelled:.1%}", unsure, pixels, ", ".join(map(str, row.region_tlbr))))
