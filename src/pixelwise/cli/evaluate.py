"""`pixelwise evaluate`: measure a model file on labelled images."""

from __future__ import annotations

import json
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pixelwise.metrics.scores import Scores


def evaluate(
    model: Annotated[Path, typer.Argument(help="A run directory or an .onnx file.")],
    data: Annotated[Path, typer.Argument(help="A directory of images and masks.")],
    split: Annotated[str, typer.Option(help="The part of the data to measure on: train, val or test.")] = "test",
    format: Annotated[str | None, typer.Option(help="The layout of DATA, where it is not recognised.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Report as one JSON object.")] = False,
) -> None:
    """Measure a model: mean IoU, accuracies, boundary F1, and IoU and accuracy of every class."""
    from pixelwise.cli.progress import progress_bar
    from pixelwise.formats import open_dataset
    from pixelwise.predict.evaluate import evaluate as evaluate_split
    from pixelwise.predict.predictor import load

    predictor = load(model)
    dataset = open_dataset(data, format=format)
    with progress_bar("evaluate") as on_progress:
        scores = evaluate_split(predictor, dataset, split, on_progress)
    if as_json:
        print(json.dumps(scores.to_json_dict()))
    else:
        _print_tables(scores, f"{model} on {split} of {data}")


def _print_tables(scores: Scores, title: str) -> None:
    from rich.console import Console
    from rich.table import Table

    overall = Table("measure")
    overall.add_column("score", justify="right")
    overall.add_row("mean IoU", _fraction(scores.miou))
    overall.add_row("global accuracy", _fraction(scores.global_accuracy))
    overall.add_row("class accuracy", _fraction(scores.class_accuracy))
    overall.add_row("boundary F1", _fraction(scores.boundary_f1))
    overall.add_row("images", f"{scores.images:,}")
    overall.add_row("labelled pixels", f"{scores.pixels:,}")
    classes = Table("class")
    classes.add_column("IoU", justify="right")
    classes.add_column("accuracy", justify="right")
    for name, row in scores.per_class.items():
        classes.add_row(name, _fraction(row["iou"]), _fraction(row["accuracy"]))
    console = Console(markup=False)
    console.print(title, soft_wrap=True)
    console.print(overall)
    console.print(classes)


def _fraction(score: float | None) -> str:
    return "-" if score is None or isnan(score) else f"{score:.3f}"
