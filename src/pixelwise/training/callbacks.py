"""`Callback`: methods of a user's code that are called during a run."""

from __future__ import annotations

from typing import Any

from pixelwise.data.dataset import Item, Sample
from pixelwise.inference.result import Result


class Callback:
    """Methods that `train` calls in its main process. A subclass overrides those that it needs.

    An error in one of them ends the run; `resume=True` continues from the last checkpoint.

    Examples
    --------
    >>> class Losses(Callback):
    ...     def __init__(self): self.losses = []
    ...     def on_step(self, step, loss): self.losses.append(loss)
    >>> losses = Losses()
    >>> losses.on_step(1, 0.5); losses.on_validation(1, 0.25); losses.losses
    [0.5]
    """

    def on_start(self, step: int, steps: int) -> None:
        """Called before the first step, when data and model are ready.

        Parameters
        ----------
        step
            Number of steps taken so far: 0, or more in a run that is resumed.
        steps
            Number of steps of the whole run.
        """

    def on_step(self, step: int, loss: float) -> None:
        """Called after each step.

        Parameters
        ----------
        step
            Number of steps taken so far.
        loss
            Loss of the step's batch.
        """

    def on_validation(self, step: int, score: float) -> None:
        """Called after each validation.

        Parameters
        ----------
        step
            Number of steps taken so far.
        score
            The task's measure on the validation images, in 0..1.
        """

    def on_scored(self, item: Item, sample: Sample, prediction: Result) -> None:
        """Take note of an image that the model file is scored on, at the end of the run.

        Parameters
        ----------
        item
            The image's files, of the split test, else val.
        sample
            Its pixels, and the labels that it is scored on.
        prediction
            What the model file says of it.
        """

    def on_end(self, metrics: dict[str, Any]) -> None:
        """Called at the end of the run.

        Parameters
        ----------
        metrics
            Content of `metrics.json`, empty where nothing was measured.
        """
