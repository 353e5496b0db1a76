"""Trainings at an equal budget: commands, their environment, and threads that are bound to cores."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pytest

from lab.schedule import make_environment, read_scores, run_on_cores, train_and_evaluate

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


PROGRAM = """
import json, os, sys
from pathlib import Path
name, *words = sys.argv[1:]
if name == "train":
    run = Path(words[words.index("--out") + 1])
    run.mkdir()
    (run / "words").write_text(json.dumps([*words, os.environ["OMP_NUM_THREADS"]]))
    print("trained")
else:
    print(json.dumps({"miou": 0.5, "words": words}))
"""


def test_a_run_is_trained_evaluated_and_not_repeated(tmp_path: Path) -> None:
    """A program in place of pixelwise writes down what it is called with."""
    run, program = tmp_path / "runs" / "a", (sys.executable, "-c", PROGRAM)
    scores = train_and_evaluate(Path("data"), run, 0.5, ["--seed", "1"], program)
    assert scores == {"miou": 0.5, "words": [str(run), "data", "--split", "test", "--json"]}
    trained = ["data", "--out", str(run), "--minutes", "0.5", "--seed", "1", str(len(os.sched_getaffinity(0)))]
    assert json.loads((run / "words").read_text()) == trained
    assert (run.parent / "a.log").read_text() == "trained\n"
    assert train_and_evaluate(Path("data"), run, 0.5, [], ("no such program",)) == scores == read_scores(run)


def test_an_unfinished_run_is_trained_anew(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "leftover").touch()
    train_and_evaluate(Path("data"), run, 0.5, [], (sys.executable, "-c", PROGRAM))
    assert not (run / "leftover").exists()
