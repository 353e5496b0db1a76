"""`pixelwise demo`: train, measure and predict on generated pictures."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pixelwise.cli.arguments import AsJson, check_path
from pixelwise.cli.flags import use_flags
from pixelwise.cli.output import note, say
from pixelwise.core.extras import require_train_extra
from pixelwise.core.text import quantity

if TYPE_CHECKING:
    from pixelwise.tasks.base import Task, TaskScores

SEED = 0
KINDS = {
    "semantic": ("mask", "overlay"),
    "instance": ("instances", "objects", "overlay"),
    "panoptic": ("mask", "instances", "overlay"),
}
"""The outputs that are written for each task (see `pixelwise predict --as`)."""
SCENES: dict[str, Literal["landscapes", "fruit"]] = {
    "semantic": "landscapes",
    "instance": "fruit",
    "panoptic": "fruit",
}
"""The pictures that are drawn for each task."""


def demo(
    *,
    out: Annotated[
        Path, typer.Option(help="New directory for data/, run/ and predictions/.", callback=check_path)
    ] = Path("pixelwise-demo"),
    minutes: Annotated[float, typer.Option(help="Wall-clock minutes of the training.")] = 2.0,
    task: Annotated[
        Literal["semantic", "instance", "panoptic"],
        typer.Option(help="A class for each pixel, objects, or both."),
    ] = "semantic",
    as_json: AsJson = False,
) -> None:
    """Draw landscapes, or fruit for objects; train, measure and predict on them; print the report's path."""
    require_train_extra("this command")
    from pixelwise.core.errors import OutputError
    from pixelwise.data import open_dataset
    from pixelwise.inference.batch import predict_files
    from pixelwise.inference.evaluate import evaluate
    from pixelwise.inference.jobs import plan_jobs
    from pixelwise.inference.loading import load
    from pixelwise.tasks import TASKS
    from pixelwise.training.memory import keep_freed_memory
    from pixelwise.training.run import train
    from pixelwise_scenes import write_scenes

    if out.exists():
        remedy = "Remove it, or choose another --out."
        raise OutputError(out, "a file or directory", "a path that does not exist yet", remedy)
    note(f"drawing {SCENES[task]}")
    write_scenes(out / "data", SEED, kind=SCENES[task])
    dataset = open_dataset(out / "data")
    keep_freed_memory()
    run = train(dataset, out=out / "run", task=task, minutes=minutes, wording=partial(use_flags, command="train"))
    predictor = load(run.path, at_once=len(dataset.splits["test"]))
    note("measuring and predicting the test images")
    scores = evaluate(predictor, dataset, "test")
    jobs = plan_jobs([str(out / "data" / "test" / "images")], out / "predictions", KINDS[task])
    predict_files(predictor, jobs)
    report = run.path / "report.html"
    if as_json:
        print(json.dumps({"report": str(report), "test": scores.to_json_dict()}))
        return
    print()
    say(f"test {_describe_scores(scores, TASKS[task])} on {quantity(scores.images, 'unseen image')}")
    say(f"predictions: {out / 'predictions'}")
    say(f"report:      {report.resolve().as_uri()}")


def _describe_scores(scores: TaskScores, task: Task) -> str:
    values = scores.to_json_dict()
    figures = [figure for figure in task.tables.figures if values[figure.key] is not None]
    return ", ".join(f"{figure.label} {values[figure.key]:.3f}" for figure in figures[:2])
