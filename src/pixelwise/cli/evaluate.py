"""`pixelwise evaluate`: measure a model file on labelled images."""

from __future__ import annotations

import json
from math import isnan
from typing import TYPE_CHECKING, Annotated

import typer

from pixelwise.cli.arguments import AsJson, Data, DeviceName, EngineName, Format, ImagesRoot, Model, Tta
from pixelwise.cli.flags import use_flags
from pixelwise.cli.output import cells, note, print_table, say

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.table import Table

    from pixelwise.data.dataset import Dataset
    from pixelwise.tasks.base import Task, TaskScores

MEASURES = ("measure", "score", "95 % interval")
MISSED = ("images missed", "false alarms")
"""Images that show a class of which nothing was predicted; images without a class that was predicted."""


def evaluate(
    model: Model,
    data: Data,
    *,
    split: Annotated[str, typer.Option(help="The split to measure on: train, val or test.")] = "test",
    format: Format = None,
    images_root: ImagesRoot = None,
    tta: Tta = False,
    engine: EngineName = "onnxruntime",
    device: DeviceName = None,
    metric: Annotated[
        list[str] | None, typer.Option(help="Name of a registered metric to measure too. May be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure a model on labelled images.

    Semantic models: mean IoU, accuracies, boundary F1, and scores of each class. Instance models: average precision,
    panoptic quality, and TP / (TP + FN + FP) at IoU thresholds. Panoptic models: panoptic quality of things, of stuff
    and of all classes.
    """
    from pixelwise.api import evaluate as evaluate_model
    from pixelwise.cli.progress import progress_bar
    from pixelwise.cli.remarks import print_assumptions
    from pixelwise.data import open_dataset
    from pixelwise.inference.assumptions import remarks_on_depth, remarks_on_first_frames
    from pixelwise.inference.loading import load
    from pixelwise.tasks import TASKS

    dataset = open_dataset(data, format=format, images_root=images_root)
    print_assumptions(dataset)
    predictor = load(model, engine, len(dataset.splits.get(split, ())), device)
    if tta:
        predictor = predictor.with_tta()
    images = [item.image for item in dataset.splits.get(split, ())]
    for remark in (*remarks_on_depth(predictor.info, images), *remarks_on_first_frames(predictor.info, images)):
        note(f"note: {use_flags(remark)}")
    with progress_bar("evaluate") as on_progress:
        scores = evaluate_model(predictor, dataset, split, metrics=metric or (), on_progress=on_progress)
    remarks = [*map(use_flags, scores.remarks), *_training_remarks(model, dataset, split)]
    if as_json:
        print(json.dumps(scores.to_json_dict() | {"remarks": remarks}))
    else:
        _print_tables(scores, TASKS[predictor.info.task], f"{model} on {split} of {data}", remarks)


def _training_remarks(model: Path, dataset: Dataset, split: str) -> list[str]:
    """Return a remark if the model may have been trained on these images."""
    is_held_out = split == "test" and not any(item.auto_split for item in dataset.splits[split])
    if is_held_out or not (model / "folds").is_dir():
        return []
    return [
        "This model was trained with --folds on all images that are in no named test split. If these are the same "
        "data, its scores here are too high. The scores of its cross-validation are in metrics.json."
    ]


def _print_tables(scores: TaskScores, task: Task, title: str, remarks: Sequence[str]) -> None:
    tables, details, values = task.tables, task.details(scores), scores.to_json_dict()
    overall = [
        *((figure.label, _fraction(values[figure.key]), _interval(scores, figure.key)) for figure in tables.figures),
        *((f"TP / (TP + FN + FP) at {key}", _fraction(value), "") for key, value in details.matches.items()),
        *((f"{name}: {key}", f"{value:.4g}", "") for name, row in scores.metrics.items() for key, value in row.items()),
        ("images", f"{scores.images:,}", ""),
        *((name, f"{count:,}", "") for name, count in details.counts.items()),
    ]
    say(title)
    print_table(_table(MEASURES, overall))
    print_table(_table(("class", *tables.class_columns.values(), *MISSED), _rows(scores, list(tables.class_columns))))
    if more := tables.more_class_columns:
        rows = [(name, *(_fraction(row[key]) for key in more)) for name, row in scores.per_class.items()]
        print_table(_table(("class", *more.values()), rows))
    for remark in remarks:
        say(remark)


def _rows(scores: TaskScores, keys: Sequence[str]) -> list[tuple[str, ...]]:
    return [
        (
            name,
            *(_fraction(row[key]) for key in keys),
            f"{row['missed_images']:,.0f} of {row['images']:,.0f}",
            f"{row['false_alarm_images']:,.0f}",
        )
        for name, row in scores.per_class.items()
    ]


def _interval(scores: TaskScores, key: str) -> str:
    bounds = scores.intervals.get(key)
    return "-" if bounds is None else f"{bounds[0]:.3f} to {bounds[1]:.3f}"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    from rich.table import Table

    table = Table()
    table.add_column(columns[0], overflow="fold")
    for column in columns[1:]:
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(*cells(*row))
    return table


def _fraction(score: float | None) -> str:
    return "-" if score is None or isnan(score) else f"{score:.3f}"
