"""Trainings at an equal budget: the real commands, once, on small data; and threads that keep to their cores."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from lab.schedule import (
    count_steps,
    images_per_second,
    make_environment,
    run_on_cores,
    run_suite,
    score_validation,
    train_and_evaluate,
)

linux = pytest.mark.skipif(sys.platform != "linux", reason="threads are bound to cores as Linux does it")


@linux
def test_calls_are_bound_to_one_core_each() -> None:
    cores = sorted(os.sched_getaffinity(0))[:2]
    masks: list[set[int]] = []

    def call() -> None:
        masks.append(os.sched_getaffinity(0))
        time.sleep(0.05)

    run_on_cores(cores, [call] * 4)
    assert len(masks) == 4
    assert {min(mask) for mask in masks} == set(cores)
    assert all(len(mask) == 1 for mask in masks)
    assert os.sched_getaffinity(0) >= set(cores)


def test_without_cores_calls_come_one_after_the_other_and_an_error_is_raised() -> None:
    calls: list[int] = []
    run_on_cores([], [lambda: calls.append(1), lambda: calls.append(2)])
    assert calls == [1, 2]
    with pytest.raises(ZeroDivisionError):
        run_on_cores([min(os.sched_getaffinity(0))], [lambda: 1 / 0])


def test_a_process_has_a_thread_for_each_core_of_this_one() -> None:
    assert make_environment()["OMP_NUM_THREADS"] == str(len(os.sched_getaffinity(0)))


def test_a_run_is_trained_evaluated_and_not_repeated(scenes: Path, tmp_path: Path) -> None:
    run = tmp_path / "runs" / "a"
    options = ["--model", "segnet", "--width", "0.06"]
    scores = train_and_evaluate(scenes, run, 0.02, options)
    assert 0 <= scores["miou"] <= 1
    assert scores["images"] == 4
    changed = (run / "model.onnx").stat().st_mtime_ns
    assert train_and_evaluate(scenes, run, 0.02, options) == scores
    assert (run / "model.onnx").stat().st_mtime_ns == changed
    held = run_suite("memory", [run / "model.onnx", "--predictions", 3, "--warm", 1])
    assert 0 < held["warm"] < 2000


def test_figures_of_a_run(small_run: Path) -> None:
    """One epoch of four images is a step of four crops."""
    assert count_steps(small_run) == 1
    seconds = float((small_run / "history.csv").read_text().splitlines()[-1].split(",")[_column(small_run, "seconds")])
    assert images_per_second(small_run) == pytest.approx(4 / seconds)
    assert 0 <= score_validation(small_run)["miou"] <= 1


def _column(run: Path, name: str) -> int:
    return (run / "history.csv").read_text().splitlines()[0].split(",").index(name)
