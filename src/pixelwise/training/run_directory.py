"""The files of a run directory, and the state of the run."""

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
"""The lock file of the process that trains in a run directory."""
STAGES = "stages"
"""The folder with the runs of all stages but the last."""
FOLDS = "folds"
"""The folder with the runs of a cross-validation."""

History = list[dict[str, float | int | None]]
"""Rows of the history of a training, by the columns of `history.csv`."""


@dataclass(frozen=True)
class RunDirectory:
    """The directory that `train` writes."""

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
        """The model file before its class bias is fitted."""
        return self.path / "draft.onnx"

    @property
    def halves(self) -> tuple[Path, Path]:
        """Model files fitted on one half of the validation images, to score the other half."""
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
        """Whether the run is finished; the report is written last."""
        return self.report.is_file()

    def fold(self, number: int) -> RunDirectory:
        """Return the directory of one of the runs of a cross-validation."""
        return RunDirectory(self.path / FOLDS / str(number))

    @property
    def is_folded(self) -> bool:
        """Whether the run is a cross-validation."""
        return (self.path / FOLDS).is_dir()

    @property
    def is_staged(self) -> bool:
        """Whether it was trained in stages."""
        return (self.path / STAGES).is_dir()

    def begin(self, config: RunConfig) -> None:
        """Store the configuration of the run. If it differs from the stored one, the run is no longer finished."""
        if self.config.is_file():
            if RunConfig.load(self.config) == config:
                return
            self.report.unlink(missing_ok=True)
        config.save(self.config)

    def require_free(self) -> None:
        """Raise `OutputError` if a new run would overwrite something, and `RunError` if another process is training
        there."""
        if self.path.exists() and not self.path.is_dir():
            raise OutputError(self.path, "a file", "a directory to make", "Choose another `out`.")
        self.require_idle()
        self._require_empty()

    def require_removable(self) -> None:
        """Raise `OutputError` if the directory holds something other than a run, and `RunError` if another process is
        training."""
        if self.path.exists() and not self.path.is_dir():
            raise OutputError(self.path, "a file", "a directory to make", "Choose another `out`.")
        self.require_idle()
        if not self.has_begun:
            self._require_empty()

    def remove(self) -> None:
        """Remove the files of a run; other files stay."""
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
        """Lock the directory against other trainings, also on other machines, within the context; yield whether this
        file system has locks. Readers need no lock. A missing directory is created, and removed again if it stays
        empty. Raises `RunError` if another process is training there, and `OutputError` if the directory cannot be
        created, or is not free for a `new` run.
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
                with contextlib.suppress(OSError):  # it is not empty
                    folder.rmdir()

    @property
    def has_begun(self) -> bool:
        """Whether a run, or one of its folds or stages, was planned here."""
        return self.config.is_file() or self.is_folded or self.is_staged

    def require_started(self) -> None:
        """Raise `RunError` if no run was started here. A directory with only hidden files is left by a run that was
        stopped before its configuration was stored."""
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
        return RunError(
            self.path, f"a run that is being trained by {holder}", "one that no process is training", remedy
        )

    def require_weights(self) -> None:
        """Raise `RunError` if there are no weights to start from."""
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
        """Return the content of `metrics.json`, empty if the run has none. Raises `RunError` for a damaged file."""
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
    """Return whether a file exists only during a training: the lock and temporary files."""
    return path.name == LOCK or is_temporary(path)
