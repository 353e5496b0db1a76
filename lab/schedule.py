"""Trainings at an equal budget of minutes: one after the other, or one a core, so that none takes from another.

torch is imported where it is needed: suites that measure memory start their processes from here.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from lab.store import ROOT

PIXELWISE = (sys.executable, "-m", "pixelwise")
Scores = dict[str, Any]
"""What `pixelwise evaluate --json` prints."""
Training = Callable[[Path, Path, float, Sequence[str]], Scores]
"""(data, run, minutes, options of `pixelwise train`) -> the scores on the test images; fills the run directory."""


def run_on_cores(cores: Sequence[int], calls: Iterable[Callable[[], object]]) -> None:
    """Make all `calls`, each in a thread that is bound, with the processes it starts, to one of `cores`.

    Without cores they come one after the other, on all that the machine has.
    """
    if not cores:
        for call in calls:
            call()
        return
    free: SimpleQueue[int] = SimpleQueue()
    for core in cores:
        free.put(core)
    with ThreadPoolExecutor(len(cores), initializer=lambda: os.sched_setaffinity(0, {free.get()})) as pool:
        for future in [pool.submit(call) for call in calls]:
            future.result()


def make_environment() -> dict[str, str]:
    """Return the environment of a process that finds `lab` and has a thread for each core of this thread."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return os.environ | {"OMP_NUM_THREADS": str(len(os.sched_getaffinity(0))), "PYTHONPATH": path}


def run_suite(suite: str, arguments: Iterable[object]) -> Any:
    """Return what `python -m lab.SUITE` prints as JSON, in a process of its own."""
    line = [sys.executable, "-m", f"lab.{suite}", *map(str, arguments)]
    return json.loads(subprocess.run(line, check=True, env=make_environment(), stdout=subprocess.PIPE).stdout)


def train_and_evaluate(
    data: Path, run: Path, minutes: float, options: Sequence[str], program: Sequence[str] = PIXELWISE
) -> Scores:
    """Train by `pixelwise train` and return the scores on the test images. A finished training is not repeated."""
    scores = run / "test.json"
    if not scores.is_file():
        train_model(data, run, minutes, options, program)
        line = [*program, "evaluate", str(run), str(data), "--split", "test", "--json"]
        scores.write_text(subprocess.run(line, check=True, capture_output=True, text=True).stdout)
    return read_scores(run)


def train_model(
    data: Path, run: Path, minutes: float, options: Sequence[str], program: Sequence[str] = PIXELWISE
) -> None:
    """Train by `pixelwise train`, in place of an earlier attempt; its output goes to a file beside the run."""
    print(f"{run}: {minutes:g} minutes", file=sys.stderr, flush=True)
    shutil.rmtree(run, ignore_errors=True)  # a budget of minutes is not shared with an earlier attempt
    run.parent.mkdir(parents=True, exist_ok=True)
    line = [*program, "train", str(data), "--out", str(run), "--minutes", str(minutes), *options]
    with (run.parent / f"{run.name}.log").open("w") as log:
        subprocess.run(line, check=True, env=make_environment(), stdout=log, stderr=log)


def read_scores(run: Path) -> Scores:
    """Return the scores on the test images that a training of this schedule left in its run directory."""
    scores: Scores = json.loads((run / "test.json").read_text(encoding="utf-8"))
    return scores


def images_per_second(run: Path) -> float:
    """Return how many crops a second a run trained on, validations included."""
    from pixelwise.training.config import RunConfig
    from pixelwise.training.schedule import count_crops

    last = _last_row(run)
    return count_crops(RunConfig.load(run / "config.yaml").recipe, int(last["step"])) / float(last["seconds"])


def score_validation(run: Path) -> Scores:
    """Return the scores of a run's model file on the validation images."""
    from pixelwise.data import open_dataset
    from pixelwise.inference.evaluate import evaluate
    from pixelwise.inference.loading import load
    from pixelwise.training.config import RunConfig

    config = RunConfig.load(run / "config.yaml")
    return evaluate(load(run), open_dataset(config.data, config.format), "val").to_json_dict()


def measure_training(data: Path, run: Path, minutes: float, seed: int, train: Training) -> dict[str, float]:
    """Return the figures of one semantic training: scores on the test and the validation images, and its speed."""
    test = train(data, run, minutes, ["--seed", str(seed)])
    return {
        "miou": test["miou"],
        "boundary_f1": test["boundary_f1"],
        "val_miou": score_validation(run)["miou"],
        "ms_an_image": 1000 / images_per_second(run),
    }


def format_figures(seeds: Sequence[Mapping[str, float]]) -> list[str]:
    """Return cells of the figures of `measure_training`: medians over the seeds, with each seed's test mIoU."""
    medians = {key: statistics.median(figures[key] for figures in seeds) for key in seeds[0]}
    scores = [f"{medians[key]:.3f}" for key in ("miou", "boundary_f1", "val_miou")]
    each = ", ".join(f"{figures['miou']:.3f}" for figures in seeds)
    return [*scores, each, f"{medians['ms_an_image']:.0f}"]


def _last_row(run: Path) -> dict[str, str]:
    with (run / "history.csv").open() as file:
        *_, last = csv.DictReader(file)
    return last
