"""Training in the background, in a separate process of lower priority. Clients are told its progress."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pixelwise.core.errors import OptionError, OutputError
from pixelwise.core.files import read_json_object, write_text
from pixelwise.core.text import quantity, short_repr
from pixelwise.labels.project import Project
from pixelwise.metrics.instances import MATCH
from pixelwise.studio.comparison import OBJECT_MEASURE, Comparison
from pixelwise.studio.object_labels import is_partly_labelled
from pixelwise.studio.scores import ScoreCurve
from pixelwise.studio.training_data import freeze_data, require_labels

PROGRAM = [sys.executable, "-P", "-m", "pixelwise.studio.training_process"]
"""The command that trains. Its argument and the lines that it writes are JSON. With `-P` a file torch.py in the working
directory does not shadow the library."""
DEFAULT_MINUTES = 2.0
MOST_MINUTES = 24 * 60.0
LAST_LINES = 20
"""The last lines of standard error that are shown if the process fails without an error message."""
MEASURES = {"miou": "mIoU", "dsb": OBJECT_MEASURE, "pq": "panoptic quality"}
"""The measure of a run that the page shows: the first of these keys of `metrics.json`, and its name in the report."""
FEW_STEPS = 30
"""A training of fewer steps learns next to nothing."""
PREPARING, IN_STEPS = "preparing", "training"
"""Phases of a training; the process names those that follow."""
MOST_PLACES = 3
"""The most labelled regions without an object that the page leads to."""
IDLE, RUNNING, STOPPING, STOPPED, DONE, FAILED = "idle", "running", "stopping", "stopped", "done", "failed"


@dataclass
class _State:
    state: str = IDLE
    run: str | None = None
    minutes: float = DEFAULT_MINUTES
    share: float = 0.0
    score: float | None = None
    metric: str = "mIoU"
    message: str = ""
    note: str = ""
    places: list[dict[str, Any]] = field(default_factory=list)
    phase: str = PREPARING
    steps: int | None = None
    first_step: tuple[int, float] | None = None
    """A step and its time: the first that this process told."""
    last_step: tuple[int, float] | None = None
    val_scores: list[float] = field(default_factory=list)

    def hear(self, said: dict[str, Any]) -> None:
        """Take a line of the process."""
        if isinstance(said.get("val_score"), float):
            self.score = said["val_score"]
            self.val_scores.append(said["val_score"])
        if isinstance(said.get("steps"), int):
            self.phase, self.steps = IN_STEPS, said["steps"]
        if isinstance(said.get("step"), int):
            self.last_step = said["step"], time.monotonic()
            self.first_step = self.first_step or self.last_step
        if isinstance(said.get("phase"), str):
            self.phase = said["phase"]

    @property
    def share_of_steps(self) -> float | None:
        """The share of the steps that have been taken, 0..1; `None` outside of the phase of steps."""
        if self.phase != IN_STEPS or not self.steps or self.last_step is None:
            return None
        return min(1.0, self.last_step[0] / self.steps)

    @property
    def remaining_seconds(self) -> float | None:
        """The time that the other steps will take at the pace of those so far; `None` where nobody knows it."""
        if self.share_of_steps is None or self.steps is None or self.first_step is None or self.last_step is None:
            return None
        (first, began), (last, now) = self.first_step, self.last_step
        if last == first:
            return None
        return max(0.0, (self.steps - last) * (now - began) / (last - first) - (time.monotonic() - now))

    @property
    def doubt(self) -> str:
        """Why more minutes are needed: `few_steps`, or, once it has ended, `no_rise` of the validation score; else
        ""."""
        if self.state in (RUNNING, STOPPING, DONE) and self.steps is not None and self.steps < FEW_STEPS:
            return "few_steps"
        has_risen = len(self.val_scores) < 2 or max(self.val_scores) > self.val_scores[0]
        return "" if self.state != DONE or has_risen else "no_rise"


class Training:
    """Starts, stops and resumes trainings of a project, one at a time.

    Parameters
    ----------
    project
        The project to train on.
    curve
        Records the scores.
    on_change
        Called when the state has changed, from another thread.
    on_done
        Called with the directory of a finished run, from another thread.

    Attributes
    ----------
    models
        External models that can be shown like finished runs, by their names on the page.
    """

    def __init__(
        self,
        project: Project,
        curve: ScoreCurve,
        on_change: Callable[[], None],
        on_done: Callable[[Path], None],
    ) -> None:
        self._project, self._curve, self._on_change, self._on_done = project, curve, on_change, on_done
        self.models: dict[str, Path] = {}
        self._folder = project.folder.studio / "runs"
        self._state = _State()
        self._process: subprocess.Popen[str] | None = None
        self._thread: threading.Thread | None = None
        self._before = 0.0
        """Seconds that the run had taken when it was stopped."""
        self._began = 0.0
        self._lock = threading.Lock()
        self._note_stopped_run()

    def _note_stopped_run(self) -> None:
        """Offer to resume the last run if it was not finished."""
        names = self._run_names()
        if names and not (self._folder / names[-1] / "model.onnx").is_file():
            details = read_json_object(self._folder / f"{names[-1]}.json")
            minutes, spent = details.get("minutes"), details.get("seconds")
            if isinstance(minutes, (int, float)) and isinstance(spent, (int, float)):
                self._state = _State(STOPPED, names[-1], float(minutes), min(1.0, float(spent) / 60 / float(minutes)))
                self._before = float(spent)

    def describe(self) -> dict[str, Any]:
        """Return what the page is told."""
        state = self._state
        return {
            "state": RUNNING if state.state == STOPPING else state.state,
            "share": state.share_of_steps if self._process else state.share,
            "remaining_seconds": state.remaining_seconds if self._process else None,
            "score": state.score,
            "message": state.message or state.note,
            "places": state.places,
            "run": state.run,
            "minutes": state.minutes,
            "metric": state.metric,
            "phase": state.phase,
            "steps": state.steps,
            "doubt": state.doubt,
            "runs": [
                *(
                    {"name": name, "score": None, "split": None, "minutes": None, "comparison": None}
                    for name in self.models
                ),
                *self.runs(),
            ],
        }

    def finished(self) -> list[str]:
        """Return the names of the finished runs, oldest first."""
        return [name for name in self._run_names() if (self._folder / name / "model.onnx").is_file()]

    def runs(self) -> list[dict[str, Any]]:
        """Return the finished runs, oldest first: name, score (see `read_score`), minutes of training, and how the run
        compares with the live model."""
        comparisons = [(name, self.comparison(name)) for name in self.finished()]
        return [
            {
                "name": name,
                **read_score(self._folder / name),
                "minutes": read_json_object(self._folder / f"{name}.json").get("minutes"),
                "comparison": comparison and comparison.to_json_dict(),
            }
            for name, comparison in comparisons
        ]

    def comparison(self, name: str) -> Comparison | None:
        """Return how a run compares with the live model of its time; `None` where nobody knows."""
        return Comparison.load(self._comparison_path(name))

    def _comparison_path(self, name: str) -> Path:
        return self._folder / f"{name}-comparison.json"

    def path_of(self, name: str) -> Path:
        """Return the path of a finished run or of an external model. Raises `OptionError` for another name."""
        if name in self.models:
            return self.models[name]
        if name not in self.finished():
            raise OptionError("run", short_repr(name), "the name of a finished run", "Choose another.")
        return self._folder / name

    def start(self, minutes: float | None, *, from_run: str | None = None, task: str | None = None) -> None:
        """Start a training on the current labels, from the weights of a finished run where one is named.

        Raises `DataError`, `OptionError` and `OutputError`.
        """
        minutes = DEFAULT_MINUTES if minutes is None else minutes
        if not 0.1 <= minutes <= MOST_MINUTES:
            raise OptionError("minutes", f"{minutes:g}", f"0.1 to {MOST_MINUTES:g}", "Choose another time.")
        if task not in (None, "semantic", "instance"):
            raise OptionError("task", short_repr(task), "semantic or instance", "Choose one of them.")
        with self._lock:
            self._require_idle()
            if from_run is not None and from_run not in self.finished():
                raise OptionError("from_run", short_repr(from_run), "the name of a finished run", "Train without it.")
            require_labels(self._project)
            name = self._next_name()
            data = freeze_data(self._project, self._folder / f"{name}-data", task)
            self._save_details(name, minutes, 0.0)
            arguments: dict[str, Any] = {"minutes": minutes, "task": task}
            left_out = _count_without_objects(self._project) if task == "instance" else 0
            if left_out:
                arguments["skip_bad"] = True
            if from_run is not None:
                arguments["start_from"] = str(self._folder / from_run)
            self._launch(name, minutes, {**arguments, "data": str(data.path), "images_root": _text(data.images_root)})
            if task == "instance":
                self._state.metric = "AP"  # what validation measures
            notes = [data.loose.describe()]
            if left_out:
                images = quantity(left_out, "image")
                notes.append(f"Labelled throughout, without an accepted object, and so left out: {images}.")
            self._state.note = " ".join(note for note in notes if note)
            self._state.places = [
                {"image": self._project.number_of(region.image), "name": region.image, "point": list(region.point)}
                for region in data.loose.regions[:MOST_PLACES]
            ]
            self._on_change()

    def resume(self) -> None:
        """Resume the run that was stopped. Raises `OptionError` where there is none."""
        with self._lock:
            self._require_idle()
            name = self._state.run
            if self._state.state not in (STOPPED, FAILED) or name is None:
                raise OptionError("resume", "no training that was stopped", "one", "Start a training.")
            from pixelwise.labels.project_files import ProjectFolder, links_root

            data = self._folder / f"{name}-data"
            arguments = {"data": str(data), "images_root": _text(links_root(ProjectFolder(data))), "resume": True}
            self._launch(name, self._state.minutes, arguments)

    def _require_idle(self) -> None:
        if self._process is not None:
            raise OptionError("training", "one under way", "none", "Stop it first.")

    def _launch(self, name: str, minutes: float, arguments: dict[str, Any]) -> None:
        run = self._folder / name
        if arguments.get("resume") and not (run / "config.yaml").is_file():
            arguments = {**arguments, "resume": False, "overwrite": run.is_dir(), "minutes": minutes}
        if not arguments.get("resume"):
            self._before = 0.0
        places = {"out": run, "studio": self._project.folder.studio, "comparison": self._comparison_path(name)}
        texts = {key: str(path) for key, path in places.items()}
        command = [*PROGRAM, json.dumps({**arguments, "bands": self._project.bands, **texts})]
        log = (self._folder / f"{name}.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                encoding="utf-8",
                start_new_session=True,
            )
        self._began = time.monotonic()
        self._state = _State(RUNNING, name, minutes)
        self._thread = threading.Thread(target=self._watch, args=(self._process, name), daemon=True)
        self._thread.start()
        self._on_change()

    def stop(self) -> None:
        """Make the training save a checkpoint and end. Raises `OptionError` where none is running."""
        with self._lock:
            if self._process is None or self._process.stdin is None:
                raise OptionError("training", "none under way", "one", "Start a training.")
            self._state.state = STOPPING
            self._process.stdin.close()
        self._on_change()

    def close(self) -> None:
        """Stop, and wait until the checkpoint is written."""
        process, thread = self._process, self._thread
        if process is not None and thread is not None:
            self._state.state = STOPPING
            if process.stdin is not None:
                process.stdin.close()
            thread.join()

    def _seconds(self) -> float:
        """Return the seconds that the run has taken so far, including those before it was stopped."""
        return self._before + (time.monotonic() - self._began if self._process is not None else 0.0)

    def _watch(self, process: subprocess.Popen[str], name: str) -> None:
        """Follow a process to its end."""
        told = 0.0
        last: dict[str, Any] = {}
        for line in process.stdout or ():
            said, phase = _parse(line), self._state.phase
            if said is not None:
                last = said
                self._state.hear(said)
            if time.monotonic() - told >= 1 or self._state.phase != phase:
                told = time.monotonic()
                with contextlib.suppress(OutputError):  # such as a full disk, which the process reports itself
                    self._save_details(name, self._state.minutes, self._seconds())
                self._on_change()
        code = process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
        seconds = self._seconds()
        with contextlib.suppress(OutputError):
            self._save_details(name, self._state.minutes, seconds)
        with self._lock:
            was_stopped = self._state.state == STOPPING
            self._before, self._process = seconds, None
            self._finish(name, code, last, was_stopped=was_stopped)
        if self._state.state == DONE:
            self._on_done(self._folder / name)
        self._on_change()

    def _finish(self, name: str, code: int, last: dict[str, Any], *, was_stopped: bool) -> None:
        state = self._state
        state.share = min(1.0, self._before / (60 * state.minutes))
        if code == 0 and "done" in last:
            result = read_score(self._folder / name)
            state.state, state.share = DONE, 1.0
            state.score, state.metric, state.message = result["score"], result["metric"] or state.metric, ""
            with contextlib.suppress(OutputError):  # the run has its score
                self._curve.add(name, result)
        elif was_stopped or "stopped" in last:
            state.state = STOPPED
        else:
            state.state = FAILED
            said = describe_failure(last, self._folder)
            state.message = said or self._last_log_lines(name) or f"it ended with code {code}"

    def _last_log_lines(self, name: str) -> str:
        text = (self._folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-LAST_LINES:])

    def _save_details(self, name: str, minutes: float, seconds: float) -> None:
        write_text(self._folder / f"{name}.json", json.dumps({"minutes": minutes, "seconds": seconds}))

    def _run_names(self) -> list[str]:
        """Return the runs, oldest first."""
        names = [path.stem for path in self._folder.glob("run-*.json")]
        return sorted((name for name in names if re.fullmatch(r"run-\d{1,6}", name)), key=lambda name: int(name[4:]))

    def _next_name(self) -> str:
        names = self._run_names()
        return f"run-{int(names[-1][4:]) + 1 if names else 1}"


def _count_without_objects(project: Project) -> int:
    """Return how many images are fully labelled, contain a class of objects, and have no object: where one object ends
    and the next begins is unknown."""
    count = 0
    for image in project.images:
        pixels = project.counts(image.name)
        is_partly = is_partly_labelled(pixels, image.size)
        count += not is_partly and any(pixels.keys() - {0}) and not project.object_count(image.name)
    return count


def describe_failure(said: dict[str, Any], folder: Path) -> str:
    """Return the error of a training as the page tells it.

    A file of the training's data goes by its name, its folder by none: `folder` holds what the page never shows.
    Options of Python and of the command line are left out; the page has none of them.
    """
    if not {"where", "found", "expected", "remedy"} <= said.keys():
        return str(said.get("error") or "")
    where = Path(str(said["where"]))
    inside = where.is_relative_to(folder)
    name = (where.name if where.suffix else "") if inside else str(said["where"])
    remedy = " ".join(text for text in re.split(r"(?<=\.) (?=[A-Z])", str(said["remedy"])) if "`" not in text)
    told = re.sub(r" ?\(`[^`]*`\)", "", f"found {said['found']}; expected {said['expected']}. {remedy}").strip()
    return f"{name}: {told}" if name else told[:1].upper() + told[1:]


def read_score(run: Path) -> dict[str, Any]:
    """Return the score of a finished run, the name of the score, the split on which it was measured, and the numbers of
    images and of objects in it, `None` where they are unknown."""
    metrics = read_json_object(run / "metrics.json")
    scores = {name: metrics.get(name) for name in MEASURES}
    if isinstance(scores["dsb"], dict):
        scores["dsb"] = scores["dsb"].get(f"{MATCH:g}")
    measure = next((name for name, score in scores.items() if isinstance(score, float)), "")
    of = {name: metrics.get(name) for name in ("split", "images", "objects")}
    return {"score": scores.get(measure), "metric": MEASURES.get(measure, ""), **of}


def _parse(line: str) -> dict[str, Any] | None:
    """Return the message in a line of the process; `None` for output of a library."""
    try:
        content = json.loads(line)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
