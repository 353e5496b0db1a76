"""Where the files of a run lie, and how far a run directory is."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixelwise.core.documents import json_value, read_text
from pixelwise.core.errors import OutputError, RunError
from pixelwise.core.files import output_errors, write_text
from pixelwise.core.locks import LockFile
from pixelwise.core.temporary_files import is_temporary, remove_leftovers
from pixelwise.training.config import RunConfig

LOCK = ".train.lock"
"""The file that the process holds which trains in a run directory."""
STAGES = "stages"
"""The folder of the runs of a training in stages before the last."""
FOLDS = "folds"
"""The folder of the runs of a cross-validation."""

History = list[dict[str, float | int | None]]
"""Rows of a training's course, by what `history.csv` calls their columns."""


@dataclass(frozen=True)
class RunDirectory:
    """The directory that `train` fills."""

    path: Path

    @property
    def config(self) -> Path:
        return self.path / "config.yaml"

    @property
    def checkpoint(self) -> Path:
        return self.path / "checkpoints" / "last.ckpt"

    @property
    def weights(self) -> Path:
        return self.path / "weights.safetensors"

    @property
    def model(self) -> Path:
        return self.path / "model.onnx"

    @property
    def draft(self) -> Path:
        """The model file until its class bias is known."""
        return self.path / "draft.onnx"

    @property
    def halves(self) -> tuple[Path, Path]:
        """Model files with what is fitted on one half of the validation images, to score the other."""
        return self.path / "half0.onnx", self.path / "half1.onnx"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.json"

    @property
    def history(self) -> Path:
        return self.path / "history.csv"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    @property
    def tensorboard(self) -> Path:
        return self.path / "tensorboard"

    @property
    def finished(self) -> bool:
        """Whether the run has come to its end: the report is written last."""
        return self.report.is_file()

    def fold(self, number: int) -> RunDirectory:
        """Return the directory of one of the runs of a cross-validation."""
        return RunDirectory(self.path / FOLDS / str(number))

    @property
    def is_folded(self) -> bool:
        """Whether it was trained with a cross-validation."""
        return (self.path / FOLDS).is_dir()

    @property
    def is_staged(self) -> bool:
        """Whether it was trained in stages."""
        return (self.path / STAGES).is_dir()

    def begin(self, config: RunConfig) -> None:
        """Store what the run is to do; where that is not what is stored, it is not finished any more."""
        if self.config.is_file():
            if RunConfig.load(self.config) == config:
                return
            self.report.unlink(missing_ok=True)
        config.save(self.config)

    def require_free(self) -> None:
        """Raise `OutputError` if something is there that a new run would overwrite, and `RunError` if another process
        is training there."""
        if self.path.exists() and not self.path.is_dir():
            raise OutputError(self.path, "a file", "a directory to make", "Choose another `out`.")
        self.require_idle()
        self._require_empty()

    def require_removable(self) -> None:
        """Raise `OutputError` if something else than a run is there, and `RunError` if another process is training."""
        if self.path.exists() and not self.path.is_dir():
            raise OutputError(self.path, "a file", "a directory to make", "Choose another `out`.")
        self.require_idle()
        if not self.has_begun:
            self._require_empty()

    def remove(self) -> None:
        """Remove the files of a run; others stay."""
        files = (self.config, self.weights, self.model, self.metrics, self.history, self.report)
        for file in files:
            file.unlink(missing_ok=True)
        for folder in (self.checkpoint.parent, self.tensorboard, self.path / STAGES, self.path / FOLDS):
            shutil.rmtree(folder, ignore_errors=True)
        self.clear_leftovers()

    def require_idle(self) -> None:
        """Raise `RunError` if another process is training here."""
        lock = LockFile(self.path / LOCK)
        if lock.is_held():
            raise self._busy(lock)

    def _require_empty(self) -> None:
        if self.path.is_dir() and any(not _is_passing(path) for path in self.path.iterdir()):
            remedy = "Choose another `out`, go on with `resume=True`, or remove the directory."
            raise OutputError(self.path, "a directory that holds files", "a new or empty one", remedy)

    @contextlib.contextmanager
    def locked(self, *, new: bool) -> Iterator[bool]:
        """Keep other trainings out of the directory meanwhile, also those of other machines; yield whether that can be
        done on this file system. Readers need no lock.

        The directory is made where it is missing, and removed again where nothing came into it. Raises `RunError` where
        another process is training there, and `OutputError` where the directory cannot be made, or is not free for a
        `new` run.
        """
        missing = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
        lock = LockFile(self.path / LOCK)
        with output_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            taken = lock.take()
        if not taken:
            raise self._busy(lock)
        try:
            if new:
                self._require_empty()
            yield lock.is_locked
        finally:
            lock.release()
            for folder in missing:
                with contextlib.suppress(OSError):  # it holds something
                    folder.rmdir()

    @property
    def has_begun(self) -> bool:
        """Whether a run, or one of its folds or stages, was planned here."""
        return self.config.is_file() or self.is_folded or self.is_staged

    def require_started(self) -> None:
        """Raise `RunError` if no run was ever started here: a directory of hidden files is left of one that was stopped
        before its plan was stored."""
        if self.has_begun or (self.path.is_dir() and all(path.name[0] == "." for path in self.path.iterdir())):
            return
        problem_text = "no config.yaml" if self.path.is_dir() else "no such directory"
        remedy = "There is nothing to resume: check the path, or leave `resume` out to start a new run."
        raise RunError(self.path, problem_text, "a run that was started", remedy)

    def clear_leftovers(self) -> None:
        """Remove the half-written files of processes that were killed."""
        for file in (self.draft, *self.halves):
            file.unlink(missing_ok=True)
        for folder in (self.path, self.checkpoint.parent):
            remove_leftovers(folder)

    def _busy(self, lock: LockFile) -> RunError:
        holder = lock.holder()
        remedy = "Wait until it ends, or stop it: it saves a checkpoint, and `resume=True` goes on from there."
        return RunError(self.path, f"a run that is being trained by {holder}", "one that nobody is training", remedy)

    def require_weights(self) -> None:
        """Raise `RunError` if there are no weights to go on from."""
        if not (self.config.is_file() and self.weights.is_file()):
            remedy = "Name the directory that `pixelwise train` filled."
            raise RunError(self.path, "no config.yaml with weights.safetensors", "a run directory", remedy)

    def write_history(self, history: History) -> None:
        """Write `history.csv`: a row for each entry, an empty cell where a row was not validated."""
        if not history:
            return
        text = io.StringIO()
        writer = csv.DictWriter(text, history[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)
        write_text(self.history, text.getvalue())

    def write_metrics(self, metrics: dict[str, Any]) -> None:
        """Write `metrics.json`."""
        write_text(self.metrics, json.dumps(metrics, indent=2, ensure_ascii=False) + "\n")

    def read_metrics(self) -> dict[str, Any]:
        """Return what `metrics.json` holds; nothing where the run has none. Raises `RunError` for a damaged one."""
        if not self.metrics.is_file():
            return {}
        remedy = "Train again, or take the file from a copy of the run directory."
        try:
            content = json_value(read_text(self.metrics))
        except (OSError, ValueError) as error:
            raise RunError(self.metrics, f"a file that cannot be read ({error})", "JSON", remedy) from error
        if not isinstance(content, dict):
            raise RunError(self.metrics, "something else", "a JSON object", remedy)
        return content


def _is_passing(path: Path) -> bool:
    """Return whether a file is gone when nobody trains: the lock, and temporary ones."""
    return path.name == LOCK or is_temporary(path)
