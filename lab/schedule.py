"""Trainings at an equal budget: several at once on one core each, so that none takes from another."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from pixelwise.data import open_dataset
from pixelwise.inference.evaluate import evaluate
from pixelwise.inference.loading import load
from pixelwise.training.config import RunConfig
from pixelwise.training.recipe import count_crops


def on_cores(cores: Sequence[int], calls: Iterable[Callable[[], object]]) -> None:
    """Make all `calls`, each in a thread that keeps, with the processes it starts, to one of `cores`.

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
        for done in [pool.submit(call) for call in calls]:
            done.result()


def answer_of(script: str, arguments: Iterable[object]) -> dict[str, Any]:
    """Return what a benchmark prints as JSON in a process of its own, on the cores that this thread keeps to."""
    line = [sys.executable, script, *map(str, arguments)]
    answer: dict[str, Any] = json.loads(
        subprocess.run(line, check=True, env=own_cores(), stdout=subprocess.PIPE).stdout
    )
    return answer


def gathered(path: Path) -> dict[str, Any]:
    """Return what a benchmark wrote into a JSON file before; nothing where there is none."""
    results: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    return results


def own_cores() -> dict[str, str]:
    """Return the environment of a process that has a thread for each core that this thread keeps to."""
    return os.environ | {"OMP_NUM_THREADS": str(len(os.sched_getaffinity(0)))}


def train_and_evaluate(data: Path, run: Path, minutes: float, options: Sequence[str]) -> dict[str, Any]:
    """Return what `pixelwise evaluate` says of the test images after `pixelwise train`; what was done is read back."""
    scores = run / "test.json"
    if not scores.is_file():
        print(f"{run}: {minutes:g} minutes", flush=True)
        shutil.rmtree(run, ignore_errors=True)  # a budget of minutes is not shared with an earlier attempt
        run.parent.mkdir(parents=True, exist_ok=True)
        pixelwise = [sys.executable, "-m", "pixelwise"]
        line = [*pixelwise, "train", str(data), "--out", str(run), "--minutes", str(minutes), *options]
        with (run.parent / f"{run.name}.log").open("w") as log:
            subprocess.run(line, check=True, env=own_cores(), stdout=log, stderr=log)
        line = [*pixelwise, "evaluate", str(run), str(data), "--split", "test", "--json"]
        scores.write_text(subprocess.run(line, check=True, capture_output=True, text=True).stdout)
    result: dict[str, Any] = json.loads(scores.read_text())
    return result


def steps_and_seconds(run: Path) -> tuple[int, float]:
    """Return how many steps a run took, and the seconds they took, validations included."""
    *_, last = csv.DictReader((run / "history.csv").open())
    return int(last["step"]), float(last["seconds"])


def images_per_second(run: Path) -> float:
    """Return how many crops a second a run trained on, validations included."""
    steps, seconds = steps_and_seconds(run)
    return count_crops(RunConfig.load(run / "config.yaml").recipe, steps) / seconds


def val_scores(run: Path) -> dict[str, Any]:
    """Return the scores of a run's model file on the validation images."""
    config = RunConfig.load(run / "config.yaml")
    return evaluate(load(run), open_dataset(config.data, config.format), "val").to_json_dict()
