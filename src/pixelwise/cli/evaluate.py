"""`pixelwise evaluate`: measure a model file on labelled images."""

from __future__ import annotations

import json
from math import isnan
from typing import TYPE_CHECKING, Annotated

import typer

from pixelwise.cli.arguments import AsJson, Data, Format, ImagesRoot, Model, Tta
from pixelwise.cli.flags import in_flags
from pixelwise.cli.output import cells, note, print_table, say

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.table import Table

    from pixelwise.data.dataset import Dataset
    from pixelwise.metrics.instances import InstanceScores
    from pixelwise.metrics.scores import Scores

MEASURES = ("measure", "score", "95 % interval")
MISSED = ("images missed", "false alarms")
"""In how many images with a class none of it was found, and in how many without it some was."""


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
    from pixelwise.cli.remarks import tell_assumptions
    from pixelwise.data import open_dataset
    from pixelwise.inference.assumptions import remarks_on_depth
    from pixelwise.inference.evaluate import evaluate as evaluate_split
    from pixelwise.inference.loading import load

    dataset = open_dataset(data, format=format, images_root=images_root)
    tell_assumptions(dataset)
    predictor = load(model, at_once=len(dataset.splits.get(split, ())))
    if tta:
        predictor = predictor.augmented()
    for remark in remarks_on_depth(predictor.info, [item.image for item in dataset.splits.get(split, ())]):
        note(f"note: {in_flags(remark)}")
    with progress_bar("evaluate") as on_progress:
        scores = evaluate_split(predictor, dataset, split, on_progress)
    remarks = [*map(in_flags, scores.remarks), *_of_training(model, dataset, split)]
    if as_json:
        print(json.dumps(scores.to_json_dict() | {"remarks": remarks}))
    else:
        _print_tables(scores, f"{model} on {split} of {data}", remarks)


def _of_training(model: Path, dataset: Dataset, split: str) -> list[str]:
    """Return what is to be said of images that the model may have been trained on."""
    held_out = split == "test" and not any(item.auto_split for item in dataset.splits[split])
    if held_out or not (model / "folds").is_dir():
        return []
    return [
        "This model was trained with --folds, on every image without a named test split: if these are the same data, "
        "the scores flatter it. Those of its cross-validation are in metrics.json."
    ]


def _print_tables(scores: Scores | InstanceScores, title: str, remarks: Sequence[str]) -> None:
    from pixelwise.metrics.instances import InstanceScores

    say(title)
    for table in _of_objects(scores) if isinstance(scores, InstanceScores) else _of_pixels(scores):
        print_table(table)
    for remark in remarks:
        say(remark)


def _of_pixels(scores: Scores) -> tuple[Table, Table]:
    overall = [
        ("mean IoU", _fraction(scores.miou), _between(scores, "miou")),
        ("global accuracy", _fraction(scores.global_accuracy), _between(scores, "global_accuracy")),
        ("class accuracy", _fraction(scores.class_accuracy), _between(scores, "class_accuracy")),
        ("boundary F1", _fraction(scores.boundary_f1), _between(scores, "boundary_f1")),
        ("images", f"{scores.images:,}", ""),
        ("labelled pixels", f"{scores.pixels:,}", ""),
    ]
    keys = ("iou", "dice", "precision", "recall")
    return _table(MEASURES, overall), _table(
        ("class", "IoU", "Dice", "precision", "recall", *MISSED), _rows(scores, keys)
    )


def _of_objects(scores: InstanceScores) -> tuple[Table, Table]:
    overall = [
        ("AP (IoU 0.50 to 0.95)", _fraction(scores.ap), _between(scores, "ap")),
        ("AP at 0.50", _fraction(scores.ap50), _between(scores, "ap50")),
        ("AP at 0.75", _fraction(scores.ap75), _between(scores, "ap75")),
        ("panoptic quality", _fraction(scores.pq), _between(scores, "pq")),
        *((f"TP / (TP + FN + FP) at {key}", _fraction(value), "") for key, value in scores.dsb.items()),
        ("images", f"{scores.images:,}", ""),
        ("objects", f"{scores.objects:,}", ""),
    ]
    keys = ("ap", "ap50", "ap75", "pq", "sq", "rq", "precision", "recall")
    columns = ("class", "AP", "AP50", "AP75", "PQ", "SQ", "RQ", "precision", "recall", *MISSED)
    return _table(MEASURES, overall), _table(columns, _rows(scores, keys))


def _rows(scores: Scores | InstanceScores, keys: Sequence[str]) -> list[tuple[str, ...]]:
    return [
        (
            name,
            *(_fraction(row[key]) for key in keys),
            f"{row['missed_images']:,.0f} of {row['images']:,.0f}",
            f"{row['false_alarm_images']:,.0f}",
        )
        for name, row in scores.per_class.items()
    ]


def _between(scores: Scores | InstanceScores, key: str) -> str:
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
