"""The progress of a training, shown on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from pixelwise.core.notebook import NotebookBar, is_notebook
from pixelwise.core.text import escape_controls, quantity
from pixelwise.tasks.base import Task
from pixelwise.training.config import RunConfig
from pixelwise.training.loop import Progress as TrainingProgress
from pixelwise.training.recipe import Recipe
from pixelwise.training.schedule import count_crops, describe_crops

REFRESH_SECONDS = 0.5
LINE_SECONDS = 60.0
"""Without a bar, a line follows the one before after so many seconds at the latest."""
WIDE, MEDIUM = 110, 80
"""From how many characters a line on the bar shows everything, and from how many a bar."""


class Display:
    """Messages, and a progress bar in a terminal or a notebook, elsewhere a line for each validation and minute."""

    def __init__(self, *, quiet: bool = False, wording: Callable[[str], str] = str) -> None:
        self.wording = wording
        """Translates the names of options in messages for the reader."""
        self._console = Console(file=sys.stderr, quiet=quiet, markup=False, emoji=False, highlight=False)
        self._bar: Progress | None = None
        self._notebook_bar: NotebookBar | None = None
        self._shown = self._line_shown = self._window_start = 0.0
        self._window_step = 0

    def message(self, text: str) -> None:
        """Show a line."""
        self._console.print(escape_controls(self.wording(text)), soft_wrap=True)

    def start(self, recipe: Recipe, done: int, train_images: int, task: Task) -> None:
        """Open the bar of a run with `recipe` on `train_images` images. `done` steps are done; the score is the measure
        of `task`."""
        self._measured, self._name = f"val_{task.measure}", task.measure_name
        self._recipe, self._train_images = recipe, train_images
        self._score = "-"
        self._window_start, self._window_step = time.perf_counter(), done
        self._line_shown = self._window_start
        if not self._console.quiet and is_notebook():
            self._notebook_bar = NotebookBar("train")
        elif self._console.is_terminal:
            columns = _columns(self._console.width, self._name)
            self._bar = Progress(*columns, console=self._console, transient=False)
            self._bar.start()
            self._task = self._bar.add_task(
                "train", total=recipe.steps, completed=done, epoch="0", loss="-", score="-", rate="-"
            )

    def step(self, progress: TrainingProgress, loss: float) -> None:
        """Show a finished step."""
        now = time.perf_counter()
        if self._notebook_bar is not None:
            text = f"{progress.step:,} of {quantity(self._recipe.steps, 'step')}, loss {loss:.3f}"
            self._notebook_bar.update(progress.step, self._recipe.steps, f"{text}, val {self._name} {self._score}")
        if self._bar is not None and now - self._shown > REFRESH_SECONDS:
            epoch = f"{count_crops(self._recipe, progress.step) / self._train_images:.1f}"
            self._bar.update(
                self._task,
                completed=progress.step,
                epoch=epoch,
                loss=f"{loss:.3f}",
                score=self._score,
                rate=f"{self._rate(progress.step, now):.1f}",
            )
            self._shown = now
        if self._bar is None and self._notebook_bar is None and now - self._line_shown > LINE_SECONDS:
            epochs = count_crops(self._recipe, progress.step) / self._train_images
            self._line({"epoch": epochs, "step": progress.step, "loss": loss, "seconds": progress.seconds})

    def row(self, progress: TrainingProgress) -> None:
        """Show a row of the history, if it was validated."""
        row = progress.history[-1]
        score = row[self._measured]
        if score is None:
            return
        self._score = f"{score:.3f}"
        if self._bar is None:
            self._line(row)
        self._window_start, self._window_step = time.perf_counter(), progress.step

    def _line(self, row: Mapping[str, Any]) -> None:
        """Show the columns of a row of the history in a line."""
        now = time.perf_counter()
        self.message(
            f"epoch {row['epoch']:.1f}  step {row['step']}/{self._recipe.steps}  loss {row['loss']:.4f}  "
            f"val {self._name} {self._score}  {self._rate(row['step'], now):.1f} images/s  {row['seconds']:.0f} s"
        )
        self._line_shown = now

    def _rate(self, step: int, now: float) -> float:
        """Return the images per second since the last validation."""
        images = count_crops(self._recipe, step) - count_crops(self._recipe, self._window_step)
        return images / (now - self._window_start)

    def stop(self, progress: TrainingProgress) -> None:
        """Close the bar."""
        if self._bar is not None:
            self._bar.update(self._task, completed=progress.step, score=self._score)
            self._bar.stop()
            self._bar = None

    def __enter__(self) -> Display:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()


def _columns(width: int, measure: str) -> Iterator[ProgressColumn]:
    """Yield the columns that fit into a line of `width` characters: in 80 without rate and elapsed time, in 60 also
    without a bar."""
    is_wide, is_narrow = width >= WIDE, width < MEDIUM
    yield TextColumn("epoch {task.fields[epoch]}")
    if not is_narrow:
        yield BarColumn(bar_width=24 if is_wide else 14)
    yield TextColumn("{task.completed}/{task.total}")
    score = f"{'val ' if is_wide else ''}{measure} {{task.fields[score]}}"
    rate = "  {task.fields[rate]} images/s" if is_wide else ""
    yield TextColumn(f"loss {{task.fields[loss]}}  {score}{rate}")
    if is_wide:
        yield TimeElapsedColumn()
    if not is_narrow:
        yield TextColumn("left")
    yield TimeRemainingColumn(elapsed_when_finished=False)


def describe_run(config: RunConfig, train_images: int, val_images: int) -> str:
    """Describe a run before it starts: the net, the images and the length."""
    recipe = config.recipe
    encoder = f" on {config.encoder}" if config.encoder else ""
    epochs = count_crops(recipe, recipe.steps) / train_images
    frozen = f", its layers up to stride {recipe.frozen_stride} frozen" if encoder and recipe.frozen_stride else ""
    return (
        f"training {config.model}{encoder}{frozen}: {config.class_map.num_classes} classes, "
        f"{quantity(train_images, 'image')} ({val_images} for validation), {quantity(recipe.steps, 'step')} of "
        f"{describe_crops(recipe)}, {epochs:.1f} epochs"
    )


def score_lines(metrics: dict[str, Any], task: Task) -> list[str]:
    """Return the score of a run with its interval, and remarks on it."""
    score = metrics.get(task.measure)
    if score is None:
        return ["nothing was measured: all labelled images are used for training"]
    bounds = metrics.get("intervals", {}).get(task.measure)
    interval = "no interval" if bounds is None else f"95 % interval {bounds[0]:.3f} to {bounds[1]:.3f}"
    images = f"{interval}, {quantity(metrics['images'], 'image')}"
    what = "of cross-validation" if metrics["split"] == "folds" else "of the model file"
    headline = f"{metrics['split']} {task.measure_name} {score:.3f} ({images}) {what}"
    return [headline, *(f"note: {remark}" for remark in metrics.get("remarks", []))]
