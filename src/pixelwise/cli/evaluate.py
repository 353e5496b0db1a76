"""`pixelwise evaluate`: measure a model file on labelled images."""

from __future__ import annotations

import json
from math import isnan
from typing import TYPE_CHECKING, Annotated

import typer

from pixelwise.cli.arguments import AsJson, Data, Format, ImagesRoot, Model, Tta

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from pixelwise.metrics.instances import InstanceScores
    from pixelwise.metrics.scores import Scores


def evaluate(
    model: Model,
    data: Data,
    split: Annotated[str, typer.Option(help="The part of the data to measure on: train, val or test.")] = "test",
    format: Format = None,
    images_root: ImagesRoot = None,
    tta: Tta = False,
    as_json: AsJson = False,
) -> None:
    """Measure a model: mean IoU, accuracies, boundary F1, and IoU and accuracy of every class; of an instance model
    average precision, panoptic quality, and the share of matched objects at IoU thresholds."""
    from pixelwise.cli.progress import progress_bar
    from pixelwise.formats import open_dataset
    from pixelwise.predict.evaluate import evaluate as evaluate_split
    from pixelwise.predict.loading import load

    dataset = open_dataset(data, format=format, images_root=images_root)
    predictor = load(model, at_once=len(dataset.splits.get(split, ())))
    if tta:
        predictor = predictor.augmented()
    with progress_bar("evaluate") as on_progress:
        scores = evaluate_split(predictor, dataset, split, on_progress)
    if as_json:
        print(json.dumps(scores.to_json_dict()))
    else:
        _print_tables(scores, f"{model} on {split} of {data}")


def _print_tables(scores: Scores | InstanceScores, title: str) -> None:
    from rich.console import Console

    from pixelwise.metrics.instances import InstanceScores

    console = Console(markup=False)
    console.print(title, soft_wrap=True)
    for table in _of_objects(scores) if isinstance(scores, InstanceScores) else _of_pixels(scores):
        console.print(table)


def _of_pixels(scores: Scores) -> tuple[Table, Table]:
    overall = [
        ("mean IoU", _fraction(scores.miou)),
        ("global accuracy", _fraction(scores.global_accuracy)),
        ("class accuracy", _fraction(scores.class_accuracy)),
        ("boundary F1", _fraction(scores.boundary_f1)),
        ("images", f"{scores.images:,}"),
        ("labelled pixels", f"{scores.pixels:,}"),
    ]
    classes = [(name, _fraction(row["iou"]), _fraction(row["accuracy"])) for name, row in scores.per_class.items()]
    return _table(("measure", "score"), overall), _table(("class", "IoU", "accuracy"), classes)


def _of_objects(scores: InstanceScores) -> tuple[Table, Table]:
    overall = [
        ("AP (IoU 0.50 to 0.95)", _fraction(scores.ap)),
        ("AP at 0.50", _fraction(scores.ap50)),
        ("AP at 0.75", _fraction(scores.ap75)),
        ("panoptic quality", _fraction(scores.pq)),
        *((f"TP / (TP + FN + FP) at {key}", _fraction(value)) for key, value in scores.dsb.items()),
        ("images", f"{scores.images:,}"),
        ("objects", f"{scores.objects:,}"),
    ]
    keys = ("ap", "ap50", "ap75", "pq", "sq", "rq")
    classes = [(name, *(_fraction(row[key]) for key in keys)) for name, row in scores.per_class.items()]
    return _table(("measure", "score"), overall), _table(("class", "AP", "AP50", "AP75", "PQ", "SQ", "RQ"), classes)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    from rich.table import Table

    table = Table(columns[0])
    for column in columns[1:]:
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(*row)
    return table


def _fraction(score: float | None) -> str:
    return "-" if score is None or isnan(score) else f"{score:.3f}"
